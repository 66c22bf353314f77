#!/bin/bash
# The truth: all arrivals one after another, in order, in one session.
#
# Each arrival is a transaction of its own, as it is a task of its own in the
# replay.  What the parser refuses is noted in arrivals.sequential_refusal; the
# digest of the facts and the time go to arrivals.expected.
# shellcheck source=examples/arrivals/lib.sh
. "$(dirname "$0")/lib.sh"

sql <<'SQL'
truncate arrivals.fact, arrivals.day_version, arrivals.load_log,
         arrivals.sequential_refusal, arrivals.expected;

do $$
declare
    arrival int;
    began timestamptz := clock_timestamp();
    seconds numeric;
begin
    for arrival in select seq from arrivals.arrival order by seq loop
        begin
            perform arrivals.load(arrival);
        exception when data_exception then
            insert into arrivals.sequential_refusal (seq, sqlstate, message)
            values (arrival, sqlstate, sqlerrm);
        end;
        commit;
    end loop;
    seconds := extract(epoch from clock_timestamp() - began);
    insert into arrivals.expected (arrivals, facts, digest, seconds)
    select (select count(*) from arrivals.arrival),
           (select count(*) from arrivals.fact),
           arrivals.digest(), round(seconds, 2);
end;
$$;

select format('%s arrivals, %s facts, %s refused, %s s',
              e.arrivals, e.facts,
              (select count(*) from arrivals.sequential_refusal),
              e.seconds)
from arrivals.expected e;
SQL
