# Enqueue: what a producer pays.  Sourced by run.sh.
# shellcheck shell=bash
: "${scratch:?}" "${singles:?}" "${bulk:?}"

# A table with the columns and the key of the ledger, and the row that
# enqueue would write.
plain_row="clock_timestamp(), 101, 1, 10, 0, 3, false, 'adhoc', 'SELECT 1', NULL::jsonb, NULL::timestamptz, NULL::timestamptz, NULL::text[], NULL::interval, NULL::jsonb, NULL::jsonb, NULL"
plain_table() {
  psql -Xq -v ON_ERROR_STOP=1 <<SQL
CREATE TABLE plain (LIKE weir.task);
ALTER TABLE plain ADD PRIMARY KEY (task_id);
CREATE SEQUENCE plain_id CACHE 32;
SQL
}

# clients4 NAME SQL: four clients, each statement a transaction
clients4() {
  echo "$2" >"$scratch/statement"
  settle
  begin_costs
  note "$1" "$(pgbench -n -M prepared -c 4 -j 2 -t $((singles / 4)) -f "$scratch/statement" 2>/dev/null |
    sed -n 's/^tps = \([0-9]*\).*/\1/p')"
  end_costs "$1" "$singles"
}

# in_bulk NAME SQL
in_bulk() {
  settle
  begin_costs
  note "$1" "$(psql -XqAt -v ON_ERROR_STOP=1 <<SQL
SELECT clock_timestamp() AS begun \gset
$2 \g /dev/null
SELECT round($bulk / extract(epoch FROM clock_timestamp() - :'begun'));
SQL
  )"
  end_costs "$1" "$bulk"
}

measure_enqueue() {
  fresh_database on
  ask 'CREATE EXTENSION pg_weir'
  ask "SELECT weir.create_queue('bench', capacity => $((singles + bulk + 1))); SELECT weir.pause('bench')" >/dev/null
  plain_table
  ask "SELECT weir.enqueue('SELECT 1', queue => 'bench')" >/dev/null
  clients4 'enqueue plain' "INSERT INTO plain VALUES (nextval('plain_id'), $plain_row)"
  clients4 'enqueue weir' "SELECT weir.enqueue('SELECT 1', queue => 'bench')"
  in_bulk 'bulk plain' "INSERT INTO plain SELECT nextval('plain_id'), $plain_row FROM generate_series(1, $bulk)"
  in_bulk 'bulk weir' "SELECT weir.enqueue_many('SELECT 1', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $bulk)), queue => 'bench')"
}

report_enqueue() {
  local kind name
  echo "### Enqueue"
  echo
  echo "| | rows/s | spread | to the plain INSERT | server CPU, us/row | WAL, bytes/row |"
  echo "|---|---|---|---|---|---|"
  for kind in enqueue bulk; do
    for name in plain weir; do
      echo "| $(label_enqueue $kind $name) | $(median "$kind $name") | $(spread "$kind $name") | $(ratio "$kind $name" "$kind plain") | $(median "$kind $name cpu") | $(median "$kind $name wal") |"
    done
  done
  echo
}

label_enqueue() {
  case "$1 $2" in
    'enqueue plain') echo "INSERT of the same row, 4 clients" ;;
    'enqueue weir') echo "weir.enqueue, 4 clients" ;;
    'bulk plain') echo "INSERT ... SELECT of $bulk rows" ;;
    'bulk weir') echo "weir.enqueue_many of $bulk" ;;
  esac
}
