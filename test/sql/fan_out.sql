-- Groups of tasks, and one that collects their results.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
create function pg_temp.fan_out_refused(tasks text, collector text, more text default '') returns text language sql as
$$ select pg_temp.refused(format('select weir.fan_out(%L, %L %s)', tasks, collector, more)) $$;

select weir.create_queue('fan', policy => '{"backoff_base": 0}');
create table collected (key text, outcome text, result jsonb);
create function collect() returns bigint language sql as $$
    with g as (insert into collected select key, outcome, result from weir.group_runs() returning 1) select count(*) from g
$$;

-- The collector runs when all have ended, however they did.
select weir.fan_out('[{"key": "a", "command": "select $1::int as n", "args": [1], "queue": "fan"},
    {"key": "b", "command": "select 1 / 0", "queue": "fan", "validate": false},
    {"command": "select 3 as n", "queue": "fan", "after": ["b"]},
    {"key": "c", "command": "select 4 as n", "queue": "fan", "after": ["a"]}]', '{"command": "select collect()", "queue": "fan"}') as id \gset
select outcome, result from weir.wait(:id, '30s');
select * from collected order by 1;
select key, :id - task_id as before, outcome, sqlstate, message, finished_at is not null as ended from weir.group_runs(:id);
select state, on_parent_failure, cardinality(after) as after, reason from weir.tasks where task_id = :id;
select owner = current_user as mine, members, ended, deadline, on_deadline from weir.groups where task_id = :id;
-- What a member makes is there for the collector; nobody looks for it before.
select weir.fan_out('[{"command": "create table made as select 7 as n", "queue": "fan"}]', '{"command": "select n from made", "queue": "fan"}') as id \gset
select result from weir.wait(:id, '30s');
-- A group without members is its collector.
select weir.fan_out('[]', '{"command": "select count(*) from weir.group_runs()", "queue": "fan"}', within => '1 hour') as id \gset
select result from weir.wait(:id, '30s');

-- Waiting for members says so, and until when.
select weir.pause('fan');
select weir.fan_out('[{"key": "a", "command": "select 1", "queue": "fan"}]', '{"command": "select 1", "queue": "fan"}', within => '1 day') as id \gset
select state from weir.tasks where task_id = :id;
select cause, detail, eta between now() + interval '23 hours' and now() + interval '1 day' as eta from weir.why_waiting(:id) where cause = 'dependency';
select members, ended, deadline between now() + interval '23 hours' and now() + interval '1 day' as deadline, on_deadline from weir.groups where task_id = :id;
select key, outcome from weir.group_runs(:id);

-- The deadline, partial: what waits is ended, and the collector runs.
truncate collected;
select weir.fan_out('[{"key": "a", "command": "select 1", "queue": "fan"}, {"key": "b", "command": "select 2", "run_at": "2100-01-01"},
    {"key": "c", "command": "select 3", "queue": "fan", "after": ["a", "b"]}, {"key": "d", "command": "select 4 as n"}]',
    '{"command": "select collect()"}', within => '5 s') as partial \gset
select outcome from weir.wait(:partial, '30s');
select * from collected order by 1;
select g.key, r.outcome, r.final, r.started_at is null as not_begun, r.actor = 'task ' || :partial as names_it, r.reason
from weir.group_runs(:partial) g join weir.runs r using (task_id) order by 1;
select kind, reason, detail from weir.events where task_id = :partial;
-- ... fail: the collector, too.
select weir.fan_out('[{"key": "a", "command": "select 1", "queue": "fan"}]', '{"command": "select collect()"}',
    within => '10 ms', on_deadline => 'fail') as failed \gset
select outcome, final, started_at is null as not_begun, actor = 'task ' || :failed as itself, reason from weir.wait(:failed, '30s');
select key, outcome from weir.group_runs(:failed);
select kind, reason, detail from weir.events where task_id = :failed;
-- ... and one that runs.
select weir.fan_out('[]', '{"command": "select pg_sleep(100)"}', within => '100 ms', on_deadline => 'fail') as failed \gset
select outcome, reason from weir.wait(:failed, '30s');
-- ... and one that waits, though its members have ended.
select weir.fan_out('[{"command": "select 1"}]', '{"command": "select collect()", "queue": "fan"}', within => '100 ms', on_deadline => 'fail') as failed \gset
select outcome, reason from weir.wait(:failed, '30s');

-- Cancel of the collector is cancel of the group.
select weir.cancel(:id, 'not needed');
select outcome, actor = 'task ' || :id as itself, reason from weir.wait(:id, '30s');
select key, outcome from weir.group_runs(:id);
select kind, reason from weir.events where task_id = :id;
select weir.cancel(:id), weir.cancel(:partial);
-- Also when the collector has ended, and a member was brought back.
select weir.create_queue('again');
select weir.fan_out('[{"key": "a", "command": "select 1 / 0", "queue": "again", "validate": false}, {"key": "b", "command": "select 1"}]', '{"command": "select 2 as n"}') as again \gset
select outcome, result from weir.wait(:again, '30s');
select weir.pause('again');
select weir.cancel(:again);
select task_id as member from weir.group_runs(:again) where key = 'a' \gset
select weir.retry(:member);
select weir.cancel(:again, 'not again');
select outcome, reason from weir.wait(:member, '30s');
select key, outcome from weir.group_runs(:again) order by key;
select weir.cancel(:again);
select weir.drop_queue('again');
-- Of a member: the group goes on.
select weir.fan_out('[{"key": "a", "command": "select 1", "run_at": "2100-01-01"}, {"key": "b", "command": "select 2"}]', '{"command": "select 3 as n"}', within => '1 day') as id \gset
select weir.cancel(task_id) from weir.group_runs(:id) where key = 'a';
select outcome, result from weir.wait(:id, '30s');
select key, outcome from weir.group_runs(:id);
-- A rollback leaves nothing.
begin;
select weir.fan_out('[{"command": "select 1"}]', '{"command": "select 1"}', within => '1 ms') as id \gset
rollback;
select count(*) from weir.groups where task_id = :id;
-- A collector that was ended can be brought back, without a deadline.
select weir.resume('fan');
select weir.retry(:failed, 'in spite of it');
select outcome, result from weir.wait(:failed, '30s');

-- Refused.
\pset tuples_only on
select pg_temp.fan_out_refused(t, c, m) from (values
    (null, '{}', ''), ('[]', null, ''), ('{}', '{"command": "select 1"}', ''), ('[]', '[]', ''), ('[]', '{}', ''),
    ('[]', '{"command": "selekt"}', ''), ('[{"command": "selekt"}]', '{"command": "select 1"}', ''),
    ('[{"key": "a", "command": "select 1", "after": ["a"]}]', '{"command": "select 1"}', ''),
    ('[]', '{"command": "select 1", "after": [1]}', ''), ('[]', '{"command": "select 1", "on_parent_failure": "wait"}', ''),
    ('[]', '{"command": "select 1", "unique_key": "x"}', ''), ('[{"command": "select 1", "unique_key": "x"}]', '{"command": "select 1"}', ''),
    ('[]', '{"command": "select 1"}', ', within => ''0'''), ('[]', '{"command": "select 1"}', ', within => ''10001 days'''),
    ('[]', '{"command": "select 1"}', ', on_deadline => ''wait''')) v (t, c, m);
select pg_temp.refused(c) from unnest(array['select weir.group_runs()', 'select weir.group_runs(-1)']) c;
select weir.enqueue('select 1', queue => 'fan') as id \gset
select replace(pg_temp.refused('select weir.group_runs(' || :id || ')'), :'id', 'N');
select weir.enqueue('select weir.group_runs()', queue => 'fan', max_attempts => 1) as id \gset
select outcome, sqlstate, replace(message, :'id', 'N') from weir.wait(:id, '30s');
-- All or none.
select weir.drain('fan', '30s');
select weir.alter_queue('fan', capacity => 2);
select (regexp_match(pg_temp.fan_out_refused('[{"command": "select 1", "queue": "fan"}, {"command": "select 1", "queue": "fan"}]', '{"command": "select 1", "queue": "fan"}'), '^[^\n]*'))[1];
select depth from weir.queues where name = 'fan';
-- Others see that there is a group, and not what came of it; nobody writes it.
create role regress_fan login;
set role regress_fan;
select members from weir.groups where task_id = :partial;
select replace(pg_temp.refused('select weir.group_runs(' || :partial || ')'), :'partial', 'N');
select replace(pg_temp.refused('select weir.cancel(' || :partial || ')'), :'partial', 'N');
select * from weir.task_group;
reset role;
drop role regress_fan;
\pset tuples_only off
update weir.task_group set on_deadline = 'fail';
select weir.drain('adhoc', '30s');
select weir.drop_queue('fan');
drop function collect;
drop table collected, made;
