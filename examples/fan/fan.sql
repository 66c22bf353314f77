-- 100 tasks of 50 to 80 ms, at most 10 at once: start them all, wait for them
-- all, collect what they returned.
--
--   psql -f examples/fan/fan.sql
--
-- In a program this is a thread pool and a semaphore.  Here the limit is a
-- property of the queue, so it holds for all sessions together, and what has
-- not been collected yet survives the client.

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists fan cascade;
create schema fan;

-- The work: wait for something outside, such as an API, and bring its answer.
create function fan.work(n int) returns int
language plpgsql
as $$
begin
    perform pg_sleep((50 + n * 7 % 31) / 1000.0);    -- the sleep is the work
    return n * n;
end;
$$;

select exists (select from weir.queues where name = 'fan') as there \gset
\if :there
\else
    \o /dev/null
    select weir.create_queue('fan', 'adhoc', capacity => 1000,
                             max_running => 10);
    \o
\endif
select current_setting('weir.max_workers')::int < 10 as few,
       current_setting('weir.max_workers') as workers \gset
\if :few
    \echo weir.max_workers is :workers: fewer than 10 tasks can run at once.
\endif

select clock_timestamp() as began \gset

-- One call, one transaction, one range of ids.
select first_id, last_id
from weir.enqueue_many('select fan.work($1)',
                       args => (select jsonb_agg(jsonb_build_array(n))
                                from generate_series(1, 100) n),
                       queue => 'fan') \gset

-- Waiting does not poll: each call returns when its task has ended.
create table fan.ended as
select id as task_id, w.outcome
from generate_series(:first_id, :last_id) id,
     lateral weir.wait(id, interval '1 minute') w;

select clock_timestamp() as ended \gset

create table fan.answer as
select t.task_id, (t.args ->> 0)::int as n, weir.result(t.task_id) as answer
from weir.tasks t
where t.task_id between :first_id and :last_id;

-- How many were at work at once, from the ledger: a sweep over the starts and
-- the ends of the runs.
create table fan.overlap as
select max(running) as at_once
from (select sum(step) over (order by at, step
                             rows unbounded preceding) as running
      from weir.runs r,
           lateral (values (r.started_at, 1), (r.finished_at, -1)) e (at, step)
      where r.task_id between :first_id and :last_id) s;

create table fan.report as
select count(*) filter (where e.outcome = 'succeeded') as succeeded,
       count(a.answer) as answers,
       (select at_once from fan.overlap) as most_at_once,
       round(sum(50 + a.n * 7 % 31) / 1000.0, 2) as seconds_of_work,
       round(sum(50 + a.n * 7 % 31) / 10000.0, 2) as best_with_10,
       round(extract(epoch from timestamptz :'ended' - :'began'), 2)
       as seconds
from fan.ended e
join fan.answer a using (task_id);

\pset footer off
select * from fan.report;
select n, answer from fan.answer where n % 20 = 0 order by n;
