# Idle: what is woken, kept and written when there is nothing to do.  Sourced
# by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

long_scenario idle "Idle for $idle s"
compare idle weir "pg_weir, 8 idle workers" idle_weir

# private_bytes PID: its memory that is not shared with others
private_bytes() {
  awk '/^Private_/ { sum += $2 } END { printf "%.0f\n", sum * 1024 }' "/proc/$1/smaps_rollup"
}

pids_of() { ask "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_weir $1' ORDER BY pid"; }

# switches PID...: how often they have gone to sleep so far
switches() {
  local pid
  for pid in "$@"; do cat "/proc/$pid/status"; done |
    awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }'
}

# Workers that have worked, and stay.  The background writer notes the running
# transactions up to 25 s after the last write; only then is it quiet.
idle_weir() {
  local wal before kind pids
  as_server "ALTER SYSTEM SET weir.worker_idle_timeout = '1h'" && as_server 'SELECT pg_reload_conf()' >/dev/null
  weir_database on
  weir_queue bench 1000
  fill_weir bench 1000
  ask "SELECT weir.resume('bench')" >/dev/null
  ask "SELECT 1 / weir.drain('bench')::int" >/dev/null
  settle
  # sleep is the work: nothing happens, and that is looked at
  sleep 30
  for kind in launcher scheduler worker; do
    pids_of $kind >"$scratch/$kind"
    # shellcheck disable=SC2046
    switches $(cat "$scratch/$kind") >"$scratch/$kind.before"
  done
  wal=$(ask 'SELECT pg_current_wal_insert_lsn()')
  sleep "$idle"
  for kind in launcher scheduler worker; do
    before=$(cat "$scratch/$kind.before")
    mapfile -t pids <"$scratch/$kind"
    note "$kind" "$(per_task $((($(switches "${pids[@]}") - before) * 60)) $((idle * ${#pids[@]})))"
    note "$kind kB" "$(($(private_bytes "${pids[0]}") / 1024))"
  done
  note wal "$(ask "SELECT pg_current_wal_insert_lsn() - '$wal'")"
  note workers "${#pids[@]}"
  as_server 'ALTER SYSTEM RESET weir.worker_idle_timeout' && as_server 'SELECT pg_reload_conf()' >/dev/null
}

report_idle() {
  local kind
  head_row "process" "wake-ups per minute" "private memory, kB"
  for kind in launcher scheduler worker; do
    row "$kind" "$(median idle weir $kind)" "$(median idle weir "$kind kB")"
  done
  echo
  echo "WAL written meanwhile: $(median idle weir wal) bytes."
  echo
  target "idle" "an idle worker, private kB" "<= 8192" "$(median idle weir 'worker kB')"
  target "idle" "WAL written, bytes" "<= 0" "$(median idle weir wal)"
  target "idle" "wake-ups of a worker per minute" "<= 1" "$(median idle weir worker)"
}
