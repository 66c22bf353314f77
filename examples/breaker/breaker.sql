-- An API that fails for a while, and a circuit breaker that leaves it alone.
--
--   psql -f examples/breaker/breaker.sql
--
-- Five failures within ten seconds open the breaker.  From then on nothing calls
-- the API but one probe every half second; the tasks wait, use up no attempts,
-- and say until when.  The first probe that is answered closes it again, and
-- everything goes on by itself.

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists breaker cascade;
create schema breaker;

-- The API: it answers, or it does not.  A failed attempt rolls back all that it
-- did, so calls are counted by a sequence.
create table breaker.api (up boolean not null);
insert into breaker.api values (true);
create sequence breaker.calls;
create function breaker.ask(item int) returns int
language plpgsql
as $$
begin
    perform nextval('breaker.calls');
    if not (select up from breaker.api) then
        raise exception using
            errcode = 'connection_failure',
            message = 'the API does not answer';
    end if;
    return 2 * item;
end;
$$;

-- Waits until a query says true.
create procedure breaker.await(query text)
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

\o /dev/null
select weir.cap_resource('quotes', breaker => '{
    "failure_count_threshold": 5, "sliding_window_size": 10,
    "wait_duration_in_open_state": "500 ms", "ramp_up": "2 seconds"}');
select exists (select from weir.queues where name = 'quotes') as there \gset
\if :there
\else
    select weir.create_queue('quotes', 'adhoc', capacity => 1000, max_running => 4,
                             policy => '{"max_attempts": 20, "backoff_base": 0.1}');
\endif
select coalesce(max(event_id), 0) as before from weir.events \gset

create function breaker.submit(first int, last int) returns int8
language sql
as $$
    select first_id
    from weir.enqueue_many('select breaker.ask($1) as price',
                           (select jsonb_agg(jsonb_build_array(i)) from generate_series(first, last) i),
                           queue => 'quotes', resources => '{quotes}');
$$;

-- While it answers.
select breaker.submit(1, 100) as first \gset
select weir.drain('quotes', interval '1 minute');

-- It fails.  Three probes find no answer before somebody mends it.
update breaker.api set up = false;
select breaker.submit(101, 200);
call breaker.await(format($$
    select count(*) >= 3 from weir.events
    where kind = 'breaker' and event_id > %s and detail ->> 'resource' = 'quotes'
    and detail ->> 'from' = 'half_open' and detail ->> 'state' = 'open'$$, :before));
create table breaker.waiting as
select w.cause, w.holder, count(*) as tasks from weir.waiting w
where w.queue = 'quotes' group by w.cause, w.holder;
update breaker.api set up = true;
select weir.drain('quotes', interval '1 minute');
\o

create table breaker.change as
select e.at, e.detail ->> 'from' as was, e.detail ->> 'state' as became
from weir.events e
where e.kind = 'breaker' and e.event_id > :before and e.detail ->> 'resource' = 'quotes';
create table breaker.result as
select count(distinct task_id) filter (where outcome = 'succeeded') as answered,
       count(*) filter (where outcome = 'failed') as failed,
       (select count(*) from breaker.change where was = 'half_open' and became = 'open') as probes_in_vain,
       max(attempt) as most_attempts
from weir.runs where task_id between :first and :first + 199;

\pset footer off
\echo What the breaker did:
select was, became from breaker.change order by at, was;
\echo While the API did not answer the others waited:
select cause, holder, tasks > 0 as some from breaker.waiting order by tasks desc limit 1;
\echo All were answered in the end:
select answered, failed <= 5 + 4 + probes_in_vain as few_calls_in_vain from breaker.result;

-- Where an old answer is better than none, a fallback takes the place of the
-- command; the ledger says which of the two was executed.
\o /dev/null
select weir.cap_resource('quotes', breaker => '{
    "failure_count_threshold": 5, "sliding_window_size": 10, "on_open": "fallback",
    "fallback": "select 2 * $1::int - 1 as price", "ramp_up": "0 s"}');
update breaker.api set up = false;
select breaker.submit(201, 300) as third \gset
select weir.drain('quotes', interval '1 minute');
\o
create table breaker.instead as
select count(*) filter (where outcome = 'succeeded' and fallback is not null) as with_fallback,
       count(*) filter (where outcome = 'succeeded' and fallback is null) as without
from weir.runs where task_id between :third and :third + 99;
\echo With a fallback nobody waits:
select * from breaker.instead;
\o /dev/null
select weir.uncap_resource('quotes');
\o
