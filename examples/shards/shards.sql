-- Eight shards that answer within 50 to 400 ms, a deadline of 300 ms, and an
-- answer made of those that have come in time.
--
--   psql -f examples/shards/shards.sql
--
-- In a program this is a set of futures, a timer, and the question what becomes
-- of those that are still running when the answer is given.  Here they are
-- cancelled before it is, and the ledger says which.

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists shards cascade;
create schema shards;

create table shards.shard (
    name text primary key,
    ms int not null,                -- how long it takes to answer
    rows int not null);             -- what it answers
insert into shards.shard
select 'shard ' || i, 50 * i, 1000 + i from generate_series(1, 8) i;

-- Asks one shard.
create function shards.ask(which text) returns int
language plpgsql
as $$
declare
    s shards.shard;
begin
    select * into strict s from shards.shard where name = which;
    perform pg_sleep(s.ms / 1000.0);    -- the sleep is the work
    return s.rows;
end;
$$;

-- The answer: the sum over the shards that have come, and how many that are.
create table shards.answer (
    asked text primary key,
    total bigint,
    answered int not null,
    late text[]);
create function shards.collect(asked text) returns void
language sql
as $$
    insert into shards.answer
    select asked, sum((result -> 0 ->> 'rows')::int),
           count(*) filter (where outcome = 'succeeded'),
           array_agg(key order by key) filter (where outcome is distinct from 'succeeded')
    from weir.group_runs();
$$;

-- Asks all shards; the task that has the answer when it has ended.
create function shards.fan_out(asked text, within interval) returns bigint
language sql
as $$
    select weir.fan_out(
        tasks => (select jsonb_agg(jsonb_build_object(
                             'key', name, 'command', 'select shards.ask($1) as rows',
                             'args', jsonb_build_array(name), 'max_attempts', 1))
                  from shards.shard),
        collector => jsonb_build_object('command', 'select shards.collect($1)',
                                        'args', jsonb_build_array(asked)),
        within => within,
        on_deadline => 'partial');
$$;

-- First without a deadline: all of them answer.
select shards.fan_out('all', null) as all \gset
select outcome from weir.wait(:all, interval '1 minute');
-- Then with one.
select shards.fan_out('in time', '300 ms') as in_time \gset
select outcome from weir.wait(:in_time, interval '1 minute');

create table shards.run as
select g.key as shard, s.ms, g.outcome, r.finished_at - r.started_at as took
from weir.group_runs(:in_time) g
join shards.shard s on s.name = g.key
left join weir.runs r on r.task_id = g.task_id and r.final;

\pset footer off
select * from shards.answer order by asked;
select shard, ms, outcome from shards.run order by shard;
