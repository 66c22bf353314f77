-- What a task leaves behind in its session is gone for the next one.  The
-- queue has one task at a time, and the same worker takes one after the other.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
create role session_role login;
create role session_other login;
create role session_admin superuser login;
grant session_other to session_role;
grant create on schema public to session_role;
select weir.create_queue('session', max_running => 1);
select weir.grant_queue('session', 'session_role');
set role session_role;
create sequence session_seq;
create table session_t (a int);

-- What a session can hold on to.
create function leftovers() returns table (what text, n bigint) language sql as $$
    values ('work_mem', (select count(*) from pg_settings where name = 'work_mem' and source = 'session')),
           ('custom', (select count(*) where current_setting('my.own', true) <> '')),
           ('search_path', (select count(*) where current_schema <> 'public')),
           ('temporary tables', (select count(*) from pg_class where pg_my_temp_schema() = relnamespace)),
           ('prepared statements', (select count(*) from pg_prepared_statements)),
           ('cursors', (select count(*) from pg_cursors where is_holdable)),
           ('advisory locks', (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())),
           ('current_user', (select count(*) where current_user <> 'session_role')),
           ('session_user', (select count(*) where session_user <> 'session_role'))
$$;
create function leave_all() returns void language plpgsql as $$
begin
    perform set_config('work_mem', '77MB', false), set_config('my.own', 'x', false),
            set_config('search_path', 'pg_catalog, public', false),
            pg_advisory_lock(99), pg_advisory_lock_shared(98), pg_advisory_lock(97), pg_advisory_lock(97);
    create temp table left_behind as select 1 as a;
    execute 'prepare left_statement as select 1';
    perform nextval('session_seq');
end $$;
-- In both modes, each followed by a look.
select weir.enqueue('select leave_all(); declare c cursor with hold for select 1; select what, n from leftovers()', queue => 'session') as a,
       weir.enqueue('select what from leftovers() where n > 0', queue => 'session') as b,
       weir.enqueue('select leave_all(); declare c cursor with hold for select 1; select what, n from leftovers()', queue => 'session', mode => 'autocommit') as c,
       weir.enqueue('select what from leftovers() where n > 0', queue => 'session') as d \gset
select outcome, message from weir.wait(:d, '30s');
select x->>'what' as what, x->>'n' as n from jsonb_array_elements(weir.result(:a)) x;
select weir.result(:b) as left_behind;
select x->>'what' as what, x->>'n' as n from jsonb_array_elements(weir.result(:c)) x;
select weir.result(:d) as left_behind;
select count(distinct worker_pid) as workers from weir.runs where task_id in (:a, :b, :c, :d);
-- currval is not defined where nextval was called by another task.
select weir.enqueue('select nextval(''session_seq'') > 0 as x', queue => 'session') as a,
       weir.enqueue('select currval(''session_seq'')', queue => 'session', max_attempts => 1) as b,
       weir.enqueue('select lastval()', queue => 'session', max_attempts => 1) as c \gset
select outcome, sqlstate from weir.wait(:c, '30s');
select outcome, sqlstate from weir.wait(:b, '30s');

-- What fails leaves nothing either: settings and locks of the session outlive
-- the rollback of a transaction, but not the task.
select weir.enqueue('select leave_all(); select 1 / 0', queue => 'session') as a,
       weir.enqueue('select leave_all(); select 1 / 0', queue => 'session', mode => 'autocommit') as b,
       weir.enqueue('select what from leftovers() where n > 0', queue => 'session') as c \gset
select outcome, result from weir.wait(:c, '30s');
select outcome from weir.wait(:a);
select outcome from weir.wait(:b);
-- A temporary table of that name can be made again.
select weir.enqueue('create temp table left_behind (b int); select count(*) as n from left_behind', queue => 'session') as a,
       weir.enqueue('create temp table left_behind (c int); select count(*) as n from left_behind', queue => 'session', mode => 'autocommit') as b,
       weir.enqueue('create temp table left_behind (d int) on commit drop; select count(*) as n from left_behind', queue => 'session') as c \gset
select outcome, result from weir.wait(:c, '30s');
select outcome, result from weir.wait(:b);
select outcome, result from weir.wait(:a);

-- SET ROLE works for the task itself, as far as the role may, and no further.
select weir.enqueue('set role session_other; select current_user as u, session_user as s', queue => 'session') as a,
       weir.enqueue('select current_user as u, session_user as s', queue => 'session') as b,
       weir.enqueue('set role session_other; select current_user as u', queue => 'session', mode => 'autocommit') as c,
       weir.enqueue('select current_user as u', queue => 'session') as d,
       weir.enqueue('set role session_other; reset role; select current_user as u', queue => 'session') as e,
       weir.enqueue('set local role session_other; select current_user as u', queue => 'session') as f,
       weir.enqueue('select current_user as u', queue => 'session') as g \gset
select outcome, result from weir.wait(:g, '30s');
select result from unnest(array[:a, :b, :c, :d, :e, :f]) with ordinality as u(t, i), weir.wait(t, '30s') order by i;
-- Nobody becomes somebody else by leaving the role.
select weir.enqueue('set role session_admin', queue => 'session', max_attempts => 1) as a,
       weir.enqueue('set session authorization session_admin', queue => 'session', max_attempts => 1) as b,
       weir.enqueue('reset role; reset session authorization; select current_user as u, session_user as s', queue => 'session') as c,
       weir.enqueue('set session_replication_role = replica', queue => 'session', max_attempts => 1) as d \gset
select outcome, sqlstate from weir.wait(:a, '30s');
select outcome, sqlstate from weir.wait(:b, '30s');
select outcome, result from weir.wait(:c, '30s');
select outcome, sqlstate from weir.wait(:d, '30s');

-- The task is recorded, whatever it sets.
select weir.enqueue('set default_transaction_read_only = on; set transaction_read_only = on; select 1 as x', queue => 'session') as a,
       weir.enqueue('set transaction read only; select 2 as x', queue => 'session') as b,
       weir.enqueue('set default_transaction_read_only = on; select 3 as x', queue => 'session', mode => 'autocommit') as c,
       weir.enqueue('set search_path = nowhere; set timezone = ''UTC''; set statement_timeout = 1; set lock_timeout = 1; select 4 as x', queue => 'session') as d,
       weir.enqueue('set row_security = off; set constraint_exclusion = off; set enable_indexscan = off; set enable_bitmapscan = off; select 5 as x', queue => 'session') as e,
       weir.enqueue('set datestyle = ''German''; set intervalstyle = ''iso_8601''; set bytea_output = ''escape''; select 6 as x', queue => 'session') as f \gset
select outcome, result from unnest(array[:a, :b, :c, :d, :e, :f]) with ordinality as u(t, i), weir.wait(t, '30s') order by i;
reset role;
select weir.drain('session', '30s');
select weir.drop_queue('session');
drop owned by session_role;
drop role session_role, session_other, session_admin;
