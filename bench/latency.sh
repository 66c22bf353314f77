# Start latency: from the call of enqueue to the start of the task, on an idle
# server, one task each 20 ms.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

warming=20                      # the first ones start what is lazy, and are left out

scenario latency "From the call of enqueue to the start of the task, idle server ($starts tasks)"
compare latency notify "SKIP LOCKED, woken by NOTIFY" latency_notify
compare latency graphile "graphile-worker" latency_graphile
compare latency pgboss "pg-boss, woken by NOTIFY" latency_pgboss
compare latency weir "pg_weir" latency_weir

# call_in_turn SQL: calls it, which returns the id, and writes down when
call_in_turn() {
  ask 'CREATE UNLOGGED TABLE called (id bigint, at timestamptz)'
  for ((i = 0; i < starts + warming; i++)); do
    echo "
SELECT clock_timestamp() AS at, $1 AS id \gset
INSERT INTO called VALUES (:id, :'at');
SELECT pg_sleep(0.02) \g /dev/null"
  done | psql -XqAt -v ON_ERROR_STOP=1
}

# started_after RELATION: milliseconds to started_at, by id
started_after() {
  ask "SELECT extract(epoch FROM started_at - at) * 1000
       FROM called JOIN $1 USING (id) ORDER BY id OFFSET $warming" | percentiles
}

# wait_for_line FILE PID: until the program in the background has said so
wait_for_line() {
  until [ -s "$1" ]; do
    kill -0 "$2" || die "it has gone"
    sleep 0.1
  done
}

latency_weir() {
  weir_database on
  ask "SELECT weir.create_queue('bench')" >/dev/null
  settle
  call_in_turn "weir.enqueue('SELECT 1', queue => 'bench')"
  started_after '(SELECT task_id AS id, started_at FROM weir.run) r'
}

# Its clock is stopped by the claim itself, before the answer has reached the
# worker.
latency_notify() {
  local listener
  fresh_database on
  fill_skip 0
  settle
  "$scratch/listener" $((starts + warming)) >"$scratch/ready" &
  listener=$!
  wait_for_line "$scratch/ready" $listener
  call_in_turn 'add_job()'
  wait $listener
  started_after 'done'
}

# The handler's clock is that of the same machine, in another process.
latency_graphile() {
  local worker
  need_npm
  fresh_database on
  peer graphile migrate
  settle
  rm -f "$scratch/ready"
  peer graphile serve $((starts + warming)) >"$scratch/started" 2>"$scratch/ready" &
  worker=$!
  wait_for_line "$scratch/ready" $worker
  ask 'CREATE SEQUENCE payload'
  call_in_turn "((graphile_worker.add_job('noop',
    json_build_object('id', nextval('payload')))).payload ->> 'id')::int"
  wait $worker
  ask 'CREATE TABLE done (id bigint, ms float8)'
  psql -Xq -v ON_ERROR_STOP=1 -c "\\copy done FROM '$scratch/started'"
  started_after '(SELECT id, to_timestamp(ms / 1000) AS started_at FROM done) d'
}

# It is called by a program of its own as well: there is no call in SQL.
latency_pgboss() {
  local worker
  need_npm
  fresh_database on
  settle
  rm -f "$scratch/ready"
  peer pgboss serve $((starts + warming)) >"$scratch/started" 2>"$scratch/ready" &
  worker=$!
  wait_for_line "$scratch/ready" $worker
  peer pgboss call $((starts + warming)) >"$scratch/called"
  wait $worker
  join <(sort "$scratch/called") <(sort "$scratch/started") | sort -n |
    awk -v warming=$warming 'NR > warming { print $3 - $2 }' | percentiles
}

report_latency() {
  times_table latency
  local against p
  for p in p50 p99; do
    against=$(of_rounds median latency graphile $p latency weir)
    target "call of enqueue to start, idle server, $p" "graphile-worker / pg_weir" \
      "$([ $p = p50 ] && echo '>= 3.5' || echo '>= 3')" "$against" \
      "$(of_rounds spread latency graphile $p latency weir)"
  done
}
