# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For scripts that run a real server. Source this; it wants ALLOT_BIN, the
# folder of the programs, and gives $work, a folder that is removed at the end.
set -euo pipefail
: "${ALLOT_BIN:?is not set: the folder with allotd and allot}"
ALLOT_BIN=$(cd "$ALLOT_BIN" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/allot-test.XXXXXX")
allotd_pid=''

stop_allotd() { # [SIGNAL]
  if [ -n "$allotd_pid" ]; then
    kill -"${1:-TERM}" "$allotd_pid" 2>/dev/null || true
    wait "$allotd_pid" 2>/dev/null || true
    allotd_pid=''
  fi
}
leave() {
  local code=$?
  stop_allotd KILL
  if [ $code -ne 0 ] && [ -s "$work/allotd.log" ]; then
    echo '--- the server said:' >&2
    tail -n 20 "$work/allotd.log" >&2
  fi
  rm -rf "$work"
}
trap leave EXIT

# Starts allotd on free ports and waits until it serves; sets ALLOT_SERVER for
# `allot`, and allotd_http.
start_allotd() { # STORE [FLAG...]
  local store=$1
  shift
  : >"$work/ports"
  "$ALLOT_BIN/allotd" --store="$store" --listen=127.0.0.1:0 --http_listen=127.0.0.1:0 "$@" \
    >"$work/ports" 2>>"$work/allotd.log" &
  allotd_pid=$!
  until [ -s "$work/ports" ]; do
    kill -0 "$allotd_pid" 2>/dev/null || { echo 'allotd did not start' >&2; exit 1; }
    sleep 0.02
  done
  ALLOT_SERVER=$(jq -r .grpc "$work/ports")
  # shellcheck disable=SC2034
  allotd_http=$(jq -r .http "$work/ports")
  export ALLOT_SERVER
}

allot() { "$ALLOT_BIN/allot" "$@"; }

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
