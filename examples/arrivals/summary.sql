-- What the demo did, for a reader.  "calm" is how long the replay took, in
-- seconds, before the one under chaos.

\pset tuples_only on
\pset format unaligned
set client_min_messages = warning;

create temporary table run as
select s.seq, r.task_id, r.outcome, r.final, r.sqlstate, r.message
from weir.runs r join arrivals.submitted s using (task_id);

select repeat('-', 72);
select format('files         %s for %s days: %s loaded, %s superseded by a '
              'newer version, %s refused',
              (select count(*) from arrivals.arrival),
              (select count(distinct (dataset, day)) from arrivals.arrival),
              count(*) filter (where outcome = 'loaded'),
              count(*) filter (where outcome = 'superseded'),
              (select count(*) from run
               where final and outcome <> 'succeeded'))
from arrivals.load_log;
select format('refused       arrival %s: %s %s', seq, sqlstate, message)
from run
where final and outcome <> 'succeeded'
order by seq
limit 10;
select format('attempts      %s: %s', sum(n),
              string_agg(n || ' ' || outcome, ', ' order by n desc))
from (select outcome, count(*) as n from run group by outcome) o;
select format('cap           %s: at most %s runs at once, cap %s',
              relation, max_overlap, :slots)
from arrivals.replay, lateral arrivals.max_overlap(since => started_at)
where relation like '%arrivals.fact';
select format('facts         %s rows of %s days, %s',
              count(*), count(distinct (dataset, day)),
              case when arrivals.digest() = (select digest
                                             from arrivals.expected)
                   then 'the same all three times'
                   else 'NOT the same all three times' end)
from arrivals.fact;
select format('time          %s s one after another, %s s with pg_weir, %s s '
              'with pg_weir under chaos',
              e.seconds, round(:calm, 2),
              round(extract(epoch from r.finished_at - r.started_at), 2))
from arrivals.expected e, arrivals.replay r;
