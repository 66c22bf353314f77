-- Enqueueing follows the transaction: commit, rollback, savepoints, prepare.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
select weir.create_queue('tx', capacity => 5);
create temp view tx as
select (select depth from weir.queues where name = 'tx') as depth,
       (select count(*) from weir.tasks where queue = 'tx') as tasks;
create table tx_t (a int);

-- Nothing of a rolled back transaction is left, and its room is free again.
begin;
select weir.enqueue('insert into tx_t values (1)', queue => 'tx') > 0;
select n from weir.enqueue_many('insert into tx_t values ($1)', '[[2], [3], [4]]', 'tx');
select * from tx;
rollback;
select * from tx;

-- Tasks start after the commit, not before.
begin;
select weir.enqueue('insert into tx_t values (1)', queue => 'tx') as a \gset
select weir.enqueue('insert into tx_t select count(*) + 100 from tx_new', queue => 'tx', validate => false) as b \gset
create table tx_new as select 1;
select state from weir.tasks where task_id = :a;
commit;
select outcome, message from weir.wait(:a, '30s');
select outcome, message from weir.wait(:b, '30s');
select * from tx_t order by a;

-- Savepoints.
truncate tx_t;
select weir.pause('tx');
begin;
select weir.enqueue('insert into tx_t values (1)', queue => 'tx') > 0;
savepoint a;
select weir.enqueue('insert into tx_t values (2)', queue => 'tx') > 0;
savepoint b;
select weir.enqueue('insert into tx_t values (3)', queue => 'tx') > 0;
select * from tx;
rollback to b;
select * from tx;
select weir.enqueue('insert into tx_t values (4)', queue => 'tx') > 0;
release b;
select * from tx;
rollback to a;
select * from tx;
savepoint c;
select weir.enqueue('insert into tx_t values (5)', queue => 'tx') > 0;
release c;
savepoint d;
select n from weir.enqueue_many('insert into tx_t values ($1)', '[[6], [7], [8]]', 'tx');
select weir.enqueue('insert into tx_t values (9)', queue => 'tx');
rollback to d;
select * from tx;
select weir.enqueue('insert into tx_t values (10)', queue => 'tx') > 0;
commit;
select * from tx;
select weir.resume('tx');
select weir.drain('tx', '30s');
select * from tx_t order by a;

-- Exceptions in PL/pgSQL are savepoints; so are many of them.
do $$
begin
    for i in 1..1000 loop
        begin
            perform weir.enqueue('insert into tx_t values (11)', queue => 'tx');
            raise exception 'no';
        exception when raise_exception then null;
        end;
    end loop;
    perform weir.enqueue('insert into tx_t values (12)', queue => 'tx');
end $$;
select weir.drain('tx', '30s');
select * from tx_t where a > 10 order by a;

-- After a refused enqueue the transaction can go on, and so can the next one.
select weir.pause('tx');
select n from weir.enqueue_many('select $1::int', '[[1], [2], [3], [4], [5]]', 'tx');
select weir.enqueue('select 1', queue => 'tx');
select outcome from weir.try_enqueue('select 1', queue => 'tx');
begin;
savepoint a;
select weir.enqueue('select 1', queue => 'tx');
rollback to a;
select weir.cancel_many(array_agg(task_id)) from (select task_id from weir.tasks
    where queue = 'tx' and state = 'ready' order by task_id limit 2) t;
-- the room is free at commit
select outcome from weir.try_enqueue('select 1', queue => 'tx');
commit;
select outcome from weir.try_enqueue('select 1', queue => 'tx');
select * from tx;
select weir.cancel_many(array_agg(task_id)) from weir.tasks where queue = 'tx' and state = 'ready';
-- Cancelled in the transaction that enqueues it, or in one that rolls back.
begin;
select weir.enqueue('insert into tx_t values (13)', queue => 'tx') as a \gset
select weir.cancel(:a);
select weir.cancel(:a);
commit;
select state, attempts from weir.tasks where task_id = :a;
select weir.enqueue('insert into tx_t values (14)', queue => 'tx') as a \gset
begin;
select weir.cancel(:a, 'no');
select state from weir.tasks where task_id = :a;
rollback;
select state from weir.tasks where task_id = :a;
begin;
savepoint s;
select weir.cancel(:a);
rollback to s;
commit;
select depth from tx;
select weir.resume('tx');
select outcome from weir.wait(:a, '30s');
select * from tx_t where a > 12 order by a;
select depth from tx;

-- What cannot be prepared.
begin;
select weir.enqueue('select 1', queue => 'tx') > 0;
prepare transaction 'weir';
\echo :SQLSTATE
begin;
select weir.pause('tx');
prepare transaction 'weir';
\echo :SQLSTATE
select paused from weir.queues where name = 'tx';

-- Read-only transactions.
begin read only;
select weir.enqueue('select 1', queue => 'tx');
\echo :SQLSTATE
rollback;
begin read only;
select weir.try_enqueue('select 1', queue => 'tx');
rollback;
begin read only;
select weir.enqueue_many('select 1', '[[]]', queue => 'tx');
rollback;
begin read only;
select weir.cancel(:a);
rollback;
begin read only;
select weir.retry(:a);
rollback;
begin read only;
select weir.expedite(:a, 1);
rollback;
begin read only;
select weir.pause('tx');
rollback;
-- Looking is allowed.
begin read only;
select name, depth from weir.queues where name = 'tx';
select count(*) from weir.waiting where queue = 'tx';
select outcome from weir.wait(:a);
select weir.result(:a);
rollback;

-- Serializable and repeatable read transactions enqueue, too.
begin isolation level repeatable read;
select weir.enqueue('insert into tx_t values (20)', queue => 'tx') as a \gset
commit;
begin isolation level serializable;
select weir.enqueue('insert into tx_t values (21)', queue => 'tx') as b \gset
commit;
select outcome from weir.wait(:a, '30s');
select outcome from weir.wait(:b, '30s');
-- In such a transaction a task that ended after its snapshot has ended, too.
select weir.enqueue('insert into tx_t values (22)', queue => 'tx',
    run_at => clock_timestamp() + '300 milliseconds') as a \gset
begin isolation level repeatable read;
select count(*) from tx_t where a = 22;
select outcome from weir.wait(:a, '30s');
select count(*) from tx_t where a = 22;
commit;

select * from tx where depth > 0;
select weir.drop_queue('tx');
drop table tx_t, tx_new;
