# Two tenants, nine tasks in ten from the one, together twice as many as there
# are workers for: what the other one waits.  Sourced by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154

scenario fairness "A tenant beside one that floods"
compare fairness alone "alone" fairness_roles small
compare fairness fair "beside the flood" fairness_roles small large
compare fairness limited "the same, with \`max_running\`" fairness_roles small large 3
compare fairness first "the same, both as one role: first come, first served" fairness_roles small small
compare fairness skip_locked "SKIP LOCKED, first come, first served" fairness_table

# What a task does is wait, so that the processors have room; 4 workers have time
# for 400 tasks a second.
fairness_workers=4
fairness_work=0.01
fairness_rate=80
fairness_tasks=$((2 * starts))

# The tenants are there for all databases.
fairness_tenants() {
  local role
  for role in small large; do
    [ "$(as_server "SELECT count(*) FROM pg_roles WHERE rolname = '$role'")" = 1 ] || as_server "CREATE ROLE $role LOGIN"
  done
}

# fairness_produce N RATE ROLE STATEMENT: so many transactions at random times
fairness_produce() {
  echo "$4;" >"$scratch/fairness_$3_$1.sql"
  PGOPTIONS="$PGOPTIONS -c role=$3" pgbench -n -c 4 -t $(($1 / 4)) -R "$2" \
    -f "$scratch/fairness_$3_$1.sql" >/dev/null
}

# fairness_both SMALL LARGE STATEMENT: the one in ten, and the nine of the role
# LARGE, which may be missing; the statement has the tenant for %s
fairness_both() {
  local flood=
  if [ -n "$2" ]; then
    # shellcheck disable=SC2059 # the statement is the format
    fairness_produce $((9 * fairness_tasks)) $((9 * fairness_rate)) "$2" "$(printf "$3" large)" &
    flood=$!
  fi
  # shellcheck disable=SC2059
  fairness_produce "$fairness_tasks" "$fairness_rate" "$1" "$(printf "$3" small)"
  [ -z "$flood" ] || wait "$flood"
}

# fairness_roles SMALL [LARGE [MAX_RUNNING]]: the roles of the two tenants
fairness_roles() {
  fairness_tenants
  configure "weir.max_workers=$fairness_workers"
  weir_database on
  ask "SELECT weir.create_queue('bench', capacity => 1000000), weir.grant_queue('bench', 'public')" >/dev/null
  [ -z "${3:-}" ] || ask "SELECT weir.limit_role('large', max_running => $3)" >/dev/null
  settle
  fairness_both "$1" "${2:-}" "SELECT weir.enqueue('SELECT pg_sleep($fairness_work)', queue => 'bench', reason => '%s')"
  ask "SELECT 1 / weir.drain('bench', '10 minutes')::int" >/dev/null
  expect "$fairness_tasks" "SELECT count(*) FROM weir.tasks WHERE reason = 'small' AND state = 'succeeded'" "tasks of the small tenant"
  ask "SELECT 1000 * extract(epoch FROM r.started_at - t.enqueued_at)
    FROM weir.runs r JOIN weir.tasks t USING (task_id) WHERE t.reason = 'small'" | percentiles
  configure weir.max_workers=8
}

# fairness_table: a table for a queue, whose oldest row that nobody has locked is
# taken, by as many sessions as there are workers
fairness_table() {
  local workers
  fairness_tenants
  fresh_database on
  psql -Xq -v ON_ERROR_STOP=1 <<SQL
CREATE TABLE job (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL,
                  enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE done (tenant text NOT NULL, waited interval NOT NULL);
GRANT ALL ON job TO small, large;
CREATE FUNCTION work() RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
    taken job;
BEGIN
    DELETE FROM job WHERE id = (SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING * INTO taken;
    INSERT INTO done SELECT taken.tenant, clock_timestamp() - taken.enqueued_at WHERE FOUND;
    PERFORM pg_sleep(CASE WHEN FOUND THEN $fairness_work ELSE 0.001 END);
END \$\$;
SQL
  settle
  echo "SELECT work();" >"$scratch/work.sql"
  pgbench -n -c $fairness_workers -j 2 -T 3600 -f "$scratch/work.sql" >/dev/null 2>&1 &
  workers=$!
  fairness_both small large "INSERT INTO job (tenant) VALUES ('%s')"
  until [ "$(ask "SELECT count(*) FROM job")" = 0 ]; do sleep 0.1; done
  kill "$workers"
  expect "$fairness_tasks" "SELECT count(*) FROM done WHERE tenant = 'small'" "tasks of the small tenant"
  ask "SELECT 1000 * extract(epoch FROM waited) FROM done WHERE tenant = 'small'" | percentiles
}

report_fairness() {
  local case
  times_table fairness
  head_row "" "p99, to that alone" "lowest - highest"
  for case in fair limited first skip_locked; do
    row "${label[fairness,$case]}" "$(median fairness $case p99 fairness alone)" \
      "$(spread fairness $case p99 fairness alone)"
  done
  echo
  target_ratio "two tenants, 90 % and 10 %" "the small one's wait, p99, first come first served to fair" ">= 10" \
    fairness first p99 fairness fair
}
