-- How many runs of a table were at work at once: read from pg_weir's ledger,
-- through its views alone.  Usable for any work, not only this example's.
--
--   arrivals.max_overlap()          one row per table that tasks declared
--   arrivals.at_work(table, time)   the runs at work on a table at a time

set client_min_messages = warning;

-- table_runs: the intervals [started_at, finished_at) of all runs, for each
-- table of their tasks, as far as they are known to have ended.
create or replace view arrivals.table_runs as
select rel.name as relation, r.task_id, r.attempt, r.outcome, r.worker_pid,
       r.started_at, r.finished_at
from weir.runs r
cross join lateral unnest(r.tables) rel (name)
where r.started_at is not null and r.finished_at is not null;

-- max_overlap: a sweep over starts and ends.  At the same instant the ends
-- come first, since the intervals are half-open; empty ones overlap nothing.
-- A run that ended before it started would make the count meaningless: such
-- are reported as "reversed".
create or replace function arrivals.max_overlap(
    since timestamptz default '-infinity',
    out relation text, out runs bigint, out max_overlap bigint,
    out reached_at timestamptz, out reversed bigint)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with edge as (
        select relation, started_at as at, 1 as step
        from arrivals.table_runs
        where finished_at > started_at and started_at >= since
        union all
        select relation, finished_at, -1
        from arrivals.table_runs
        where finished_at > started_at and started_at >= since
    ), level as (
        select relation, at,
               sum(step) over (partition by relation order by at, step
                               rows unbounded preceding) as overlap
        from edge
    ), top as (
        select distinct on (relation) relation, overlap, at
        from level
        order by relation, overlap desc, at
    )
    select r.relation, count(*), coalesce(max(top.overlap), 0),
           max(top.at), count(*) filter (where finished_at < started_at)
    from arrivals.table_runs r
    left join top using (relation)
    where started_at >= since
    group by r.relation;
$$;

-- at_work: to look at what a violation is made of.
create or replace function arrivals.at_work(relation text, at timestamptz)
returns setof arrivals.table_runs
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select *
    from arrivals.table_runs r
    where r.relation = at_work.relation
      and r.started_at <= at_work.at and at_work.at < r.finished_at
    order by r.started_at;
$$;

reset client_min_messages;
