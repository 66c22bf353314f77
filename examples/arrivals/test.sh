#!/bin/bash
# What "make check" runs, in an empty database of a server with pg_weir
# preloaded: the parser's rules; a replay of ARRIVALS_LIMIT arrivals, among
# them all kinds of headers and oddities; a replay with workers killed and
# backends cancelled; and one of made-up arrivals.  Prints TAP.
#
# Restarts of the server are for a test with a server of its own: RESTARTS=5
# and PGDATA make chaos.sh do them here.
# shellcheck source=examples/arrivals/lib.sh
. "$(dirname "$0")/lib.sh"

export ARRIVALS_LIMIT=${ARRIVALS_LIMIT-400} RESTARTS=${RESTARTS:-0}
failed=0

n=0

# attempt NAME COMMAND...
attempt() {
  local name=$1
  shift
  n=$((n + 1))
  if "$@"; then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name"
    failed=$((failed + 1))
  fi
}
simulated_days() { DEADLINES=shown HISTORY=${HISTORY:-100} DAYS=${DAYS:-3} "$here/days.sh"; }
replayed() { "$here/replay.sh" && psql -XqAt -v slots="${SLOTS:-2}" -f "$here/verify.sql"; }

load_input
output=$(psql -Xq -f "$here/parse_test.sql") || failed=1
printf '%s\n' "$output"
n=$(grep -c '^\(not \)\?ok ' <<<"$output")
attempt "sequential load" "$here/sequential.sh"
attempt "replay" replayed
attempt "replay under chaos" "$here/chaos.sh"
attempt "simulated days" simulated_days
export ARRIVALS_FILE=none ARRIVALS_LIMIT=
load_input
attempt "sequential load of made-up arrivals" "$here/sequential.sh"
attempt "replay of made-up arrivals" replayed
echo "1..$n"
[ $failed = 0 ]
