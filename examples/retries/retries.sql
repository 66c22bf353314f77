-- A queue worker with retries and dead letters.
--
--   psql -f examples/retries/retries.sql
--
-- What becomes of a failed task follows from its SQLSTATE: contention is tried
-- again at once, an outage with growing delays, and what cannot succeed by
-- being repeated goes to the dead letters, where it stays until somebody has
-- mended the cause and calls weir.retry().

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists retries cascade;
create schema retries;

-- The world outside, which the example breaks and mends.
create table retries.world (divisor int not null, remote_up boolean not null);
insert into retries.world values (0, false);
create table retries.sent (what text not null);

-- A failed attempt rolls back all that it did, so what counts the attempts
-- has to be something that does not roll back: a sequence.
create sequence retries.contended_try;
create sequence retries.remote_try;

-- contended: loses against others twice.
create function retries.contended() returns bigint
language plpgsql
as $$
declare
    try bigint := nextval('retries.contended_try');
begin
    insert into retries.sent values ('contended');
    if try <= 2 then
        raise exception using
            errcode = 'serialization_failure',
            message = format('somebody else was faster (try %s)', try);
    end if;
    return try;
end;
$$;

-- remote: the other side does not answer twice.
create function retries.remote() returns bigint
language plpgsql
as $$
declare
    try bigint := nextval('retries.remote_try');
begin
    insert into retries.sent values ('remote');
    if try <= 2 then
        raise exception using
            errcode = 'connection_failure',
            message = format('the other side does not answer (try %s)', try);
    end if;
    return try;
end;
$$;

-- outage: the other side does not answer before somebody mends it.
create function retries.outage() returns text
language plpgsql
as $$
begin
    insert into retries.sent values ('outage');
    if not (select remote_up from retries.world) then
        raise exception using
            errcode = 'connection_failure',
            message = 'the other side is down';
    end if;
    return 'sent';
end;
$$;

-- broken: a mistake in the data, which no repetition mends.
create function retries.broken() returns int
language plpgsql
as $$
begin
    insert into retries.sent values ('broken');
    return 100 / (select divisor from retries.world);
end;
$$;

select exists (select from weir.queues where name = 'retries') as there \gset
\if :there
\else
    \o /dev/null
    select weir.create_queue('retries', 'adhoc', capacity => 1000);
    \o
\endif

select weir.enqueue('select retries.contended()', queue => 'retries',
                    max_attempts => 3) as contended,
       weir.enqueue('select retries.remote()', queue => 'retries',
                    max_attempts => 3) as remote,
       weir.enqueue('select retries.outage()', queue => 'retries',
                    max_attempts => 2) as outage,
       weir.enqueue('select retries.broken()', queue => 'retries',
                    max_attempts => 3) as broken \gset

create table retries.task (name text primary key, task_id bigint);
insert into retries.task
values ('contended', :contended), ('remote', :remote), ('outage', :outage),
       ('broken', :broken);

\o /dev/null
select w.outcome
from retries.task t, lateral weir.wait(t.task_id, interval '1 minute') w;
\o

\pset footer off
\echo Every attempt is in the ledger:
select t.name, r.attempt, r.outcome, r.sqlstate, r.message
from retries.task t
join weir.runs r using (task_id)
order by t.task_id, r.attempt;

\echo What could not be done is in the dead letters:
create table retries.dead as
select t.name from retries.task t join weir.dead_letters using (task_id);
select name from retries.dead order by name;

-- Mend the causes, and bring the dead letters back.
update retries.world set divisor = 4, remote_up = true;
\o /dev/null
select weir.retry(task_id) from weir.dead_letters where queue = 'retries';
select w.outcome
from retries.task t, lateral weir.wait(t.task_id, interval '1 minute') w;
\o

\echo After the cause is mended and weir.retry() was called:
-- A run without a start is the note that a dead letter was brought back.
create table retries.outcome as
select t.name, count(r.started_at) as attempts,
       count(*) filter (where r.outcome = 'succeeded') as succeeded,
       (select count(*) from retries.sent s where s.what = t.name) as effects
from retries.task t
join weir.runs r using (task_id)
group by t.name;
select * from retries.outcome order by name;
