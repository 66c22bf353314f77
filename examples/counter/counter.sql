-- Eight workers add to one counter, with the race and without it.
--
--   psql -f examples/counter/counter.sql
--
-- The tasks read the counter, compute, and write it in separate statements, as
-- programs do.  In READ COMMITTED nothing stops two of them from reading the
-- same value: one of the additions is lost, and no error tells of it.

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists counter cascade;
create schema counter;

create table counter.counter (value int not null);
insert into counter.counter values (0);

-- add: between its read and its write it passes a gate, which is an advisory
-- lock.  While somebody holds the gate, every task stops there with the value
-- that it has read: so the race is sure to happen, not only likely.
create function counter.add() returns int
language plpgsql
as $$
declare
    v int;
begin
    select value into v from counter.counter;
    perform pg_advisory_xact_lock_shared(8720, 1);
    v := v + 1;
    update counter.counter set value = v;
    return v;
end;
$$;

create table counter.report (
    n int generated always as identity, how text, additions int, value int,
    lost int generated always as (additions - value) stored,
    most_at_once int);

-- at_once: most runs at work at once, from the ledger.
create function counter.at_once(first_id bigint, last_id bigint) returns int
language sql stable
as $$
    select max(running)::int
    from (select sum(step) over (order by at, step
                                 rows unbounded preceding) as running
          from weir.runs r,
               lateral (values (r.started_at, 1),
                               (r.finished_at, -1)) e (at, step)
          where r.task_id between first_id and last_id) s;
$$;

-- With the race: as many tasks as can run, and they all meet at the gate.
select least(8, current_setting('weir.max_workers')::int) as tasks \gset
\o /dev/null
select pg_advisory_lock(8720, 1);
\o
select first_id, last_id
from weir.enqueue_many('select counter.add()',
                       args => (select jsonb_agg('[]'::jsonb)
                                from generate_series(1, :tasks))) \gset

select set_config('counter.tasks', :'tasks', false) as ignored \gset
do $$
declare
    give_up timestamptz := clock_timestamp() + interval '1 minute';
begin
    while (select count(*) from pg_locks
           where locktype = 'advisory' and classid = 8720 and objid = 1
             and not granted and database = (select oid from pg_database
                                             where datname =
                                                   current_database()))
          < current_setting('counter.tasks')::int
    loop
        if clock_timestamp() > give_up then
            raise exception 'the tasks did not come to the gate in a minute';
        end if;
        perform pg_sleep(0.01);
    end loop;
end;
$$;

\o /dev/null
select pg_advisory_unlock(8720, 1);
select w.outcome
from generate_series(:first_id, :last_id) id,
     lateral weir.wait(id, interval '1 minute') w;
\o
insert into counter.report (how, additions, value, most_at_once)
select 'no cap', :tasks, value, counter.at_once(:first_id, :last_id)
from counter.counter;

-- Without it: the same function, but one slot on the table.  A task gets its
-- slot before its first snapshot and gives it back with its commit, so it sees
-- what the one before it has written.  The gate is open.
update counter.counter set value = 0;
\o /dev/null
select weir.cap_table('counter.counter', slots => 1);
\o
select first_id, last_id
from weir.enqueue_many('select counter.add()',
                       args => (select jsonb_agg('[]'::jsonb)
                                from generate_series(1, 200)),
                       tables => '{counter.counter}') \gset
\o /dev/null
select w.outcome
from generate_series(:first_id, :last_id) id,
     lateral weir.wait(id, interval '1 minute') w;
\o
insert into counter.report (how, additions, value, most_at_once)
select 'one slot', 200, value, counter.at_once(:first_id, :last_id)
from counter.counter;

\pset footer off
select how, additions, value, lost, most_at_once
from counter.report order by n;
