-- Circuit breakers of named resources: states, probes, what counts, who waits, what is refused.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
\i :here/sql/include/await.sql
-- The remote side: it answers, or fails with an SQLSTATE.
create table remote (state text);
insert into remote values ('08006');
create function ask() returns text language plpgsql as $$
declare
    s text := (select state from remote);
begin
    if s <> '' then
        raise exception using errcode = s, message = 'no answer';
    end if;
    return 'answer';
end $$;
create function pg_temp.state() returns text language sql as $$
    select concat_ws(' ', state, calls, failures, probing) from weir.breakers where resource = 'remote'
$$;
create view breaker_events as
    select detail ->> 'from' as "from", detail ->> 'state' as state, detail ->> 'calls' as calls, detail ->> 'failures' as failures,
           detail ? 'until' as until from weir.events where kind = 'breaker' and detail ->> 'resource' = 'remote' order by event_id;
select weir.create_queue('br', max_running => 1, policy => '{"max_attempts": 1}');

-- Five failures in ten seconds open it; the others wait, and are told until when.
select weir.cap_resource('remote', breaker => '{"wait_duration_in_open_state": "1 hour"}');
select kind, resource, slots, rate from weir.resources where resource = 'remote';
call pg_temp.await($$select state = 'closed' from weir.breakers where resource = 'remote'$$);
select pg_temp.state();
select first_id as first, last_id as last from weir.enqueue_many('select ask()', (select jsonb_agg('[]'::jsonb) from generate_series(1, 8)), queue => 'br', resources => '{remote}') \gset
call pg_temp.await($$select state = 'open' from weir.breakers where resource = 'remote'$$);
call pg_temp.await($$select running = 0 from weir.queues where name = 'br'$$);
select pg_temp.state();
select state, count(*) from weir.tasks where queue = 'br' group by 1 order by 1;
select distinct cause, holder, detail, eta > now() + '59 minutes' as told_when from weir.waiting where queue = 'br';
select next_start from weir.resources where resource = 'remote';
select * from breaker_events;

-- It is half open after a while: one failure opens it again.
select weir.cap_resource('remote', breaker => '{"failure_count_threshold": 3, "wait_duration_in_open_state": "50 ms"}');
select weir.set_breaker('remote', 'closed', 'try again');
select weir.drain('br', '30s');
select weir.enqueue_many('select ask()', '[[],[]]', queue => 'br', resources => '{remote}') is not null as enqueued;
select weir.drain('br', '30s');
select outcome, sqlstate, count(*) from weir.runs r where queue = 'br' group by 1, 2;

-- And one success closes it.
update remote set state = '';
select weir.enqueue('select ask()', queue => 'br', resources => '{remote}') as id \gset
select outcome, result from weir.wait(:id, '30s');
call pg_temp.await($$select state = 'closed' from weir.breakers where resource = 'remote'$$);
call pg_temp.await($$select count(*) = 9 from breaker_events$$);
select "from", state, until from breaker_events;

-- A task with a deadline may be the probe.
update remote set state = '08006';
select weir.cap_resource('remote', breaker => '{"failure_count_threshold": 1, "wait_duration_in_open_state": "50 ms"}');
select weir.enqueue('select ask()', queue => 'br', resources => '{remote}') as opens \gset
select outcome from weir.wait(:opens, '30s');
call pg_temp.await($$select state in ('open', 'half_open') from weir.breakers where resource = 'remote'$$);
update remote set state = '';
select weir.enqueue('select ask()', queue => 'daily', deadline => now() + interval '1 hour', resources => '{remote}') as probe \gset
select outcome, result from weir.wait(:probe, '30s');
call pg_temp.await($$select state = 'closed' from weir.breakers where resource = 'remote'$$);

-- Failures of others do not count, nor those that are to be ignored, nor contention.
select weir.cap_resource('remote', breaker => '{"failure_count_threshold": 1, "record_sqlstates": ["08", "58030"], "ignore_sqlstates": ["08P01"], "wait_duration_in_open_state": "1 hour"}');
create procedure ask_with(state text) language plpgsql as $$
declare
    task bigint;
begin
    update remote set state = ask_with.state;
    task := weir.enqueue('select ask()', queue => 'br', resources => '{remote}', policy => '{"max_contention": 0}');
    commit;
    perform weir.wait(task, '30s');
    commit;
end $$;
call ask_with('P0001');
call ask_with('08P01');
call ask_with('40001');
call ask_with('58000');
select weir.enqueue('select 1/0', queue => 'br') as elsewhere \gset
select outcome from weir.wait(:elsewhere, '30s');
select pg_temp.state();
call ask_with('58030');
call pg_temp.await($$select state = 'open' from weir.breakers where resource = 'remote'$$);
select pg_temp.state();

-- By share, over the last calls.
update remote set state = '';
select weir.set_breaker('remote', 'closed');
select weir.cap_resource('remote', breaker => '{"failure_rate_threshold": 50, "minimum_number_of_calls": 4, "sliding_window_type": "count_based", "sliding_window_size": 4, "wait_duration_in_open_state": "1 hour"}');
call ask_with('');
call ask_with('');
call ask_with('');
call ask_with('08006');
call pg_temp.await($$select calls = 4 from weir.breakers where resource = 'remote'$$);
select pg_temp.state();
call ask_with('08006');
call pg_temp.await($$select state = 'open' from weir.breakers where resource = 'remote'$$);
select pg_temp.state();

-- Slow calls.
select weir.set_breaker('remote', 'closed');
select weir.cap_resource('remote', breaker => '{"slow_call_duration_threshold": "1 ms", "slow_call_rate_threshold": 100, "minimum_number_of_calls": 1, "wait_duration_in_open_state": "1 hour"}');
update remote set state = '';
select weir.enqueue('select pg_sleep(0.02)', queue => 'br', resources => '{remote}') as id \gset
select outcome from weir.wait(:id, '30s');
call pg_temp.await($$select state = 'open' and slow_calls = 1 from weir.breakers where resource = 'remote'$$);

-- Held open, switched off, and back.
select weir.set_breaker('remote', 'forced_open', 'maintenance over there');
call pg_temp.await($$select state = 'forced_open' from weir.breakers where resource = 'remote'$$);
select weir.enqueue('select ask()', queue => 'br', resources => '{remote}') as held \gset
select cause, holder, detail, eta from weir.why_waiting(:held);
select weir.set_breaker('remote', 'disabled');
select outcome from weir.wait(:held, '30s');
call pg_temp.await($$select state = 'disabled' from weir.breakers where resource = 'remote'$$);
call ask_with('08006');
select pg_temp.state();
select weir.set_breaker('remote', 'closed');
call pg_temp.await($$select state = 'closed' from weir.breakers where resource = 'remote'$$);
select kind, detail, reason from weir.events where kind = 'set_breaker' order by event_id desc limit 3;

-- Those that wait can be ended at once instead.
select weir.cap_resource('remote', breaker => '{"on_open": "fail", "failure_count_threshold": 1, "wait_duration_in_open_state": "1 hour"}');
select first_id as first, last_id as last from weir.enqueue_many('select ask()', '[[],[],[]]', queue => 'br', resources => '{remote}') \gset
select weir.drain('br', '30s');
select outcome, final, charged, sqlstate, message, detail, hint, count(*) from weir.runs where task_id between :first and :last group by 1, 2, 3, 4, 5, 6, 7 order by 5;
select state, count(*) from weir.tasks where task_id between :first and :last group by 1;

-- Or another command takes their place, with the same arguments; the ledger
-- says so, and what it tells says nothing of the resource.
select weir.cap_resource('remote', breaker => '{"on_open": "fallback", "fallback": "select $1 || '' of yesterday'' as answer", "failure_count_threshold": 1, "wait_duration_in_open_state": "1 hour"}');
select weir.set_breaker('remote', 'closed');
call pg_temp.await($$select state = 'closed' from weir.breakers where resource = 'remote'$$);
update remote set state = '08006';
select weir.enqueue('select ask() || $1::text as answer', '["x"]', queue => 'br', resources => '{remote}') as opens \gset
select outcome from weir.wait(:opens, '30s');
call pg_temp.await($$select state = 'open' from weir.breakers where resource = 'remote'$$);
select weir.enqueue('select ask() || $1::text as answer', '["value"]', queue => 'br', resources => '{remote}') as instead \gset
select weir.enqueue('select ask() as answer', queue => 'br', resources => '{remote}') as few \gset
select outcome, result, fallback from weir.wait(:instead, '30s');
select outcome, sqlstate, message, detail, fallback from weir.wait(:few, '30s');
select pg_temp.state();
select t.command, r.outcome, r.fallback from weir.runs r join weir.tasks t using (task_id) where task_id in (:opens, :instead) order by task_id;
-- its mode is that of the task
select weir.enqueue('select ask() || $1::text as answer', '["again"]', queue => 'br', resources => '{remote}', mode => 'autocommit') as single \gset
select outcome, result, fallback is not null as fallback from weir.wait(:single, '30s');
-- the next one after the time is the probe, and closes it
select weir.cap_resource('remote', breaker => '{"on_open": "fallback", "fallback": "select 1", "failure_count_threshold": 1, "wait_duration_in_open_state": "1 ms"}');
select weir.set_breaker('remote', 'closed');
select weir.enqueue('select ask()', queue => 'br', resources => '{remote}') as opens \gset
select outcome from weir.wait(:opens, '30s');
update remote set state = '';
call pg_temp.await($$select half_open_at < clock_timestamp() from weir.breakers where resource = 'remote'$$);
select weir.enqueue('select ask()', queue => 'br', resources => '{remote}') as probe \gset
select outcome, fallback from weir.wait(:probe, '30s');
call pg_temp.await($$select state = 'closed' from weir.breakers where resource = 'remote'$$);
-- what is executed as a role is said by who has its rights
create role regress_br login;
grant select on remote to regress_br;
select weir.grant_queue('br', 'regress_br'), weir.grant_resource('remote', 'regress_br');
select weir.set_breaker('remote', 'forced_open');
call pg_temp.await($$select state = 'forced_open' from weir.breakers where resource = 'remote'$$);
set role regress_br;
select weir.enqueue('select 2', queue => 'br', resources => '{remote}') as id \gset
reset role;
select outcome, result, fallback from weir.wait(:id, '30s');
create role regress_br_owner;
update weir.resource set owner = 'regress_br_owner'::regrole, owner_name = 'regress_br_owner' where name = 'remote';
select weir.cap_resource('remote', breaker => '{"on_open": "fallback", "fallback": "select 3", "wait_duration_in_open_state": "1 hour"}');
set role regress_br;
select weir.enqueue('select 2', queue => 'br', resources => '{remote}') as id \gset
select breaker from weir.breakers where resource = 'remote';
reset role;
select outcome, sqlstate, message, detail from weir.wait(:id, '30s');
update weir.resource set owner = current_user::regrole, owner_name = current_user where name = 'remote';
select weir.revoke_queue('br', 'regress_br'), weir.revoke_resource('remote', 'regress_br');
revoke select on remote from regress_br;
drop role regress_br, regress_br_owner;

-- Each resource of a template has its own.
update remote set state = '08006';
select weir.cap_resource('host:*', breaker => '{"failure_count_threshold": 1, "wait_duration_in_open_state": "1 hour"}');
select weir.enqueue('select ask()', queue => 'br', resources => '{host:a}') as a \gset
select outcome from weir.wait(:a, '30s');
call pg_temp.await($$select state = 'open' from weir.breakers where resource = 'host:a'$$);
update remote set state = '';
select weir.enqueue('select ask()', queue => 'br', resources => '{host:b}') as b \gset
select outcome from weir.wait(:b, '30s');
select resource, state, template from weir.breakers where template is not null order by resource;

-- What is refused.
\pset tuples_only on
select pg_temp.refused(format($$select weir.cap_resource('x', breaker => '%s')$$, b)) from unnest(array[
    'true', '[]', '{"on_open": "fallback"}', '{"fallback": "select 1"}', '{"on_open": "fallback", "fallback": 1}', '{"on_open": "fallback", "fallback": "selec 1"}', '{"on_open": "fallback", "fallback": "listen x"}', '{"on_open": "other"}', '{"failure_rate_threshold": 0}', '{"failure_rate_threshold": 101}', '{"failure_count_threshold": 1.5}',
    '{"sliding_window_type": "other"}', '{"sliding_window_type": "count_based", "sliding_window_size": 1001}', '{"sliding_window_size": 0}',
    '{"wait_duration_in_open_state": 5}', '{"wait_duration_in_open_state": "0 s"}', '{"wait_duration_in_open_state": "x"}', '{"permitted_calls_in_half_open": 0}',
    '{"slow_call_rate_threshold": 50}', '{"record_sqlstates": "08"}', '{"record_sqlstates": [8]}', '{"ignore_sqlstates": ["080"]}', '{"retries": 1}']) b;
select pg_temp.refused(c) from unnest(array[
    $$select weir.cap_resource('x')$$,
    $$select weir.set_breaker('remote', 'open')$$,
    $$select weir.set_breaker('remote', null)$$,
    $$select weir.set_breaker('nowhere', 'closed')$$,
    $$select weir.set_breaker('host:a', 'closed')$$]) c;
select weir.cap_resource('plain', 1);
select pg_temp.refused($$select weir.set_breaker('plain', 'closed')$$);
\pset tuples_only off

select weir.uncap_resource('plain'), weir.uncap_resource('host:*'), weir.uncap_resource('remote');
select * from weir.breakers;
select weir.drop_queue('br');
drop view breaker_events;
drop procedure ask_with(text);
drop function ask();
drop table remote;
