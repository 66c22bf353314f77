-- Inside a task: current_task, progress; waiting for one, and its result.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
create function refused(command text) returns text
language plpgsql as $$
declare
    h text;
begin
    execute command;
    return 'not refused';
exception when others then
    get stacked diagnostics h = pg_exception_hint;
    return regexp_replace(concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, nullif(h, '')),
                          '(task |waiting\()\d+', '\1N', 'g');
end $$;
select weir.create_queue('self');

-- Outside of a task there is none, whatever one says.
select weir.current_task() is null as none;
set weir.current_task = 1;
\echo :SQLSTATE
select weir.progress(1);
\echo :SQLSTATE
-- Inside, also in functions, in both modes, and after a commit.
create procedure self_p() language plpgsql as $$
begin
    perform weir.current_task();
    commit;
    perform weir.progress(1, 2);
    rollback;
    perform weir.progress(2, 2);
end $$;
select weir.enqueue('select weir.current_task() as id', queue => 'self') as a,
       weir.enqueue('call self_p(); select weir.current_task() as id', queue => 'self', mode => 'autocommit') as b \gset
select result->0->>'id' = :'a' as own from weir.wait(:a, '30s');
select result->0->>'id' = :'b' as own from weir.wait(:b, '30s');
-- A task enqueues others, and its own like.
select weir.enqueue($$select weir.enqueue('select weir.current_task() as id', queue => 'self') as child$$, queue => 'self') as a \gset
select (result->0->>'child')::bigint as b from weir.wait(:a, '30s') \gset
select :b > :a as later, (result->0->>'id')::bigint = :b as own from weir.wait(:b, '30s');

-- Progress is seen at once.
create procedure await_at_lock(n int) language plpgsql as $$
begin
    while (select count(*) from weir.running r join pg_locks l using (pid)
           where r.queue = 'self' and l.locktype = 'advisory' and not l.granted) < n loop
        commit;
    end loop;
end $$;
create function progress_and_hold(done bigint, total bigint, note text) returns void language sql as $$
    select weir.progress(done, total, note);
    select pg_advisory_xact_lock_shared(4713)
$$;
-- (three at once, which a server with few workers can do)
select pg_advisory_lock(4713);
select n from weir.enqueue_many('select progress_and_hold($1, $2, $3)', '[[1, 3, "a third"], [0, 5, null], [5, 5, "ünïcödé"]]', 'self');
call await_at_lock(3);
select args, done, total, percent, note from weir.running where queue = 'self' order by task_id;
select pg_advisory_unlock(4713);
select weir.drain('self', '30s');
select pg_advisory_lock(4713);
select n from weir.enqueue_many('select progress_and_hold($1, $2, $3)', '[[7, null, ""], [null, null, "no numbers"], [null, 4, "no done"]]', 'self');
call await_at_lock(3);
select args, done, total, percent, note from weir.running where queue = 'self' order by task_id;
select pg_advisory_unlock(4713);
select weir.drain('self', '30s');
select pg_advisory_lock(4713);
select n from weir.enqueue_many('select progress_and_hold($1, $2, $3)', '[[0, 0, "nothing to do"]]', 'self');
call await_at_lock(1);
select args, done, total, percent, note from weir.running where queue = 'self' order by task_id;
select pg_advisory_unlock(4713);
select weir.drain('self', '30s');
-- A note that is too long is cut at a character.
select pg_advisory_lock(4713);
select weir.enqueue('select progress_and_hold(1, 9, repeat(''€'', 100))', queue => 'self') as a \gset
call await_at_lock(1);
select note = repeat('€', length(note)) as whole, octet_length(note) from weir.running where task_id = :a;
select pg_advisory_unlock(4713);
select outcome from weir.wait(:a, '30s');
\pset tuples_only on
select weir.enqueue('select refused(''select weir.progress(-1)'') as a, refused(''select weir.progress(1, -1)'') as b, refused(''select weir.progress(9223372036854775807, 9223372036854775807)'') as c', queue => 'self') as a \gset
select jsonb_pretty(result) from weir.wait(:a, '30s');

-- Waiting.
select refused(c) from unnest(array[
    $$select weir.wait(999999999)$$,
    $$select weir.wait(-1)$$,
    $$select weir.wait(0, '1s')$$,
    $$select weir.wait('x')$$,
    $$select weir.wait(1, 'x')$$,
    $$select weir.result(999999999)$$,
    $$select weir.why_waiting(999999999)$$
]) with ordinality as u(c, i) order by i;
select weir.wait(null) is null, weir.result(null) is null;
select count(*) from weir.why_waiting(null);
\pset tuples_only off
-- ... for a task of one's own transaction: it starts after that.
begin;
select weir.enqueue('select 1', queue => 'self') as a \gset
select refused(format('select weir.wait(%s)', :a));
select weir.result(:a) is null as none;
rollback;
-- ... inside a task: it would hold a worker.
select weir.enqueue('select refused(''select weir.wait(1)'') as w, refused(''select weir.drain(''''self'''')'') as d', queue => 'self') as a \gset
select result from weir.wait(:a, '30s');
-- ... for a time only.
select weir.enqueue('select 1 as x', queue => 'self', run_at => 'tomorrow') as a \gset
select refused(format('select weir.wait(%s, %L)', :a, t)) from unnest(array['10 milliseconds', '0', '-1 day']) t;
set statement_timeout = '20ms';
select weir.wait(:a);
\echo :SQLSTATE
set statement_timeout = '60s';
select weir.result(:a) is null as none;
select weir.cancel(:a);
-- The row that is waited for is the run.
select task_id = :a as this, attempt, outcome, final, result from weir.wait(:a);
select weir.result(:a) is null as none;
-- Results: that of a success, and none of anything else.
select weir.enqueue('select i as a, ''x'' as b from generate_series(1, 3) i', queue => 'self') as a,
       weir.enqueue('select 1 / 0', queue => 'self') as b,
       weir.enqueue('create table self_t (a int)', queue => 'self') as c \gset
select weir.drain('self', '30s');
select weir.result(:a);
select * from jsonb_to_recordset(weir.result(:a)) as x (a int, b text);
select weir.result(:b) is null, weir.result(:c) is null;

select weir.drop_queue('self');
drop table self_t;
drop procedure self_p, await_at_lock;
drop function refused, progress_and_hold;

-- A task that puts itself off: rolled back and not counted, though the command
-- goes on; its neighbours in a batch are not concerned.
create table snoozes (n int, what text);
create function once(what text, delay interval default '0') returns void language plpgsql as $$
begin
    if (select count(*) from weir.runs where task_id = weir.current_task()) = 0 then
        insert into snoozes values (1, what || ' was not rolled back');
        perform weir.snooze(delay, what);
    end if;
    insert into snoozes values (2, what);
end $$;
create function swallowed() returns void language plpgsql as $$
begin
    perform once('swallowed');
exception when query_canceled then
    insert into snoozes values (1, 'went on');
end $$;
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql
select weir.create_queue('snooze', batch => 8);
select weir.pause('snooze');
select weir.enqueue('select once($1)', '["plain"]', 'snooze', max_attempts => 1) as first \gset
select weir.enqueue('insert into snoozes values (2, $$neighbour$$)', queue => 'snooze', max_attempts => 1) > 0 as enqueued;
select weir.enqueue('select swallowed()', queue => 'snooze', max_attempts => 1) > 0 as enqueued;
select weir.enqueue('insert into snoozes values (2, $$another$$)', queue => 'snooze', max_attempts => 1) > 0 as enqueued;
select weir.resume('snooze');
select weir.drain('snooze', '30s');
select task_id - :first as task, attempt, outcome, charged, final, sqlstate, message, reason from weir.runs where task_id >= :first order by 1, 2;
select * from snoozes order by 1, 2;
-- it is due when the delay is over
select weir.enqueue('select once($1, $2)', '["long", "1 day"]', 'snooze') as long \gset
call pg_temp.await(format('select state = ''retrying'' from weir.tasks where task_id = %s', :long));
select cause, eta between clock_timestamp() + '23 hours' and clock_timestamp() + '1 day' as eta from weir.why_waiting(:long);
select weir.cancel(:long);
-- refused
select weir.snooze('1 s');
select weir.enqueue(c, queue => 'snooze', max_attempts => 1) is not null as enqueued from unnest(array[
    'select weir.snooze(null)', 'select weir.snooze(''-1 s'')', 'select weir.snooze(''10001 days'')']) c;
select weir.drain('snooze', '30s');
select sqlstate, message from (select * from weir.runs order by task_id desc limit 3) r order by task_id;
select weir.drop_queue('snooze');
drop function once, swallowed;
drop table snoozes;
