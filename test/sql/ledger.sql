-- The ledger only grows, whoever tries; its generations.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
select weir.enqueue('select 1', mode => 'autocommit') as id \gset
select outcome from weir.wait(:id, '30s');
select weir.enqueue('select 1', run_at => 'tomorrow') as waiting \gset
select weir.cancel(:waiting);

select low > 0 as low, high > low as high, state, created_at is not null as created, closed_at
from weir.generation where :id >= low and :id < high;
-- The rows are in the tables of the generation, the parents are empty.
select (select count(*) from only weir.task) as tasks, (select count(*) from only weir.run) as runs;
select format('weir.task_%s', generation_id) as task_n, format('weir.run_%s', generation_id) as run_n
from weir.generation where :id >= low and :id < high \gset
select (select count(*) from :task_n where task_id = :id) as task, (select count(*) from :run_n where task_id = :id) as run;

-- Nobody changes, deletes or truncates: not the superuser, ...
create procedure tamper() language plpgsql as $$
declare
    t regclass;
    c text;
    k text;
begin
    for t in select oid::regclass from pg_class
        where relnamespace = 'weir'::regnamespace and relkind = 'r'
        and (relname in ('task', 'run', 'claim', 'event', 'environment', 'lock_wait') or relname ~ '^(task|run)_\d+$')
        order by regexp_replace(relname, '\d+', '')::text collate "C", oid
    loop
        k := case t when 'weir.event'::regclass then 'kind' when 'weir.environment'::regclass then 'queue' else 'task_id' end;
        foreach c in array array['update %s set %I = %I', 'delete from %s', 'truncate %s',
                                 'delete from %s where false', 'delete from only %s',
                                 'truncate %s cascade'] loop
            begin
                execute format(c, t, k, k);
                raise notice '%: done', format(c, t, 'x', 'x');
            exception when insufficient_privilege then
                raise notice '%', regexp_replace(sqlerrm, '\d+', 'N');
            end;
        end loop;
    end loop;
end $$;
set client_min_messages = notice;
call tamper();
-- ... not by way of a replica's privileges.
set session_replication_role = replica;
call tamper();
reset session_replication_role;
set client_min_messages = warning;
-- The statement names the way that there is.
\set VERBOSITY default
delete from weir.event;
\set VERBOSITY terse
-- Merge and upsert are changes, too.
merge into weir.run r using (values (:id)) v (id) on r.task_id = v.id when matched then delete;
\echo :SQLSTATE
insert into weir.claim values (:id, 1, now(), 1) on conflict (task_id, attempt) do update set worker_pid = 2;
\echo :SQLSTATE
select count(*) from weir.claim where task_id = :id;
-- (the names of the generations depend on how many there are)
\set VERBOSITY sqlstate
-- The key of the run row is (task, attempt): no attempt ends twice.
insert into :run_n select * from :run_n where task_id = :id;
-- Rows outside of its range do not get into a generation.
insert into :task_n select 9000000000000000000 as task_id, enqueued_at, environment_id, priority, command
from :task_n where task_id = :id;
\set VERBOSITY terse
-- An administrator may add indexes of any kind: they are kept.
create index admin_expression on :run_n (upper(outcome));
create index admin_partial on :task_n (priority) where command like '%admin%';
alter table :run_n add constraint admin_deferrable unique (xid, attempt, task_id) deferrable initially deferred;
select weir.enqueue('select $$admin$$') as id \gset
select outcome from weir.wait(:id, '30s');
select first_id as id from weir.enqueue_many('select $$admin$$ || $1', '[["a"], ["b"], ["c"]]') \gset
select outcome from generate_series(:id, :id + 2) i, weir.wait(i, '30s');
set enable_seqscan = off;
select count(*) as by_expression from :run_n where upper(outcome) = 'SUCCEEDED' \gset
select count(*) as by_predicate from :task_n where command like '%admin%' and priority = 0 \gset
set enable_seqscan = on;
set enable_indexscan = off;
set enable_bitmapscan = off;
select count(*) = :by_expression as expression from :run_n where upper(outcome) = 'SUCCEEDED';
select count(*) = :by_predicate and :by_predicate = 4 as predicate from :task_n where command like '%admin%' and priority = 0;
reset enable_seqscan;
reset enable_indexscan;
reset enable_bitmapscan;
drop index weir.admin_expression, weir.admin_partial;
alter table :run_n drop constraint admin_deferrable;
-- What tasks have in common is stored once: for a session, a queue, a search
-- path.  What a savepoint has stored goes with it, and is stored again.
select weir.create_queue('ledger', capacity => 1000);
select weir.pause('ledger');
set application_name = 'ledger test';
begin;
savepoint a;
select count(weir.enqueue('select 1', queue => 'ledger')) from generate_series(1, 3);
rollback to a;
select count(weir.enqueue('select 1', queue => 'ledger')) from generate_series(1, 3);
savepoint b;
set local search_path = pg_catalog;
select count(weir.enqueue('select 1', queue => 'ledger')) from generate_series(1, 3);
rollback to b;
commit;
select count(weir.enqueue('select 1', queue => 'ledger')) from generate_series(1, 3);
select count(*) as tasks, count(distinct environment_id) as environments
from weir.task t join weir.environment v using (environment_id) where v.queue = 'ledger';
-- more of them in one transaction than a session keeps, rolled back in the end
begin;
savepoint c;
do $$
begin
    for i in 1 .. 70 loop
        perform set_config('application_name', 'ledger test ' || i % 35, true);
        perform weir.enqueue('select 1', queue => 'ledger');
    end loop;
end $$;
rollback to c;
do $$
begin
    for i in 1 .. 70 loop
        perform set_config('application_name', 'ledger test ' || i % 35, true);
        perform weir.enqueue('select 1', queue => 'ledger');
    end loop;
end $$;
commit;
select count(*) as tasks, count(distinct v.application_name) as names, bool_and(v.search_path = current_setting('search_path')) as same_path,
       bool_and(v.owner_name = current_user and v.session_user_name = session_user) as same_user
from weir.task t join weir.environment v using (environment_id) where v.queue = 'ledger';
select count(*) as lost from weir.task t where not exists
    (select from weir.environment v where v.environment_id = t.environment_id);
-- an empty name is not null; a name with an odd letter is itself
set application_name = '';
select weir.enqueue('select 1', queue => 'ledger') as id \gset
select application_name, application_name is null as unknown from weir.tasks where task_id = :id;
reset application_name;
select weir.cancel_many(array_agg(task_id)) from weir.tasks where queue = 'ledger';
select weir.drop_queue('ledger');
-- a task of a queue that is gone still tells its name
select distinct queue from weir.runs where task_id = :id;
-- Queue, cap and control are configuration; functions alone write them.
select bool_or(has_table_privilege('public', oid, 'select, insert, update, delete, truncate, references, trigger')) as granted
from pg_class where relnamespace = 'weir'::regnamespace and relkind in ('r', 'S', 'p');
-- What happened is told by events: who, when, why.
select weir.pause('adhoc', 'for the ledger');
select weir.resume('adhoc');
select kind, queue, reason, session_user_name = session_user as session_user_name,
       current_user_name = current_user as current_user_name, at <= clock_timestamp() as at
from weir.events where queue = 'adhoc' order by event_id desc limit 2;
-- Every task that has ended has exactly one final last run.
select count(*) from (
    select t.task_id from weir.task t left join weir.run r using (task_id)
    group by t.task_id
    having bool_or(r.final) and (count(*) filter (where r.final) - count(*) filter (where r.outcome = 'retried') <> 1)) x;
drop procedure tamper;
