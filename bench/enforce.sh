# Caps that bind every session: what pgbench pays.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

for kind in write read; do
  scenario enforce_$kind "pgbench $([ $kind = write ] && echo TPC-B || echo "SELECT only"), 4 clients, synchronous_commit off"
  compare enforce_$kind without "without pg_weir" without_weir $kind
  compare enforce_$kind none "no such cap" enforced $kind 0 other tasks
  compare enforce_$kind other "a cap on another table" enforced $kind 1 other everyone
  compare enforce_$kind observe "observed, history" enforced $kind 64 pgbench_history observe
  compare enforce_$kind last "64 slots, history, written last" enforced $kind 64 pgbench_history everyone
  compare enforce_$kind first "64 slots, accounts, written first" enforced $kind 64 pgbench_accounts everyone
  compare enforce_$kind two "2 slots, accounts" enforced $kind 2 pgbench_accounts everyone
done

# pgbench_tables: in a new database
pgbench_tables() {
  fresh_database off
  pgbench -q -i -s 10 2>/dev/null
  ask 'CREATE TABLE other (n int)'
}

# pgbench_script KIND
pgbench_script() {
  local n=$((singles * 5)) select=()
  if [ "$1" = read ]; then
    n=$((singles * 20))
    select=(-S)
  fi
  settle
  begin_costs
  note rate "$(client "$n" pgbench -n -M prepared -c 4 -j 2 -t $((n / 4)) "${select[@]}" |
    sed -n 's/^tps = \([0-9]*\).*without.*/\1/p')"
  end_costs "$n"
}

# enforced KIND SLOTS TABLE ENFORCE: no cap with 0 slots
enforced() {
  pgbench_tables
  ask 'CREATE EXTENSION pg_weir'
  [ "$2" = 0 ] || ask "SELECT weir.cap_table('$3', $2, enforce => '$4')" >/dev/null
  pgbench_script "$1"
}

# without_weir KIND: ALTER SYSTEM cannot set an empty list of libraries
without_weir() {
  local libraries
  libraries=$(as_server 'SHOW shared_preload_libraries')
  echo "shared_preload_libraries = ''" >>"$PGDATA/postgresql.conf"
  restart_server
  pgbench_tables
  pgbench_script "$1"
  echo "shared_preload_libraries = '$libraries'" >>"$PGDATA/postgresql.conf"
  restart_server
}

report_enforce_write() {
  costs_table enforce_write without transaction
  target "caps for everyone" "TPC-B, CPU, no such cap, to without pg_weir" "<= 1.02" \
    "$(median enforce_write none cpu enforce_write without)" "$(spread enforce_write none cpu enforce_write without)"
  target "caps for everyone" "TPC-B, CPU, a cap on another table, to without" "<= 1.02" \
    "$(median enforce_write other cpu enforce_write without)" "$(spread enforce_write other cpu enforce_write without)"
}

report_enforce_read() {
  costs_table enforce_read without transaction
  target "caps for everyone" "SELECT only, CPU, no such cap, to without pg_weir" "<= 1.02" \
    "$(median enforce_read none cpu enforce_read without)" "$(spread enforce_read none cpu enforce_read without)"
}
