-- Classes: what each may use of the workers, and who waits for that.

\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
\set VERBOSITY terse
-- What an error says, wherever it is tested.
create function refused(command text) returns text language plpgsql as $$
declare
    workers int := current_setting('weir.max_workers');
    message text;
    detail text;
    hint text;
begin
    execute command;
    return 'done';
exception when others then
    get stacked diagnostics message = message_text, detail = pg_exception_detail, hint = pg_exception_hint;
    return regexp_replace(regexp_replace(concat_ws(' ', sqlstate, message, nullif(detail, ''), nullif(hint, '')),
        '\m' || workers || '\M', 'N', 'g'), '\m' || workers - 1 || '\M', 'N-1', 'g');
end $$;
create function hold_4715() returns void language sql as $$ select pg_advisory_xact_lock_shared(4715) $$;
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql
create function at_lock(wanted bigint[]) returns boolean language sql as $$
    select count(*) = cardinality(wanted) from weir.running r join pg_locks l using (pid)
    where r.task_id = any (wanted) and l.locktype = 'advisory' and not l.granted
$$;
create view set_classes as
select class, reserved, max_share, floor_share, weight
from weir.classes order by class;

-- The defaults.
select * from set_classes;
-- What is refused.
select refused(format('select weir.set_class(%s)', a)) from unnest(array['null', '''nightly''',
    '''system'', reserved => 1', '''daily'', reserved => -1', '''daily'', reserved => ' || current_setting('weir.max_workers'),
    '''daily'', max_share => 0', '''daily'', max_share => 1.5', '''daily'', max_share => ''NaN''',
    '''daily'', floor_share => -0.1', '''daily'', floor_share => 1', '''daily'', weight => 0',
    '''daily'', weight => ''infinity''', '''daily'', reset => ''{class}''', '''daily'', reset => array[null]']) a;
-- one worker at least is left for all, floor shares leave something to order by
select refused('select weir.set_class(''daily'', floor_share => 0.81)');
select weir.set_class('daily', reserved => current_setting('weir.max_workers')::int - 1, floor_share => 0.75);
call pg_temp.await('select reserved_in_force = reserved and reserved > 0 from weir.classes where class = ''daily''');
select refused('select weir.set_class(''adhoc'', reserved => 1)');
select refused('select weir.set_class(''adhoc'', floor_share => 0.06)');
select refused('select weir.set_class(''daily'', max_share => 0.01)');
select reserved = current_setting('weir.max_workers')::int - 1 as reserved, floor_share
from weir.classes where class = 'daily';
-- Null keeps, reset brings the default back.
select weir.set_class('daily', max_share => 0.999, weight => 2);
select weir.set_class('daily', reset => '{reserved, floor_share}');
select * from set_classes where class in ('daily', 'adhoc');
select weir.set_class('daily', reset => '{max_share, weight}');
select * from set_classes where class = 'daily';
select kind, detail - 'reserved' as detail, detail ? 'reserved' as reserved from weir.events where kind = 'set_class' order by event_id;
-- It is undone with its transaction.
begin;
select weir.set_class('backfill', reserved => 1);
rollback;
select count(*) from weir.classes where class = 'backfill' and reserved = 1;

-- A reserved worker is not lent: the last one stays free for daily.
select weir.create_queue('shared'), weir.create_queue('bulk', class => 'backfill'), weir.create_queue('own', class => 'daily');
select weir.set_class('daily', reserved => 1);
select pg_advisory_lock(4715);
select array_agg(weir.enqueue('select hold_4715()', queue => 'bulk')) as ids
from generate_series(1, current_setting('weir.max_workers')::int - 1) \gset
call pg_temp.await(format('select at_lock(%L)', :'ids'));
select weir.enqueue('select 1', queue => 'shared') as a \gset
call pg_temp.await(format('select cause = ''class_share'' from weir.why_waiting(%s)', :a));
select cause, holder = (select string_agg('task ' || i, ', ' order by i) from (select unnest(:'ids'::bigint[]) i order by 1 limit 5) x) as holders,
       replace(detail, current_setting('weir.max_workers'), 'N') as detail
from weir.why_waiting(:a);
select cause from weir.waiting where task_id = :a;
-- Its own class has it at once, the others would have to wait for what is lent;
-- nobody knows for how long, for no run of that queue has ended.
call pg_temp.await('select lent from weir.classes where class = ''adhoc''');
select class, running > 0 as running, lent, reclaim_bound is null as unknown from weir.classes where class <> 'system' order by class;
select weir.enqueue('select 1', queue => 'own') as b \gset
select outcome from weir.wait(:b, '30s');
-- When it is not reserved any more the task starts.
select weir.set_class('daily', reset => '{reserved}');
select outcome from weir.wait(:a, '30s');
-- All are busy: now daily would have to wait, and how long is known after runs.
select weir.enqueue('select hold_4715()', queue => 'bulk') as last \gset
call pg_temp.await(format('select at_lock(array[%s]::bigint[] || %L)', :last, :'ids'));
call pg_temp.await('select lent from weir.classes where class = ''daily''');
select class, lent, reclaim_bound is null as unknown from weir.classes where class in ('daily', 'backfill') order by class;
select pg_advisory_unlock(4715);
select weir.drain('bulk', '30s');
select pg_advisory_lock(4715);
select array_agg(weir.enqueue('select hold_4715()', queue => 'bulk')) as ids
from generate_series(1, current_setting('weir.max_workers')::int) \gset
call pg_temp.await(format('select at_lock(%L)', :'ids'));
call pg_temp.await('select reclaim_bound > ''0'' from weir.classes where class = ''daily''');
select class, lent, reclaim_bound > '0' as known from weir.classes where class in ('daily', 'backfill') order by class;
-- max_share binds while another class has tasks that could start.
select weir.set_class('backfill', max_share => 0.001);
select weir.enqueue('select 1', queue => 'bulk') as a, weir.enqueue('select 1', queue => 'shared') as b \gset
call pg_temp.await('select ready > 0 from weir.queues where name = ''shared''');
select cause, holder = (select string_agg('task ' || i, ', ' order by i) from (select unnest(:'ids'::bigint[]) i order by 1 limit 5) x) as holders,
       replace(detail, current_setting('weir.max_workers'), 'N') as detail
from weir.why_waiting(:a);
select cause from weir.why_waiting(:b);
select pg_advisory_unlock(4715);
-- but nothing is left lying when others have none
select outcome from weir.wait(:a, '30s');
select weir.set_class('backfill', reset => '{max_share}');
select sum(share) between 0.999 and 1.001 as all_starts from weir.classes;
select * from set_classes;

-- Who waits too long is told of once, with the cause.
select weir.pause('shared', 'lunch');
select weir.enqueue('select 1', queue => 'shared') as a, weir.enqueue('select 1', queue => 'shared') as b,
       weir.enqueue('select 1', queue => 'shared', run_at => now() + '1 day') as c \gset
alter system set weir.max_starvation = '200ms';
select pg_reload_conf();
call pg_temp.await(format('select exists (select from weir.events where kind = ''starvation'' and task_id = %s)', :a));
-- another one that starves later is told of, and the first not again
select weir.enqueue('select 1', queue => 'own', after => array[:a], on_parent_failure => 'run') as d,
       weir.enqueue('select 1', queue => 'shared', class => 'backfill') as e \gset
call pg_temp.await(format('select exists (select from weir.events where kind = ''starvation'' and task_id = %s)', :e));
select task_id = :a as first, task_id = :e as later, queue, reason, detail - 'waited_s' as detail,
       (detail->>'waited_s')::float >= 0.2 as long_enough
from weir.events where kind = 'starvation' order by event_id;
alter system reset weir.max_starvation;
select pg_reload_conf();
select weir.cancel(:c);
select weir.resume('shared');
select outcome from weir.wait(:d, '30s');
select weir.drain('shared', '30s'), weir.drain('bulk', '30s'), weir.drain('own', '30s');
select weir.drop_queue('shared'), weir.drop_queue('bulk'), weir.drop_queue('own');
drop view set_classes;
drop function at_lock, hold_4715, refused;
