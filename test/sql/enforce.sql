-- Caps that bind every session: which writes count, who waits, who is let
-- through or refused, what is recorded.  Other sessions by dblink, as in
-- line.sql.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
create extension if not exists dblink;
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql
create function open_one(c text) returns text language sql as $$
    select dblink_connect(c, format('host=%L port=%s dbname=%L user=%L options=''-c deadlock_timeout=100ms -c statement_timeout=60s''',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database(), current_user))
$$;
create function start(c text, query text) returns boolean language sql as $$
    select dblink_send_query(c, query) = 1
$$;
create function finish(c text) returns text language plpgsql as $$
declare
    answer text;
    d text;
    h text;
begin
    select r.x into answer from dblink_get_result(c) r (x text);
    perform from dblink_get_result(c) r (x text);
    return coalesce(nullif(answer, ''), 'done');
exception when query_canceled or others then
    get stacked diagnostics d = pg_exception_detail, h = pg_exception_hint;
    perform from dblink_get_result(c, false) r (x text);
    return concat_ws(E'\n', 'error ' || sqlstate || ' ' || sqlerrm, nullif(regexp_replace(d, '\d+', 'N', 'g'), ''), nullif(h, ''));
end $$;
-- One statement after the other; what came of the last.
create function run(c text, queries text) returns text language plpgsql as $$
declare
    query text;
    ended text;
begin
    foreach query in array string_to_array(queries, ' | ') loop
        perform start(c, query);
        ended := finish(c);
    end loop;
    return ended;
end $$;
-- Does the statement take a slot?  In a transaction of its own, rolled back.
create function takes(query text) returns text language plpgsql as $$
declare
    held text;
    ended text;
begin
    perform run('a', 'begin');
    ended := run('a', query);
    select coalesce(string_agg(resource, ', ' order by resource), 'nothing') into held from weir.slots where pid is not null;
    perform run('a', 'rollback');
    return held || case when ended ~ '^error' then ' (' || split_part(ended, E'\n', 1) || ')' else '' end;
end $$;
select count(open_one(c)) from unnest(array['a', 'b', 'c', 'd']) c;

create table ev (id int primary key, a int);
create table ev_plain (id int primary key, a int);
create table ev_child (id int primary key, parent int references ev_plain on delete cascade on update cascade);
create table ev_p (id int) partition by range (id);
create table ev_p1 partition of ev_p for values from (0) to (10);
create table ev_p2 partition of ev_p for values from (10) to (20) partition by range (id);
create table ev_p21 partition of ev_p2 for values from (10) to (15);
create view ev_v as select * from ev;
create view ev_it as select * from ev;
create function ev_it() returns trigger language plpgsql as $$ begin insert into ev values (new.id, new.a); return new; end $$;
create trigger ev_it instead of insert on ev_it for each row execute function ev_it();
create function ev_plain() returns trigger language plpgsql as $$ begin insert into ev values (new.id, 0); return new; end $$;
create function ev_f(i int) returns int language sql as $$ insert into ev values (i, 1) returning id $$;
create function ev_g(i int) returns void language plpgsql as $$ begin execute 'insert into ev values ($1, 1)' using i; end $$;
create role ev_none;
create role ev_some in role pg_read_server_files;
create role ev_team;
create role ev_member in role ev_team;
grant insert (id) on ev to ev_some;
grant select, update, delete on ev to ev_member;
insert into ev values (1, 1), (2, 2);
insert into ev_plain values (1, 1);
insert into ev_child values (1, 1);

-- What the cap says.
select weir.cap_table('ev', 1, enforce => 'everyone');
select weir.cap_table('ev_p', 1, enforce => 'everyone');
select weir.cap_table('ev_child', 1, enforce => 'everyone');
call pg_temp.await('select count(*) = 3 from weir._show_resources()');
select resource, slots, reserved, enforce, if_unsafe_to_wait, exempt from weir.resources order by 1;
-- Null keeps what it has.
select weir.cap_table('ev', 2, 1, if_unsafe_to_wait => 'error', exempt => '{ev_team}');
select weir.cap_table('ev', 1);
select resource, slots, reserved, enforce, if_unsafe_to_wait, exempt from weir.resources where resource = 'public.ev';
select weir.cap_table('ev', 1, if_unsafe_to_wait => 'allow', exempt => '{}', row_locks => true);
select weir.cap_table('ev', 1);
select resource, row_locks from weir.resources order by 1;
select weir.cap_table('ev', 1, row_locks => false);
select detail from weir.events where kind = 'cap_table' and relation = 'public.ev' order by event_id desc limit 1;
select weir.cap_table('ev', 1, enforce => 'all');
select weir.cap_table('ev', 1, if_unsafe_to_wait => 'wait');
select weir.cap_table('ev', 1, exempt => array[null]::regrole[]);
select weir.cap_table('ev', 1, exempt => '{4294967000}');
select weir.cap_table('ev', 1, exempt => array_fill('ev_team'::regrole, array[9]));

-- Which statements take a slot.
\pset tuples_only on
select takes(s) || ' <- ' || s from unnest(array[
    'select a::text from ev',
    'select a::text from ev for update',
    'insert into ev values (10, 10)',
    'update ev set a = 3 where id = 1',
    'update ev set a = 3 where false',
    'delete from ev',
    'merge into ev using (values (1), (9)) s (id) on ev.id = s.id when matched then update set a = 0 when not matched then insert values (9, 9)',
    'with w as (insert into ev values (10, 10) returning id) select * from w',
    'with w as (delete from ev where id = 2 returning *) insert into ev_plain select id, a from w',
    'insert into ev_plain select id + 5, a from ev',
    'insert into ev_v values (10, 10)',
    'insert into ev_it values (10, 10)',
    'create trigger ev_plain after insert on ev_plain for each row execute function ev_plain() | insert into ev_plain values (40, 0)',
    'select ev_f(10)',
    'select ev_g(10)',
    'declare c cursor for select ev_f(10)::text',
    'declare c cursor for select ev_f(10)::text | fetch c',
    'declare c cursor for select a from ev for update | fetch c | update ev set a = 3 where current of c',
    'set local parallel_setup_cost = 0 | set local parallel_tuple_cost = 0 | set local min_parallel_table_scan_size = 0 | select count(*)::text from ev',
    'set local parallel_setup_cost = 0 | set local parallel_tuple_cost = 0 | set local min_parallel_table_scan_size = 0 | insert into ev select 10, count(*) from ev',
    'do $$ begin update ev set a = 3; end $$',
    'prepare w as insert into ev values (10, 10)',
    'execute w',
    'explain insert into ev values (10, 10)',
    'explain (analyze, costs off, timing off, summary off) insert into ev values (10, 10)',
    'copy ev from ''/dev/null''',
    'copy ev (id) from program ''true''',
    'copy ev to ''/dev/null''',
    'copy (insert into ev values (10, 10) returning id) to ''/dev/null''',
    'truncate ev',
    'truncate ev_plain cascade',
    'insert into ev_p values (1)',
    'insert into ev_p1 values (1)',
    'insert into ev_p21 values (12)',
    'truncate ev_p21',
    'copy ev_p2 from ''/dev/null''',
    'update ev_p set id = 2 where id = 1',
    'insert into ev_child values (2, 1)',
    'delete from ev_plain',
    'update ev_plain set id = 2 where id = 1',
    'create index on ev (a)',
    'vacuum full ev',
    'alter table ev add column b int default 3',
    'create table ev_copy as select * from ev',
    'lock table ev in row exclusive mode',
    'insert into ev values (1, 1)',
    'insert into ev_missing values (1)',
    'set transaction read only | insert into ev values (10, 10)'
]) s;
-- Row locks that exclude one another, where the cap counts them.
select weir.cap_table('ev', 1, row_locks => true);
select weir.cap_table('ev_p', 1, row_locks => true);
insert into ev_p values (11);
select takes(s) || ' <- ' || s from unnest(array[
    'select a::text from ev',
    'select a::text from ev for update',
    'select a::text from ev where false for no key update',
    'select a::text from ev for share',
    'select a::text from ev for key share',
    'select a::text from ev for update skip locked',
    'select a::text from ev_v for update',
    'select e.a::text from ev e, ev_plain p for update of p',
    'select e.a::text from ev e, ev_plain p for update of e',
    'select a::text from (select * from ev for update) e',
    'with w as (select * from ev for update) select a::text from w',
    'select id::text from ev_p for update',
    'select id::text from ev_p2 for no key update',
    'select id::text from ev_p21 for update',
    'declare c cursor for select a from ev for update',
    'declare c cursor for select a from ev for update | fetch c | update ev set a = 3 where current of c',
    'do $$ declare r record; begin for r in select * from ev for update loop update ev set a = 3 where id = r.id; end loop; end $$',
    'explain select a from ev for update',
    'do $$ begin perform from ev for update; end $$',
    'insert into ev_plain select id + 50, a from ev for update',
    'prepare l as select a::text from ev for update',
    'execute l',
    'set local role ev_member | select a::text from ev for update',
    'set local role ev_some | select a::text from ev for update',
    'set transaction read only | select a::text from ev for update'
]) s;
select weir.cap_table('ev', 1, row_locks => false);
-- Foreign keys lock the rows that they check, and take no slot for it.
select weir.cap_table('ev_plain', 1, enforce => 'everyone', row_locks => true);
call pg_temp.await('select count(*) = 4 from weir._show_resources()');
select takes('insert into ev_child values (3, 1)');
select takes('select a::text from ev_plain for update');
select weir.uncap_table('ev_plain');
\pset tuples_only off
-- One slot per transaction and table, to its end, savepoints or not.
select run('a', 'begin | insert into ev values (10, 10) | savepoint s | update ev set a = 0 | rollback to s | delete from ev');
select resource, slot, task_id, pid is not null as held from weir.slots where pid is not null;
select run('a', 'rollback');
select run('a', 'begin | savepoint s | insert into ev values (10, 10) | rollback to s');
select resource, used from weir.resources where used > 0;
select run('a', 'commit');
-- It cannot be taken into a prepared transaction.
select run('a', 'begin | insert into ev values (10, 10) | prepare transaction ''ev''');
-- Without the right to write there is no slot.
select takes('set local role ev_none | insert into ev values (10, 10)');
select takes('set local role ev_none | savepoint s | truncate ev');
select takes('set local role ev_none | copy ev from stdin');
select takes('set local role ev_some | insert into ev (id) values (10)');
select takes('set local role ev_some | copy ev (id) from ''/dev/null''');
select takes('set local role ev_some | insert into ev values (10, 10)');

-- Who has empty hands waits, and then sees what the last holder has written.
select run('a', 'begin'), run('a', 'update ev set a = 100');
select start('b', 'insert into ev select 20, max(a) from ev');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.ev''');
select start('c', 'with w as (insert into ev select max(id) + 1, max(a) + 1 from ev returning a) select a::text from w');
call pg_temp.await('select waiting_sessions = 2 from weir.resources where resource = ''public.ev''');
select locktype, relation, cardinality(blockers) as blockers, waiting_behind, root_state from weir.lock_waits order by waiting_behind desc;
-- the head has no snapshot that vacuum would have to wait for
call pg_temp.await('select count(*) = 1 from pg_stat_activity where wait_event_type = ''Extension'' and backend_xmin is null and query like ''insert into ev select 20%''');
select run('a', 'commit'), finish('b'), finish('c');
select * from ev order by id;
-- The same in a function, in a procedure that commits, by COPY, by TRUNCATE.
create procedure ev_commits() language plpgsql as $$
begin
    insert into ev_plain values (30, 0);
    commit;
    insert into ev select 31, max(a) from ev;
    commit;
    insert into ev select 32, max(a) + 1 from ev;
end $$;
select run('a', 'begin'), run('a', 'update ev set a = a + 100');
select start('b', 'select ev_f(22)::text');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.ev''');
select start('c', 'call ev_commits()');
call pg_temp.await('select waiting_sessions = 2 from weir.resources where resource = ''public.ev''');
select start('d', 'copy ev from program ''echo 40,40'' (format csv)');
call pg_temp.await('select waiting_sessions = 3 from weir.resources where resource = ''public.ev''');
select run('a', 'commit'), finish('b'), finish('c'), finish('d');
select * from ev order by id;
select start('b', 'truncate ev'), finish('b');
-- So does who gets a slot at once that has come free after its snapshot.  Here
-- that lies before the planning, in which a function waits.
create function ev_waits() returns int immutable language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(7);
    return 0;
end $$;
insert into ev values (1, 1);
select pg_advisory_lock(7);
select run('a', 'begin'), run('a', 'update ev set a = 500');
select start('b', 'explain (analyze, costs off, timing off, summary off) insert into ev select 2, max(a) + ev_waits() from ev');
call pg_temp.await('select count(*) = 1 from pg_locks where not granted and objid = 7');
select run('a', 'commit'), pg_advisory_unlock(7), finish('b') is not null as ended;
select * from ev order by id;
truncate ev;
-- REPEATABLE READ cannot have another snapshot.
insert into ev values (1, 1);
select run('a', 'begin'), run('a', 'update ev set a = 100');
select run('b', 'begin isolation level repeatable read'), start('b', 'update ev set a = a + 1');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.ev''');
select run('a', 'commit'), finish('b'), run('b', 'rollback');
-- Who locks rows waits before it has one locked, where the cap counts that.
select weir.cap_table('ev', 1, row_locks => true);
select run('a', 'begin'), run('a', 'update ev set a = 200');
select start('b', 'select (select max(a) from ev)::text from ev for update');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.ev''');
select run('a', 'commit'), finish('b');
select weir.cap_table('ev', 1, row_locks => false);
-- The wait is bounded, and can be cancelled.
select run('a', 'begin'), run('a', 'update ev set a = 100');
select run('b', 'set weir.max_wait = 100'), run('b', 'delete from ev');
select run('b', 'reset weir.max_wait'), run('b', 'set lock_timeout = 100'), run('b', 'delete from ev'), run('b', 'reset lock_timeout');
select start('b', 'delete from ev');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.ev''');
select dblink_cancel_query('b'), finish('b');
select run('a', 'commit');
select waiting_sessions, used, beside from weir.resources where resource = 'public.ev';

-- Who has written, or holds a slot, does not wait: let through, and recorded.
select run('a', 'begin'), run('a', 'update ev set a = 100');
select run('b', 'begin | create temp table staged (a int)'), run('b', 'insert into ev values (50, 50)'), run('b', 'insert into ev values (51, 51)');
select used, beside from weir.resources where resource = 'public.ev';
select run('b', 'commit'), run('b', 'begin | insert into ev_p values (1)'), run('b', 'insert into ev values (52, 52)'), run('b', 'commit');
-- an aborted savepoint takes along what was written beside the slots
select run('b', 'begin | create temp table more (a int) | savepoint s'), run('b', 'insert into ev values (53, 53)'), run('b', 'rollback to s');
select used, beside, let_through from weir.resources where resource = 'public.ev';
-- an event that was rolled back has said nothing
select run('c', 'begin | create temp table more (a int) | delete from ev where false | rollback');
select run('c', 'begin | create temp table more (a int) | savepoint s | delete from ev where false | rollback to s | delete from ev where false | commit');
select count(*) from weir.events where kind = 'let_through' and relation = 'public.ev' and detail ->> 'times' = '3';
-- a slot that comes free is taken
select run('a', 'commit'), run('b', 'insert into ev values (54, 54)');
select used, beside, let_through from weir.resources where resource = 'public.ev';
select run('b', 'rollback');
-- one event per session, table, cause and minute
select kind, relation, detail from weir.events where kind in ('let_through', 'undeclared', 'would_wait') order by detail ->> 'cause';
-- Foreign keys cascade under the cap, too.
select run('a', 'begin'), run('a', 'delete from ev_child where false');
select run('b', 'delete from ev_plain where id = 1');
select let_through from weir.resources where resource = 'public.ev_child';
select run('a', 'rollback');

-- Or refused.
select weir.cap_table('ev', 1, if_unsafe_to_wait => 'error');
select run('a', 'begin'), run('a', 'update ev set a = 100');
select run('b', 'begin | create temp table staged2 (a int)'), run('b', 'insert into ev values (60, 60)'), run('b', 'rollback');
select start('c', 'insert into ev values (61, 61)');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.ev''');
select run('a', 'commit'), finish('c');
select refused > 0 as refused, waited > 0 as waited, let_through from weir.resources where resource = 'public.ev';

-- A holder that comes to wait for the line: the line is let through.
select weir.cap_table('ev', 1, if_unsafe_to_wait => 'allow');
select run('a', 'begin'), run('a', 'update ev set a = 100');
select start('b', 'insert into ev values (70, 70)');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.ev''');
select start('c', 'insert into ev values (71, 71)');
call pg_temp.await('select waiting_sessions = 2 from weir.resources where resource = ''public.ev''');
select start('a', 'truncate ev');
select finish('b'), finish('c'), finish('a'), run('a', 'commit');
select run('a', 'begin'), run('a', 'insert into ev values (1, 1)');
select start('b', 'insert into ev values (70, 70)');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.ev''');
select start('a', 'alter table ev add b int');
select finish('b'), finish('a'), run('a', 'commit');
select distinct relation, detail ->> 'cause' as cause from weir.events where kind = 'let_through' and relation = 'public.ev' order by 2;
-- Where nobody is let through it is an error of the line.
select weir.cap_table('ev', 1, if_unsafe_to_wait => 'error');
select run('a', 'begin'), run('a', 'delete from ev');
select start('b', 'insert into ev values (72, 72)');
call pg_temp.await('select waiting_sessions = 1 from weir.resources where resource = ''public.ev''');
select start('a', 'truncate ev');
select finish('b'), finish('a'), run('a', 'commit');
select weir.cap_table('ev', 1, if_unsafe_to_wait => 'allow');
-- A slot and a row lock: the row lock's holder waits for no slot.
insert into ev_plain values (2, 2);
select run('a', 'begin'), run('a', 'insert into ev values (1, 1)');
select run('b', 'begin'), run('b', 'update ev_plain set a = 3 where id = 2'), start('a', 'update ev_plain set a = 4 where id = 2');
call pg_temp.await('select count(*) = 1 from weir.lock_waits');
select run('b', 'insert into ev values (2, 2)'), run('b', 'commit'), finish('a'), run('a', 'commit');
-- Two tables in opposite order.
select run('a', 'begin'), run('a', 'insert into ev values (3, 3)'), run('b', 'begin'), run('b', 'insert into ev_p values (3)');
select run('a', 'insert into ev_p values (4)'), run('b', 'insert into ev values (4, 4)'), run('a', 'commit'), run('b', 'commit');
-- One statement that writes both waits for the one that is taken, and has both.
select run('a', 'begin'), run('a', 'insert into ev_p values (5)');
select run('b', 'begin'), start('b', 'with w as (insert into ev values (5, 5)) insert into ev_p values (6)');
call pg_temp.await('select sum(waiting_sessions) = 1 from weir.resources');
select run('a', 'commit'), finish('b');
select resource, used, beside from weir.resources order by 1;
select run('b', 'commit');

-- Exempt roles, and their members; the switch.
select weir.cap_table('ev', 1, exempt => '{ev_team}');
select takes('insert into ev values (80, 80)'), takes('set local role ev_member | delete from ev'), takes('set local role ev_some | insert into ev (id) values (80)');
select takes('set weir.enforce = off | delete from ev'), takes('delete from ev'), takes('set weir.enforce = on | delete from ev');
select takes('set local role ev_member | set local weir.enforce = off');
drop owned by ev_team;
drop role ev_team;
call pg_temp.await('select exempt = ''{ev_team}'' from weir.resources where resource = ''public.ev''');

-- Only observed: nobody waits, nobody takes a slot.
select weir.cap_table('ev', 1, enforce => 'observe', exempt => '{}');
select run('a', 'begin'), run('a', 'update ev set a = 100'), run('a', 'update ev set a = 101');
select used, beside, would_wait from weir.resources where resource = 'public.ev';
select run('b', 'insert into ev values (90, 90)');
select used, beside, would_wait from weir.resources where resource = 'public.ev';
select run('a', 'commit');
select kind, relation, detail from weir.events where kind = 'would_wait' order by event_id;
-- Tasks alone: nothing is looked at.
select weir.cap_table('ev', 1, enforce => 'tasks');
select takes('delete from ev');

-- A task that has not declared the table never waits; it is a finding.
select weir.cap_table('ev', 1, enforce => 'everyone');
select weir.enqueue('insert into ev values (100, 100)') as task \gset
select outcome from weir.wait(:task, '30s');
select kind, task_id = :task as task, relation, detail from weir.events where task_id = :task;
select run('a', 'begin'), run('a', 'insert into ev values (101, 101)');
select weir.enqueue('insert into ev values (102, 102)') as task \gset
select outcome from weir.wait(:task, '30s');
select kind, relation, detail from weir.events where task_id = :task order by event_id;
-- one that has waits as ever
select weir.enqueue('insert into ev values (103, 103)', tables => '{ev}') as task \gset
call pg_temp.await(format('select cause = ''foreign_holder'' from weir.why_waiting(%s)', :task));
select run('a', 'commit');
select outcome from weir.wait(:task, '30s');
select count(*) from weir.events where task_id = :task;
-- Without a way round it is refused, and tried again.
select weir.cap_table('ev', 1, if_unsafe_to_wait => 'error');
select run('a', 'begin'), run('a', 'insert into ev values (104, 104)');
select weir.enqueue('insert into ev values (105, 105)', max_attempts => 1) as task \gset
select outcome, sqlstate, hint from weir.wait(:task, '30s');
select run('a', 'commit');

-- The cap follows the name, and a table that becomes a leaf.
create table ev_new (id int, a int);
select takes('insert into ev_new values (1, 1)');
alter table ev rename to ev_old;
alter table ev_new rename to ev;
select takes('insert into ev values (1, 1)'), takes('insert into ev_old values (200, 1)');
create table ev_leaf (id int);
select takes('insert into ev_leaf values (16)');
alter table ev_p2 attach partition ev_leaf for values from (15) to (20);
select takes('insert into ev_leaf values (16)');
alter table ev_p detach partition ev_p2;
select takes('insert into ev_leaf values (16)'), takes('insert into ev_p1 values (1)');
drop table ev_p2;

-- Nobody waits for who has locked the configuration; then it is looked up again.
create table ev_other (id int, a int);
select run('a', 'begin | lock table weir.cap'), run('b', 'insert into ev_other values (1, 1)'), run('b', 'insert into ev_p values (2)'), run('a', 'rollback');
alter table ev rename to ev_older;
alter table ev_other rename to ev;
select run('b', 'begin | insert into ev values (1, 1)');
select used from weir.resources where resource = 'public.ev';
select run('b', 'rollback');

select weir.uncap_table('ev'), weir.uncap_table('ev_p'), weir.uncap_table('ev_child');
select takes('insert into ev values (2, 2)'), takes('insert into ev_p values (1)');
select count(dblink_disconnect(c)) from unnest(array['a', 'b', 'c', 'd']) c;
drop table ev, ev_p, ev_child, ev_plain, ev_old, ev_older cascade;
drop function ev_waits, ev_it, ev_plain, ev_f, ev_g, takes, run, finish, start, open_one;
drop procedure ev_commits;
drop owned by ev_none, ev_some, ev_member;
drop role ev_none, ev_some, ev_member;
