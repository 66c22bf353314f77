#!/bin/bash
# dbt and tasks at one table, with and without the pre-hook.  To be run after
# dbt.sql.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

sql() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }

# As long as the lock is held the two tasks hold both slots.
hold_slots() {
  local lock="locktype = 'advisory' and objid = (hashtext('mart')::bigint & 4294967295)::oid"

  coproc HOLDER { psql -XqAt -v ON_ERROR_STOP=1; }
  exec 3>&"${HOLDER[1]}"
  echo "select pg_advisory_lock(hashtext('mart'));" >&3
  until_is 1 "select count(*) from pg_locks where $lock and granted"
  sql "select n from weir.enqueue_many(
         'insert into mart.orders select 0, date ''2024-01-01'', \$1; select pg_advisory_xact_lock_shared(hashtext(''mart''))',
         '[[1], [2]]', queue => 'mart', tables => '{mart.orders}')" >/dev/null
  until_is 2 "select count(*) from pg_locks where $lock and not granted"
}

release_slots() {
  local pid=$HOLDER_PID

  exec 3>&-
  eval "exec ${HOLDER[1]}>&-"
  wait "$pid" || true
}

until_is() {
  local value
  for _ in $(seq 600); do
    value=$(sql "$2")
    [ "$value" = "$1" ] && return
    sleep 0.1
  done
  echo "run.sh: $2: $value instead of $1" >&2
  exit 1
}

let_through="select let_through from weir.resources where resource = 'mart.orders'"

hold_slots
psql -Xq -v hook=0 -v day=2024-05-01 -f "$here/model.sql"
echo "without the pre-hook: let through $(sql "$let_through"), while both slots were held"
release_slots

hold_slots
psql -Xq -v hook=1 -v day=2024-05-02 -f "$here/model.sql" &
dbt=$!
until_is 1 "select waiting_sessions from weir.resources where resource = 'mart.orders'"
echo "with it: one session waits for a slot"
release_slots
wait "$dbt"
echo "and got it: let through $(sql "$let_through")"

# Many of both at once.
sql "truncate mart.writer" >/dev/null
sql "select n from weir.enqueue_many('select mart.load(\$1::date)',
       (select jsonb_agg(jsonb_build_array(date '2024-05-01' + i % 10)) from generate_series(1, 40) i),
       queue => 'mart', tables => '{mart.orders}')" >/dev/null
dbts=()
for _ in 1 2 3 4; do
  (for day in 03 06 09; do
    psql -Xq -v hook=1 -v day="2024-05-$day" -f "$here/model.sql"
  done) &
  dbts+=($!)
done
for dbt in "${dbts[@]}"; do wait "$dbt"; done
sql "select weir.drain('mart', '2 minutes')" >/dev/null
psql -X -P footer=off <<'SQL'
select who, count(*) as writes from mart.writer group by who order by who;
select max(n) as at_once, 2 as cap
from (select sum(step) over (order by at, step rows unbounded preceding) as n
      from mart.writer, lateral (values (began, 1), (ended, -1)) e (at, step)) s;
SQL

# The table is built anew, and the cap is on the new one.
psql -Xq -f "$here/swap.sql"
until_is 1 "select count(*) from weir.events where kind = 'cap_follows'"
echo "a new table of that name: $(sql "select slots from weir.resources where resource = 'mart.orders'") slots"
