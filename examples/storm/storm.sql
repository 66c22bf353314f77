-- Retries that multiply load, and do not with a budget.
--
--   psql -f examples/storm/storm.sql
--
-- 300 tasks call something that is down.  With four retries each that makes 1500
-- calls: the retries of all clients together are five times the load, just when
-- it can bear the least, and at the end every task is in the dead letters.  A
-- retry budget allows retries for a tenth of the first attempts.  The others
-- wait, visibly, and have their attempts left when it is mended.

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists storm cascade;
create schema storm;

create table storm.backend (up boolean not null);
insert into storm.backend values (false);
create function storm.call() returns void
language plpgsql
as $$
begin
    if not (select up from storm.backend) then
        raise exception using
            errcode = 'connection_failure',
            message = 'the backend is down';
    end if;
end;
$$;

create procedure storm.await(query text)
language plpgsql
as $$
declare
    done boolean;
begin
    loop
        execute query into done;
        exit when done;
        commit;
    end loop;
end;
$$;

create procedure storm.queue(name text, retry_budget text)
language plpgsql
as $$
begin
    if not exists (select from weir.queues q where q.name = queue.name) then
        perform weir.create_queue(name, 'adhoc', capacity => 1000);
    end if;
    perform weir.alter_queue(name, policy => format('{
        "max_attempts": 5, "backoff_base": 0.05, "backoff_cap": 0.2,
        "retry_budget": %s}', retry_budget)::jsonb);
end;
$$;
call storm.queue('storm_free', 'false');
call storm.queue('storm_budget', '{"ratio": 0.1, "window": "10 minutes", "floor": 3}');

-- what was before, if this is not the first time
create table storm.since as
select coalesce(max(task_id), 0) as task_id from weir.runs;

create table storm.result (
    queue text primary key,
    tasks int8,
    calls int8,                     -- while the backend was down
    dead int8,
    waiting int8);                  -- for the budget
create procedure storm.note(which text)
language sql
as $$
    insert into storm.result
    select which, count(distinct r.task_id), count(*), count(*) filter (where r.final),
           (select count(*) from weir.waiting w where w.queue = which and w.cause = 'budget')
    from weir.runs r where r.queue = which and r.task_id > (select s.task_id from storm.since s);
$$;

\o /dev/null
select weir.enqueue_many('select storm.call()', (select jsonb_agg('[]'::jsonb) from generate_series(1, 300)),
                         queue => q)
from unnest('{storm_free,storm_budget}'::text[]) q;
select weir.drain('storm_free', interval '2 minutes');
call storm.note('storm_free');
call storm.await($$
    select b.waiting > 0 and q.blocked = q.depth
    from weir.retry_budgets b join weir.queues q on q.name = b.name
    where b.kind = 'queue' and b.name = 'storm_budget'$$);
call storm.note('storm_budget');
\o

\pset footer off
\echo While the backend is down:
select queue, tasks, calls, round(calls::numeric / tasks, 2) as load_factor, dead, waiting
from storm.result order by queue desc;
\echo Each of those that wait says why:
select distinct cause, holder from weir.waiting where queue = 'storm_budget';

-- It is mended, and the budget is lifted.
update storm.backend set up = true;
\o /dev/null
call storm.queue('storm_budget', 'false');
select weir.drain('storm_budget', interval '2 minutes');
\o
create table storm.mended as
select r.queue, count(*) filter (where r.outcome = 'succeeded') as succeeded
from weir.runs r, storm.since s
where r.queue in ('storm_free', 'storm_budget') and r.task_id > s.task_id group by r.queue;
\echo When it is mended:
select * from storm.mended order by queue desc;
