-- Health limits: set, shown, refused, recorded, and free workers, which are exact.  The other measures are in test/t/067_health.pl.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql
\i :here/sql/include/refused.sql
create temporary table began as select coalesce(max(event_id), 0) as at from weir.events;

-- Nothing is measured without a limit.
select * from weir.health order by measure;

-- Of eight workers six are to stay free: two backfills run, whoever else does.
select weir.set_health('free_workers', 6, reason => 'somebody is always asking');
select measure, bound, resume_at, classes, unit from weir.health where bound is not null;
select pg_advisory_lock(1, 67);
select n from weir.enqueue_many('select pg_advisory_xact_lock_shared(1, 67)', '[[],[],[],[],[]]', queue => 'backfill');
call pg_temp.await($$select running = 2 from weir.queues where name = 'backfill'$$);
select weir.enqueue('select 1') as task \gset
select outcome from weir.wait(:task, '30s');
call pg_temp.await($$select bad and value = 6 from weir.health where measure = 'free_workers'$$);
select value, bad, since <= measured_at as since from weir.health where measure = 'free_workers';
call pg_temp.await($$select not exists (select from weir.waiting where queue = 'backfill' and cause = 'inbox')$$);
select distinct cause, holder, detail from weir.waiting where queue = 'backfill';
select running, ready from weir.queues where name = 'backfill';
-- Fewer are to stay free: more run at once.
select weir.set_health('free_workers', 5);
call pg_temp.await($$select running = 3 from weir.queues where name = 'backfill'$$);
select weir.unset_health('free_workers', 'night');
call pg_temp.await($$select running = 5 from weir.queues where name = 'backfill'$$);
select weir.unset_health('free_workers');
select pg_advisory_unlock(1, 67);
select weir.drain('backfill', '30s') is not null as drained;
select measure, value, bad from weir.health where measured_at is not null;

-- Numbers to go on at, and classes.
select weir.set_health('xmin_age', 10000000);
select weir.set_health('wal_rate', 100000000, 50000000, '{adhoc,backfill}');
select weir.set_health('replication_lag', 5, 0);
select measure, bound, resume_at, classes from weir.health where bound is not null order by measure;
select weir.unset_health(m) from unnest('{xmin_age,wal_rate,replication_lag}'::text[]) m;
select kind, reason, detail from weir.events where kind in ('set_health', 'unset_health', 'health') and event_id > (select at from began) order by event_id;

-- What is refused.
select pg_temp.refused(c) from unnest(array[
    $$select weir.set_health('load', 5)$$,
    $$select weir.set_health(null, 5)$$,
    $$select weir.set_health('xmin_age', null)$$,
    $$select weir.set_health('xmin_age', -1)$$,
    $$select weir.set_health('xmin_age', 5, 6)$$,
    $$select weir.set_health('xmin_age', 5, -1)$$,
    $$select weir.set_health('free_workers', 0)$$,
    $$select weir.set_health('free_workers', 8)$$,
    $$select weir.set_health('free_workers', 2, 1)$$,
    $$select weir.set_health('xmin_age', 5, classes => null)$$,
    $$select weir.set_health('xmin_age', 5, classes => '{null}')$$,
    $$select weir.set_health('xmin_age', 5, classes => '{}')$$,
    $$select weir.set_health('xmin_age', 5, classes => '{daily}')$$,
    $$select weir.unset_health('load')$$,
    $$select weir.unset_health(null)$$]) c;
create role health_nobody;
set role health_nobody;
select pg_temp.refused($$select weir.set_health('xmin_age', 5)$$);
select pg_temp.refused($$select weir.unset_health('xmin_age')$$);
select count(*) from weir.health;
reset role;
drop role health_nobody;
