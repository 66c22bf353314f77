#!/bin/bash
# Simulated days: DAYS days of arrivals as they were published, a day in
# DAY_SECONDS, while three years before them are loaded as a backfill.  Twice:
# with pg_weir's classes, and with all work in one class.  Prints what became of
# each daily run, draws both from the ledger into PICTURE (SVG), and fails if the
# facts are not those of a sequential load, if the order of the runs does not
# show the classes, or if with them a deadline is missed.  DEADLINES=shown does
# not fail for that: seconds on a machine that is busy prove nothing.
#
# Of what came before them HISTORY files are kept (default: all).
# A daily run works for RUN_SECONDS and is due DUE_SECONDS after its file came; a
# chunk of the three years, one month, works for CHUNK_SECONDS.
# shellcheck source=examples/arrivals/lib.sh
. "$(dirname "$0")/lib.sh"

days=${DAYS:-20}
until=${UNTIL:-2022-11-25}
day=${DAY_SECONDS:-3}
run=${RUN_SECONDS:-0.5}
chunk=${CHUNK_SECONDS:-2.5}
due=${DUE_SECONDS:-2.5}
slots=${SLOTS:-2}
history=${HISTORY:-1000000}
picture=${PICTURE:-}
deadlines=${DEADLINES:-kept}

ARRIVALS_LIMIT='' load_input
sql -c 'create extension if not exists pg_weir' -f "$here/days.sql"
sql -v days="$days" -v until="$until" -v day="$day" -v run="$run" \
  -v chunk="$chunk" -v due="$due" -v history="$history" <<'SQL'
delete from arrivals.arrival
where published_at::date > :'until'
and exists (select from arrivals.arrival where published_at::date <= :'until');
insert into arrivals.clock
select min(published_on), :day, :run, :chunk, :due
from (select distinct published_at::date as published_on
      from arrivals.arrival order by 1 desc limit :days) d;
delete from arrivals.arrival
where seq < (select min(seq) from arrivals.arrival, arrivals.clock
             where published_at >= began) - :history;
SQL
"$here/sequential.sh"

# simulate MODE JOB
simulate() {
  sql -v mode="$1" -v job="$2" -v slots="$slots" -v chunk="$chunk" <<'SQL'
truncate arrivals.fact, arrivals.day_version, arrivals.load_log;
insert into arrivals.simulation values (:'mode', :'job');
update arrivals.clock set chunk_seconds = :chunk;
\o /dev/null
select weir.cap_table('arrivals.fact', slots => :slots);
select weir.create_job(:'job', 'select arrivals.load_months($1, $2)',
    every => '1 month', starts_at => '2020-01-01 00:00 UTC', timezone => 'UTC',
    tables => '{arrivals.fact}');
select weir.backfill(:'job', '2020-01-01 00:00 UTC', '2023-01-01 00:00 UTC',
    direction => 'newest_first', reason => 'three years');
call arrivals.simulate(:'mode', :'job');
-- the days are over: what is left need not take time
update arrivals.clock set chunk_seconds = 0;
do $$ begin
    while exists (select from weir.backfills where state = 'running')
        or exists (select from weir.queues where depth > 0) loop
        perform pg_sleep(0.1);
        commit;
    end loop;
end $$;
\o
select format('%s: %s of %s daily runs in time, the facts %s', :'mode',
              count(*) filter (where finished_at <= due_at), count(*),
              case when arrivals.digest() = (select digest
                                             from arrivals.expected)
                   then 'are those of the sequential load'
                   else 'DIFFER from those of the sequential load' end)
from arrivals.run_days
where mode = :'mode' and kind = 'daily' and outcome = 'succeeded';
select arrivals.digest() = digest as same from arrivals.expected \gset
\if :same
\else
  do $$ begin raise 'the end state differs'; end $$;
\endif
SQL
}

say "Simulated days: $days of them, $day s each; a daily run is due in $due s," \
  "a chunk takes $chunk s, $slots slots on arrivals.fact"
simulate 'one class' "three_years_one_$(date +%s)"
simulate classes "three_years_classes_$(date +%s)"
psql -Xq -v ON_ERROR_STOP=1 -f "$here/days_report.sql"
if [ -n "$picture" ]; then
  sql -f "$here/days_picture.sql" >"$picture"
  say "Picture: $picture"
fi
# proved CLAIM QUERY: fails unless the query says t
proved() { [ "$(sql -c "$2")" = t ] || die "it is not so that $1"; }

proved "with classes a daily run is overtaken by half as many as without, at most" "
  select 2 * max(overtaken) filter (where mode = 'classes')
      <= max(overtaken) filter (where mode = 'one class')
  from arrivals.run_order"
[ "$deadlines" = kept ] || exit 0
proved "with classes each daily run is in time" "
  select count(*) = 0 from arrivals.run_days
  where mode = 'classes' and kind = 'daily' and finished_at > due_at"
proved "in one class most of them are not" "
  select 2 * count(*) filter (where finished_at > due_at) > count(*)
  from arrivals.run_days
  where mode = 'one class' and kind = 'daily' and outcome = 'succeeded'"
