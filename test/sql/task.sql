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
select pg_advisory_lock(4713);
select n from weir.enqueue_many('select progress_and_hold($1, $2, $3)',
    '[[1, 3, "a third"], [0, 5, null], [5, 5, "ünïcödé"], [7, null, ""], [null, null, "no numbers"], [null, 4, "no done"], [0, 0, "nothing to do"]]', 'self');
call await_at_lock(7);
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
