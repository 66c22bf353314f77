-- What becomes of a failed attempt: by SQLSTATE, attempts, backoff; dead letters.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql

create function pg_temp.runs(task_id bigint) returns text
language sql as $$
    select string_agg(concat_ws(' ', attempt, outcome, sqlstate,
        case when final then 'final' end, case when charged then 'charged' end), ', ' order by attempt)
    from weir.runs r where r.task_id = runs.task_id
$$;
-- Fails with that SQLSTATE the first n times.
create sequence tries_seq;
create function fail(state text, times int) returns int language plpgsql as $$
declare
    try int := nextval('tries_seq');
begin
    if try <= times then
        raise exception using errcode = state, message = 'try ' || try;
    end if;
    return try;
end $$;
select weir.create_queue('rt', max_running => 1, policy => '{"backoff_base": 0.001, "backoff_cap": 0.002, "retry_budget": false}');

-- One SQLSTATE after the other: each fails twice, with three attempts.
create table states (i serial, state text, id bigint);
insert into states (state) values
    -- contention: at once, not charged
    ('40001'), ('40P01'),
    -- may be over soon: with backoff, charged
    ('55P03'), ('57014'), ('53100'), ('53300'), ('58030'), ('08006'), ('08001'),
    -- not our fault: attempt given back
    ('57P01'), ('57P02'), ('57P03'),
    -- will not get better: at once to the dead letters
    ('0A000'), ('22012'), ('22P02'), ('23505'), ('25001'), ('25006'), ('26000'), ('2D000'),
    ('42P01'), ('42501'), ('P0001'),
    -- anything else is tried again: the rest of these classes, and all others
    ('P0002'), ('P0004'), ('25P02'), ('40000'), ('40003'), ('55000'), ('55006'), ('57000'), ('57P04'),
    ('01000'), ('02000'), ('03000'), ('09000'), ('0B000'), ('0F000'), ('0L000'), ('0P000'), ('0Z000'),
    ('20000'), ('21000'), ('24000'), ('27000'), ('28000'), ('2B000'), ('2F000'), ('34000'), ('38000'),
    ('39000'), ('3B000'), ('3D000'), ('3F000'), ('44000'), ('54000'), ('72000'), ('F0000'), ('HV000'), ('XX000');
create procedure run_states() language plpgsql as $$
declare
    s record;
    task bigint;
begin
    for s in select * from states order by i loop
        perform setval('tries_seq', 1, false);
        task := weir.enqueue('select fail($1, 2)', jsonb_build_array(s.state), 'rt', max_attempts => 3);
        update states set id = task where i = s.i;
        commit;
        perform weir.wait(task, '30s');
    end loop;
end $$;
call run_states();
select state, pg_temp.runs(id) from states order by i;

-- The same of errors that are not made up.
create table genuine (i serial, command text, id bigint);
create table one (a int primary key);
insert into one values (1);
create function deeper(n int) returns int language plpgsql as $$ begin return deeper(n + 1); end $$;
insert into genuine (command) values
    ('select 1 / 0'), ('select ''x''::int'), ('insert into one values (1)'), ('insert into one values (null)'),
    ('select * from nowhere'), ('set transaction read only; insert into one values (2)'),
    ('select pg_read_file(''nowhere'')'),
    -- sleep is the work, and is cut short
    ('select pg_cancel_backend(pg_backend_pid()), pg_sleep(60)'),
    ('set local work_mem = 64; set local temp_file_limit = 0; select count(*) from (select i from generate_series(1, 100000) i order by -i) s'),
    ('select deeper(1)');
create procedure run_genuine() language plpgsql as $$
declare
    g record;
    task bigint;
begin
    for g in select * from genuine order by i loop
        task := weir.enqueue(g.command, queue => 'rt', max_attempts => 2, validate => false);
        update genuine set id = task where i = g.i;
        commit;
        perform weir.wait(task, '30s');
    end loop;
end $$;
call run_genuine();
select left(command, 40) as command, pg_temp.runs(id) from genuine order by i;
drop procedure run_genuine();
drop function deeper(int);
drop table genuine, one;

-- retry_permanent tries those, too.
select setval('tries_seq', 1, false);
select weir.enqueue('select fail($1, 2)', '["23505"]', 'rt', policy => '{"retry_permanent": true}') as id \gset
select outcome from weir.wait(:id, '30s');
select pg_temp.runs(:id);

-- Attempts: the argument, the task's policy, the queue's policy, the default.
select setval('tries_seq', 1, false);
select weir.enqueue('select fail($1, 99)', '["58030"]', 'rt', max_attempts => 2, policy => '{"max_attempts": 5}') as id \gset
select outcome from weir.wait(:id, '30s');
select pg_temp.runs(:id);
select weir.enqueue('select fail($1, 99)', '["58030"]', 'rt', policy => '{"max_attempts": 4}') as id \gset
select outcome from weir.wait(:id, '30s');
select pg_temp.runs(:id);
select weir.alter_queue('rt', policy => '{"max_attempts": 2, "backoff_base": 0, "retry_budget": false}');
select weir.enqueue('select fail($1, 99)', '["58030"]', 'rt') as id \gset
select outcome from weir.wait(:id, '30s');
select pg_temp.runs(:id);
select weir.alter_queue('rt', policy => '{"backoff_base": 0, "retry_budget": false}');
select weir.enqueue('select fail($1, 99)', '["58030"]', 'rt') as id \gset
select outcome from weir.wait(:id, '30s');
select pg_temp.runs(:id);
-- Contention is not charged up to max_contention.
select setval('tries_seq', 1, false);
select weir.enqueue('select fail($1, 99)', '["40001"]', 'rt', max_attempts => 2, policy => '{"max_contention": 3}') as id \gset
select outcome from weir.wait(:id, '30s');
select pg_temp.runs(:id);

-- The backoff grows, and ends at its cap: a retry is never due later.
select weir.enqueue('select fail($1, 99)', '["58030"]', 'rt', max_attempts => 6,
    policy => '{"backoff_base": 0.002, "backoff_cap": 0.005}') as id \gset
select outcome from weir.wait(:id, '30s');
select attempt, retry_at >= finished_at as not_before,
       retry_at <= finished_at + least(0.005, 0.002 * 2 ^ (attempt - 1)) * interval '1 second' as bounded
from weir.runs where task_id = :id order by attempt;

-- A dead letter: all about the error, the effects rolled back.
create table effects (a int);
create function broken() returns void language plpgsql as $$
begin
    insert into effects values (1);
    raise exception 'it broke' using detail = 'in two', hint = 'Mend it.', errcode = '22000';
end $$;
select weir.enqueue('select broken()', queue => 'rt', reason => 'to see') as id \gset
select outcome, final, charged, rows, result, sqlstate, message, detail, hint,
       context, actor, reason from weir.wait(:id, '30s');
select queue, class, owner = current_user as mine, command, args, attempts, outcome,
       sqlstate, message, detail, quarantined
from weir.dead_letters where task_id = :id;
select state, attempts from weir.tasks where task_id = :id;
select count(*) from effects;
select weir.result(:id) is null as none;

-- weir.retry() brings it back with all its attempts, once it is mended.
select weir.retry(:id, 'again');
select outcome from weir.wait(:id, '30s');
create or replace function broken() returns void language sql as 'insert into effects values (2)';
select weir.retry(:id);
select outcome from weir.wait(:id, '30s');
select pg_temp.runs(:id);
select count(*) from weir.dead_letters where task_id = :id;
select * from effects;
-- What has succeeded is not retried, nor what waits; what was cancelled is.
select weir.retry(:id);
select weir.pause('rt');
select weir.enqueue('insert into effects values (3)', queue => 'rt') as id \gset
select weir.retry(:id);
select weir.cancel(:id, 'not now');
select weir.retry(:id, 'now');
select weir.retry(:id);
select depth from weir.queues where name = 'rt';
select state, attempts from weir.tasks where task_id = :id;
begin;
select weir.cancel(:id);
select weir.retry(:id);
select weir.wait(:id);
rollback;
select weir.resume('rt');
select outcome from weir.wait(:id, '30s');
select attempt, outcome, final, actor = current_user as by_me, reason from weir.runs where task_id = :id order by attempt;
select a from effects order by a;

-- Many at once; a full queue takes none back.
select first_id as f, last_id as l from weir.enqueue_many('select 1 / $1::int', '[[0], [0], [1]]', 'rt') \gset
select weir.drain('rt', '30s');
select weir.retry_many((select array_agg(i) from generate_series(:f, :l) i));
select weir.drain('rt', '30s');
select task_id - :f as task, pg_temp.runs(task_id) from weir.tasks where task_id between :f and :l order by 1;
select weir.retry_many('{}');
select weir.alter_queue('rt', capacity => 1);
select weir.retry_many(array[:f, :f + 1]);
\echo :SQLSTATE
select depth from weir.queues where name = 'rt';
select weir.pause('rt');
select weir.enqueue('select 1', queue => 'rt') as id \gset
select weir.retry(:f);
\echo :SQLSTATE
select weir.cancel(:id);
select weir.resume('rt');
select weir.drop_queue('rt');
select weir.retry(:f);
\echo :SQLSTATE
\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    $$select weir.retry(null::bigint)$$,
    $$select weir.retry(-1)$$,
    $$select weir.retry(9223372036854775807)$$,
    $$select weir.retry_many(null)$$,
    $$select weir.retry_many(array[null]::bigint[])$$,
    $$select weir.retry_many('{1,no}')$$
]) with ordinality as u(c, i) order by i;
drop procedure run_states;
drop function broken, fail;
drop table effects, states;
drop sequence tries_seq;
