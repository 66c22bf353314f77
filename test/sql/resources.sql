-- Named resources: cap_resource, resources in enqueue, acquire_resource, rates, retry_after, templates.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
create function refused(command text) returns text language sql as $$
    select regexp_replace(pg_temp.refused(command), 'processes: [0-9, ]+', 'processes: N')
$$;
\i :here/sql/include/await.sql
create view res as select kind, resource, slots, reserved, used, rate, per, burst, template from weir.resources order by kind, resource;
create view causes as select row_number() over (order by task_id) as task, cause,
    regexp_replace(holder, '\d+', 'N') as holder, regexp_replace(detail, '\d+ of', 'N of') as detail from weir.waiting w order by 1;
create table res_t (task_id bigint);
select weir.create_queue('res', capacity => 1000, policy => '{"backoff_base": 0.01}');

-- Defined, changed, removed.
select coalesce(max(event_id), 0) as before from weir.events \gset
select weir.cap_resource('api', slots => 2);
select weir.cap_resource('mail', rate => 100, per => '1 minute', burst => 5);
select weir.cap_resource('both', slots => 4, reserved => 1, rate => 0.5);
select weir.cap_resource('tenant:*', slots => 1);
select weir.cap_resource('tenant:big:*', slots => 3);
call pg_temp.await('select count(*) = 5 from weir.resources');
select * from res;
select weir.cap_resource('api', slots => 1);
select weir.uncap_resource('mail');
select weir.uncap_resource('mail');
select weir.uncap_resource('both');
select * from res;
select kind, detail from weir.events where event_id > :before order by event_id;
\pset tuples_only on
select refused(c) from unnest(array[
    $$select weir.cap_resource(null, 1)$$,
    $$select weir.cap_resource('', 1)$$,
    $$select weir.cap_resource('*', 1)$$,
    $$select weir.cap_resource('a*b', 1)$$,
    $$select weir.cap_resource('a**', 1)$$,
    $$select weir.cap_resource(repeat('x', 64), 1)$$,
    $$select weir.cap_resource('x')$$,
    $$select weir.cap_resource('x', 0)$$,
    $$select weir.cap_resource('x', 65)$$,
    $$select weir.cap_resource('x', 2, 3)$$,
    $$select weir.cap_resource('x', 2, -1)$$,
    $$select weir.cap_resource('x', reserved => 1, rate => 1)$$,
    $$select weir.cap_resource('x', rate => 0)$$,
    $$select weir.cap_resource('x', rate => -1)$$,
    $$select weir.cap_resource('x', rate => 'nan')$$,
    $$select weir.cap_resource('x', rate => 'infinity')$$,
    $$select weir.cap_resource('x', rate => 1e7)$$,
    $$select weir.cap_resource('x', rate => 1e-9)$$,
    $$select weir.cap_resource('x', rate => 1, per => '0')$$,
    $$select weir.cap_resource('x', rate => 1, per => '-1 s')$$,
    $$select weir.cap_resource('x', rate => 1, per => '1000 years')$$,
    $$select weir.cap_resource('x', rate => 1, burst => 0)$$,
    $$select weir.cap_resource('x', rate => 1, burst => 100001)$$,
    $$select weir.cap_resource('x', 1, burst => 1)$$,
    $$select weir.grant_resource('missing', 'public')$$,
    $$select weir.grant_resource('tenant:1', 'public')$$,
    $$select weir.grant_resource('api', 'no such role')$$,
    $$select weir.grant_resource('api', null)$$,
    $$select weir.revoke_resource('missing', 'public')$$,
    $$select weir.acquire_resource('missing')$$,
    $$select weir.acquire_resource('tenant:*')$$,
    $$select weir.acquire_resource(null)$$,
    $$select weir.acquire_resource('tenant:' || repeat('x', 60))$$,
    $$select weir.try_acquire_resource('missing')$$,
    $$select weir.acquire_resource('api', '-1 s')$$,
    $$select weir.enqueue('select 1', resources => '{missing}')$$,
    $$select weir.enqueue('select 1', resources => '{tenant:*}')$$,
    $$select weir.enqueue('select 1', resources => '{null}')$$,
    $$select weir.enqueue('select 1', resources => '{""}')$$,
    $$select weir.enqueue('select 1', tables => '{res_t}',
        resources => array(select 'tenant:' || i from generate_series(1, 8) i))$$,
    $$select weir.retry_after('api', '1 s')$$]) c;
\pset tuples_only off
-- rolled back, it was never there
begin;
select weir.cap_resource('gone', 1);
select weir.try_acquire_resource('gone');
rollback;
select refused($$select weir.try_acquire_resource('gone')$$);

-- A slot, held by a task: the next one waits, and so does a session.
select pg_advisory_lock(1);
select weir.enqueue('select pg_advisory_xact_lock(1)', queue => 'res', resources => '{api,api}') as holder \gset
call pg_temp.await('select count(task_id) = 1 from weir.slots');
select weir.enqueue('insert into res_t select weir.current_task()', queue => 'res', resources => '{api}') as waiter \gset
select resource, kind, slot, task_id = :holder as holder from weir.slots where resource = 'api';
call pg_temp.await('select blocked = 1 from weir.queues where name = ''res''');
select * from causes;
select weir.try_acquire_resource('api');
select refused($$select weir.acquire_resource('api', '10 ms')$$);
select pg_advisory_unlock(1);
select outcome from weir.wait(:waiter);
select resources from weir.tasks where task_id = :holder;
-- a session holds it, to the end of its transaction
begin;
select weir.acquire_resource('api');
select weir.acquire_resource('api');
select weir.try_acquire_resource('api');
select slot, pid = pg_backend_pid() as mine, task_id from weir.slots where resource = 'api';
commit;
select count(pid) from weir.slots;

-- Tables and resources: all or none, so what waits for one holds none of the others.
select weir.cap_table('res_t', 1);
select pg_advisory_lock(1);
select weir.enqueue('select pg_advisory_xact_lock(1)', queue => 'res', resources => '{api}') as holder \gset
call pg_temp.await('select count(task_id) = 1 from weir.slots');
select weir.enqueue('insert into res_t select weir.current_task()', queue => 'res', tables => '{res_t}', resources => '{tenant:1,api}') as waiter \gset
call pg_temp.await('select blocked = 1 from weir.queues where name = ''res''');
select weir.enqueue('insert into res_t select weir.current_task()', queue => 'res', tables => '{res_t}', resources => '{tenant:1}') as other \gset
select outcome from weir.wait(:other);
select pg_advisory_unlock(1);
select outcome from weir.wait(:waiter);

-- A template: one cap for each name, the longest fits best; its own cap before that.
select pg_advisory_lock(1);
select weir.cap_resource('tenant:own', slots => 2);
select first_id as tenants from weir.enqueue_many('select pg_advisory_xact_lock_shared($1)', '[[1]]', queue => 'res', resources => '{tenant:a}') \gset
select weir.enqueue('select pg_advisory_xact_lock_shared(1)', queue => 'res', resources => array[r]) is not null from unnest('{tenant:a,tenant:b,tenant:big:1}'::text[]) r;
call pg_temp.await('select blocked = 1 from weir.queues where name = ''res''');
call pg_temp.await('select count(task_id) = 3 from weir.slots');
select * from res where resource in ('tenant:a', 'tenant:b', 'tenant:big:1');
select resource, count(*) as slots, count(task_id) as held from weir.slots where resource in ('tenant:a', 'tenant:b', 'tenant:big:1') group by 1 order by 1;
select pg_advisory_unlock(1);
select weir.drain('res', '30s');
-- what nobody uses any more is forgotten
create procedure await_forgotten() language plpgsql as $$
begin
    loop
        perform pg_reload_conf();
        exit when (select count(*) = 0 from weir.resources where template is not null);
        commit;
    end loop;
end $$;
call await_forgotten();
select * from res;
-- a template that is changed, or goes, is so for all that it stands for
select weir.enqueue('select 1', queue => 'res', resources => '{tenant:x}', run_at => now() + interval '1 day') as tomorrow \gset
select weir.cap_resource('tenant:*', slots => 2);
call pg_temp.await('select count(*) = 2 from weir.slots where resource = ''tenant:x''');
select weir.uncap_resource('tenant:*');
call pg_temp.await('select count(*) = 0 from weir.slots where resource = ''tenant:x''');
select refused($$select weir.try_acquire_resource('tenant:x')$$);
select weir.cancel(:tomorrow);

-- A rate: two at once, then one an hour, until that is changed.
select weir.cap_resource('hourly', rate => 1, per => '1 hour', burst => 2);
select first_id as rated from weir.enqueue_many('insert into res_t select weir.current_task() + 0 * $1::int', '[[0],[0],[0]]', queue => 'res', resources => '{hourly}') \gset
call pg_temp.await('select depth = 1 and blocked = 1 from weir.queues where name = ''res''');
select cause, holder, detail, eta between clock_timestamp() + '55 min' and clock_timestamp() + '60 min' as eta from weir.why_waiting(:rated + 2);
select next_start between clock_timestamp() + '55 min' and clock_timestamp() + '60 min' as next_start, paused_until, slots, used from weir.resources where resource = 'hourly';
select refused($$select weir.try_acquire_resource('hourly')$$);
select weir.cap_resource('hourly', rate => 1000, per => '1 second');
select outcome from weir.wait(:rated + 2);
-- an attempt that failed counts for the rate, too
select weir.cap_resource('once', rate => 1, per => '1 hour');
select weir.enqueue('select 1/0', queue => 'res', resources => '{once}', policy => '{"retry_permanent": true}') as failing \gset
call pg_temp.await('select count(*) = 1 from weir.waiting where cause = ''rate''');
select attempt, outcome from weir.runs where task_id = :failing;
select weir.cancel(:failing);
select weir.uncap_resource('once');

-- retry_after: the attempt ends, uncharged, whatever the command does.
create table res_tries (n int, what text);
create function ask(what text, delay interval) returns void language plpgsql as $$
begin
    if (select count(*) from weir.runs where task_id = weir.current_task()) = 0 then
        insert into res_tries values (1, what || ' was not rolled back');
        perform weir.retry_after('api', delay);
    end if;
    insert into res_tries values (2, what);
end $$;
create function swallow(what text) returns void language plpgsql as $$
begin
    perform ask(what, '0');
exception when query_canceled then
    null;
end $$;
select weir.enqueue($$select ask('plain', '0')$$, queue => 'res', resources => '{api}', max_attempts => 1) as plain \gset
select weir.enqueue($$select swallow('swallowed'); insert into res_tries values (3, 'swallowed')$$, queue => 'res', resources => '{api}', max_attempts => 1) as swallowed \gset
select weir.enqueue($$do 'begin perform swallow($q$autocommit$q$); commit; end'$$, mode => 'autocommit', queue => 'res', resources => '{api}', max_attempts => 1) as autocommit \gset
select outcome from weir.wait(:plain);
select outcome from weir.wait(:swallowed);
select outcome from weir.wait(:autocommit);
select task_id - :plain as task, attempt, outcome, charged, final, sqlstate, message, reason from weir.runs where task_id >= :plain order by 1, 2;
select * from res_tries order by 2, 1;
-- nobody else starts meanwhile, and it does not last longer than the cap
select weir.enqueue($$select ask('long', '1 year')$$, queue => 'res', resources => '{api}') as long \gset
call pg_temp.await('select paused_until is not null from weir.resources where resource = ''api''');
select weir.enqueue('select 1', queue => 'res', resources => '{api}') as paused \gset
call pg_temp.await('select blocked = 1 from weir.queues where name = ''res''');
select cause, holder = 'task ' || :long as holder, detail, eta between clock_timestamp() + '55 min' and clock_timestamp() + '70 min' as eta from weir.why_waiting(:paused);
select cause, eta between clock_timestamp() + '55 min' and clock_timestamp() + '61 min' as eta from weir.why_waiting(:long);
select weir.try_acquire_resource('api');
select refused($$select weir.acquire_resource('api', '10 ms')$$) ~ 'It is paused by task';
select paused_by = :long as by from weir.resources where resource = 'api';
select weir.cancel(:long);
select weir.uncap_resource('api');
select outcome from weir.wait(:paused);
-- refused
select weir.cap_resource('api', 1), weir.cap_resource('api2', 1);
select weir.enqueue(c, queue => 'res', resources => '{api}', max_attempts => 1) is not null as enqueued from unnest(array[
    $$select weir.retry_after('api2', '1 s')$$,
    $$select weir.retry_after('api', null)$$,
    $$select weir.retry_after(null, '1 s')$$,
    $$select weir.retry_after('api', '-1 s')$$]) c;
select weir.drain('res', '30s');
select sqlstate, message, detail from (select * from weir.runs order by task_id desc limit 4) r order by task_id;
-- capped after it was enqueued, it needs a slot all the same
select weir.pause('res');
select weir.cap_resource('late', rate => 1000);
select weir.enqueue('select count(*) from weir.slots where task_id = weir.current_task()', queue => 'res', resources => '{late}') as late \gset
select weir.cap_resource('late', slots => 1);
select weir.resume('res');
select result from weir.wait(:late);

-- In the end nothing is held.
select sum(used), sum(waiting_sessions), count(*) filter (where paused_until is not null) from weir.resources;

select weir.drain('res', '30s');
select weir.drop_queue('res');
select weir.uncap_table('res_t');
select bool_and(weir.uncap_resource(resource)) from weir.resources where kind <> 'table' and template is null;
drop view res, causes;
drop table res_t, res_tries;
drop function ask(text, interval), swallow(text), refused(text);
drop procedure await_forgotten();
