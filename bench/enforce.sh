# Caps that bind every session: what pgbench pays.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# A difference of one in a hundred is less than what a machine does to two runs
# in a row.  So each case has a database of its own, and they take turns, many
# times, with few transactions each; what counts is the time on a processor of
# the sessions alone, and each turn is compared with that of the same time.
# The server without pg_weir has as many databases and takes any of them: what
# they do to each other's buffers is no cost of a cap.
turns=8

for kind in write read; do
  scenario enforce_$kind "pgbench $([ $kind = write ] && echo TPC-B || echo "SELECT only"), 4 clients, synchronous_commit off"
  prepare[enforce_$kind]="enforce_databases $kind"
  repeated[enforce_$kind]=$turns
  compare enforce_$kind without "without pg_weir" enforce_turn $kind without
  compare enforce_$kind none "no such cap" enforce_turn $kind none
  compare enforce_$kind other "a cap on another table" enforce_turn $kind other
  compare enforce_$kind observe "observed, history" enforce_turn $kind observe
  compare enforce_$kind last "64 slots, history, written last" enforce_turn $kind last
  compare enforce_$kind first "64 slots, accounts, written first" enforce_turn $kind first
  compare enforce_$kind two "2 slots, accounts" enforce_turn $kind two
done

# on_side CASE COMMAND...: on the server with pg_weir or on the one without, there
# in the database of case "twin", if that is set
on_side() {
  local port=$PGPORT data=$PGDATA
  if [ "$1" = without ]; then
    port=$((PGPORT + 1))
    data=$PGDATA.without
  fi
  PGPORT=$port PGDATA=$data PGDATABASE=enforce_${twin:-$1} "${@:2}"
}

# without_server: like the other one, but for the library
without_server() {
  [ ! -e "$PGDATA.without" ] || return 0
  initdb -D "$PGDATA.without" -U "$PGUSER" -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
  cat "$PGDATA/postgresql.conf" "$PGDATA/postgresql.auto.conf" >"$PGDATA.without/postgresql.conf"
  {
    echo "shared_preload_libraries = ''"
    echo "port = $((PGPORT + 1))"
  } >>"$PGDATA.without/postgresql.conf"
  pg_ctl -D "$PGDATA.without" -l "$scratch/without.log" -w start >/dev/null
}

# enforce_databases KIND: one for each case; a turn of each warms it up
enforce_databases() {
  local case
  without_server
  for case in ${cases[enforce_$1]}; do
    on_side "$case" enforce_database "$case"
    on_side "$case" enforce_pgbench "$1" >/dev/null
    [ "$case" = without ] && continue
    twin=$case on_side without enforce_database without
    twin=$case on_side without enforce_pgbench "$1" >/dev/null
  done
}

enforce_database() {
  as_server "DROP DATABASE IF EXISTS $PGDATABASE WITH (FORCE)"
  as_server "CREATE DATABASE $PGDATABASE"
  as_server "ALTER DATABASE $PGDATABASE SET synchronous_commit = off"
  pgbench -q -i -s 8 2>/dev/null
  # autovacuum would be counted with the sessions
  psql -Xq <<<"SELECT format('ALTER TABLE %I SET (autovacuum_enabled = off)', relname) FROM pg_class WHERE relname LIKE 'pgbench_%' AND relkind = 'r' \\gexec"
  ask 'CREATE TABLE other (n int)'
  [ "$1" = without ] || ask 'CREATE EXTENSION pg_weir'
  case $1 in
    other) ask "SELECT weir.cap_table('other', 1, enforce => 'everyone')" ;;
    observe) ask "SELECT weir.cap_table('pgbench_history', 64, enforce => 'observe')" ;;
    last) ask "SELECT weir.cap_table('pgbench_history', 64, enforce => 'everyone')" ;;
    first) ask "SELECT weir.cap_table('pgbench_accounts', 64, enforce => 'everyone')" ;;
    two) ask "SELECT weir.cap_table('pgbench_accounts', 2, enforce => 'everyone')" ;;
  esac
  settle
}

# enforce_size KIND: transactions of a turn
enforce_size() { [ "$1" = write ] && echo $((singles / 2)) || echo $((singles * 6)); }

# enforce_pgbench KIND: the rate
enforce_pgbench() {
  local select=()
  [ "$1" = write ] || select=(-S)
  pgbench -n -M prepared -c 4 -j 2 -t $(($(enforce_size "$1") / 4)) "${select[@]}" |
    sed -n 's/^tps = \([0-9]*\).*without.*/\1/p'
}

# wait_for_children PID OTHERS: until those that were not there before have ended
wait_for_children() {
  local child
  for child in $(cat "/proc/$1/task/$1/children"); do
    while [[ " $2 " != *" $child "* ]] && kill -0 "$child" 2>/dev/null; do sleep 0.01; done
  done
}

# ended_ticks PID: what its children have used that have ended
ended_ticks() {
  sed 's/^[0-9]* (.*) //' "/proc/$1/stat" |
    awk -v hertz="$(getconf CLK_TCK)" '{ printf "%.0f\n", ($14 + $15) * 1e6 / hertz }'
}

# enforce_turn KIND CASE
enforce_turn() {
  local twins
  read -ra twins <<<"${cases[enforce_$1]}"
  [ "$2" = without ] || twins=("")
  twin=${twins[RANDOM % ${#twins[@]}]} on_side "$2" enforce_measure "$1"
}

enforce_measure() {
  local postmaster others used
  postmaster=$(head -n 1 "$PGDATA/postmaster.pid")
  others=$(cat "/proc/$postmaster/task/$postmaster/children")
  used=$(ended_ticks "$postmaster")
  note rate "$(enforce_pgbench "$1")"
  wait_for_children "$postmaster" "$others"
  used=$(($(ended_ticks "$postmaster") - used))
  note cpu "$(awk -v all="$used" -v n="$(enforce_size "$1")" 'BEGIN { printf "%.3f", all / n }')"
}

# enforce_table KIND
enforce_table() {
  local case why
  head_row "" "transactions/s" "CPU of the sessions, us/transaction" "CPU, to without pg_weir" "sure to 95 %"
  for case in ${cases[enforce_$1]}; do
    why=$(why_absent "enforce_$1" "$case")
    if [ -n "$why" ]; then
      row "${label[enforce_$1,$case]}" "$why" "" "" ""
    else
      row "${label[enforce_$1,$case]}" "$(median "enforce_$1" "$case" rate)" "$(median "enforce_$1" "$case" cpu)" \
        "$(to_without closely "$1" "$case")" "$(to_without interval "$1" "$case")"
    fi
  done
  echo
}

# to_without HOW KIND CASE: the CPU in terms of that without pg_weir
to_without() { of_rounds "$1" "enforce_$2" "$3" cpu "enforce_$2" without; }

# enforce_target KIND TEXT CASE WHAT
enforce_target() {
  target "caps for everyone" "$2, CPU, $4, to without pg_weir" "<= 1.01" \
    "$(to_without closely "$1" "$3")" "$(to_without interval "$1" "$3")"
}

report_enforce_write() {
  enforce_table write
  enforce_target write "TPC-B" none "no such cap"
  enforce_target write "TPC-B" other "a cap on another table"
}

report_enforce_read() {
  enforce_table read
  enforce_target read "SELECT only" none "no such cap"
  enforce_target read "SELECT only" other "a cap on another table"
}
