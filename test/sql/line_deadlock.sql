-- Sessions in line for a slot that its holder comes to wait for.  The server's
-- deadlock detector does not see it, the head of the line does, and never is
-- it the holder who pays.  Sessions by dblink, as in line.sql.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
create extension if not exists dblink;
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql
create function open_all() returns bigint language sql as $$
    select count(dblink_connect(c, format('host=%L port=%s dbname=%L user=%L options=''-c deadlock_timeout=100ms -c statement_timeout=60s''',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database(), current_user)))
    from unnest(array['a', 'b', 'c', 'd']) c
$$;
create function start(c text, query text) returns boolean language sql as $$
    select dblink_send_query(c, query) = 1
$$;
create function finish(c text) returns text language plpgsql as $$
declare
    answer text;
    d text;
begin
    select r.x into answer from dblink_get_result(c) r (x text);
    perform from dblink_get_result(c) r (x text);
    return coalesce(nullif(answer, ''), 'done');
exception when query_canceled or others then
    get stacked diagnostics d = pg_exception_detail;
    perform from dblink_get_result(c, false) r (x text);
    return concat_ws(E'\n', sqlstate || ' ' || sqlerrm, nullif(regexp_replace(d, '\d+', 'N', 'g'), ''));
end $$;
create function run(c text, query text) returns text language sql as $$
    select case when start(c, query) then finish(c) end
$$;
create table dead_t (a int);
create table dead_u (a int);
select open_all();
select weir.cap_table('dead_t', 1), weir.cap_table('dead_u', 1);

-- The holder waits for a lock of the head.
select run('a', 'begin'), run('a', $$select weir.acquire('dead_t', '0')::text$$);
select run('b', 'begin'), run('b', 'select max(a)::text from dead_t');
select start('b', $$select weir.acquire('dead_t', '50s')::text$$);
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.dead_t''');
select start('a', 'truncate dead_t');
select finish('b');
select run('b', 'rollback'), finish('a'), run('a', 'commit');
-- The holder waits for a lock of one behind the head.
select run('a', 'begin'), run('a', $$select weir.acquire('dead_t', '0')::text$$);
select run('b', 'begin'), start('b', $$select weir.acquire('dead_t', '50s')::text$$);
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.dead_t''');
select run('c', 'begin'), run('c', 'select max(a)::text from dead_t');
select start('c', $$select weir.acquire('dead_t', '50s')::text$$);
call pg_temp.await('select waiting_sessions = 2 from weir.resources where resource = ''public.dead_t''');
select start('a', 'alter table dead_t add b int');
select finish('b'), finish('c');
select run('b', 'rollback'), run('c', 'rollback'), finish('a'), run('a', 'commit');
-- Two lines: the holder of either slot waits for the head of the other line.
select run('d', 'set deadlock_timeout = ''50s''');
select run('a', 'begin'), run('a', $$select weir.acquire('dead_t', '0')::text$$);
select run('b', 'begin'), run('b', $$select weir.acquire('dead_u', '0')::text$$);
select run('c', 'begin'), run('c', 'select max(a)::text from dead_u');
select run('d', 'begin'), run('d', 'select max(a)::text from dead_t');
select start('c', $$select weir.acquire('dead_t', '50s')::text$$), start('d', $$select weir.acquire('dead_u', '50s')::text$$);
call pg_temp.await('select sum(waiting_sessions) = 2 from weir.resources');
select start('a', 'truncate dead_t'), start('b', 'truncate dead_u');
select finish('c'), finish('b'), run('b', 'commit'), finish('d');
select run('c', 'rollback'), run('d', 'rollback'), finish('a'), run('a', 'commit'), run('d', 'reset deadlock_timeout');
-- With another holder that is free to go on it is waited for.
select weir.cap_table('dead_t', 2);
select run('a', 'begin'), run('a', $$select weir.acquire('dead_t', '0')::text$$);
select run('b', 'begin'), run('b', $$select weir.acquire('dead_t', '0')::text$$);
select run('c', 'begin'), run('c', 'select max(a)::text from dead_u');
select start('c', $$select weir.acquire('dead_t', '50s')::text$$);
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.dead_t''');
select start('a', 'truncate dead_u');
call pg_temp.await('select count(*) = 1 from weir.lock_waits where locktype = ''relation'' and waited > ''300 ms''');
select run('b', 'commit'), finish('c'), run('c', 'commit'), finish('a'), run('a', 'commit');
-- Who is merely slow is waited for to the end.
select run('a', 'begin'), run('a', $$select weir.acquire('dead_u', '0')::text$$);
select run('b', $$select weir.acquire('dead_u', '300 ms')::text$$), run('a', 'commit');

select weir.uncap_table('dead_t'), weir.uncap_table('dead_u');
select count(dblink_disconnect(c)) from unnest(array['a', 'b', 'c', 'd']) c;
drop table dead_t, dead_u;
drop function open_all, start, finish, run;
