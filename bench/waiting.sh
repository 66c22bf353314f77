# What waits must not cost: the drain beside blocked and future tasks, and with
# capped tables.  With synchronous_commit off, where the scheduler would show.
# Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# drain_beside PREPARE [N]: what PREPARE puts there waits meanwhile
drain_beside() {
  weir_database off
  weir_queue bench "$many"
  $1
  fill_weir bench "$many"
  run_weir "$many"
}

# Two tables with all their slots held by a session, as long as the database
# lives: its end is that of the next DROP DATABASE.
blocked_tasks() {
  ask "CREATE TABLE left_table (); CREATE TABLE right_table ();
    SELECT weir.cap_table('left_table', slots => 1); SELECT weir.cap_table('right_table', slots => 1);
    SELECT weir.create_queue('held', capacity => 100000)" >/dev/null
  # sleep is the work: the slots are held by a session until its database goes
  ask "BEGIN; SELECT weir.acquire('left_table'), weir.acquire('right_table'), pg_sleep(3600)" >/dev/null 2>&1 &
  until [ "$(ask "SELECT count(DISTINCT resource) FROM weir.slots WHERE pid IS NOT NULL")" = 2 ]; do
    sleep 0.1
  done
  fill_weir held 50000 "tables => '{left_table}'"
  fill_weir held 50000 "tables => '{right_table}'"
  until [ "$(ask "SELECT blocked FROM weir.queues WHERE name = 'held'")" = 100000 ]; do
    sleep 0.1
  done
}

future_tasks() {
  ask "SELECT weir.create_queue('later', capacity => $future)" >/dev/null
  fill_weir later "$future" "run_at => now() + interval '1 day'"
}

scenario blocked "Drain of $(with_commas "$many") tasks beside 100,000 that are blocked on two saturated tables"
compare blocked without "without" drain_beside true
compare blocked beside "beside them" drain_beside blocked_tasks

report_blocked() {
  costs_table blocked without task
  target_ratio "100,000 tasks blocked" "the drain without" ">= 0.9" blocked beside rate blocked without
}

scenario future "Drain of $(with_commas "$many") tasks beside $(with_commas "$future") for a future time"
compare future without "without" drain_beside true
compare future beside "beside them" drain_beside future_tasks

report_future() {
  costs_table future without task
  target_ratio "$(with_commas "$future") tasks for a future time" "the drain without" ">= 0.95" future beside rate future without
}

# 1000 tasks that are due one each 2 ms, beside those for tomorrow
due_tasks() {
  weir_database on
  future_tasks
  ask "SELECT weir.create_queue('bench')" >/dev/null
  settle
  ask "SELECT count(weir.enqueue('SELECT 1', queue => 'bench',
         run_at => date_trunc('second', now()) + interval '3 seconds' + n * interval '2 milliseconds'))
       FROM generate_series(1, 1000) n" >/dev/null
  ask "SELECT 1 / weir.drain('bench', timeout => '1 minute')::int" >/dev/null
  ask "SELECT extract(epoch FROM r.started_at - t.run_at) * 1000
       FROM weir.task t JOIN weir.run r USING (task_id)
       JOIN weir.environment v USING (environment_id) WHERE v.queue = 'bench'" | percentiles
}

scenario due "From the time that a task is for to its start, 1000 tasks due one each 2 ms"
compare due weir "pg_weir, $(with_commas "$future") others wait for tomorrow" due_tasks

report_due() {
  times_table due
  target "$(with_commas "$future") tasks for a future time" "due ones start within, ms (p99)" "<= 10" \
    "$(median due weir p99)" "$(spread due weir p99)"
}

# capped HOW: tasks on each of 1,000 tables, with a cap of 1 each or without
capped() {
  weir_database off
  weir_queue bench "$many"
  psql -Xq -v ON_ERROR_STOP=1 >/dev/null <<SQL
SELECT format('CREATE TABLE t%s ()', n) FROM generate_series(1, 1000) n \gexec
SELECT weir.cap_table(format('t%s', n)::regclass, slots => 1) FROM generate_series(1, 1000) n WHERE '$1' = 'capped';
SELECT weir.enqueue_many('SELECT 1', (SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, $((many / 1000)))),
         queue => 'bench', tables => ARRAY[format('t%s', n)::regclass])
FROM generate_series(1, 1000) n;
SQL
  run_weir "$many"
}

scenario caps "Drain of $(with_commas "$many") tasks on 1,000 tables"
compare caps without "without caps" capped uncapped
compare caps capped "cap 1 on each" capped capped

report_caps() {
  costs_table caps without task
  target_ratio "cap 1 on each of 1,000 tables" uncapped ">= 0.9" caps capped rate caps without
}
