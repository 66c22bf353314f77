# The drain: how long until a full queue is empty.  Sourced by run.sh.
# shellcheck shell=bash
: "${here:?}" "${tasks:?}"

# drain_weir NAME SYNCHRONOUS_COMMIT: the queue is filled while it is paused;
# the clock runs from resume to depth 0, the start of the workers included
drain_weir() {
  fresh_database "$2"
  ask "CREATE EXTENSION pg_weir"
  ask "SELECT weir.create_queue('bench', capacity => $tasks); SELECT weir.pause('bench')" >/dev/null
  ask "SELECT weir.enqueue_many('SELECT 1', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $tasks)), queue => 'bench')" >/dev/null
  settle
  begin_costs
  note "$1" "$(psql -XqAt -v ON_ERROR_STOP=1 <<SQL
SELECT clock_timestamp() AS begun \gset
SELECT weir.resume('bench') \g /dev/null
SELECT weir.drain('bench') AS drained \gset
SELECT round($tasks / extract(epoch FROM clock_timestamp() - :'begun'))
WHERE :'drained';
SQL
  )"
  end_costs "$1" "$tasks"
  [ "$(ask "SELECT count(*) FROM weir.runs WHERE outcome = 'succeeded'")" = "$tasks" ] ||
    die "not every task of the drain has succeeded"
}

# drain_skip NAME SYNCHRONOUS_COMMIT: 16 clients, each: begin, claim one, the
# same no-op, delete, commit.  As many transactions as jobs.
drain_skip() {
  local clients=16
  local each=$((tasks / clients))
  fresh_database "$2"
  psql -Xq -v ON_ERROR_STOP=1 -v jobs=$((each * clients)) -f "$here/skip_locked.sql"
  settle
  begin_costs
  note "$1" "$(pgbench -n -M prepared -c $clients -j 2 -t $each -f "$here/skip_locked.pgbench" 2>/dev/null |
    sed -n 's/^tps = \([0-9]*\).*/\1/p')"
  end_costs "$1" $((each * clients))
  [ "$(ask 'SELECT count(*) FROM job')" = 0 ] || die "not every job was done"
}

measure_drain() {
  local sync
  for sync in on off; do
    drain_skip "drain skip $sync" $sync
    drain_weir "drain weir 8 $sync" $sync
  done
}

# two workers need a server of their own
measure_drain_few() {
  local sync
  for sync in on off; do
    drain_weir "drain weir 2 $sync" $sync
  done
}

report_drain() {
  local sync n
  echo "### Drain of $tasks no-op tasks"
  echo
  echo "| | synchronous_commit | tasks/s | spread | to SKIP LOCKED | server CPU, us/task | WAL, bytes/task |"
  echo "|---|---|---|---|---|---|---|"
  for sync in on off; do
    echo "| SKIP LOCKED, 16 clients | $sync | $(median "drain skip $sync") | $(spread "drain skip $sync") | 1 | $(median "drain skip $sync cpu") | $(median "drain skip $sync wal") |"
    for n in 8 2; do
      echo "| pg_weir, $n workers | $sync | $(median "drain weir $n $sync") | $(spread "drain weir $n $sync") | $(ratio "drain weir $n $sync" "drain skip $sync") | $(median "drain weir $n $sync cpu") | $(median "drain weir $n $sync wal") |"
    done
  done
  echo
}
