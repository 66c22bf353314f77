-- A whole graph of tasks at once.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

-- What a statement is refused with: SQLSTATE, message, detail, hint, context.
create function pg_temp.refused(command text) returns text
language plpgsql as $$
declare
    d text;
    h text;
    c text;
begin
    execute command;
    return 'not refused';
exception when others then
    get stacked diagnostics d = pg_exception_detail, h = pg_exception_hint, c = pg_exception_context;
    return concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, regexp_replace(nullif(d, ''), '"oldest_age_ms": (\d+|null), ', ''), nullif(h, ''),
                     (regexp_match(c, 'Task [^\n]*'))[1]);
end $$;
create function pg_temp.refused_tasks(tasks jsonb) returns text language sql as
$$ select pg_temp.refused(format('select weir.submit(%L)', tasks)) $$;

create table trail (i serial, what text);
select weir.create_queue('g', capacity => 20, max_running => 1);
select weir.create_queue('h', capacity => 5, class => 'backfill');

-- In any order; keys and ids; results in the order of the call.
select weir.enqueue('insert into trail (what) values (''before'')', queue => 'g') as before \gset
select key, task_id - :before as task from weir.submit(jsonb_build_array(
    jsonb_build_object('key', 'last', 'command', 'insert into trail (what) values ($1)', 'args', '["last"]'::jsonb,
        'after', '["left", "right", "left"]'::jsonb, 'queue', 'g'),
    jsonb_build_object('key', 'left', 'command', 'insert into trail (what) values (''left'')', 'after', '["first"]'::jsonb, 'queue', 'h', 'class', null),
    '{"command": "select count(*) from trail", "queue": "g", "after": []}'::jsonb,
    jsonb_build_object('key', 'right', 'command', 'insert into trail (what) values (''right'')', 'after', '["first", "left"]'::jsonb,
        'queue', 'g', 'on_parent_failure', 'run', 'tables', '["trail"]'::jsonb),
    jsonb_build_object('key', 'first', 'command', 'insert into trail (what) values (''first'')', 'queue', 'g', 'after', jsonb_build_array(:before))));
select weir.drain('g', '30s') and weir.drain('h', '30s') as drained;
select what from trail order by i;
select task_id - :before as task, queue, class, state, (select array_agg(a - :before) from unnest(after) a) as after, on_parent_failure
from weir.tasks where task_id > :before order by task_id;

-- Everything that weir.enqueue() takes, in the same way.
\set all '{"key": "all", "command": "select $1::int as a, $2::text as b", "args": [1, "x"], "queue": "g", "class": "backfill", "priority": 3, "run_at": "2001-01-01 00:00+00", "deadline": "2099-01-01 00:00+00", "tables": "{trail}", "resources": null, "serial_key": "line:$1", "after": null, "on_parent_failure": "wait", "unique_key": "k:$1", "unique_for": "1 ms", "on_conflict": "skip", "timeout": "1 minute", "lock_timeout": "1 s", "queue_timeout": "1 day", "max_attempts": 4, "mode": "autocommit", "settings": {"work_mem": "1MB"}, "policy": {"backoff_base": 0}, "reason": "because", "validate": false}'
select a.name as not_said from pg_proc p, unnest(p.proargnames) a(name)
where p.oid::regproc = 'weir.enqueue'::regproc and not :'all'::jsonb ? a.name;
select task_id as id from weir.submit(jsonb_build_array(:'all'::jsonb)) \gset
select outcome, result from weir.wait(:id, '30s');
set timezone = 'UTC';
select queue, class, priority, run_at, deadline, tables, on_parent_failure, unique_key, serial_key, timeout, lock_timeout, queue_timeout,
    max_attempts, mode, settings, policy, reason from weir.tasks where task_id = :id;
-- Nothing is nothing.
select * from weir.submit('[]');

-- A later task may need what an earlier one makes; it is not analyzed.
select weir.submit('[{"key": "a", "command": "create table made (a int)", "queue": "g"},
    {"command": "insert into made values (1)", "after": ["a"], "queue": "g"}]') is not null as submitted;
select weir.drain('g', '30s');
select * from made;
-- Those that fail take others along, as ever.
select max(task_id) as base from weir.tasks \gset
select weir.submit('[{"key": "a", "command": "select 1/0", "queue": "g", "validate": false}, {"key": "b", "command": "select 1", "after": ["a"], "queue": "g"},
    {"command": "select 2", "after": ["b"], "on_parent_failure": "run", "queue": "g"}]') is not null as submitted;
select weir.drain('g', '30s');
select task_id - :base as task, state from weir.tasks where task_id > :base order by 1;

-- Unique keys: another task may stand for one, also one of the same call.
select weir.pause('g');
select weir.enqueue('select 1', queue => 'g', unique_key => 'one') as one \gset
select key, task_id - :one as task from weir.submit('[{"key": "same", "command": "select 1", "unique_key": "one", "queue": "g"},
    {"key": "new", "command": "select 1", "unique_key": "two", "queue": "g"},
    {"key": "again", "command": "select 1", "unique_key": "two", "queue": "g"},
    {"key": "instead", "command": "select 1", "unique_key": "one", "on_conflict": "replace", "queue": "g"},
    {"key": "child", "command": "select 2", "after": ["same", "again"], "on_parent_failure": "run", "queue": "g"}]');
select task_id - :one as task, state, unique_key, (select array_agg(a - :one) from unnest(after) a) as after
from weir.tasks where task_id >= :one order by 1;
select depth from weir.queues where name = 'g';
-- The message speaks of all of them: they run.
select weir.resume('g');
select weir.drain('g', '30s');
select state, count(*) from weir.tasks where task_id >= :one group by 1 order by 1;

-- All or none, at the capacity of each queue.
select jsonb_agg(jsonb_build_object('command', 'select 1', 'queue', 'h')) as six from generate_series(1, 6) \gset
select pg_temp.refused_tasks((:'six'::jsonb - 0) || '{"command": "select 1", "queue": "g"}'::jsonb || '{"command": "select 1", "queue": "h"}'::jsonb);
select name, depth from weir.queues where name in ('g', 'h') order by 1;
begin;
select count(*) from weir.submit(:'six'::jsonb - 0);
select depth from weir.queues where name = 'h';
rollback;
select depth from weir.queues where name = 'h';
select count(*) from weir.submit(:'six'::jsonb - 0);
select weir.drain('h', '30s');

-- Refused, naming the task.
\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    'select weir.submit(null)', 'select weir.submit(''{}'')', 'select weir.submit(''1'')']) c;
select pg_temp.refused_tasks(t::jsonb) from unnest(array[
    '[1]', '[[]]', '[null]',
    '[{}]',
    '[{"command": "select 1"}, {"command": "select 1", "comand": "select 1"}]',
    '[{"key": "a", "command": "selekt 1"}]',
    '[{"key": "a", "command": "select $1"}]',
    '[{"key": "a", "command": "select 1", "queue": "none"}]',
    '[{"key": "a", "command": "select 1", "priority": "high"}]',
    '[{"key": "a", "command": "select 1", "timeout": "-1 s"}]',
    '[{"key": "a", "command": "select 1", "tables": ["nowhere"]}]',
    '[{"key": "a", "command": "select 1", "settings": {"role": "postgres"}}]',
    '[{"key": "a", "command": "select 1", "policy": {"attempts": 1}}]',
    '[{"key": 1, "command": "select 1"}]', '[{"key": "", "command": "select 1"}]',
    '[{"key": "a", "command": "select 1"}, {"key": "b", "command": "select 1"}, {"key": "a", "command": "select 1"}]',
    '[{"key": "a", "command": "select 1", "after": ["b"]}]',
    '[{"key": "a", "command": "select 1", "after": "b"}]',
    '[{"key": "a", "command": "select 1", "after": [true]}]',
    '[{"key": "a", "command": "select 1", "after": [1.5]}]',
    '[{"key": "a", "command": "select 1", "after": [0]}]',
    '[{"key": "a", "command": "select 1", "after": ["a"]}]',
    '[{"command": "select 1"}, {"key": "a", "command": "select 1", "after": ["d"]}, {"key": "b", "command": "select 1", "after": ["a"]},
      {"key": "c", "command": "select 1", "after": ["b"]}, {"key": "d", "command": "select 1", "after": ["c"]}, {"command": "select 1", "after": ["d"]}]']) with ordinality u (t, i) order by i;
select pg_temp.refused_tasks((select jsonb_agg(jsonb_build_object('key', i::text, 'command', 'select 1', 'after', array[(i % 7 + 1)::text])) from generate_series(1, 7) i));
select pg_temp.refused_tasks(jsonb_build_array(jsonb_build_object('command', 'select 1', 'after', (select array_agg(i::text) from generate_series(1, 1001) i))));
select pg_temp.refused_tasks(jsonb_build_array(jsonb_build_object('key', repeat('x', 1001), 'command', 'select 1')));
begin read only;
select pg_temp.refused_tasks('[{"command": "select 1"}]');
rollback;
\pset tuples_only off
select name, depth from weir.queues where name in ('adhoc', 'g', 'h') order by 1;

-- Rights are those of weir.enqueue().
create role regress_submit login;
set role regress_submit;
select pg_temp.refused_tasks('[{"key": "a", "command": "select 1", "queue": "g"}]');
select replace(pg_temp.refused_tasks(jsonb_build_array(jsonb_build_object('key', 'a', 'command', 'select 1', 'after', array[:one]))), :'one', 'one') as refused;
select pg_temp.refused_tasks('[{"key": "a", "command": "select 1", "tables": ["trail"]}]');
reset role;
-- Another's task that stands for one is not waited for.
select weir.enqueue('select 1', unique_key => 'mine', run_at => '2100-01-01') as mine \gset
set role regress_submit;
select pg_temp.refused_tasks('[{"key": "a", "command": "select 1", "unique_key": "mine"}, {"command": "select 1", "after": ["a"]}]') = format('42501 must be owner of task %s', :mine) as refused;
reset role;
select weir.cancel(:mine);
drop role regress_submit;

-- Ten thousand, a chain of them and as many beside it.
select weir.alter_queue('g', capacity => 10000);
select weir.pause('g');
select count(*), count(distinct task_id) from weir.submit((
    select jsonb_agg(case when i % 2 = 0 then jsonb_build_object('command', 'select 1', 'queue', 'g')
        else jsonb_build_object('key', i::text, 'command', 'select 1', 'queue', 'g', 'after', case when i < 9999 then array[(i + 2)::text] end) end)
    from generate_series(1, 10000) i));
select max(task_id) as last, max(task_id) - 10000 as base from weir.tasks \gset
select count(*) filter (where t.after is null) as without, bool_and(t.after is null or t.after[1] < t.task_id) as older_ones
from weir.task t where task_id > :base;
-- the children first: who waits for one that is cancelled is cancelled, too
select weir.cancel_many(array(select generate_series(:base + 8001, :base + 10000)));
select weir.cancel_many(array(select generate_series(:base + 6001, :base + 8000)));
select weir.cancel_many(array(select generate_series(:base + 4001, :base + 6000)));
select weir.cancel_many(array(select generate_series(:base + 2001, :base + 4000)));
select weir.cancel_many(array(select generate_series(:base + 1, :base + 2000)));
select depth from weir.queues where name = 'g';
select weir.drop_queue('g'), weir.drop_queue('h');
drop table trail, made;
