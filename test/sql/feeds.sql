-- Queues that feed others: upstream work starts when there is room downstream.

\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
set client_min_messages = warning;

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
create procedure pg_temp.await(condition text) language plpgsql as $$
declare
    done boolean;
begin
    loop
        execute 'select ' || condition into done;
        exit when done;
        commit;
    end loop;
end $$;
create temp view d as select name, depth from weir.queues where name like 'stage%' order by name;

-- What a queue can feed.
select weir.create_queue('stage_b', capacity => 2);
select weir.create_queue('stage_a', capacity => 20, policy => '{"feeds": "stage_b", "max_attempts": 1}');
select pg_temp.refused(c) from unnest(array[
    $$select weir.create_queue('x', policy => '{"feeds": "none"}')$$,
    $$select weir.create_queue('x', policy => '{"feeds": 1}')$$,
    $$select weir.create_queue('x', policy => '{"feeds": "x"}')$$,
    $$select weir.alter_queue('stage_b', policy => '{"feeds": "stage_b"}')$$,
    $$select weir.alter_queue('stage_b', policy => '{"feeds": "stage_a"}')$$,
    $$select weir.enqueue('select 1', policy => '{"feeds": "stage_b"}')$$,
    $$select weir.drop_queue('stage_b')$$
    ]) c;
begin;
select weir.create_queue('stage_c', policy => '{"feeds": "stage_a"}');
select pg_temp.refused($$select weir.alter_queue('stage_b', policy => '{"feeds": "stage_c"}')$$);
rollback;
create role regress_weir_feeds login;
grant execute on function weir.create_queue to regress_weir_feeds;
set role regress_weir_feeds;
select pg_temp.refused($$select weir.create_queue('x', policy => '{"feeds": "stage_b"}')$$);
reset role;
revoke execute on function weir.create_queue from regress_weir_feeds;
drop role regress_weir_feeds;

-- While there is no room downstream nothing starts upstream, and says why.
select weir.pause('stage_b');
select n from weir.enqueue_many('select weir.enqueue(''select 1'', queue => ''stage_b'')', '[[], [], [], []]', queue => 'stage_a');
call pg_temp.await($$(select depth = 2 from d where name = 'stage_b') and (select depth = 2 from d where name = 'stage_a')$$);
select * from d;
select state, count(*) from weir.tasks where queue like 'stage%' group by queue, state order by queue, state;
select cause, holder, detail, eta from weir.why_waiting((select max(task_id) from weir.tasks where queue = 'stage_a'));
call pg_temp.await($$(select blocked = 2 and running = 0 from weir.queues where name = 'stage_a')$$);
-- Nobody else gets what is reserved, and what is not used is given back.
select weir.cancel_many(array_agg(task_id)) from weir.tasks where queue = 'stage_a' and state = 'ready';
select weir.cancel(min(task_id)) from weir.tasks where queue = 'stage_b' and state = 'ready';
select weir.enqueue('select pg_sleep(3600)', queue => 'stage_a') as holder \gset
call pg_temp.await($$(select running = 1 from weir.queues where name = 'stage_a')$$);
select * from d;
select outcome from weir.try_enqueue('select 2', queue => 'stage_b');
select weir.cancel(:holder);
select outcome from weir.wait(:holder, '60 s');
call pg_temp.await($$(select depth = 1 from d where name = 'stage_b')$$);
select outcome from weir.try_enqueue('select 2', queue => 'stage_b');
-- A failure gives it back as well.
select weir.cancel(max(task_id)) from weir.tasks where queue = 'stage_b' and state = 'ready';
select weir.enqueue('select weir.enqueue(''select 3'', queue => ''stage_b''), 1/0', queue => 'stage_a') as failing \gset
select outcome from weir.wait(:failing, '60 s');
call pg_temp.await($$(select depth = 1 from d where name = 'stage_b')$$);
-- Of more than one the others need room like any; it is told who asks.
select weir.alter_queue('stage_b', capacity => 4);
select weir.enqueue($$select n from weir.enqueue_many('select $1::int', '[[1], [2], [3]]', queue => 'stage_b')$$, queue => 'stage_a') as three \gset
select outcome, result from weir.wait(:three, '60 s');
call pg_temp.await($$(select depth = 4 from d where name = 'stage_b')$$);
select weir.cancel(max(task_id)) from weir.tasks where queue = 'stage_b' and state = 'ready';
select weir.enqueue($$select e.outcome, f.outcome as again from weir.try_enqueue('select 4', queue => 'stage_b') e,
    lateral (select * from weir.try_enqueue('select 5' || left(e.outcome, 0), queue => 'stage_b')) f$$, queue => 'stage_a') as two \gset
select outcome, result from weir.wait(:two, '60 s');
-- A savepoint that is rolled back has not used it.
select weir.cancel(max(task_id)) from weir.tasks where queue = 'stage_b' and state = 'ready';
select weir.enqueue($x$ do $$ begin
        begin
            perform weir.enqueue('select 6', queue => 'stage_b');
            raise division_by_zero;
        exception when division_by_zero then
            perform weir.enqueue('select 7', queue => 'stage_b');
        end;
    end $$ $x$, queue => 'stage_a') as savepoint \gset
select outcome from weir.wait(:savepoint, '60 s');
select command from weir.tasks where queue = 'stage_b' and state = 'ready' order by task_id desc limit 1;
-- What is set now counts for what starts from now on.
select weir.enqueue('select 8', queue => 'stage_a') as held \gset
call pg_temp.await($$(select blocked = 1 from weir.queues where name = 'stage_a')$$);
select cause from weir.why_waiting(:held);
select weir.alter_queue('stage_a', reset => '{policy}');
select outcome from weir.wait(:held, '60 s');
select weir.alter_queue('stage_a', policy => '{"feeds": "stage_b"}');
select weir.enqueue('select 9', queue => 'stage_a') as held \gset
call pg_temp.await($$(select blocked = 1 from weir.queues where name = 'stage_a')$$);
select weir.alter_queue('stage_b', capacity => 5);
select outcome from weir.wait(:held, '60 s');
select weir.resume('stage_b');
call pg_temp.await($$(select bool_and(depth = 0) from d)$$);
select queue, outcome, count(*) from weir.runs where queue like 'stage%' group by 1, 2 order by 1, 2;
select weir.drop_queue('stage_a');
select weir.drop_queue('stage_b');
