-- Tenants that share one server: one of them floods it, and the others do not
-- notice.
--
--   psql -f examples/tenants/tenants.sql
--
-- First, tenants that are roles.  They have limits: how many unfinished tasks a
-- role may have, how many of them run at once, and its share of the starts.
-- Then customers of one application, which all have the same role: what belongs
-- to a customer needs a resource of his name, and a template caps each of them.

\set ON_ERROR_STOP on
set client_min_messages = warning;
select current_setting('weir.max_workers')::int - 2 as at_once \gset

create extension if not exists pg_weir;
drop schema if exists tenants cascade;
create schema tenants;

-- What a tenant wants done: ten milliseconds of something.
create function tenants.work(n int) returns int
begin atomic
    select n from (select pg_sleep(0.01)) w;    -- the sleep is the work
end;
grant usage on schema tenants to public;

-- The roles, and one queue for both.  Two workers stay out of reach of the one
-- that floods.  Where both have tasks that could start the other one has three
-- starts to its one.
\o /dev/null
create role tenants_flood login;
create role tenants_calm login;
select weir.create_queue('tenants', capacity => 10000);
select weir.grant_queue('tenants', 'public');
select weir.limit_role('tenants_flood', max_queued => 1500, max_running => :at_once);
select weir.limit_role('tenants_calm', max_queued => 500, weight => 3);
\o

-- It submits as much as it can, and does not stop when it is refused.
create table tenants.flood as select 0 as accepted, 0 as rejected;
set role tenants_flood;
do $$
declare
    counts int[] := '{0, 0}';
    place int;
begin
    for i in 1..2000 loop
        select 1 + (outcome = 'rejected')::int into place
        from weir.try_enqueue('select tenants.work($1)', jsonb_build_array(i), queue => 'tenants');
        counts[place] := counts[place] + 1;
    end loop;
    perform set_config('tenants.counts', counts::text, false);
end $$;
reset role;
update tenants.flood set accepted = c[1], rejected = c[2]
from (select current_setting('tenants.counts')::int[]) s (c);

-- The other one has something to do now and then, and waits for it.
set role tenants_calm;
do $$
declare
    task_id bigint;
begin
    for i in 1..20 loop
        task_id := weir.enqueue('select tenants.work($1)', jsonb_build_array(i), queue => 'tenants');
        commit;
        perform weir.wait(task_id, interval '1 minute');
        commit;
    end loop;
end $$;
reset role;
create table tenants.left_then as
select count(*) as tasks from weir.tasks
where queue = 'tenants' and owner = 'tenants_flood' and state = 'ready';

\pset footer off
select accepted, rejected from tenants.flood;

\o /dev/null
select weir.drain('tenants', '1 minute');
\o
create table tenants.report as
select r.owner as tenant, count(*) as tasks,
       round(1000 * percentile_cont(0.5) within group (order by w.waited)::numeric) as waited_ms,
       round(1000 * max(w.waited)::numeric) as longest_ms
from weir.runs r join weir.tasks t using (task_id),
     lateral (select extract(epoch from r.started_at - t.enqueued_at)) w (waited)
where r.queue = 'tenants' group by r.owner;
select * from tenants.report order by tenant;

-- Customers of one role.  Two tasks of each run at a time, whoever he is; what
-- the first one submits beyond that waits, and is in nobody's way.
\o /dev/null
select weir.cap_resource('tenants.customer:*', slots => 2);
\o
create table tenants.customer as
select c.customer, b.first_id, b.last_id
from (values (1, 200), (2, 10), (3, 10), (4, 10)) c (customer, tasks),
     lateral weir.enqueue_many('select tenants.work($1)',
                               (select jsonb_agg(jsonb_build_array(i)) from generate_series(1, c.tasks) i),
                               queue => 'tenants', resources => array['tenants.customer:' || c.customer]) b;
\o /dev/null
select weir.drain('tenants', '1 minute');
\o

create table tenants.customers as
select c.customer, count(*) as tasks,
       round(1000 * extract(epoch from max(r.finished_at) - min(t.enqueued_at))) as done_after_ms
from tenants.customer c
join weir.runs r on r.task_id between c.first_id and c.last_id
join weir.tasks t using (task_id)
group by c.customer;
select * from tenants.customers order by customer;

-- How many tasks of a tenant or a customer ran at once, from the ledger: a sweep
-- over the starts and the ends of the runs.
create table tenants.overlap as
select who, max(running) as at_once
from (select coalesce('customer ' || c.customer, r.owner) as who,
             sum(step) over (partition by coalesce('customer ' || c.customer, r.owner)
                             order by at, step rows unbounded preceding) as running
      from weir.runs r
      left join tenants.customer c on r.task_id between c.first_id and c.last_id,
           lateral (values (r.started_at, 1), (r.finished_at, -1)) e (at, step)
      where r.queue = 'tenants') s
group by who;

\o /dev/null
select weir.unlimit_role('tenants_flood'), weir.unlimit_role('tenants_calm');
select weir.uncap_resource('tenants.customer:*');
select weir.drop_queue('tenants');
drop role tenants_flood;
drop role tenants_calm;
\o
