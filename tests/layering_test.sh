#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Includes point one way (docs/architecture.md). Debian keeps every header in
# /usr/include, so no build system can stop a wrong #include; this does.
set -u
cd "$(dirname "$0")/.." || exit 1
status=0

# forbid DIRECTORY PATTERN REASON [BUT]: no line below DIRECTORY may match
# PATTERN, unless it matches BUT.
forbid() {
  local hits
  [ -d "$1" ] || return 0
  hits=$(grep -rnE --include='*.h' --include='*.cc' "$2" "$1" | grep -vE "${4:-^$}")
  if [ -n "$hits" ]; then
    printf '%s: %s\n%s\n' "$1" "$3" "$hits"
    status=1
  fi
}

include='#include [<"]'
forbid lib "${include}(grpc|grpcpp|google/protobuf|prometheus|allot/v1|server/|cli/)" \
  'lib/ knows nothing of gRPC, protobuf, Prometheus, server/ or cli/'
forbid lib/base "${include}lib/(match|skill|truth|roster|store|engine|study)/" 'lib/base is the ground floor'
forbid lib/match "${include}lib/(skill|truth|roster|store|engine|study)/" 'lib/match sees only lib/base'
forbid lib/skill "${include}lib/(match|truth|roster|store|engine|study)/" 'lib/skill sees only lib/base'
forbid lib/truth "${include}lib/(match|skill|roster|store|engine|study)/" 'lib/truth sees only lib/base'
forbid lib/roster "${include}lib/(match|store|engine|study)/" 'lib/roster sees skill, truth and base'
forbid lib/store "${include}lib/(match|engine|study)/" 'lib/store sees roster and below'
forbid lib/page "${include}lib/(base|match|skill|truth|roster|store|engine|study)/" 'lib/page stands alone'
forbid lib/engine "${include}lib/study/" 'lib/engine sees store and match and below'
forbid lib '\b(std::cout|std::cerr|printf\(|fprintf\(|getenv\(|std::exit|absl::Now\(\)|absl::GetFlag)' \
  'lib/ does not log, exit, read flags, the environment or the clock'
forbid cli "${include}server/" 'cli/ talks to a server over gRPC, it does not include one' \
  'cli/replay_command.cc:[0-9]+:#include "server/replay.h"'
# Two types of one name that one program links break the one-definition rule,
# which no compiler notices: the linker keeps one of their constructors for both.
twice=$(
  while IFS= read -r header; do
    namespace=$(awk '/^namespace [a-z]/ { print $2; exit }' "$header")
    sed -nE 's/^(struct|class) (ABSL_[A-Z_]+ )?([A-Za-z0-9]+)( final)?( : .*)? \{.*/\3/p' "$header" |
      sed "s/^/$namespace::/"
  done < <(find lib server cli tests -name '*.h') | sort | uniq -d
)
if [ -n "$twice" ]; then
  printf 'types that two headers define: %s\n' "$twice"
  status=1
fi
exit $status
