#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program as an operator meets it: zero flags but for free ports, SIGTERM,
# a second start on the same store, bad flags, and its metrics held to
# Prometheus's own linter.
set -euo pipefail
allotd=$1
folder=$(mktemp -d)
cd "$folder"
pid=
cleanup() {
  [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

fail() {
  echo "FAILED: $1" >&2
  [ ! -f log ] || cat log >&2
  exit 1
}

# start: runs allotd on free ports; sets pid and http.
start() {
  : >ports
  "$allotd" --listen=127.0.0.1:0 --http_listen=127.0.0.1:0 >ports 2>log &
  pid=$!
  for _ in $(seq 200); do
    [ -s ports ] && break
    kill -0 "$pid" 2>/dev/null || fail 'allotd ended before it served'
    sleep 0.05
  done
  http=$(sed -n 's/.*"http":"\([^"]*\)".*/\1/p' ports)
  [ -n "$http" ] || fail 'no ports on the standard output'
}

# stop SIGNAL: ends it, and expects exit code 0 in good time.
stop() {
  kill "-$1" "$pid"
  local code=0
  wait "$pid" || code=$?
  pid=
  [ "$code" = 0 ] || fail "exit code $code after SIG$1"
  grep -q '"message":"stopped"' log || fail 'no line about the stop'
}

start
[ -f allot.db ] || fail 'the default store is not in the working directory'
[ "$(curl -s "http://$http/readyz")" = ok ] || fail '/readyz is not ok'
curl -s "http://$http/metrics" >metrics.txt
grep -q '^allot_ready 1$' metrics.txt || fail '/metrics has no allot_ready'
if command -v promtool >/dev/null; then
  # promtool exits with 3 on matters of style; go-grpc-middleware's and the
  # process collector's names are not ours to restyle.
  promtool check metrics <metrics.txt >lint.txt 2>&1 || true
  grep -E '^(allot_|error)' lint.txt && fail 'promtool finds fault with our metrics'
fi
while read -r line; do
  case $line in
    '{'*'}') ;;
    *) fail "not a line of JSON: $line" ;;
  esac
done <log
stop TERM

start
stop INT

# A line of its own for each mistake, and no server.
for flag in --workers=-1 --queue=0 --log_level=loud --max_request_bytes=1 --drain=-1s; do
  code=0
  "$allotd" --http_listen= --listen=127.0.0.1:0 "$flag" >ports 2>log || code=$?
  [ "$code" = 2 ] || fail "$flag: exit code $code, want 2"
  grep -q -- "${flag%%=*}: must be" log || fail "$flag: message does not name the flag"
done
code=0
"$allotd" --store=nowhere: --listen=127.0.0.1:0 --http_listen= >ports 2>log || code=$?
[ "$code" = 1 ] || fail "a store that cannot be opened: exit code $code, want 1"

# Settings in a file: checked with the line at fault, read anew on SIGHUP.
printf '{\n  "workers": 1,\n  "drain": "soon"\n}\n' >allot.json
code=0
"$allotd" --check-config --config=allot.json >out 2>log || code=$?
[ "$code" = 2 ] || fail "--check-config: exit code $code, want 2"
grep -q 'allot.json:3: drain' log || fail '--check-config does not name the line'
printf '{"workers": 1, "slow_call": "5s"}\n' >allot.json
[ "$("$allotd" --check-config --config allot.json)" = ok ] || fail '--check-config is not ok'
code=0
"$allotd" --check-config --listen=0.0.0.0:0 >out 2>log || code=$?
[ "$code" = 2 ] || fail "a public address in clear text: exit code $code, want 2"

: >ports
"$allotd" --config=allot.json --listen=127.0.0.1:0 --http_listen=127.0.0.1:0 >ports 2>log &
pid=$!
for _ in $(seq 200); do
  [ -s ports ] && break
  sleep 0.05
done
http=$(sed -n 's/.*"http":"\([^"]*\)".*/\1/p' ports)
# reload TEXT COUNT OUTCOME: puts TEXT into the file, and waits for the count.
reload() {
  printf '%s\n' "$1" >allot.json
  kill -HUP "$pid"
  for _ in $(seq 200); do
    # Not through a pipe: grep that has seen enough would make curl fail.
    curl -s "http://$http/metrics" >metrics.txt
    grep -q "^allot_reloads_total{outcome=\"$3\"} $2\$" metrics.txt && return
    sleep 0.05
  done
  fail "SIGHUP with $1: no reload $3"
}
reload '{"workers": 2, "slow_call": "7s"}' 1 'done'
curl -s "http://$http/configz" >configz.html
grep -q '<td>--slow_call</td><td>7s</td>' configz.html || fail '/configz has the old value'
grep -q '"restart":"workers"' log || fail 'the log does not say what waits for a restart'
reload '{"slow_call": 1' 1 failed
grep -q 'allot.json:' log || fail 'the log does not say where the file is wrong'
curl -s "http://$http/configz" >configz.html
grep -q '<td>--slow_call</td><td>7s</td>' configz.html || fail 'a wrong file changed something'
stop TERM
echo ok
