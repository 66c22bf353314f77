# Enqueue: what a producer pays.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# A table with the columns and the key of the ledger.
plain_database() {
  weir_database on
  psql -Xq -v ON_ERROR_STOP=1 <<SQL
CREATE TABLE plain (LIKE weir.task);
ALTER TABLE plain ADD PRIMARY KEY (task_id);
CREATE SEQUENCE plain_id CACHE 32;
SQL
  weir_queue bench 1
  ask "SELECT weir.enqueue('SELECT 1', queue => 'bench')" >/dev/null
  plain_row=$(row_of_task)
}

# row_of_task: the row that enqueue has written, as constants
row_of_task() {
  ask "SELECT string_agg(CASE attname WHEN 'task_id' THEN 'nextval(''plain_id'')'
           WHEN 'enqueued_at' THEN 'clock_timestamp()'
           ELSE format('%L::%s', to_jsonb(task) ->> attname, format_type(atttypid, atttypmod)) END,
         ', ' ORDER BY attnum)
       FROM weir.task, pg_attribute
       WHERE attrelid = 'weir.task'::regclass AND attnum > 0 AND NOT attisdropped"
}

enqueue_database() {
  weir_database on
  weir_queue bench $((singles + bulk + 1))
  # the first task of a database waits for the tables of the ledger
  ask "SELECT weir.enqueue('SELECT 1', queue => 'bench')" >/dev/null
}

graphile_database() {
  need_npm
  fresh_database on
  peer graphile migrate
}

# singly CLIENTS DATABASE ROWS SQL: each statement a transaction
singly() {
  local clients=$1 n=$((singles / $1 * $1)) before
  $2
  settle
  before=$(ask "$3")
  echo "${4/PLAIN_ROW/${plain_row:-}}" >"$scratch/statement"
  begin_costs
  note rate "$(bench_clients $n "$clients" "$scratch/statement")"
  end_costs $n
  expect $((before + n)) "$3" rows
}

# at_once DATABASE ROWS SQL: all rows in one statement
at_once() {
  local before
  $1
  settle
  before=$(ask "$2")
  begin_costs
  note rate "$(clocked "$bulk" "${3/PLAIN_ROW/${plain_row:-}}")"
  end_costs "$bulk"
  expect $((before + bulk)) "$2" rows
}

plain_rows='SELECT count(*) FROM plain'
weir_rows='SELECT count(*) FROM weir.task'
graphile_rows='SELECT count(*) FROM graphile_worker.jobs'
pgq_rows='SELECT count(*) FROM pgq.event_1'

single_plain() { singly "$1" plain_database "$plain_rows" 'INSERT INTO plain VALUES (PLAIN_ROW)'; }
single_weir() { singly "$1" enqueue_database "$weir_rows" "SELECT weir.enqueue('SELECT 1', queue => 'bench')"; }
single_pgq() { singly "$1" "pgq_database on" "$pgq_rows" "SELECT pgq.insert_event('bench', 'noop', 'SELECT 1')"; }
single_graphile() { singly "$1" graphile_database "$graphile_rows" "SELECT graphile_worker.add_job('noop', '{}')"; }

bulk_plain() { at_once plain_database "$plain_rows" "INSERT INTO plain SELECT PLAIN_ROW FROM generate_series(1, $bulk)"; }
bulk_weir() { at_once enqueue_database "$weir_rows" "SELECT weir.enqueue_many('SELECT 1', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $bulk)), queue => 'bench')"; }
bulk_pgq() { at_once "pgq_database on" "$pgq_rows" "SELECT count(pgq.insert_event('bench', 'noop', 'SELECT 1')) FROM generate_series(1, $bulk)"; }
bulk_graphile() {
  at_once graphile_database "$graphile_rows" "SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
    SELECT ROW('noop', '{}'::json, NULL, NULL, NULL, NULL, NULL, NULL)::graphile_worker.job_spec
    FROM generate_series(1, $bulk)))"
}

for clients in 4 16; do
  scenario "single$clients" "Enqueue of $(with_commas "$singles") tasks, singly, $clients clients"
  compare "single$clients" plain "INSERT of the same row" single_plain $clients
  compare "single$clients" pgq "PgQ, insert_event" single_pgq $clients
  compare "single$clients" graphile "graphile-worker, add_job" single_graphile $clients
  compare "single$clients" weir "weir.enqueue" single_weir $clients
done
scenario bulk "Enqueue of $(with_commas "$bulk") tasks in bulk"
compare bulk plain "INSERT ... SELECT of the same rows" bulk_plain
compare bulk pgq "PgQ, insert_event for each" bulk_pgq
compare bulk graphile "graphile-worker, add_jobs" bulk_graphile
compare bulk weir "weir.enqueue_many" bulk_weir

report_single4() {
  costs_table single4 plain task
  target_ratio "enqueue, single, 4 clients" "plain INSERT" ">= 0.95" single4 weir rate single4 plain
}

report_single16() {
  costs_table single16 plain task
  target_ratio "enqueue, single, 16 clients" "plain INSERT" ">= 0.95" single16 weir rate single16 plain
}

report_bulk() {
  costs_table bulk plain task
  target_ratio "enqueue, bulk" "INSERT ... SELECT" ">= 0.6" bulk weir rate bulk plain
  target_ratio "enqueue, bulk" "graphile-worker add_jobs" ">= 2.3" bulk weir rate bulk graphile
}
