-- Serial keys: tasks with the same one run one at a time, in order.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused_shortly.sql

-- What waits, by the tasks' reasons.
create view stand as
select t.reason, w.cause, h.reason as holder,
       regexp_replace(w.detail, 'task \d+', 'task N') as detail
from weir.waiting w join weir.tasks t using (task_id)
left join weir.tasks h on w.holder = 'task ' || h.task_id
where t.queue like 'serial%' order by t.task_id;

-- The order in which tasks with a reason ran.
create view ran as
select string_agg(t.reason, ' ' order by r.started_at) as ran,
       bool_and(r.started_at >= r.before) as one_at_a_time
from (select r.*, lag(r.finished_at) over (partition by t.serial_key order by r.started_at) as before
      from weir.runs r join weir.tasks t using (task_id)
      where r.started_at is not null) r
join weir.tasks t using (task_id)
where t.serial_key = 'k';

create function held() returns int language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(4723);
    return 1;
end $$;
\i :here/sql/include/await.sql

select weir.create_queue('serial');
select weir.create_queue('serial_b', class => 'backfill');

-- The first holds up those of its key in all queues, and nobody else.
select pg_advisory_lock(4723);
begin;
select weir.enqueue('select held()', queue => 'serial', serial_key => 'k', reason => 'a') as a \gset
select weir.enqueue('select 1', queue => 'serial_b', serial_key => 'k', reason => 'b') as b \gset
select outcome from weir.try_enqueue('select 1', queue => 'serial', priority => 0, serial_key => 'k', reason => 'c');
select weir.enqueue('select 1', queue => 'serial', serial_key => 'K', reason => 'other') as other \gset
commit;
select outcome from weir.wait(:other, '30s');
call pg_temp.await('select exists (select from weir.running where task_id = ' || :a || ')');
select * from stand;
select cause, holder = 'task ' || :a as holder, eta from weir.why_waiting(:b);
-- they count as blocked
call pg_temp.await($$select sum(running) = 1 and sum(ready) = 0 and sum(blocked) = 2 from weir.queues where name like 'serial%'$$);
select pg_advisory_unlock(4723);
select weir.drain('serial', '30s'), weir.drain('serial_b', '30s');
select * from ran;
select serial_key, reason from weir.tasks where queue like 'serial%' order by task_id;

-- Later ones go before one that is to run later, but not before one that has
-- its parents to wait for.
select weir.create_queue('serial_p');
select weir.pause('serial_p');
begin;
select weir.enqueue('select 1', queue => 'serial', serial_key => 'k', run_at => now() + '1 day', reason => 'tomorrow') as tomorrow \gset
select weir.enqueue('select 1', queue => 'serial', serial_key => 'k', reason => 'today') as today \gset
select weir.enqueue('select 1', queue => 'serial_p', reason => 'parent') as parent \gset
select weir.enqueue('select 1', queue => 'serial', serial_key => 'p', after => array[:parent], reason => 'child') as child \gset
select weir.enqueue('select 1', queue => 'serial', serial_key => 'p', reason => 'behind') as behind \gset
commit;
select outcome from weir.wait(:today, '30s');
select * from stand;
select cause from weir.why_waiting(:child);
select weir.resume('serial_p');
select outcome from weir.wait(:behind, '30s');
select string_agg(t.reason, ' ' order by r.started_at) from weir.runs r join weir.tasks t using (task_id) where t.queue like 'serial%' and t.reason in ('parent', 'child', 'behind');
select weir.cancel(:tomorrow);

-- A failure passes the key on, and so does a cancel; a retry keeps it.
select weir.alter_queue('serial', policy => '{"backoff_base": 3600}');
begin;
select weir.enqueue('select 1/0', queue => 'serial', serial_key => 'f', reason => 'fails') as fails \gset
select weir.enqueue('select 1', queue => 'serial', serial_key => 'f', reason => 'succeeds') as succeeds \gset
commit;
select outcome from weir.wait(:succeeds, '30s');
begin;
select weir.enqueue($$do 'begin raise sqlstate ''53000''; end'$$, queue => 'serial', max_attempts => 3, serial_key => 'f', reason => 'again') as again \gset
select weir.enqueue('select 1', queue => 'serial', serial_key => 'f', reason => 'waits') as waits \gset
commit;
call pg_temp.await('select exists (select from weir.runs where task_id = ' || :again || ')');
select reason, cause, holder from stand;
select weir.cancel(:again);
select outcome from weir.wait(:waits, '30s');
-- One that expires passes it on, too.
select weir.pause('serial');
begin;
select weir.enqueue('select 1', queue => 'serial', serial_key => 'f', queue_timeout => '1 ms', reason => 'expires') as expires \gset
select weir.enqueue('select 1', queue => 'serial_b', serial_key => 'f', reason => 'survives') as survives \gset
commit;
select outcome from weir.wait(:survives, '30s');
select state from weir.tasks where task_id = :expires;
select weir.resume('serial');

-- A dead letter that is brought back has its place again.
select weir.pause('serial');
select weir.enqueue('select 1', queue => 'serial', serial_key => 'f', reason => 'new') as new \gset
select weir.retry(:fails);
select weir.resume('serial');
select outcome from weir.wait(:new, '30s');
select string_agg(t.reason, ' ' order by r.finished_at) from weir.runs r join weir.tasks t using (task_id)
where t.queue = 'serial' and t.reason in ('fails', 'new') and r.started_at is not null;

-- Keys out of arguments.
select weir.pause('serial');
select n from weir.enqueue_many('select $1::text, $2::int', '[["x", 1], ["y", 2], ["x", 3]]', queue => 'serial', serial_key => 'm:$1');
select n from weir.enqueue_many('select $1::text, $2::int', '[["x", 1], ["y", 2], ["x", 3], ["y", 3]]', queue => 'serial', serial_key => '$1', unique_key => 'u:$2');
select serial_key, unique_key, args from weir.tasks where queue = 'serial' and state = 'ready' order by task_id;
-- A graph has keys, too.
select count(*) from weir.submit('[{"key": "a", "command": "select $1::int", "args": [8], "queue": "serial", "serial_key": "g:$1"},
    {"command": "select 1", "queue": "serial", "serial_key": "g:8", "after": ["a"]},
    {"command": "select 1", "queue": "serial", "serial_key": "g:8", "unique_key": "g"}]');
select serial_key from weir.tasks where serial_key like 'g:%';
select weir.resume('serial');
select weir.drain('serial', '30s');
select pg_temp.refused($$select weir.enqueue('select 1', serial_key => '')$$);
select pg_temp.refused($$select weir.enqueue('select 1', serial_key => repeat('x', 1001))$$);
select pg_temp.refused($$select weir.enqueue('select $1::int', '[1]', serial_key => 'k:$2')$$);

-- The key of another role is another one, and nobody else's to see.
create role weir_serial login;
select weir.grant_queue('serial', 'weir_serial');
select weir.pause('serial');
select weir.enqueue('select 1', queue => 'serial', serial_key => 'shared', reason => 'mine') as mine \gset
set role weir_serial;
select weir.enqueue('select 1', queue => 'serial', serial_key => 'shared', reason => 'theirs') as theirs \gset
select serial_key from weir.tasks where task_id = :mine;
reset role;
select t.task_id = :theirs as theirs, s.before from (values (:theirs)) t(task_id) left join weir._show_serial(array[:mine, :theirs]) s using (task_id);
select weir.resume('serial');
select weir.drain('serial', '30s');

select weir.drop_queue('serial'), weir.drop_queue('serial_b'), weir.drop_queue('serial_p');
drop view stand, ran;
drop function held;
drop role weir_serial;
