-- Does the replay end where the sequential load ends, and did it keep its
-- limits on the way?  Reads the ledger through pg_weir's views.  Prints a row
-- per claim, and raises an error when one of them does not hold.
--
--   psql -v slots=2 -f verify.sql         with -v brief=1 only the number of
--                                         claims, when all of them hold

\set ON_ERROR_STOP on
\if :{?slots}
\else
  \set slots 2
\endif
\if :{?brief}
\else
  \set brief 0
\endif
set client_min_messages = warning;

create temporary table claim (
    n int generated always as identity, claim text, holds boolean,
    evidence text);

-- The end state.

insert into claim (claim, holds, evidence)
select 'the facts equal those of the sequential load',
       d.digest = e.digest,
       case when d.digest = e.digest then d.digest
            else d.digest || ' instead of '
                 || coalesce(e.digest, 'nothing: no sequential load') end
from (select arrivals.digest() as digest) d
left join arrivals.expected e on true;

-- Each arrival once.

insert into claim (claim, holds, evidence)
select 'every arrival has one task, and every task an arrival',
       arrivals > 0 and without = 0 and extra = 0,
       format('%s arrivals, %s without a task, %s tasks too many',
              arrivals, without, extra)
from (select count(*) as arrivals, count(*) - count(s.seq) as without
      from arrivals.arrival
      left join arrivals.submitted s using (seq)) a,
     (select count(*) as extra
      from weir.tasks t
      where t.queue = 'arrivals'
        and t.enqueued_at >= (select started_at from arrivals.replay)
        and not exists (select from arrivals.submitted s
                        where s.task_id = t.task_id)) x;

create temporary table ended as
select s.seq, s.task_id, coalesce(r.n, 0) as successes,
       coalesce(d.n, 0) as dead_letters, coalesce(l.n, 0) as effects
from arrivals.submitted s
left join (select task_id, count(*) as n from weir.runs
           where outcome = 'succeeded' group by task_id) r using (task_id)
left join (select task_id, count(*) as n from weir.dead_letters
           group by task_id) d using (task_id)
left join (select seq, count(*) as n from arrivals.load_log
           group by seq) l using (seq);

insert into claim (claim, holds, evidence)
select 'every arrival has one succeeded run or one dead letter',
       bool_and(successes + dead_letters = 1),
       format('%s succeeded, %s dead letters, %s with neither, '
              '%s with more than one',
              sum(successes), sum(dead_letters),
              count(*) filter (where successes + dead_letters = 0),
              count(*) filter (where successes + dead_letters > 1))
from ended;

insert into claim (claim, holds, evidence)
select 'every success left its effect once, every dead letter none',
       bool_and(effects = successes),
       format('%s effects, %s lost, %s double', sum(effects),
              count(*) filter (where effects < successes),
              count(*) filter (where effects > successes))
from ended;

-- Refusals.

create temporary table refusal as
select s.seq, r.attempt, r.sqlstate, r.message,
       count(*) over (partition by s.seq) as attempts
from arrivals.submitted s
join weir.runs r using (task_id)
where r.sqlstate like '22%';

insert into claim (claim, holds, evidence)
select 'the dead letters are the refusals of the sequential load',
       count(*) filter (where not same) = 0,
       format('%s refused, %s differ%s', count(*),
              count(*) filter (where not same),
              ': ' || min(format('arrival %s: %s %s instead of %s %s', seq,
                                 got.sqlstate, got.message, want.sqlstate,
                                 want.message)) filter (where not same))
from (select e.seq, r.sqlstate, r.message
      from ended e
      left join refusal r using (seq)
      where e.dead_letters > 0) got
full join arrivals.sequential_refusal want using (seq),
lateral (select (got.sqlstate, got.message)
                is not distinct from (want.sqlstate, want.message)) c (same);

insert into claim (claim, holds, evidence)
select 'what was refused was not tried again',
       count(*) filter (where attempts > 1) = 0,
       format('%s refused, %s tried again', count(distinct seq),
              count(distinct seq) filter (where attempts > 1))
from refusal;

-- Limits.

create temporary table overlap as
select m.*
from arrivals.replay, lateral arrivals.max_overlap(since => started_at) m
where relation like '%arrivals.fact';

insert into claim (claim, holds, evidence)
select format('never more than %s runs at work on %s', :slots, relation),
       max_overlap <= :slots and reversed = 0,
       format('%s runs, at most %s at once%s', runs, max_overlap,
              case when reversed > 0
                   then format(', %s ended before they started', reversed)
              end)
from overlap;

-- Without any run there would be no claim about them.
insert into claim (claim, holds, evidence)
select 'the ledger has the runs, all of arrivals.fact',
       sum(runs) = (select count(*) from weir.runs r
                    join arrivals.submitted using (task_id)
                    where r.started_at is not null),
       format('%s runs', coalesce(sum(runs), 0))
from overlap;

insert into claim (claim, holds, evidence)
select 'the queue is empty', bool_and(depth = 0),
       format('depth %s', coalesce(min(depth)::text, 'unknown'))
from weir.queues
where name = 'arrivals';

insert into claim (claim, holds, evidence)
select 'no slot is held', count(*) = 0, format('%s held', count(*))
from weir.slots
where resource like '%arrivals.fact' and pid is not null;

select :brief <> 0 and count(*) filter (where holds is not true) = 0 as brief,
       count(*) filter (where holds is not true) > 0 as failed,
       count(*) as claims
from claim
\gset
\pset format aligned
\pset footer off
\pset tuples_only off
\if :brief
    \echo all :claims claims hold (verify.sql)
\else
    select case when holds then 'yes' else 'NO' end as holds, claim, evidence
    from claim order by n;
\endif

\pset format unaligned
\pset tuples_only on
select format('at work at that time: task %s attempt %s (%s) from %s to %s',
              w.task_id, w.attempt, w.outcome, w.started_at, w.finished_at)
from overlap m, lateral arrivals.at_work(m.relation, m.reached_at) w
where m.max_overlap > :slots;

\if :failed
    do $$ begin
        raise exception 'the replay does not hold what it claims'
            using detail = (select string_agg(claim, '; ' order by n)
                            from claim where holds is not true);
    end; $$;
\endif
reset client_min_messages;
