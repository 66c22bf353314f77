#!/bin/bash
# A small version of the main job, with live progress and a summary: files that
# arrive late, corrected and damaged, loaded one after another without pg_weir,
# at once with it, and once more while its workers are killed and the server
# crashes; with the same facts in the end.
#
# PGHOST, PGPORT, PGUSER and PGDATABASE lead to a server with pg_weir
# preloaded; PGDATA lets it be restarted.  ARRIVALS_LIMIT is the number of
# arrivals (default 1000; empty: all), ARRIVALS_FILE another file (none:
# made-up arrivals), RESTARTS how often the server crashes (default 2).
# shellcheck source=examples/arrivals/lib.sh
. "$(dirname "$0")/lib.sh"

export ARRIVALS_LIMIT=${ARRIVALS_LIMIT-1000} SLOTS=${SLOTS:-2} RESTARTS=${RESTARTS:-2}

load_input
echo
say "1. One after another in one session, without pg_weir: the truth to compare with"
"$here/sequential.sh"
echo
say "2. Each file a task of pg_weir, its digest compared with that of 1"
"$here/replay.sh"
psql -XqAt -v slots="$SLOTS" -v brief=1 -f "$here/verify.sql"
calm=$(sql -c 'select extract(epoch from finished_at - started_at) from arrivals.replay')
echo
say "3. The same once more, while workers and producers are killed and the server crashes"
"$here/chaos.sh"
psql -Xq -v ON_ERROR_STOP=1 -v slots="$SLOTS" -v calm="$calm" -f "$here/summary.sql"
