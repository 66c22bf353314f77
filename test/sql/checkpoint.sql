-- What a task notes for its next attempt.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

create table seen (attempt int, what text);
select weir.create_queue('ck', policy => '{"backoff_base": 0, "retry_budget": false}');

-- Mode transaction: the attempt is rolled back, and its last checkpoint kept.
create function steps(fails int) returns int language plpgsql as $$
declare
    n int := coalesce((weir.checkpoint() ->> 'n')::int, 0);
begin
    for i in 1 .. 3 loop
        insert into seen values (n, 'rolled back with its attempt');
        perform weir.checkpoint(jsonb_build_object('n', n + i));
        if (weir.checkpoint() ->> 'n')::int <> n + i then
            raise assert_failure;
        end if;
    end loop;
    if n / 3 < fails then
        raise exception using errcode = '58030', message = 'attempt ' || n / 3 + 1;
    end if;
    return n;
end $$;
select weir.enqueue('select steps(2) as n', queue => 'ck', max_attempts => 3) as id \gset
select outcome, attempt, result from weir.wait(:id, '30s');
select attempt, number, checkpoint, written_at is not null as written from weir.checkpoints where task_id = :id order by attempt, number;
select attempt from seen;

-- ... of a run that is snoozed, too, and past an error that the command catches.
create function off() returns text language plpgsql as $$
begin
    if weir.checkpoint() is not null then
        return weir.checkpoint() ->> 0;
    end if;
    begin
        perform weir.checkpoint('["noted"]');
        raise division_by_zero;
    exception when division_by_zero then
        perform weir.snooze('0');
    end;
end $$;
select weir.enqueue('select off()', queue => 'ck', max_attempts => 1) as id \gset
select outcome, attempt, result from weir.wait(:id, '30s');
-- ... and of a dead letter that is brought back.
select weir.enqueue('select steps(1) as n', queue => 'ck', max_attempts => 1) as id \gset
select outcome from weir.wait(:id, '30s');
select weir.retry(:id);
select outcome, result from weir.wait(:id, '30s');
-- Members of a batch each have their own.
select weir.alter_queue('ck', batch => 8);
select weir.pause('ck');
select first_id as f from weir.enqueue_many('select steps($1) as n', '[[0], [1], [0], [2]]', 'ck') \gset
select weir.resume('ck');
select weir.drain('ck', '30s');
select task_id - :f as task, weir.result(task_id) from weir.tasks where task_id >= :f order by 1;
select task_id - :f as task, attempt, checkpoint from weir.checkpoints where task_id >= :f order by 1, 2;

-- Mode autocommit: it is as good as the work in the same transaction.
truncate seen;
create procedure load(until int) language plpgsql as $$
declare
    n int := coalesce((weir.checkpoint() -> 0)::int, 0);
    first int := n;
begin
    while n < until loop
        insert into seen values (first, 'row ' || n);
        n := n + 1;
        perform weir.checkpoint(jsonb_build_array(n));
        if n = first + 3 then
            rollback;
            raise exception using errcode = '58030', message = 'at row ' || (weir.checkpoint() -> 0)::text;
        end if;
        commit;
    end loop;
end $$;
select weir.enqueue('call load(5)', queue => 'ck', mode => 'autocommit', max_attempts => 9) as id \gset
select outcome, attempt from weir.wait(:id, '30s');
select attempt, outcome, message from weir.runs where task_id = :id order by 1;
select * from seen order by 2;
select attempt, number, checkpoint from weir.checkpoints where task_id = :id order by 1, 2;

-- Refused; outside of a task; too large; in a transaction that is read-only.
select weir.checkpoint();
\echo :SQLSTATE
select weir.checkpoint('1');
select weir.enqueue(c, queue => 'ck', mode => m, max_attempts => 1) is not null as enqueued from (values
    ('select weir.checkpoint(to_jsonb(repeat(''x'', 65536)))', 'transaction'),
    ('set transaction_read_only = on; select weir.checkpoint(''1'')', 'transaction'),
    ('set default_transaction_read_only = on; select weir.checkpoint(''1'')', 'autocommit'),
    ('select length(weir.checkpoint(to_jsonb(repeat(''x'', 65500))) #>> ''{}'')', 'transaction')) v (c, m);
select weir.drain('ck', '30s');
select outcome, sqlstate, message, detail, hint, result from (select * from weir.runs order by task_id desc limit 4) r order by task_id;

-- Nobody writes it by hand, and others do not see it.
update weir.task_checkpoint set number = 7;
create role regress_checkpoint;
set role regress_checkpoint;
select count(*), count(checkpoint) from weir.checkpoints where task_id = :id;
select * from weir.task_checkpoint;
reset role;
drop role regress_checkpoint;
select weir.drop_queue('ck');
drop procedure load;
drop function steps, off;
drop table seen;
