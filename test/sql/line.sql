-- Waiting in line, first come first served: for a slot, and for room in a
-- queue.  Other sessions are driven by dblink, since what they wait for is no
-- lock and the isolation tester would not see that they wait.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
create extension if not exists dblink;
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql
-- Opens the sessions a to d.
create function open_all() returns bigint language sql as $$
    select count(dblink_connect(c, format('host=%L port=%s dbname=%L user=%L',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database(), current_user)))
    from unnest(array['a', 'b', 'c', 'd']) c
$$;
-- Has a session begin something, and tells whether it is still at it.
create function start(c text, query text) returns boolean language sql as $$
    select dblink_send_query(c, query) = 1
$$;
create function busy(c text) returns boolean language sql as 'select dblink_is_busy(c) = 1';
-- What came of it.
create function finish(c text) returns text language plpgsql as $$
declare
    answer text;
begin
    select r.x into answer from dblink_get_result(c) r (x text);
    perform from dblink_get_result(c) r (x text);
    return coalesce(nullif(answer, ''), 'done');
exception when query_canceled or others then
    perform from dblink_get_result(c, false) r (x text);
    return sqlstate;
end $$;
select open_all();

-- A slot: in the order of arrival, at commit and at rollback of the holder.
create table line_t (a int);
select weir.cap_table('line_t', 1);
select dblink_exec(c, 'begin') from unnest(array['a', 'b', 'c', 'd']) c;
select start('a', $$select weir.acquire('line_t', '0')::text$$), finish('a');
select start('b', $$select weir.acquire('line_t', '30s')::text$$);
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.line_t''');
select start('c', $$select weir.acquire('line_t', '30s')::text$$);
call pg_temp.await('select waiting_sessions = 2 from weir.resources where resource = ''public.line_t''');
-- the one is seen to wait for the other in the line
select locktype, mode, relation, cardinality(blockers) as blockers, depth, root_state, waiting_behind from weir.lock_waits order by depth;
-- who does not wait does not pass the line either
select start('d', $$select weir.try_acquire('line_t')::text$$), finish('d');
select busy('b'), busy('c');
select dblink_exec('a', 'commit');
select finish('b');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.line_t''');
select busy('c');
select start('d', $$select weir.try_acquire('line_t')::text$$), finish('d');
-- a task goes after those in line
select weir.enqueue('insert into line_t values (1)', tables => '{line_t}') as task \gset
call pg_temp.await(format('select cause = ''foreign_holder'' from weir.why_waiting(%s)', :task));
select dblink_exec('b', 'rollback');
select finish('c');
select state from weir.tasks where task_id = :task;
select dblink_exec('c', 'commit');
select outcome from weir.wait(:task, '30s');
select dblink_exec('d', 'commit');

-- Whose time is over, or who is cancelled, leaves the line to the next.
select dblink_exec(c, 'begin') from unnest(array['a', 'b', 'c', 'd']) c;
select start('a', $$select weir.acquire('line_t', '0')::text$$), finish('a');
select start('b', $$select weir.acquire('line_t', '30s')::text$$);
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.line_t''');
select start('c', $$select weir.acquire('line_t', '100 milliseconds')::text$$);
select start('d', $$select weir.acquire('line_t', '30s')::text$$);
select finish('c');
call pg_temp.await('select waiting_sessions = 2 from weir.resources where resource = ''public.line_t''');
select dblink_cancel_query('b');
select finish('b');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.line_t''');
select busy('d');
select dblink_exec('a', 'commit');
select finish('d');
select dblink_exec(c, 'rollback') from unnest(array['b', 'c', 'd']) c;
select used, waiting_sessions from weir.resources where resource = 'public.line_t';
-- A session that ends while it waits leaves no trace.
select dblink_exec(c, 'begin') from unnest(array['a', 'b']) c;
select start('a', $$select weir.acquire('line_t', '0')::text$$), finish('a');
select start('b', $$select weir.acquire('line_t', '30s')::text$$);
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.line_t''');
select dblink_disconnect('b');
select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'select weir.acquire%30s%' and state = 'active';
call pg_temp.await('select waiting_sessions = 0 from weir.resources where resource = ''public.line_t''');
select dblink_exec('a', 'commit');
select dblink_connect('b', format('host=%L port=%s dbname=%L user=%L',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database(), current_user));
select weir.uncap_table('line_t');

-- Room in a queue: freed by a rollback, by the end of a task, by a cancel.
select weir.create_queue('line', capacity => 1, on_full => 'wait');
select weir.pause('line');
select dblink_exec('a', 'begin');
select start('a', $$select (weir.enqueue('select ''a''', queue => 'line') > 0)::text$$), finish('a');
select start('b', $$select (weir.enqueue('select ''b''', queue => 'line') > 0)::text$$);
call pg_temp.await('select waiting_producers = 1 from weir.queues where name = ''line''');
select start('c', $$select (weir.enqueue('select ''c''', queue => 'line') > 0)::text$$);
call pg_temp.await('select waiting_producers = 2 from weir.queues where name = ''line''');
select outcome from weir.try_enqueue('select ''d''', queue => 'line');
select depth, waiting_producers from weir.queues where name = 'line';
select dblink_exec('a', 'rollback');
select finish('b'), busy('c');
select command, weir.cancel(task_id) from weir.tasks where queue = 'line' and state = 'ready';
select finish('c');
select command, state from weir.tasks where queue = 'line' order by task_id;
select start('d', $$select (weir.enqueue('select ''d''', queue => 'line') > 0)::text$$);
call pg_temp.await('select waiting_producers = 1 from weir.queues where name = ''line''');
select depth from weir.queues where name = 'line';
select weir.resume('line');
select finish('d');
select weir.drain('line', '30s');
select command, state from weir.tasks where queue = 'line' order by task_id;
-- A larger capacity makes room for who waits.
select weir.pause('line');
select start('a', $$select (weir.enqueue('select ''a''', queue => 'line') > 0)::text$$), finish('a');
select start('b', $$select (weir.enqueue('select ''b''', queue => 'line') > 0)::text$$);
call pg_temp.await('select waiting_producers = 1 from weir.queues where name = ''line''');
select weir.alter_queue('line', capacity => 2);
select finish('b');
select depth, waiting_producers, refused, waited from weir.queues where name = 'line';
select weir.resume('line');
select weir.drain('line', '30s');
-- While somebody drains a queue it takes no tasks.
select weir.pause('line');
select start('a', $$select (weir.enqueue('select ''a''', queue => 'line') > 0)::text$$), finish('a');
select start('b', $$select weir.drain('line', '30s')::text$$);
call pg_temp.await('select count(*) = 1 from pg_stat_activity where query like ''select weir.drain%'' and state = ''active'' and wait_event_type = ''Extension''');
select start('c', $$select (weir.enqueue('select ''c''', queue => 'line') > 0)::text$$), finish('c');
select busy('b');
select weir.resume('line');
select finish('b');
select start('c', $$select (weir.enqueue('select ''c''', queue => 'line') > 0)::text$$), finish('c');
select weir.drain('line', '30s');

select dblink_disconnect(c) from unnest(array['a', 'b', 'c', 'd']) c;
select weir.drop_queue('line');
drop table line_t;
drop function open_all, start, busy, finish;
drop extension dblink;
