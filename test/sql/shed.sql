-- Shedding: a full queue drops the oldest task of the lowest class.

\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
set client_min_messages = warning;

create function pg_temp.refused(command text) returns text
language plpgsql as $$
declare
    d text;
    h text;
begin
    execute command;
    return 'not refused';
exception when others then
    get stacked diagnostics d = pg_exception_detail, h = pg_exception_hint;
    return concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm,
                     nullif(regexp_replace(d, '_ms": (\d+|null)', '_ms": 0', 'g'), ''), nullif(h, ''));
end $$;
-- Tasks are called by their command.
create function pg_temp.states(queue text) returns text language sql as $$
    select string_agg(command || ' ' || state, ', ' order by task_id) from weir.tasks t where t.queue = states.queue
$$;
create temp view q as
select name, capacity, depth, refused, shed
from weir.queues where name like 'shed%' order by name;

select weir.create_queue('shed', class => 'daily', capacity => 3, on_full => 'shed', policy => '{"max_attempts": 1}');
select weir.pause('shed');
select weir.enqueue('select 1', queue => 'shed', class => 'adhoc') > 0;
select weir.enqueue('select 2', queue => 'shed', class => 'backfill') > 0;
select weir.enqueue('select 3', queue => 'shed', class => 'backfill') > 0;
select * from q;

-- The lowest class first, of that the oldest.
select weir.enqueue('select 4', queue => 'shed', class => 'adhoc') > 0;
select pg_temp.states('shed');
select weir.enqueue('select 5', queue => 'shed') > 0;
select weir.enqueue('select 6', queue => 'shed') > 0;
select pg_temp.states('shed');
select * from q;

-- Nothing goes for a task of a lower class.
select pg_temp.refused($$select weir.enqueue('select 7', queue => 'shed', class => 'backfill')$$);
select outcome, task_id is null, retry_after > '0' from weir.try_enqueue('select 7', queue => 'shed', class => 'backfill');
select outcome from weir.try_enqueue('select 8', queue => 'shed', class => 'adhoc');
select pg_temp.states('shed');
select * from q;

-- Of those, too, that came just now.
begin;
select outcome from weir.try_enqueue('select 9', queue => 'shed', class => 'adhoc');
commit;
select weir.enqueue('select 19', queue => 'shed', class => 'adhoc') > 0;
select pg_temp.states('shed');

-- What became of them: a run without a start, with the reason, and no dead letter.
select r.attempt, r.outcome, r.final, r.charged, r.started_at is null, r.actor = current_user, r.message,
       r.reason = 'shed for task ' || n.task_id
from weir.runs r join weir.tasks t using (task_id, queue) join weir.tasks n using (queue)
where t.command = 'select 2' and n.command = 'select 4' and queue = 'shed';
select count(*) from weir.dead_letters where queue = 'shed';
select outcome from weir.wait((select task_id from weir.tasks where command = 'select 2' and queue = 'shed'), '0');

-- All or none, and never more than there is.
select pg_temp.refused($$select weir.enqueue_many('select $1::int', '[[1],[2],[3],[4]]', queue => 'shed')$$);
select pg_temp.refused($$select weir.enqueue_many('select $1::int', '[[1],[2]]', queue => 'shed', class => 'adhoc')$$);
select pg_temp.states('shed');
select n from weir.enqueue_many('select $1::int', '[[10],[11]]', queue => 'shed');
select pg_temp.states('shed');
select * from q;

-- Who rolls back has shed nothing.
begin;
select weir.enqueue('select 12', queue => 'shed') > 0;
savepoint a;
select weir.enqueue('select 13', queue => 'shed') > 0;
rollback to a;
select weir.enqueue('select 14', queue => 'shed') > 0;
select pg_temp.states('shed');
rollback;
select pg_temp.states('shed');
begin;
savepoint a;
select weir.enqueue('select 15', queue => 'shed') > 0;
rollback to a;
commit;
select weir.enqueue('select 16', queue => 'shed') > 0;
select pg_temp.states('shed');
select * from q;

-- What a transaction has submitted itself does not go for its next task.
begin;
select n from weir.enqueue_many('select $1::int', '[[20],[21],[22]]', queue => 'shed');
select pg_temp.refused($$select weir.enqueue('select 23', queue => 'shed')$$);
rollback;

-- Nor do tasks that a new one waits for; others that wait for one that went are
-- cancelled with it, as for any parent that fails.
select weir.cancel_many(array_agg(task_id)) from weir.tasks where queue = 'shed' and state = 'ready';
select weir.enqueue('select 30', queue => 'shed') as parent \gset
select weir.enqueue('select 31', queue => 'shed', after => array[:parent]) as child \gset
select weir.enqueue('select 32', queue => 'shed', after => array[:child]) as grandchild \gset
select weir.enqueue('select 33', queue => 'shed', after => array[:parent]) > 0;
select outcome, reason ~ '^shed for task \d+$' from weir.wait(:child, '60 s');
select outcome, reason from weir.wait(:grandchild, '60 s');
select pg_temp.states('shed') ~ 'select 30 ready, select 31 shed, select 32 cancelled, select 33 blocked$';

-- A unique key is free when its task has gone, also for who it went for.
select weir.enqueue('select 40', queue => 'shed', unique_key => 'shed key') > 0;
select weir.cancel_many(array_agg(task_id)) from weir.tasks where queue = 'shed' and state in ('ready', 'blocked') and command <> 'select 40';
select n from weir.enqueue_many('select $1::int', '[[41],[42]]', queue => 'shed');
select weir.enqueue('select 43', queue => 'shed', unique_key => 'other key') > 0;
select pg_temp.states('shed') ~ 'select 40 shed, select \$1::int ready, select \$1::int ready, select 43 ready$';
select weir.enqueue('select 44', queue => 'shed', unique_key => 'shed key') > 0;
select weir.enqueue('select 45', queue => 'shed', unique_key => 'shed key', on_conflict => 'replace') > 0;
select string_agg(command || ' ' || state, ', ' order by task_id) from weir.tasks where unique_key is not null and queue = 'shed';
select * from q;

-- It can be brought back, where there is room.
select pg_temp.refused($$select weir.retry(task_id) from weir.tasks where command = 'select 2' and queue = 'shed'$$);
select weir.alter_queue('shed', capacity => 4);
select weir.cancel_many(array_agg(task_id)) from weir.tasks where queue = 'shed' and command = 'select 45';
select weir.retry(task_id) from weir.tasks where command = 'select 40' and queue = 'shed';
select state, attempts from weir.tasks where command = 'select 40' and queue = 'shed';

-- What runs never goes, nor what is in a worker's hands.
select weir.create_queue('shed_running', capacity => 1, on_full => 'shed');
select weir.enqueue('select pg_sleep(3600)', queue => 'shed_running') as task \gset
do $$ begin
    while not exists (select from weir.running where queue = 'shed_running') loop
        commit;
    end loop;
end $$;
select pg_temp.refused($$select weir.enqueue('select 1', queue => 'shed_running')$$);
select weir.cancel(:task);
select outcome from weir.wait(:task, '60 s');

-- A queue that is to shed by now, and one that is not to any more.
select weir.create_queue('shed_later', capacity => 2, max_running => 1);
select weir.pause('shed_later');
select n from weir.enqueue_many('select $1::int', '[[1],[2]]', queue => 'shed_later', run_at => now() + interval '1 day');
select pg_temp.refused($$select weir.enqueue('select 3', queue => 'shed_later')$$);
select weir.alter_queue('shed_later', on_full => 'shed');
select weir.enqueue('select 3', queue => 'shed_later') > 0;
select weir.alter_queue('shed_later', on_full => 'reject');
select pg_temp.refused($$select weir.enqueue('select 4', queue => 'shed_later')$$);
select args, state from weir.tasks where queue = 'shed_later' order by task_id;
select * from q;

-- The chunks of a backfill come when there is room, and have nobody shed; those
-- that have come can go, and their intervals have failed then.
select weir.create_queue('shed_chunks', capacity => 2, on_full => 'shed');
select weir.pause('shed_chunks');
select weir.enqueue('select 1', queue => 'shed_chunks', class => 'backfill') > 0;
select weir.create_job('shed_job', 'select $1', every => '1 day', starts_at => '2024-05-01 00:00+00', timezone => 'UTC',
    backfill_queue => 'shed_chunks');
select weir.backfill('shed_job', '2024-05-01 00:00+00', '2024-05-05 00:00+00') > 0;
select in_queue, failed from weir.backfills where job = 'shed_job';
select command, state from weir.tasks where queue = 'shed_chunks' order by task_id;
select n from weir.enqueue_many('select $1::int', '[[1],[2]]', queue => 'shed_chunks');
do $$ begin
    while exists (select from weir.backfills where job = 'shed_job' and in_queue > 0) loop
        commit;
    end loop;
end $$;
select in_queue, failed from weir.backfills where job = 'shed_job';
select extract(day from interval_start at time zone 'UTC') as day, exec from weir.intervals
where job = 'shed_job' and interval_start < '2024-05-05 00:00+00' and exec <> 'missing';
select weir.cancel_many(array_agg(task_id)) from weir.tasks where queue = 'shed_chunks' and state = 'ready';
select weir.resume('shed_chunks');
do $$ begin
    while exists (select from weir.backfills where job = 'shed_job' and state = 'running') loop
        commit;
    end loop;
end $$;
select done, failed, in_queue from weir.backfills where job = 'shed_job';
select weir.drop_job('shed_job');
select depth, shed from q where name = 'shed_chunks';

-- A graph of tasks gets its room at once.
select weir.create_queue('shed_graph', capacity => 2, on_full => 'shed');
select weir.pause('shed_graph');
select n from weir.enqueue_many('select $1::int', '[[1],[2]]', queue => 'shed_graph');
select key from weir.submit('[{"key": "a", "command": "select 3", "queue": "shed_graph"},
    {"key": "b", "command": "select 4", "queue": "shed_graph", "after": ["a"]}]') order by key;
select t.command, t.state, r.reason from weir.tasks t left join weir.runs r using (task_id) where t.queue = 'shed_graph' order by t.task_id;

-- The owner of a task learns for which other one it went, and no more of it.
create role regress_weir_shed_a login;
create role regress_weir_shed_b login;
select weir.create_queue('shed_roles', capacity => 1, on_full => 'shed');
select weir.pause('shed_roles');
select weir.grant_queue('shed_roles', 'public');
set role regress_weir_shed_a;
select weir.enqueue('select ''mine''', queue => 'shed_roles') as mine \gset
set role regress_weir_shed_b;
select weir.enqueue('select ''secret''', queue => 'shed_roles', reason => 'secret') as other \gset
select reason is null, message is null, actor from weir.runs where task_id = :mine;
set role regress_weir_shed_a;
select reason = 'shed for task ' || :other, message, actor from weir.runs where task_id = :mine;
select command is null, reason is null from weir.tasks where task_id = :other;
reset role;
select weir.cancel_many(array_agg(task_id)) from weir.tasks where state not in ('succeeded', 'cancelled', 'discarded', 'shed') and queue like 'shed%';
select weir.drop_queue(name) from weir.queues where name like 'shed%';
drop role regress_weir_shed_a, regress_weir_shed_b;
