-- Windows and blackouts: when tasks may start, and what becomes of those that run.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
set timezone = 'UTC';
set intervalstyle = postgres;
create table windows_t (a int);
create function hold_4716() returns void language sql as $$ select pg_advisory_xact_lock_shared(4716) $$;
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql
create function refused(command text) returns text language plpgsql as $$
declare
    message text;
    hint text;
begin
    execute command;
    return 'done';
exception when others then
    get stacked diagnostics message = message_text, hint = pg_exception_hint;
    return concat_ws(' ', sqlstate, message, nullif(hint, ''));
end $$;
-- What holds at a time, of the classes and resources that rules are about.
create function at(at timestamptz, class text default 'backfill')
    returns table (target text, open boolean, opens_at timestamptz, closes_at timestamptz, name text, kind text, at_end text)
    language sql as $$
    select coalesce(w.relation, w.resource, 'all'), w.open, w.opens_at, w.closes_at, w.name, w.kind, w.at_end
    from weir._window_states(at) w where w.class = at.class order by 1
$$;

-- What is refused.
select refused(format('select weir.add_window(%s)', a)) from unnest(array[
    'null, ''22:00'', ''1 hour''', ''''', ''22:00'', ''1 hour''', '''w'', null, ''1 hour''', '''w'', ''22:00'', null',
    '''w'', ''22:00'', ''1 second''', '''w'', ''22:00'', ''8 days''', '''w'', ''22:00'', ''-1 hour''',
    '''w'', ''22:00'', ''1 hour'', class => ''nightly''', '''w'', ''22:00'', ''1 hour'', class => ''system''',
    '''w'', ''22:00'', ''1 hour'', kind => ''pause''', '''w'', ''22:00'', ''1 hour'', days => ''{monday}''',
    '''w'', ''22:00'', ''1 hour'', days => ''{}''', '''w'', ''22:00'', ''1 hour'', dates => ''{}''',
    '''w'', ''22:00'', ''1 hour'', dates => ''{infinity}''',
    '''w'', ''22:00'', ''1 hour'', days => ''{mon}'', dates => ''{2024-05-01}''',
    '''w'', ''22:00'', ''1 hour'', timezone => ''Mars/Olympus''', '''w'', ''22:00'', ''1 hour'', at_end => ''kill''',
    '''w'', ''22:00'', ''1 hour'', cancel_after => ''1 hour''',
    '''w'', ''22:00'', ''1 hour'', at_end => ''cancel'', cancel_after => ''-1 hour''',
    '''w'', ''22:00'', ''1 hour'', resource => ''nobody''',
    '''w'', ''22:00'', ''1 hour'', relation => ''pg_class_oid_index''']) a;
select count(*) from weir.windows;

-- A window by night, and a blackout in it: the blackout is the stricter.
select weir.add_window('night', '22:00', '8 hours', class => 'backfill', days => '{wed,mon,tue,mon}', timezone => 'Europe/Berlin');
select weir.add_window('backup', '03:00', '30 minutes', kind => 'blackout', timezone => 'Europe/Berlin', at_end => 'yield');
select refused('select weir.add_window(''night'', ''22:00'', ''1 hour'')');
select name, kind, class, relation, start_time, duration, days, timezone, priority, at_end, cancel_after from weir.windows order by name;
select * from at('2024-02-05 20:59:59+00');
select * from at('2024-02-05 21:00:00+00');
select * from at('2024-02-06 02:00:00+00');
select * from at('2024-02-06 02:30:00+00');
select * from at('2024-02-06 05:00:00+00');
-- not on Thursday
select * from at('2024-02-08 05:00:00+00');
select * from at('2024-02-06 02:00:00+00', 'daily');
select * from at('2024-02-06 02:30:00+00', 'daily');
-- A rule of a lower number goes before it, open or closed.
begin;
select weir.add_window('closing of the year', '00:00', '1 day', class => 'backfill', kind => 'window', dates => '{2024-02-06}',
                       timezone => 'Europe/Berlin', priority => -1);
select * from at('2024-02-06 02:00:00+00');
select * from at('2024-02-06 22:59:00+00');
rollback;

-- The clock is set forward, and back: both ends are times of the day.
select o.* from weir._occurrences('01:00', '4 hours', null, null, 'Europe/Berlin', '2024-03-30 12:00+00', '2024-03-31 12:00+00') o;
select o.* from weir._occurrences('01:00', '4 hours', null, null, 'Europe/Berlin', '2024-10-26 12:00+00', '2024-10-27 12:00+00') o;
-- what begins in the hour that there is not begins with the next one; nothing is left of what is all in it
select o.* from weir._occurrences('02:30', '1 hour', null, null, 'Europe/Berlin', '2024-03-30 12:00+00', '2024-03-31 12:00+00') o;
select o.* from weir._occurrences('02:00', '1 hour', null, null, 'Europe/Berlin', '2024-03-30 12:00+00', '2024-03-31 12:00+00') o;
-- an hour that there is twice
select o.* from weir._occurrences('02:00', '1 hour', null, null, 'Europe/Berlin', '2024-10-26 12:00+00', '2024-10-27 12:00+00') o;
select o.* from weir._occurrences('02:30', '1 hour', null, null, 'Europe/Berlin', '2024-10-26 12:00+00', '2024-10-27 12:00+00') o;
-- over midnight and over several days
select o.* from weir._occurrences('22:00', '3 days', '{fri}', null, 'America/New_York', '2024-03-09 12:00+00', '2024-03-10 12:00+00') o;
-- dates, however far
select o.* from weir._occurrences('00:00', '1 day', null, '{2030-12-31,2024-01-01}', 'UTC', '2024-06-01+00', '2024-06-02+00') o;
select weir.drop_window('night', 'enough'), weir.drop_window('backup'), weir.drop_window('night');
select kind, reason, detail from weir.events where kind in ('add_window', 'drop_window') and detail->>'name' in ('night', 'backup')
order by event_id;

-- A blackout of a class that is now, for an hour at least.
select weir.create_queue('work'), weir.create_queue('bulk', class => 'backfill'), weir.create_queue('short', class => 'backfill');
select (now() - interval '1 hour')::time as hour_ago, (now() + interval '2 hours')::time as in_two_hours \gset
select weir.add_window('quiet', :'hour_ago', '3 hours', class => 'backfill', kind => 'blackout', at_end => 'cancel');
select active, next_change - now() between '1 hour 59 minutes' and '2 hours' as in_two_hours from weir.windows;
select weir.enqueue('select 1', queue => 'bulk') as a, weir.enqueue('select 1', queue => 'work') as b \gset
select outcome from weir.wait(:b, '30s');
call pg_temp.await(format('select cause = ''blackout'' from weir.why_waiting(%s)', :a));
select cause, holder, detail, eta - now() between '1 hour 59 minutes' and '2 hours' as in_two_hours from weir.why_waiting(:a);
select cause from weir.waiting where task_id = :a;
call pg_temp.await('select blocked = 1 and ready = 0 from weir.queues where name = ''bulk''');
-- it starts when the blackout is gone
select weir.drop_window('quiet');
select outcome from weir.wait(:a, '30s');
-- A window that is not now.
select weir.add_window('later', :'in_two_hours', '1 hour', class => 'backfill');
select weir.enqueue('select 1', queue => 'bulk') as a \gset
select cause, holder, detail, eta - now() between '1 hour 59 minutes' and '2 hours' as in_two_hours from weir.why_waiting(:a);
-- and a second one that is
select weir.add_window('now', :'hour_ago', '3 hours', class => 'backfill');
select outcome from weir.wait(:a, '30s');
select weir.drop_window('later'), weir.drop_window('now');
-- Of a table, and of a named resource.
select weir.cap_resource('windows_api', slots => 2);
select weir.add_window('table', :'hour_ago', '3 hours', relation => 'windows_t', kind => 'blackout');
select weir.add_window('api', :'in_two_hours', '1 hour', resource => 'windows_api');
select weir.enqueue('select 1', queue => 'work', tables => '{windows_t}') as a,
       weir.enqueue('select 1', queue => 'work', resources => '{windows_api}') as b,
       weir.enqueue('select 1', queue => 'work') as c \gset
select outcome from weir.wait(:c, '30s');
select cause, holder, detail from weir.why_waiting(:a);
select cause, holder, detail from weir.why_waiting(:b);
select weir.drop_window('table');
select outcome from weir.wait(:a, '30s');
select weir.drop_window('api');
select outcome from weir.wait(:b, '30s');
select weir.uncap_resource('windows_api');

-- What runs when a blackout begins: it drains, or is cancelled, uncharged, and
-- goes on afterwards; what commits on its way is left alone.
select pg_advisory_lock(4716);
select weir.enqueue('select hold_4716()', queue => 'bulk', max_attempts => 1) as a,
       weir.enqueue('select hold_4716()', queue => 'work') as b,
       weir.enqueue('select hold_4716()', queue => 'bulk', mode => 'autocommit') as c \gset
call pg_temp.await(format('select count(*) = 3 from weir.running where task_id in (%s, %s, %s)', :a, :b, :c));
select weir.add_window('drain', :'hour_ago', '3 hours', kind => 'blackout');
call pg_temp.await(format('select count(*) = 3 from weir.running where task_id in (%s, %s, %s)', :a, :b, :c));
select weir.add_window('cancel', :'hour_ago', '3 hours', class => 'backfill', kind => 'blackout', at_end => 'cancel');
call pg_temp.await(format('select exists (select from weir.runs where task_id = %s)', :a));
select attempt, outcome, final, charged, reason, actor from weir.runs where task_id = :a;
call pg_temp.await(format('select cause = ''blackout'' from weir.why_waiting(%s) limit 1', :a));
select cause, holder from weir.why_waiting(:a);
select count(*) from weir.running where task_id in (:b, :c);
select weir.drop_window('cancel'), weir.drop_window('drain');
select pg_advisory_unlock(4716);
select attempt, outcome, final, charged from weir.wait(:a, '30s');
select outcome from weir.wait(:b, '30s');
select outcome, attempt from weir.wait(:c, '30s');

-- What somebody has cancelled does not come back because its time is over, too.
select pg_advisory_lock(4716);
select weir.enqueue($$do 'begin loop begin perform hold_4716(); exit; exception when query_canceled then null; end; end loop; end'$$, queue => 'bulk') as a,
       weir.enqueue('select hold_4716()', queue => 'bulk') as b \gset
call pg_temp.await(format('select count(*) = 2 from weir.running where task_id in (%s, %s)', :a, :b));
select weir.cancel(:a);
select weir.add_window('cancel', :'hour_ago', '3 hours', class => 'backfill', kind => 'blackout', at_end => 'cancel');
call pg_temp.await(format('select exists (select from weir.runs where task_id = %s)', :b));
select pg_advisory_unlock(4716);
select outcome from weir.wait(:a, '30s');
select weir.drop_window('cancel');
select outcome, attempt from weir.wait(:b, '30s');

-- Or it is asked to yield.
select weir.enqueue($$do 'begin while not weir.should_yield() loop null; end loop; end'$$, queue => 'work', timeout => '60s') as a \gset
call pg_temp.await(format('select count(*) = 1 from weir.running where task_id = %s', :a));
select weir.add_window('yield', :'hour_ago', '3 hours', class => 'adhoc', kind => 'blackout', at_end => 'yield');
select outcome from weir.wait(:a, '30s');
select weir.drop_window('yield');

-- A run that is not likely to end in time does not start: those of this queue
-- take three seconds, and its window is over in less.
select weir.enqueue('select pg_sleep(3)', queue => 'short') as a \gset
select outcome from weir.wait(:a, '30s');
select weir.add_window('short', (now() - interval '58 seconds')::time, '1 minute', class => 'backfill');
select weir.enqueue('select 1', queue => 'short') as a \gset
select cause, holder from weir.why_waiting(:a);
call pg_temp.await('select not active from weir.windows');
select count(*) from weir.runs where task_id = :a;
select weir.drop_window('short');
select outcome from weir.wait(:a, '30s');

select weir.drain('work', '30s'), weir.drain('bulk', '30s');
select weir.drop_queue('work'), weir.drop_queue('bulk'), weir.drop_queue('short');
drop function at, refused, hold_4716;
drop table windows_t;
