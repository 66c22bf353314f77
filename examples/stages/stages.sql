-- 10,000 items through two stages: the first calls something outside, at most 50
-- at a time, 200 ms each and one retry; the second computes, as many at a time
-- as there are processors; and all of it is cancelled if it takes longer than
-- five minutes.
--
--   psql -v items=10000 -v within='5 minutes' -f examples/stages/stages.sql
--
-- An item goes on to its second stage when its own first one is done: no stage
-- waits for the slowest item of the one before.  How many are in flight at once
-- is also limited by weir.max_workers: an item that waits for an answer keeps a
-- process.

\set ON_ERROR_STOP on
set client_min_messages = warning;
\if :{?items}
\else
    \set items 10000
\endif
\if :{?within}
\else
    \set within '5 minutes'
\endif
\set cores `nproc`

create extension if not exists pg_weir;
drop schema if exists stages cascade;
create schema stages;

create table stages.fetched (item int primary key, body text);
create table stages.computed (item int primary key, hash text);
create table stages.report (succeeded int, failed int);
create sequence stages.calls;

-- The call: most take a millisecond or two.  Every hundredth hangs the first
-- time, and every thousandth always.
create function stages.fetch(item int) returns void
language plpgsql
as $$
declare
    first boolean := not exists (select from weir.runs
                                 where task_id = weir.current_task());
begin
    perform nextval('stages.calls');
    if item % 1000 = 0 or (item % 100 = 0 and first) then
        perform pg_sleep(10);           -- the sleep is the work
    end if;
    perform pg_sleep(item % 3 / 1000.0);
    insert into stages.fetched values (item, repeat('x', item % 100));
end;
$$;

create function stages.compute(item int) returns void
language sql
as $$
    insert into stages.computed
    select f.item, md5(string_agg(f.body || i, '' order by i))
    from stages.fetched f, generate_series(1, 100) i
    where f.item = compute.item group by f.item;
$$;

create function stages.collect() returns void
language sql
as $$
    insert into stages.report
    select count(*) filter (where outcome = 'succeeded'),
           count(*) filter (where outcome <> 'succeeded')
    from weir.group_runs() where key like 'compute %';
$$;

-- How many of a stage run at once is a property of its queue.
create procedure stages.stage(name text, at_once int)
language plpgsql
as $$
begin
    if exists (select from weir.queues q where q.name = stage.name) then
        perform weir.drop_queue(name);
    end if;
    perform weir.create_queue(name, 'adhoc', capacity => 100000, max_running => at_once);
end;
$$;
call stages.stage('fetch', 50);
call stages.stage('compute', :cores);

create function stages.submit(items int, within interval) returns bigint
language sql
as $$
    select weir.fan_out(
        tasks => (
            select jsonb_agg(t.task)
            from generate_series(1, items) i,
                 lateral (values
                    (jsonb_build_object(
                        'key', 'fetch ' || i, 'queue', 'fetch',
                        'command', 'select stages.fetch($1)', 'args', jsonb_build_array(i),
                        'timeout', '200 ms', 'max_attempts', 2,
                        'policy', jsonb_build_object('backoff_base', 0.1))),
                    (jsonb_build_object(
                        'key', 'compute ' || i, 'queue', 'compute',
                        'command', 'select stages.compute($1)', 'args', jsonb_build_array(i),
                        'after', jsonb_build_array('fetch ' || i)))) t (task)),
        collector => '{"command": "select stages.collect()"}',
        within => within,
        on_deadline => 'fail');
$$;

select clock_timestamp() as began \gset
select stages.submit(:items, :'within') as job \gset
select outcome from weir.wait(:job, :'within'::interval + interval '1 minute') \gset
\echo :items items: the job has :outcome

-- How many were in flight at once, from the ledger: a sweep over the starts and
-- the ends of the runs.
create table stages.overlap as
select queue, max(running) as at_once
from (select queue, sum(step) over (partition by queue order by at, step
                                    rows unbounded preceding) as running
      from weir.runs r,
           lateral (values (r.started_at, 1), (r.finished_at, -1)) e (at, step)
      where queue in ('fetch', 'compute') and at is not null) s
group by queue;

\pset footer off
select r.succeeded, r.failed, round(extract(epoch from clock_timestamp() - timestamptz :'began'), 1) as seconds
from stages.report r;
select * from stages.overlap order by queue desc;
