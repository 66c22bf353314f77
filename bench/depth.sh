# A deep queue: what dispatch costs then, what memory, and how long a restart
# takes.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

long_scenario depth "A queue of $(with_commas "$deep") tasks"
compare depth shallow "depth 10,000" depth_shallow
compare depth deep "depth $(with_commas "$deep")" depth_deep

# dispatch_rate MIN_ID MAX_ID: tasks per second between the first and the last
# tenth of these to end
dispatch_rate() {
  ask "SELECT round(count(*) * 0.8 / extract(epoch FROM
         percentile_disc(0.9) WITHIN GROUP (ORDER BY finished_at)
         - percentile_disc(0.1) WITHIN GROUP (ORDER BY finished_at)))
       FROM weir.run WHERE task_id BETWEEN $1 AND $2"
}

# Ten times 10,000, since one is over in a moment; the median of them.
depth_shallow() {
  local i
  weir_database off
  weir_queue bench 10000
  for ((i = 1; i <= 10; i++)); do
    fill_weir bench 10000
    settle
    ask "SELECT weir.resume('bench')" >/dev/null
    ask "SELECT 1 / weir.drain('bench')::int" >/dev/null
    ask "SELECT weir.pause('bench')" >/dev/null
    dispatch_rate $(((i - 1) * 10000 + 1)) $((i * 10000))
  done | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }' >"$scratch/rates"
  note rate "$(cat "$scratch/rates")"
}

# scheduler_bytes: its private memory
scheduler_bytes() {
  local pid
  pid=$(ask "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_weir scheduler' AND datname = current_database()")
  private_bytes "$pid"
}

depth_deep() {
  local empty
  weir_database off
  weir_queue bench "$deep"
  fill_weir bench 1
  empty=$(scheduler_bytes)
  fill_weir bench $((deep - 1))
  settle
  until [ "$(ask "SELECT depth = $deep AND blocked + ready = $deep FROM weir.queues WHERE name = 'bench'")" = t ]; do
    sleep 0.1
  done
  note memory "$(per_task $(($(scheduler_bytes) - empty)) "$deep")"
  ask "SELECT weir.resume('bench')" >/dev/null
  until [ "$(ask "SELECT $deep - depth >= 100000 FROM weir.queues WHERE name = 'bench'")" = t ]; do
    sleep 0.05
  done
  ask "SELECT weir.pause('bench')" >/dev/null
  note rate "$(dispatch_rate 1 100000)"
  restart_deep
}

# From the command to start the server to the start of the first task; the
# depth is unknown until the tasks have been counted, and then right.
restart_deep() {
  local begun depth
  ask "SELECT weir.resume('bench'); CHECKPOINT" >/dev/null
  pg_ctl -D "$PGDATA" -m fast -w -t 600 stop >/dev/null
  begun=$(date -u '+%F %T.%N+00')
  pg_ctl -D "$PGDATA" -l "$WEIR_LOG" -w -t 600 start >/dev/null
  until depth=$(ask "SELECT depth FROM weir.queues WHERE name = 'bench'") && [ -n "$depth" ]; do
    sleep 0.05
  done
  until [ "$(ask "SELECT depth < $depth FROM weir.queues WHERE name = 'bench'")" = t ]; do
    sleep 0.05
  done
  ask "SELECT weir.pause('bench')" >/dev/null
  until [ "$(ask "SELECT running FROM weir.queues WHERE name = 'bench'")" = 0 ]; do
    sleep 0.1
  done
  note restart "$(ask "SELECT round(extract(epoch FROM min(started_at) - '$begun'::timestamptz), 2)
    FROM weir.run WHERE started_at > '$begun'::timestamptz")"
  expect t "SELECT depth = $deep - (SELECT count(*) FROM weir.run WHERE final) FROM weir.queues WHERE name = 'bench'" \
    "whether the depth is right"
}

report_depth() {
  if ! measured depth; then return; fi
  head_row "" "tasks/s, synchronous_commit off" "lowest - highest" "to depth 10,000"
  row "depth 10,000" "$(median depth shallow rate)" "$(spread depth shallow rate)" 1
  row "depth $(with_commas "$deep")" "$(median depth deep rate)" "$(spread depth deep rate)" \
    "$(median depth deep rate depth shallow)"
  echo
  head_row "depth $(with_commas "$deep")" ""
  row "private memory of the scheduler, bytes per waiting task" "$(median depth deep memory)"
  row "from the start of the server to the start of the first task, s" "$(median depth deep restart)"
  echo
  target_ratio "depth $(with_commas "$deep")" "dispatch at 10,000" ">= 0.9" depth deep rate depth shallow
  target "depth $(with_commas "$deep")" "scheduler, bytes per waiting task" "<= 64" "$(median depth deep memory)" "$(spread depth deep memory)"
  target "depth $(with_commas "$deep")" "restart to first task, s" "<= 10" "$(median depth deep restart)" "$(spread depth deep restart)"
}
