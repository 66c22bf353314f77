-- Submitting tasks: every argument, valid, null, extreme and wrong.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
\i :here/sql/include/await.sql

create function pg_temp.refused(command text, argument text) returns text
language plpgsql as $$
begin
    execute command using argument;
    return 'not refused';
exception when others then
    return sqlstate || ' ' || sqlerrm;
end $$;

-- How a task ended.
create function pg_temp.ended(task_id bigint) returns text
language sql volatile as $$
    select concat_ws(' ', r.outcome, r.sqlstate, r.message, r.result)
    from weir.wait(task_id, '30s') r
$$;

create table enqueue_t (a int, b text);

-- The ways to say the same.
select weir.enqueue('select 1 as one') as id \gset
select pg_temp.ended(:id), weir.result(:id);
select weir.enqueue(command => 'select $1::int as one', args => '[1]', queue => 'adhoc') as id \gset
select pg_temp.ended(:id);
select weir.enqueue('select 1 as one;  ; /* nothing */ ;') as id \gset
select pg_temp.ended(:id);
-- All arguments but the command may be null.
select weir.enqueue('select 2 as two', null, null, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null, null, null, null) as id \gset
select pg_temp.ended(:id);
select queue, class, state, owner = current_user as mine, job, interval_start,
       command, args, priority, run_at, deadline, tables, mode, timeout,
       max_attempts, attempts, retry_at, settings, policy,
       enqueued_by = session_user as by_me, reason, enqueued_at <= finished_at as ordered
from weir.tasks where task_id = :id;
-- All arguments given.
select weir.enqueue('insert into enqueue_t values ($1, $2)', '[7, "seven"]', 'backfill',
    'backfill', 3, '2001-01-01 00:00+00', '2099-01-01 00:00+00', '{enqueue_t}', null, 'line', '{}', 'wait', 'key', '1 ms', 'skip', '1 minute', '1 hour', '1 day', 4,
    'transaction', '{"work_mem": "1MB"}', '{"backoff_base": 0}', 'a reason', true) as id \gset
select pg_temp.ended(:id);
set timezone = 'UTC';
select queue, class, state, command, args, priority, run_at, deadline, tables,
       mode, timeout, max_attempts, attempts, settings, policy, reason
from weir.tasks where task_id = :id;
select outcome, final, charged, rows, result, tables, sqlstate,
       ready_at is not null as ready, started_at <= finished_at as ordered
from weir.runs where task_id = :id;
select * from enqueue_t;

-- A lower class than the queue's is free to take.
select weir.enqueue('select 1', class => 'backfill') as id \gset
select queue, class from weir.tasks where task_id = :id;

-- Arguments are bound, never pasted: types come from the statement.
\pset tuples_only on
create function pg_temp.enqueue_all(commands text[][]) returns setof bigint
language sql as $$
    select weir.enqueue(commands[i][1], commands[i][2]::jsonb)
    from generate_subscripts(commands, 1) i order by i
$$;
create temp table asked (i serial, id bigint);
insert into asked (id) select pg_temp.enqueue_all(array[
    ['select $1::int + 1 as x', '[41]'],
    ['select $1::int + 1 as x', '["41"]'],
    ['select $1::bigint as x', '[9223372036854775807]'],
    ['select $1::numeric as x', '[123456789012345678901234567890.123456789]'],
    ['select $1::float8 as x', '[1e300]'],
    ['select $1::text as x', '[null]'],
    ['select $1::int is null as x', '[null]'],
    ['select $1::boolean and $2 as x', '[true, true]'],
    ['select $1::boolean as x', '["off"]'],
    ['select $1::text as x', '[true]'],
    ['select $1::text as x', '[1.50]'],
    ['select $1::text as x', $$["it's \" \\ $1 ; drop table enqueue_t"]$$],
    ['select $1::text as x', $$["a\nb\tü€😀"]$$],
    ['select $1::text as x', '[""]'],
    ['select $1::date + 1 as x', '["2024-02-28"]'],
    ['select $1::int[] as x', '[[1, 2, null]]'],
    ['select $1::int[] as x', '[[]]'],
    ['select $1::int[] as x', '[[[1, 2], [3, 4]]]'],
    ['select $1::int[] as x', '["{5,6}"]'],
    ['select $1::text[] as x', $$[["a", "b,c", "d\"e", "f\\g", null, "null", "", "{}"]]$$],
    ['select $1::jsonb as x', '[{"a": [1, {"b": null}]}]'],
    ['select $1::jsonb as x', '["text"]'],
    ['select $1::jsonb as x', '[[1, 2]]'],
    ['select $1::json as x', '[7]'],
    ['select $1::jsonb is null as x', '[null]'],
    ['select $1::text as x', '[{"a": 1}]'],
    ['select $1::text as x', '[[1, "a"]]'],
    ['select $1::jsonb[] as x', '[[1, "a", {"b": 2}, null]]'],
    ['select a from enqueue_t where a = $1 and b = $2', '[7, "seven"]'],
    ['select $2::int as x, $1::text as y', '["first", 2]'],
    ['select $1::int as x, $1 + 1 as y', '[1]'],
    ['select $1::regclass::text as x', '["enqueue_t"]'],
    ['select $1::interval as x', '["1 day"]'],
    ['select ''$1'' as x', '[]'],
    ['select $tag$ $1 $tag$ as x -- $2', '[]']
]);
select pg_temp.ended(id) from asked order by i;
-- What does not fit fails when it runs, for good.
truncate asked;
insert into asked (id) select pg_temp.enqueue_all(array[
    ['select $1::int as x', '["x"]'],
    ['select $1::int as x', '[1.5]'],
    ['select $1::int as x', '[2147483648]'],
    ['select $1::int as x', '[true]'],
    ['select $1::int as x', '[{"a": 1}]'],
    ['select $1::int[] as x', '[1]'],
    ['select $1::int[] as x', '[[1, "x"]]'],
    ['select $1::date as x', '["2023-02-30"]']
]);
select pg_temp.ended(id) from asked order by i;

-- The count of arguments must be the number of parameters.
select pg_temp.refused(c) from unnest(array[
    $$select weir.enqueue('select $1::int')$$,
    $$select weir.enqueue('select $1::int', '[]')$$,
    $$select weir.enqueue('select $1::int', '[1, 2]')$$,
    $$select weir.enqueue('select 1', '[1]')$$,
    $$select weir.enqueue('select $3::int', '[1, 2]')$$,
    $$select weir.enqueue('select $1::int; select $2::int', '[1]')$$,
    $$select weir.enqueue('select $70000::int', '[1]')$$,
    $$select weir.enqueue('select $1::int', '{"a": 1}')$$,
    $$select weir.enqueue('select $1::int', '1')$$,
    $$select weir.enqueue('select $1::int', 'null')$$,
    $$select weir.enqueue('select $1::int', '"[1]"')$$,
    $$select weir.enqueue('select $1', 'no json')$$
]) with ordinality as u(c, i) order by i;

-- Commands that are none, too long, or wrong.
select pg_temp.refused(c) from unnest(array[
    $$select weir.enqueue(null)$$,
    $$select weir.enqueue('')$$,
    $$select weir.enqueue(' ; -- nothing')$$,
    $$select weir.enqueue(repeat(' ', 20000000) || 'select 1')$$,
    $$select weir.enqueue('selekt 1')$$,
    $$select weir.enqueue('select 1; selekt 2')$$,
    $$select weir.enqueue('select ''open')$$,
    $$select weir.enqueue('select * from missing_table')$$,
    $$select weir.enqueue('select missing_column from enqueue_t')$$,
    $$select weir.enqueue('select missing_function()')$$,
    $$select weir.enqueue('insert into enqueue_t values (1, 2, 3)')$$,
    $$select weir.enqueue('select 1 + ''x''::text')$$
]) with ordinality as u(c, i) order by i;
-- Not looked for: what an earlier step may make, or what nobody validates.
select pg_temp.refused(c) from unnest(array[
    $$select weir.enqueue('select * from missing_table', run_at => 'tomorrow', queue => 'backfill')$$,
    $$select weir.enqueue('create table x (a int); select * from x', run_at => 'tomorrow', queue => 'backfill')$$,
    $$select weir.enqueue('select * from missing_table', validate => false, run_at => 'tomorrow', queue => 'backfill')$$,
    $$select weir.enqueue('select * from missing_table; select 1', run_at => 'tomorrow', queue => 'backfill')$$
]) with ordinality as u(c, i) order by i;
select weir.cancel(task_id) from weir.tasks where state = 'scheduled' order by task_id;
select weir.enqueue('select * from missing_table', validate => false) as id \gset
select pg_temp.ended(:id);
-- What is refused whether it is validated or not.
select pg_temp.refused(c) from unnest(array[
    $$select weir.enqueue('selekt 1', validate => false)$$,
    $$select weir.enqueue('select $1::int', validate => false)$$,
    $$select weir.enqueue('commit', validate => false)$$
]) with ordinality as u(c, i) order by i;

-- What was good is looked at again when something has changed, or in another
-- session.
select weir.create_queue('enqueue_again'), weir.pause('enqueue_again');
create table enqueue_gone (a int);
create function enqueue_gone() returns int language sql as 'select 1';
create schema enqueue_s create table enqueue_there (a int);
create temp table again as select * from unnest(array[
    'select a from enqueue_gone', 'select enqueue_gone()',
    'select a from enqueue_there', 'select ''a\''', 'select $1::int'
]) with ordinality as u(command, i);
create function pg_temp.again() returns setof text language sql as $$
    select pg_temp.refused(format('select weir.enqueue($1, queue => %L)', 'enqueue_again'), command)
    from again, generate_series(1, 2) order by i
$$;
select pg_temp.again();
set search_path = public, enqueue_s;
select pg_temp.again();
reset search_path;
set standard_conforming_strings = off;
select pg_temp.again();
reset standard_conforming_strings;
drop function enqueue_gone();
select pg_temp.again();
drop table enqueue_gone;
select pg_temp.again();
select pg_temp.refused(c) from unnest(array[
    $$select weir.enqueue('select * from missing', queue => 'enqueue_again', validate => false)$$,
    $$select weir.enqueue('select * from missing', queue => 'enqueue_again')$$,
    $$select weir.enqueue('vacuum', queue => 'enqueue_again', mode => 'autocommit')$$,
    $$select weir.enqueue('vacuum', queue => 'enqueue_again')$$
]) with ordinality as u(c, i) order by i;
select sum(weir.cancel(task_id)) from weir.tasks
where queue = 'enqueue_again' and state = 'ready';
select weir.drop_queue('enqueue_again');
drop schema enqueue_s cascade;

-- Statements that a task cannot have.
select pg_temp.refused(format('select weir.enqueue(%L, mode => %L)', c, m))
from unnest(array[
    'begin', 'start transaction', 'commit', 'end', 'rollback', 'abort', 'savepoint a',
    'release a', 'rollback to a', 'prepare transaction ''a''', 'commit prepared ''a''',
    'select 1; commit; select 2',
    'copy enqueue_t from stdin', 'copy enqueue_t to stdout', 'copy (select 1) to stdout',
    'discard all', 'listen a'
]) with ordinality as u(c, i), (values ('transaction'), ('autocommit')) v(m)
order by i, m desc;
select pg_temp.refused(format('select weir.enqueue(%L)', c))
from unnest(array[
    'vacuum', 'vacuum enqueue_t', 'vacuum (analyze) enqueue_t',
    'create index concurrently on enqueue_t (a)', 'drop index concurrently i',
    'reindex table concurrently enqueue_t', 'reindex index concurrently i',
    'reindex (concurrently) table enqueue_t', 'reindex schema public', 'reindex database x',
    'cluster', 'create database x', 'drop database x', 'alter system set work_mem = 1',
    'create tablespace x location ''/x''', 'drop tablespace x',
    'select 1; vacuum',
    'analyze enqueue_t', 'reindex table enqueue_t', 'reindex (concurrently false) table enqueue_t', 'reindex (concurrently false) table enqueue_t'
]) with ordinality as u(c, i) order by i;

-- Every other argument, wrong.
select pg_temp.refused(c) from unnest(array[
    $$select weir.enqueue('select 1', queue => '')$$,
    $$select weir.enqueue('select 1', queue => 'missing')$$,
    $$select weir.enqueue('select 1', queue => 'ADHOC')$$,
    $$select weir.enqueue('select 1', class => 'missing')$$,
    $$select weir.enqueue('select 1', class => 'system')$$,
    $$select weir.enqueue('select 1', priority => 1000001)$$,
    $$select weir.enqueue('select 1', priority => -1000001)$$,
    $$select weir.enqueue('select 1', priority => 2147483648)$$,
    $$select weir.enqueue('select 1', run_at => 'infinity')$$,
    $$select weir.enqueue('select 1', run_at => '-infinity')$$,
    $$select weir.enqueue('select 1', run_at => 'someday')$$,
    $$select weir.enqueue('select 1', deadline => 'infinity')$$,
    $$select weir.enqueue('select 1', deadline => '-infinity')$$,
    $$select weir.enqueue('select 1', timeout => '0')$$,
    $$select weir.enqueue('select 1', timeout => '-1 second')$$,
    $$select weir.enqueue('select 1', timeout => '10 microseconds')$$,
    $$select weir.enqueue('select 1', max_attempts => 0)$$,
    $$select weir.enqueue('select 1', max_attempts => -2147483648)$$,
    $$select weir.enqueue('select 1', mode => '')$$,
    $$select weir.enqueue('select 1', mode => 'Transaction')$$,
    $$select weir.enqueue('select 1', settings => '[]')$$,
    $$select weir.enqueue('select 1', settings => '1')$$,
    $$select weir.enqueue('select 1', settings => '{"missing": 1}')$$,
    $$select weir.enqueue('select 1', settings => '{"work_mem": []}')$$,
    $$select weir.enqueue('select 1', policy => '[]')$$,
    $$select weir.enqueue('select 1', policy => '{"missing": 1}')$$,
    $$select weir.enqueue('select 1', policy => '{"max_attempts": 1e9999}')$$,
    $$select weir.enqueue('select 1', tables => '{missing}')$$,
    $$select weir.enqueue('select 1', tables => array[null]::regclass[])$$,
    $$select weir.enqueue('select 1', tables => '{pg_tables}')$$,
    $$select weir.enqueue('select 1', tables => '{weir.event_event_id_seq}')$$,
    $$select weir.enqueue('select 1', tables => array[99999999]::regclass[])$$,
    $$select weir.enqueue('select 1', no_such_argument => 1)$$
]) with ordinality as u(c, i) order by i;

-- A temporary table belongs to this session alone.
create temp table enqueue_temp (a int);
select pg_temp.refused($$select weir.enqueue('select 1', tables => '{enqueue_temp}')$$);
-- No more tables than a task can need; one named twice counts once.
do $$ begin for i in 1..20 loop execute format('create table enqueue_%s (a int)', i); end loop; end $$;
select pg_temp.refused($$select weir.enqueue('select 1',
    tables => (select array_agg(format('enqueue_%s', i)::regclass) from generate_series(1, 20) i))$$);
select weir.enqueue('select 1', tables => '{enqueue_1, enqueue_1, enqueue_2}') as id \gset
select tables from weir.tasks where task_id = :id;

-- Extremes that are allowed.
select weir.enqueue('select 1 as x', priority => 1000000, deadline => '294276-12-31',
    run_at => '4713-01-01 BC', timeout => '100000 years', max_attempts => 2147483647,
    reason => repeat('r', 100000), args => '[]', tables => '{}', settings => '{}', policy => '{}') as id \gset
select pg_temp.ended(:id);
select weir.enqueue('select 1 as x', priority => -1000000, deadline => '4713-01-01 BC',
    timeout => '1 millisecond', mode => 'autocommit', max_attempts => 1) as id \gset
select outcome in ('succeeded', 'timed_out') as ended from weir.wait(:id, '30s');
-- A long command, and an argument of a megabyte.
select weir.enqueue('select length(''' || repeat('x', 500000) || ''') as x') as id \gset
select pg_temp.ended(:id);
select weir.enqueue('select length($1) as x', jsonb_build_array(repeat('x', 1000000))) as id \gset
select pg_temp.ended(:id);

-- The timeout ends a run that would last.
select weir.enqueue('select pg_sleep(100)', timeout => '20 milliseconds', max_attempts => 1) as id \gset
select pg_temp.ended(:id);
-- A task cannot talk itself out of it.
select weir.enqueue($c$do $$ begin
    set local statement_timeout = 0;
    perform pg_sleep(100);  -- sleep is the work
exception when query_canceled then null;
end $$$c$, timeout => '20 milliseconds', max_attempts => 1) as id \gset
select pg_temp.ended(:id);

-- try_enqueue
select task_id > 0 as task, outcome, retry_after from weir.try_enqueue('select 1');
select weir.create_queue('enqueue_small', capacity => 2);
select weir.create_queue('enqueue_wait', capacity => 1, on_full => 'wait');
select weir.pause('enqueue_small'), weir.pause('enqueue_wait');
select task_id > 0 as task, outcome, retry_after > '0' as later
from generate_series(1, 3) i, weir.try_enqueue('select ' || i, queue => 'enqueue_small') order by i;
select outcome, retry_after >= '10 milliseconds' as later
from weir.try_enqueue('select 1', queue => 'enqueue_small');
-- It never waits, and refuses what is wrong.
select outcome from weir.try_enqueue('select 1', queue => 'enqueue_wait');
select outcome from weir.try_enqueue('select 1', queue => 'enqueue_wait');
select * from weir.try_enqueue('selekt', queue => 'enqueue_small');
select * from weir.try_enqueue(null);
-- The detail of the refusal is for programs.
select (regexp_match(pg_temp.refused($$select weir.enqueue('select 1', queue => 'enqueue_small')$$),
    '\{.*\}'))[1]::jsonb - '{oldest_age_ms,retry_after_ms}'::text[];
-- How old the oldest task is, as soon as the scheduler knows of it.
create function pg_temp.told_age() returns bigint language sql as $$
    select ((regexp_match(pg_temp.refused($c$select weir.enqueue('select 1', queue => 'enqueue_small')$c$),
        '\{.*\}'))[1]::jsonb ->> 'oldest_age_ms')::bigint
$$;
create function pg_temp.age_is_right() returns boolean language plpgsql as $$
declare
    oldest timestamptz := (select min(enqueued_at) from weir.tasks where queue = 'enqueue_small');
    before timestamptz := clock_timestamp();
    told bigint := pg_temp.told_age();
begin
    return told between floor(extract(epoch from before - oldest) * 1000)
                and ceil(extract(epoch from clock_timestamp() - oldest) * 1000);
end $$;
call pg_temp.await('select pg_temp.told_age() is not null');
select pg_temp.age_is_right();
-- What they are refused with, without the changing detail.
\set VERBOSITY terse
create function pg_temp.refused_full(command text) returns text
language sql as $$
    select regexp_replace(pg_temp.refused(command), '_ms": (\d+|null)', '_ms": N', 'g')
$$;
-- A queue that waits refuses a transaction that cannot: it has tasks there,
-- or has written.
begin;
select weir.enqueue('select 1') > 0;
select weir.enqueue('select 1', queue => 'enqueue_wait');
\echo :SQLSTATE
rollback;
create table enqueue_written (a int);
begin;
insert into enqueue_written values (1);
select weir.enqueue('select 1', queue => 'enqueue_wait');
\echo :SQLSTATE
rollback;
-- More than fit are refused at once; otherwise weir.max_wait, lock_timeout and
-- statement_timeout bound the wait.
select weir.enqueue_many('select $1::int', '[[1], [2]]', queue => 'enqueue_wait');
\echo :SQLSTATE
set weir.max_wait = '20ms';
select weir.enqueue('select 1', queue => 'enqueue_wait');
\echo :SQLSTATE
reset weir.max_wait;
set lock_timeout = '20ms';
select weir.enqueue('select 1', queue => 'enqueue_wait');
\echo :SQLSTATE
reset lock_timeout;
set statement_timeout = '20ms';
select weir.enqueue('select 1', queue => 'enqueue_wait');
\echo :SQLSTATE
reset statement_timeout;
select name, depth, waiting_producers, refused > 0 as refused, waited > 0 as waited
from weir.queues where name in ('enqueue_small', 'enqueue_wait') order by name;

-- enqueue_many
truncate asked;
select weir.resume('enqueue_small');
select weir.drain('enqueue_small', '30s');
select first_id as f, last_id as l, n from weir.enqueue_many('select $1::int + $2::int as x', '[[1, 2], [3, 4]]', 'enqueue_small') \gset
select :n, :l - :f;
select pg_temp.ended(id) from generate_series(:f, :l) id order by id;
select first_id as f, last_id as l, n from weir.enqueue_many('select 5 as x', '[[], []]') \gset
select :n, :l - :f;
select pg_temp.ended(id) from generate_series(:f, :l) id order by id;
select * from weir.enqueue_many('select 1', '[]');
-- Arguments that are stored out of line, among others.
select first_id as f, last_id as l from weir.enqueue_many('select length($1) as x', (select jsonb_agg(jsonb_build_array(
    (select string_agg(md5(i::text || j), '') from generate_series(1, case when i % 2 = 0 then 200 else 1 end) j))) from generate_series(1, 4) i)) \gset
select pg_temp.ended(i) from generate_series(:f, :l) i;
select n from weir.enqueue_many('select $1::text as x', (select jsonb_agg(jsonb_build_array(i)) from generate_series(1, 5000) i), 'backfill');
select weir.drain('backfill', '60s');
select pg_temp.refused(c) from unnest(array[
    $$select weir.enqueue_many('select 1', null)$$,
    $$select weir.enqueue_many(null, '[[]]')$$,
    $$select weir.enqueue_many('select 1', '{}')$$,
    $$select weir.enqueue_many('select 1', '1')$$,
    $$select weir.enqueue_many('select 1', 'null')$$,
    $$select weir.enqueue_many('select $1::int', '[1, 2]')$$,
    $$select weir.enqueue_many('select $1::int', '[[1], 2]')$$,
    $$select weir.enqueue_many('select $1::int', '[[1], null]')$$,
    $$select weir.enqueue_many('select $1::int', '[[1], {"a": 1}]')$$,
    $$select weir.enqueue_many('select $1::int', '[[1], [1, 2]]')$$,
    $$select weir.enqueue_many('select $1::int', '[[1], []]')$$,
    $$select weir.enqueue_many('selekt', '[]')$$,
    $$select weir.enqueue_many('select 1')$$
]) with ordinality as u(c, i) order by i;
-- All or none.
select weir.enqueue_many('select $1::int', '[[1], [2], [3]]', 'enqueue_small');
\echo :SQLSTATE
select depth from weir.queues where name = 'enqueue_small';

-- No call with an untyped literal is ambiguous.
select weir.cancel('999999999');
select weir.retry('999999999');
select weir.cancel_many('{999999999}');
select weir.retry_many('{999999999}');
select weir.expedite('999999999', '1');
select weir.expedite_many('{999999999}', '1');

select weir.cancel(task_id) from weir.tasks where state in ('scheduled', 'ready')
order by task_id;
select weir.drop_queue('enqueue_small'), weir.drop_queue('enqueue_wait');
select name, depth from weir.queues order by queue_id;
