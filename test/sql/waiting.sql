-- Why a task does not run: every cause, with the holder and the time.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
create table waiting_t (a int);
create function hold_4714() returns void language sql as $$ select pg_advisory_xact_lock_shared(4714) $$;
set statement_timeout = '60s';
-- Until the query says true.
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql
create function at_lock(wanted bigint[]) returns boolean language sql as $$
    select count(*) = cardinality(wanted) from weir.running r join pg_locks l using (pid)
    where r.task_id = any (wanted) and l.locktype = 'advisory' and not l.granted
$$;
select weir.create_queue('why');
-- A time that follows from how long others take may be known or not; see 035_eta.pl.
create function why(task_id bigint) returns table (cause text, holder text, detail text, has_eta boolean) language sql as $$
    select cause, regexp_replace(holder, '\d+', 'N', 'g'), regexp_replace(detail, '\d{3,}', 'N', 'g'),
           eta is not null and cause not in ('cap', 'queue_limit', 'no_worker')
    from weir.why_waiting(task_id)
$$;
create view listed as
select queue, class, state, priority, waited >= '0' as waited, cause, regexp_replace(holder, '\d+', 'N', 'g') as holder,
       detail, eta is not null and cause not in ('cap', 'queue_limit', 'no_worker') as has_eta
from weir.waiting where queue like 'why%' order by task_id;

-- scheduled
select weir.enqueue('select 1', queue => 'why', run_at => now() + '1 day') as a \gset
select * from why(:a);
select eta = run_at as at_run_at from weir.why_waiting(:a), weir.tasks t where t.task_id = :a;
select * from listed;
select weir.cancel(:a);
-- paused: the queue, everything, both
select weir.pause('why', 'lunch');
select weir.enqueue('select 1', queue => 'why') as a \gset
select * from why(:a);
select * from listed;
select weir.pause_all('fire');
select * from why(:a);
select weir.resume('why');
select * from why(:a);
select weir.resume_all();
select outcome from weir.wait(:a, '30s');
select weir.pause('why');
select weir.enqueue('select 1', queue => 'why') as a \gset
select * from why(:a);
-- and while library and SQL objects have other versions
begin;
set local allow_system_table_mods = on;
update pg_extension set extversion = '0.0' where extname = 'pg_weir';
select cause, regexp_replace(detail, 'version \S+', 'version N') as detail from why(:a);
rollback;
select weir.cancel(:a);
select weir.resume('why');
-- backoff
create sequence waiting_seq;
create function waiting_fail() returns void language plpgsql as $$
begin
    if nextval('waiting_seq') = 1 then raise exception using errcode = '08006', message = 'no answer'; end if;
end $$;
select weir.enqueue('select waiting_fail()', queue => 'why', policy => '{"backoff_base": 3600, "backoff_cap": 3600}') as a \gset
call pg_temp.await(format($$select state = 'retrying' from weir.tasks where task_id = %s$$, :a));
select * from why(:a);
select w.eta = t.retry_at as at_retry, state from weir.why_waiting(:a) w, weir.tasks t where t.task_id = :a;
select * from listed;
select weir.cancel(:a);
-- queue_limit
select weir.alter_queue('why', max_running => 1);
select pg_advisory_lock(4714);
select weir.enqueue('select hold_4714()', queue => 'why') as a \gset
call pg_temp.await(format('select at_lock(array[%s])', :a));
select weir.enqueue('select 1', queue => 'why') as b \gset
call pg_temp.await(format('select cause = ''queue_limit'' from weir.why_waiting(%s)', :b));
select * from why(:b);
select * from listed;
select count(*) from why(:a);
select pg_advisory_unlock(4714);
select outcome from weir.wait(:b, '30s');
select count(*) from why(:b);
select weir.alter_queue('why', reset => '{max_running}');
-- cap: all slots held by tasks
select weir.cap_table('waiting_t', 2);
select pg_advisory_lock(4714);
select weir.enqueue('select hold_4714()', queue => 'why', tables => '{waiting_t}') as a,
       weir.enqueue('select hold_4714()', queue => 'why', tables => '{waiting_t}') as b \gset
call pg_temp.await(format('select at_lock(array[%s, %s])', :a, :b));
select weir.enqueue('select 1', queue => 'why', tables => '{waiting_t}') as c \gset
call pg_temp.await(format('select cause = ''cap'' from weir.why_waiting(%s)', :c));
select * from why(:c);
select position(:'a' in holder) > 0 and position(:'b' in holder) > 0 as both from weir.why_waiting(:c);
select * from listed;
call pg_temp.await('select ready = 0 and delayed = 0 and blocked = 1 and running = 2 from weir.queues where name = ''why''');
-- a task without that need goes on
select weir.enqueue('select 1', queue => 'why') as d \gset
select outcome from weir.wait(:d, '30s');
select pg_advisory_unlock(4714);
select outcome from weir.wait(:c, '30s');
-- reserved slots are not for everybody
select weir.cap_table('waiting_t', 2, reserved => 1);
select pg_advisory_lock(4714);
select weir.enqueue('select hold_4714()', queue => 'why', tables => '{waiting_t}') as a \gset
call pg_temp.await(format('select at_lock(array[%s])', :a));
select weir.enqueue('select 1', queue => 'why', tables => '{waiting_t}') as b \gset
call pg_temp.await(format('select cause = ''cap'' from weir.why_waiting(%s)', :b));
select * from why(:b);
select slot, reserved, pid is not null as held, task_id = :a as this from weir.slots order by slot;
select pg_advisory_unlock(4714);
select outcome from weir.wait(:b, '30s');
select weir.uncap_table('waiting_t');
-- Every cause that holds, the decisive one first.
select weir.pause('why');
select weir.enqueue('select 1', queue => 'why', run_at => now() + '1 day') as a \gset
select * from why(:a);
select weir.cancel(:a);
select weir.resume('why');
-- no_worker: all are busy, or inbox: it stands behind another one.
select pg_advisory_lock(4714);
select array_agg(weir.enqueue('select hold_4714()', queue => 'why')) as ids
from generate_series(1, current_setting('weir.max_workers')::int) \gset
call pg_temp.await(format('select at_lock(%L)', :'ids'));
select weir.enqueue('select 1', queue => 'why') as a \gset
call pg_temp.await(format('select count(*) = 1 from weir.why_waiting(%s)', :a));
select cause in ('no_worker', 'inbox') as no_worker,
       case cause when 'no_worker'
           then (select count(*) = least(current_setting('weir.max_workers')::int, 5) and bool_and(m[1]::bigint = any (:'ids'))
                 from regexp_matches(holder, 'task (\d+)', 'g') m)
           else holder is not null end as holder
from weir.why_waiting(:a);
select pg_advisory_unlock(4714);
select weir.drain('why', '30s');
-- Nothing is waiting any more.
select * from listed;
select count(*) from why(:a);

select weir.drop_queue('why');
drop view listed;
drop function at_lock, why, hold_4714, waiting_fail;
drop sequence waiting_seq;
drop table waiting_t;
