-- Limits of roles: unfinished tasks, tasks that run, shares.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '120s';

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
\i :here/sql/include/await.sql

create role weir_tenant login;
create role weir_other login;
select weir.create_queue('tenants');
select weir.grant_queue('tenants', 'public');
select weir.pause('tenants');

-- What was enqueued before the limit counts.
set role weir_tenant;
select weir.enqueue('select 1', queue => 'tenants') as first \gset
reset role;
select weir.limit_role('weir_tenant', max_queued => 3, max_running => 2, weight => 2.5);
call pg_temp.await($$select unfinished = 1 from weir.role_limits where role = 'weir_tenant'$$);
select * from weir.role_limits;

-- Exactly three, whatever is undone in between.
set role weir_tenant;
begin;
select weir.enqueue('select 2', queue => 'tenants') > 0 as enqueued;
savepoint s;
select weir.enqueue('select 3', queue => 'tenants') > 0 as enqueued;
select pg_temp.refused($$select weir.enqueue('select 4', queue => 'tenants')$$);
select task_id, outcome, retry_after from weir.try_enqueue('select 4', queue => 'tenants');
rollback to s;
select n from weir.enqueue_many('select $1::int', '[[3]]', queue => 'tenants');
select unfinished, refused from weir.role_limits;
commit;
select pg_temp.refused($$select weir.enqueue_many('select $1::int', '[[4], [5]]', queue => 'tenants')$$);
select pg_temp.refused($$select weir.submit('[{"command": "select 4", "queue": "tenants"}]')$$);
select pg_temp.refused($$select weir.enqueue('select 4', queue => 'adhoc')$$);
-- An aborted transaction leaves nothing behind.
select weir.cancel(:first);
call pg_temp.await($$select unfinished = 2 from weir.role_limits$$);
begin;
select weir.enqueue('select 4', queue => 'tenants') > 0 as enqueued;
rollback;
select unfinished from weir.role_limits;
-- A dead letter needs a place, too; a task that stands for another does not.
select outcome from weir.try_enqueue('select 4', queue => 'tenants', unique_key => 'tenant');
select outcome from weir.try_enqueue('select 4', queue => 'tenants', unique_key => 'tenant');
select pg_temp.refused(format('select weir.retry(%s)', :first));
reset role;
-- Others are not concerned.
set role weir_other;
select weir.enqueue('select 1', queue => 'tenants') > 0 as enqueued;
reset role;

-- Two at a time.
select weir.limit_role('weir_tenant', max_running => 2);
call pg_temp.await($$select max_queued is null and unfinished = 3 from weir.role_limits$$);
create function held() returns int language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(4725);
    return 1;
end $$;
select pg_advisory_lock(4725);
set role weir_tenant;
select n from weir.enqueue_many('select held(), $1::int', '[[1], [2], [3], [4]]', queue => 'tenants');
reset role;
select weir.resume('tenants');
call pg_temp.await($$select running = 2 from weir.role_limits$$);
call pg_temp.await($$select count(*) = 2 from weir.running where owner = 'weir_tenant'$$);
select distinct w.cause, w.holder ~ '^task \d+, task \d+$' as holders, w.detail from weir.waiting w where owner = 'weir_tenant';
-- also under another name
alter role weir_tenant rename to weir_renamed;
call pg_temp.await($$select count(*) = 2 and bool_and(cause = 'role_limit') from weir.waiting where owner = 'weir_tenant'$$);
select distinct w.cause, w.holder ~ '^task \d+, task \d+$' as holders, w.detail from weir.waiting w where owner = 'weir_tenant';
alter role weir_renamed rename to weir_tenant;
call pg_temp.await($$select (ready, blocked, running) = (0, 2, 2) from weir.queues where name = 'tenants'$$);
select pg_advisory_unlock(4725);
select weir.drain('tenants', '30s');
call pg_temp.await($$select unfinished = 0 and running = 0 from weir.role_limits$$);

-- Chunks of a backfill wait for the quota too, and go on when it is raised.
select weir.unlimit_role('weir_tenant');
call pg_temp.await($$select count(*) = 0 from weir._show_roles()$$);
select weir.limit_role('weir_tenant', max_queued => 1);
call pg_temp.await($$select count(*) = 1 from weir._show_roles()$$);
select weir.pause('tenants');
set role weir_tenant;
select weir.create_job('tenant', 'select $1::timestamptz', '1 day', starts_at => '2100-01-01 00:00+00', timezone => 'UTC', queue => 'tenants', backfill_queue => 'tenants');
select weir.backfill('tenant', '2024-01-01 00:00+00', '2024-01-05 00:00+00') > 0 as submitted;
reset role;
select in_queue from weir.backfills where job = 'tenant';
select weir.limit_role('weir_tenant', max_queued => 3);
call pg_temp.await($$select in_queue = 3 from weir.backfills where job = 'tenant'$$);
select weir.resume('tenants');
call pg_temp.await($$select state = 'finished' and done = 4 from weir.backfills where job = 'tenant'$$);
set role weir_tenant;
select weir.drop_job('tenant');
reset role;
call pg_temp.await($$select unfinished = 0 from weir.role_limits$$);

-- What can be said, and by whom.
select pg_temp.refused($$select weir.limit_role(null, 1)$$);
select pg_temp.refused($$select weir.limit_role('weir_tenant', 0)$$);
select pg_temp.refused($$select weir.limit_role('weir_tenant', max_running => -1)$$);
select pg_temp.refused($$select weir.limit_role('weir_tenant', weight => 'nan')$$);
select pg_temp.refused($$select weir.limit_role('weir_nobody', 1)$$);
set role weir_tenant;
select pg_temp.refused($$select weir.limit_role('weir_other', 1)$$);
select pg_temp.refused($$select weir.unlimit_role('weir_tenant')$$);
reset role;
-- A role that is renamed keeps its limits.
alter role weir_tenant rename to weir_renamed;
select weir.limit_role('weir_renamed', max_running => 1);
select role, max_running from weir.role_limits;
select weir.unlimit_role('weir_renamed'), weir.unlimit_role('weir_renamed');
-- One that is gone is named by text.
select weir.limit_role('weir_other', max_running => 1);
drop role weir_other;
select role, max_running from weir.role_limits;
select weir.unlimit_role(name => 'weir_other');
select kind, detail from weir.events where kind ~ 'limit_role' and detail ->> 'role' <> 'weir_reference' order by event_id;

select weir.drop_queue('tenants');
drop function held;
drop role weir_renamed;
