-- Unique keys: one unfinished task per key, and what is told about it.

\set VERBOSITY terse
\pset format unaligned
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
    return regexp_replace(concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, nullif(d, ''), nullif(h, '')),
                          '(task|_ms":) (\d+|null)', '\1 N', 'gi');
end $$;

-- Who has which key, by the tasks' reasons.
create view keys as
select u.unique_key, t.reason, t.state
from weir.unique_key u join weir.tasks t using (task_id) order by 1;

select weir.create_queue('uniq', capacity => 3);
select weir.create_queue('uniq_other');
select weir.pause('uniq'), weir.pause('uniq_other');

-- The first one is accepted, the second one is told its id.
select weir.enqueue('select 1', queue => 'uniq', unique_key => 'k', reason => 'first') as first \gset
select weir.enqueue('select 2', queue => 'uniq', unique_key => 'k', reason => 'second') = :first as same;
select task_id = :first as same, outcome, retry_after
from weir.try_enqueue('select 2', queue => 'uniq', unique_key => 'k', on_conflict => 'skip');
-- The key is that of the database, not of the queue.
select task_id = :first as same, outcome
from weir.try_enqueue('select 2', queue => 'uniq_other', unique_key => 'k');
-- Another key, and none.
select outcome from weir.try_enqueue('select 1', queue => 'uniq', unique_key => 'K', reason => 'capital');
select outcome from weir.try_enqueue('select 1', queue => 'uniq', reason => 'keyless');
select * from keys;
select unique_key from weir.tasks where queue = 'uniq' order by task_id;

-- A task that exists needs no room; a new one does.
select outcome from weir.try_enqueue('select 1', queue => 'uniq', unique_key => 'new');
select outcome from weir.try_enqueue('select 1', queue => 'uniq', unique_key => 'k');

-- error
\pset tuples_only on
select pg_temp.refused($$select weir.enqueue('select 2', queue => 'uniq', unique_key => 'k', on_conflict => 'error')$$);

-- join: the same command and arguments only.
select task_id = :first as same, outcome
from weir.try_enqueue('select 1', queue => 'uniq', unique_key => 'k', on_conflict => 'join');
select pg_temp.refused($$select weir.enqueue('select 2', queue => 'uniq', unique_key => 'k', on_conflict => 'join')$$);
select pg_temp.refused($$select weir.enqueue('select $1::int', '[1]', queue => 'uniq', unique_key => 'k', on_conflict => 'join')$$);

-- replace: the place of the replaced one is inherited, in a full queue too.
select task_id <> :first as another, outcome
from weir.try_enqueue('select 3', queue => 'uniq', unique_key => 'k', on_conflict => 'replace', reason => 'third');
select * from keys;
select depth from weir.queues where name = 'uniq';
select outcome, final, actor = current_user, regexp_replace(reason, '\d+', 'N') from weir.wait(:first, '30s');
select regexp_replace(reason, '\d+', 'N') from weir.events where task_id = :first and kind = 'cancel';
-- Into another queue: a place there is needed, and the old one is given back.
select outcome from weir.try_enqueue('select 4', queue => 'uniq_other', unique_key => 'k', on_conflict => 'replace', reason => 'fourth');
select name, depth from weir.queues where name like 'uniq%' order by name;
-- Back, several times in one transaction, and not at all.
begin;
select outcome from weir.try_enqueue('select 5', queue => 'uniq', unique_key => 'k', on_conflict => 'replace', reason => 'fifth');
savepoint s;
select outcome from weir.try_enqueue('select 6', queue => 'uniq', unique_key => 'k', on_conflict => 'replace', reason => 'sixth');
select * from keys;
rollback to s;
select * from keys;
select outcome from weir.try_enqueue('select 7', queue => 'uniq', unique_key => 'k');
rollback;
select * from keys;
select name, depth from weir.queues where name like 'uniq%' order by name;
-- Replacing what is of this very statement.
select count(weir.enqueue('select 8', queue => 'uniq', unique_key => 'again', on_conflict => 'replace', reason => i::text))
from generate_series(1, 5) i;
select * from keys;
select depth from weir.queues where name = 'uniq';

-- What ends a task releases its key: cancel, success, failure.
select weir.cancel(task_id) from weir.tasks where reason = '5' and queue = 'uniq';
select weir.cancel(task_id) from weir.tasks where reason = 'fourth';
select * from keys;
select weir.resume('uniq');
select weir.drain('uniq', '30s');
select * from keys;
select weir.enqueue('select 1 / 0', queue => 'uniq', unique_key => 'k', reason => 'dead') as dead \gset
select outcome, final from weir.wait(:dead, '30s');
select * from keys;

-- A dead letter takes its key again, or cannot come back.
select weir.pause('uniq');
select weir.retry(:dead);
select unique_key, reason from keys; -- the worker may have it in hand still
select weir.cancel(:dead);
select weir.enqueue('select 1', queue => 'uniq', unique_key => 'k', reason => 'in the way') as newer \gset
select pg_temp.refused(format('select weir.retry(%s)', :dead));
select state from weir.tasks where task_id = :dead;
select depth from weir.queues where name = 'uniq';
select weir.cancel(:newer);
select weir.retry(:dead);
select weir.cancel(:dead);
select * from keys;

-- An attempt that is repeated keeps the key.
select weir.resume('uniq');
select weir.enqueue($$do $x$ begin raise serialization_failure; end $x$ $$, queue => 'uniq', unique_key => 'k',
    policy => '{"max_attempts": 2, "max_contention": 0, "backoff_base": 1e9, "backoff_cap": 1e9}', max_attempts => 2,
    reason => 'again later') as again \gset
do $$ begin
    while not exists (select from weir.runs where task_id = (select max(task_id) from weir.tasks)) loop
        commit;
    end loop;
end $$;
select outcome, final from weir.runs where task_id = :again;
select unique_key, reason from keys;
select weir.cancel(:again);
select * from keys;

-- Many: arguments in the key, equal keys among them.
select weir.alter_queue('uniq', capacity => 10);
select weir.pause('uniq');
select n from weir.enqueue_many('select $1::text, $2::text',
    '[["a", 1], ["b", null], ["a", 1], ["c", true], ["$2", 1.5]]', queue => 'uniq', unique_key => 'load:$1 $2 $ $0');
select unique_key, args from weir.tasks where queue = 'uniq' and state = 'ready' order by task_id;
select n, last_id - first_id + 1 = n as consecutive from weir.enqueue_many('select $1::text, $2::text',
    '[["d", 1], ["b", null], ["e", 1]]', queue => 'uniq', unique_key => 'load:$1 $2 $ $0');
select first_id, last_id, n from weir.enqueue_many('select $1::text, $2::text',
    '[["a", 1], ["b", null]]', queue => 'uniq', unique_key => 'load:$1 $2 $ $0');
select pg_temp.refused($$select weir.enqueue_many('select $1::text', '[["x"], ["x"]]', queue => 'uniq', unique_key => '$1', on_conflict => 'error')$$);
select pg_temp.refused($$select weir.enqueue_many('select $1::text, $2::text', '[["x", 1], ["a", 1]]', queue => 'uniq', unique_key => 'load:$1 $2 $ $0', on_conflict => 'error')$$);
-- Replacing many, the last of equal ones wins; all or none.
select depth from weir.queues where name = 'uniq';
select n from weir.enqueue_many('select $1::text, $2::int',
    '[["a", 1], ["y", 2], ["a", 3]]', queue => 'uniq', unique_key => 'load:$1 1 $ $0', on_conflict => 'replace');
select unique_key, args from weir.tasks where queue = 'uniq' and state = 'ready' order by task_id;
select pg_temp.refused($$select weir.enqueue_many('select $1::text',
    '[["a"], ["1"], ["2"], ["3"], ["4"]]', queue => 'uniq', unique_key => 'load:$1 1 $ $0', on_conflict => 'replace')$$);
select depth from weir.queues where name = 'uniq';
select count(*) from keys;
select count(*) from keys where state <> 'ready';

-- A row of the table for each unfinished task with a key, and no other.
select count(*) from weir.unique_key u full join
    (select * from weir.tasks where unique_key is not null and state not in ('succeeded', 'cancelled', 'expired', 'discarded')) t
    using (task_id) where u.unique_key is distinct from t.unique_key;

-- Bad arguments.
select pg_temp.refused(command) from unnest(array[
    $$select weir.enqueue('select 1', unique_key => '')$$,
    $$select weir.enqueue('select 1', unique_key => repeat('x', 1001))$$,
    $$select weir.enqueue('select $1::text', jsonb_build_array(repeat('x', 1001)), unique_key => '$1')$$,
    $$select weir.enqueue('select 1', unique_key => '$1')$$,
    $$select weir.enqueue('select $1::int', '[1]', unique_key => '$2')$$,
    $$select weir.enqueue('select $1::int', '[1]', unique_key => '$99999999999999999999')$$,
    $$select weir.enqueue('select 1', on_conflict => 'Skip')$$,
    $$select weir.enqueue('select 1', unique_key => 'x', on_conflict => '')$$
]) command;
select weir.enqueue('select 1', queue => 'uniq', unique_key => null, on_conflict => null) > 0;

-- A key of the greatest length, in several bytes per character.
select outcome from weir.try_enqueue('select 1', queue => 'uniq_other', unique_key => repeat('ü', 500));
select outcome from weir.try_enqueue('select 1', queue => 'uniq_other', unique_key => repeat('ü', 500));

select weir.resume('uniq'), weir.resume('uniq_other');
select weir.drain('uniq', '30s'), weir.drain('uniq_other', '30s');
select count(*) from weir.unique_key;

-- A key for an interval: the task that succeeds keeps it, and stands for others.
\pset tuples_only off
select weir.enqueue('select 7 as n', queue => 'uniq', unique_key => 'hourly', unique_for => '1 hour', reason => 'kept') as kept \gset
select outcome from weir.wait(:kept, '30s');
select unique_for from weir.tasks where task_id = :kept;
select task_id = :kept as same, outcome from weir.try_enqueue('select 7 as n', queue => 'uniq', unique_key => 'hourly');
select task_id = :kept as same, outcome, weir.result(task_id) from weir.try_enqueue('select 7 as n', queue => 'uniq', unique_key => 'hourly', on_conflict => 'join');
select task_id = :kept as same, outcome from weir.try_enqueue('select 8', queue => 'uniq', unique_key => 'hourly', on_conflict => 'replace');
select n from weir.enqueue_many('select 8', '[[], []]', queue => 'uniq', unique_key => 'hourly');
select pg_temp.refused($$select weir.enqueue('select 8', queue => 'uniq', unique_key => 'hourly', on_conflict => 'error')$$) as refused;
select u.until = t.enqueued_at + interval '1 hour' as until, u.free_at = u.until as kept from weir.unique_key u join weir.tasks t using (task_id);
-- ... until the time is over,
update weir.unique_key set free_at = now() where task_id = :kept;
select n from weir.enqueue_many('select $1::int', '[[1], [2]]', queue => 'uniq', unique_key => 'hourly', unique_for => '1 ms');
select weir.drain('uniq', '30s');
-- ... and not if it is over when it ends, or if it does not succeed.
select count(*) from weir.unique_key;
select weir.enqueue('select 1 / 0', queue => 'uniq', unique_key => 'hourly', unique_for => '1 hour', validate => false) as failed \gset
select outcome from weir.wait(:failed, '30s');
select weir.cancel(weir.enqueue('select 1', queue => 'uniq', unique_key => 'daily', unique_for => '1 day', run_at => '2100-01-01'));
select count(*) from weir.unique_key;
-- One that is brought back takes its key again, and for the same time.
select weir.enqueue('select mended()', queue => 'uniq', unique_key => 'hourly', unique_for => '1 hour', validate => false, max_attempts => 1) as failed \gset
select outcome from weir.wait(:failed, '30s');
create function mended() returns int language sql as 'select 1';
select weir.retry(:failed);
select outcome from weir.wait(:failed, '30s');
select u.task_id = :failed as same, u.free_at = t.enqueued_at + interval '1 hour' as kept from weir.unique_key u join weir.tasks t using (task_id);
drop function mended;
delete from weir.unique_key;
\pset tuples_only on
select pg_temp.refused(command) from unnest(array[
    $$select weir.enqueue('select 1', unique_for => '1 hour')$$,
    $$select weir.enqueue('select 1', unique_key => 'x', unique_for => '0')$$,
    $$select weir.enqueue('select 1', unique_key => 'x', unique_for => '10001 days')$$]) command;
select weir.drop_queue('uniq'), weir.drop_queue('uniq_other');
drop view keys;
