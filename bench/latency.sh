# Start latency: from the call of enqueue to the start of the task, on an idle
# server.  Sourced by run.sh.
# shellcheck shell=bash
: "${here:?}" "${scratch:?}" "${starts:?}"

# percentiles NAME: notes p50, p90 and p99 of the milliseconds on its input
percentiles() {
  sort -g | awk '{ v[NR] = $1 }
    function at(p) { return v[int(p * (NR - 1)) + 1] }
    END { printf "%.3f %.3f %.3f\n", at(.50), at(.90), at(.99) }' >"$scratch/percentiles"
  local p50 p90 p99
  read -r p50 p90 p99 <"$scratch/percentiles"
  note "$1 p50" "$p50"
  note "$1 p90" "$p90"
  note "$1 p99" "$p99"
}

# repeat N TEXT
repeat() { for ((i = 0; i < $1; i++)); do printf '%s\n' "$2"; done; }

# One task at a time, and the server is idle when it comes.  The first ones
# start the worker and are left out.
latency_weir() {
  fresh_database on
  ask 'CREATE EXTENSION pg_weir'
  ask "SELECT weir.create_queue('bench')" >/dev/null
  settle
  {
    echo 'CREATE TEMPORARY TABLE called (id bigint, at timestamptz);'
    repeat $((starts + 10)) "
SELECT clock_timestamp() AS at, weir.enqueue('SELECT 1', queue => 'bench') AS id \gset
SELECT weir.wait(:id) \g /dev/null
INSERT INTO called VALUES (:id, :'at');"
    echo "SELECT extract(epoch FROM started_at - at) * 1000
          FROM called JOIN weir.runs ON task_id = id ORDER BY id OFFSET 10;"
  } | psql -XqAt -v ON_ERROR_STOP=1 | percentiles 'latency weir'
}

# The same with a worker that listens, and claims with SKIP LOCKED; its clock
# is stopped by the claim itself, before the answer has reached it.  The pause
# lets it end the job before.
latency_notify() {
  local listener
  fresh_database on
  psql -Xq -v ON_ERROR_STOP=1 -v jobs=0 -f "$here/skip_locked.sql"
  settle
  PGAPPNAME=listener "$scratch/listener" $((starts + 10)) &
  listener=$!
  until [ "$(ask "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'listener' AND query = 'LISTEN job' AND state = 'idle'")" = 1 ]; do
    kill -0 $listener || die "the listener has gone"
  done
  {
    echo 'CREATE UNLOGGED TABLE called (id bigint, at timestamptz);'
    repeat $((starts + 10)) "
SELECT clock_timestamp() AS at, add_job() AS id \gset
INSERT INTO called VALUES (:id, :'at');
SELECT pg_sleep(0.005) \g /dev/null"
  } | psql -XqAt -v ON_ERROR_STOP=1
  wait $listener
  ask "SELECT extract(epoch FROM started_at - at) * 1000
       FROM called JOIN done USING (id) ORDER BY id OFFSET 10" |
    percentiles 'latency notify'
}

measure_latency() {
  latency_notify
  latency_weir
}

report_latency() {
  local p
  echo "### From the call of enqueue to the start of the task, idle server, ms ($starts tasks)"
  echo
  echo "| | p50 | p90 | p99 |"
  echo "|---|---|---|---|"
  for p in notify weir; do
    echo "| $([ $p = weir ] && echo pg_weir || echo "SKIP LOCKED, woken by NOTIFY") | $(median "latency $p p50") | $(median "latency $p p90") | $(median "latency $p p99") |"
  done
  echo "| ratio | $(ratio 'latency weir p50' 'latency notify p50') | $(ratio 'latency weir p90' 'latency notify p90') | $(ratio 'latency weir p99' 'latency notify p99') |"
  echo
}
