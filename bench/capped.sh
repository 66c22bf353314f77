# What it costs that only so many run at once: caps, and what the peers have for
# it.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# no-op tasks, of which some must not run beside others
scenario capped "$(with_commas "$tasks") no-op tasks, a quarter of them for the peers, each flushed: as they come, and limited"
compare capped free "pg_weir, 8 workers" limited free
compare capped loose "a cap of 8 on one table, which never binds" limited cap 8
compare capped four "a cap of 4 on one table" limited cap 4
compare capped tables "a cap of 1 on each of 8 tables" limited tables 8
compare capped serial "8 serial keys" limited serial 8
compare capped graphile "graphile-worker" drain_graphile on sql $((tasks / 4)) plain
compare capped named "8 named queues" drain_graphile on sql $((tasks / 4)) plain 8
compare capped pgboss "pg-boss, batches of 100" drain_pgboss on sql $((tasks / 4))
compare capped singleton "8 keys of a queue with policy singleton" drain_pgboss on sql $((tasks / 4)) 8

# tasks that all update one row, whose best number is one
scenario hot "$(with_commas "$tasks") updates of one row, a quarter of them for the peers, each flushed"
compare hot free "pg_weir, 8 workers" hot_updates 0
compare hot one "a cap of 1 on the table" hot_updates 1
compare hot graphile "graphile-worker" drain_graphile on hot $((tasks / 4)) plain
compare hot named "a named queue" drain_graphile on hot $((tasks / 400)) plain 1
compare hot pgboss "pg-boss, batches of 100" drain_pgboss on hot $((tasks / 4))
compare hot singleton "a key of a queue with policy singleton" drain_pgboss on hot $((tasks / 40)) 1

# hot_row: the table that jobs of kind "hot" update
hot_row() {
  ask 'CREATE TABLE hot (n bigint NOT NULL) WITH (fillfactor = 10); INSERT INTO hot VALUES (0)'
}

# limited free|cap|tables|serial N
limited() {
  local i
  weir_database on
  weir_queue bench "$tasks"
  case $1 in
    cap)
      ask "CREATE TABLE fact (n int); SELECT weir.cap_table('fact', $2, adaptive => 'off')" >/dev/null
      fill_weir bench "$tasks" "tables => '{fact}'"
      ;;
    tables)
      for ((i = 1; i <= $2; i++)); do
        ask "CREATE TABLE fact_$i (n int); SELECT weir.cap_table('fact_$i', 1, adaptive => 'off')" >/dev/null
        fill_weir bench "$((tasks / $2))" "tables => '{fact_$i}'"
      done
      ;;
    serial)
      for ((i = 1; i <= $2; i++)); do
        fill_weir bench "$((tasks / $2))" "serial_key => 'key $i'"
      done
      ;;
    *) fill_weir bench "$tasks" ;;
  esac
  run_weir "$tasks"
}

# hot_updates SLOTS: no cap with 0 of them
hot_updates() {
  weir_database on
  hot_row
  [ "$1" = 0 ] || ask "SELECT weir.cap_table('hot', $1, adaptive => 'off')" >/dev/null
  weir_queue bench "$tasks"
  fill_weir bench "$tasks" "tables => '{hot}'" "UPDATE hot SET n = n + 1"
  settle
  clock_weir bench "$tasks"
  expect "$tasks" "SELECT n FROM hot" "updates"
}

report_capped() {
  limits_table capped "free loose four tables serial" "graphile named" "pgboss singleton"
  target_ratio "a cap of 8 that never binds" "uncapped" ">= 0.9" capped loose rate capped free
  target_ratio "a cap of 1 on each of 8 tables" "uncapped" ">= 0.9" capped tables rate capped free
}

report_hot() {
  limits_table hot "free one" "graphile named" "pgboss singleton"
  target_ratio "updates of one row, a cap of 1" "uncapped" ">= 0.9" hot one rate hot free
}

# limits_table SCENARIO CASES...: of each group of cases the first is without a
# limit, and what the others are compared with
limits_table() {
  local scenario=$1 group case free
  shift
  head_row "" "tasks/s" "lowest - highest" "to without a limit" "lowest - highest" "server CPU, us/task"
  for group in "$@"; do
    free=${group%% *}
    for case in $group; do
      if [ -n "$(why_absent "$scenario" "$case")" ]; then
        row "${label[$scenario,$case]}" "$(why_absent "$scenario" "$case")" "" "" "" ""
        continue
      fi
      row "${label[$scenario,$case]}" "$(median "$scenario" "$case" rate)" "$(spread "$scenario" "$case" rate)" \
        "$(median "$scenario" "$case" rate "$scenario" "$free")" "$(spread "$scenario" "$case" rate "$scenario" "$free")" \
        "$(median "$scenario" "$case" cpu)"
    done
  done
  echo
  bars "$scenario" rate "tasks/s"
}
