-- An outage of ten minutes and the return after it, a hundred times as fast.
--
--   psql -f examples/outage/outage.sql
--
-- Orders come in all the time, and each has to be told to a service outside.
-- That fails for a while.  The circuit breaker of the service leaves it alone
-- and asks now and then; the orders wait.  When it answers again they do not
-- come all at once: one is told at a time at first, then more and more.  The
-- ledger has it all, and is drawn at the end.

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists outage cascade;
create schema outage;

-- The service: how it does is a table.
create table outage.service (up boolean not null);
insert into outage.service values (true);
create table outage.told (order_id int primary key);

create function outage.tell(order_id int) returns void
language plpgsql
as $$
begin
    perform pg_sleep(0.02);             -- the sleep is the work
    if not (select up from outage.service) then
        raise exception using
            errcode = 'connection_failure',
            message = 'the service does not answer';
    end if;
    insert into outage.told values (order_id);
end;
$$;

-- What happened when, for the drawing.
create table outage.event (what text primary key, at timestamptz default clock_timestamp());

-- Whoever waits for something to become true.
create procedure outage.await(question text)
language plpgsql
as $$
declare
    answer boolean;
begin
    loop
        execute question into answer;
        exit when answer;
        commit;
        perform pg_sleep(0.02);
    end loop;
end;
$$;

-- A minute is 0.6 seconds here: the breaker asks each half minute, and
-- the return takes five minutes.
\o /dev/null
select weir.create_queue('orders', capacity => 10000,
    policy => '{"max_attempts": 100, "backoff_base": 0.1, "backoff_cap": 1, "retry_budget": false}');
select weir.cap_resource('service', slots => 6, breaker => '{
    "failure_count_threshold": 5,
    "wait_duration_in_open_state": "300 ms",
    "ramp_up": "3 s"}');

create procedure outage.orders(first int, last int)
language sql
as $$
    select weir.enqueue_many('select outage.tell($1)',
                             (select jsonb_agg(jsonb_build_array(i)) from generate_series(first, last) i),
                             queue => 'orders', resources => '{service}');
$$;

-- A minute of good weather.
call outage.orders(1, 100);
select weir.drain('orders', '1 minute');

-- Ten minutes in which nothing is answered, and orders come in.
update outage.service set up = false;
insert into outage.event values ('down');
call outage.orders(101, 1000);
call outage.await($$select state = 'open' from weir.breakers where resource = 'service'$$);
insert into outage.event values ('breaker open');
select pg_sleep(6);                     -- the outage
create table outage.waiting as
select cause, count(*) as tasks from weir.waiting where queue = 'orders' group by cause;

-- It is back, and nobody has to do anything.
update outage.service set up = true;
insert into outage.event values ('up');
call outage.await($$select state = 'closed' from weir.breakers where resource = 'service'$$);
insert into outage.event values ('breaker closed');
select weir.drain('orders', '1 minute');
call outage.await($$select detail ->> 'state' = 'ended' from weir.events where kind = 'ramp' order by event_id desc limit 1$$);
\o

create view outage.run as
select r.started_at, r.finished_at, r.outcome,
       extract(epoch from r.started_at - (select at from outage.event where what = 'down')) / 0.6 as minute
from weir.runs r
where r.queue = 'orders' and r.started_at is not null;

-- The starts of each minute; no breaker lets all of them go at once.
create table outage.rate as
select m as minute,
       count(r.started_at) as starts,
       count(*) filter (where r.outcome <> 'succeeded') as failed,
       (select string_agg(e.what, ', ' order by e.at) from outage.event e
        where floor(extract(epoch from e.at - (select at from outage.event where what = 'down')) / 0.6) = m) as event
from generate_series(-1, (select floor(max(minute))::int from outage.run)) m
left join outage.run r on floor(r.minute) = m
group by m;

\pset footer off
\echo What the orders waited for during the outage:
select * from outage.waiting order by tasks desc;
\echo Minutes from the beginning of the outage, starts in each, and how many of them failed:
select minute, starts, failed, repeat('#', ceil(starts / 4.0)::int) as release, event
from outage.rate order by minute;
