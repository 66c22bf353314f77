-- Three sinks that several kinds of work share, each with a limit of its own:
--
--   a table		at most three writers, one of them kept for daily work
--   a metastore	one commit at a time: a second one at once is a conflict
--   an API			100 requests per minute; beyond that it answers 429
--
--   psql -f examples/sinks/sinks.sql
--
-- Daily, adhoc and backfill work needs one, two or all three of them.  A minute
-- of the API lasts three seconds here.  In the middle somebody else uses up its
-- quota, and it refuses.

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists sinks cascade;
create schema sinks;

-- The table.
create table sinks.fact (task_id bigint, day date);

-- The metastore: outside of our transactions, as a sequence is.  Who commits
-- says which version the commit is based on.
create sequence sinks.version minvalue 0 start 0;
create function sinks.commit() returns void language plpgsql as $$
declare
    base bigint := (select last_value from sinks.version);
begin
    perform pg_sleep(0.003);    -- the sleep is the work
    if (select last_value from sinks.version) <> base then
        raise exception 'conflict: the metastore is not at version % any more', base;
    end if;
    perform setval('sinks.version', base + 1);
end $$;

-- The API.  It remembers when its quota is whole again, in microseconds, and
-- allows ten requests at once.
create sequence sinks.quota minvalue 0 start 0;
create sequence sinks.refusals minvalue 0 start 0;
create function sinks.request() returns integer language plpgsql as $$
declare
    gap constant bigint := 30000;
    now_us bigint := extract(epoch from clock_timestamp()) * 1000000;
    whole bigint;
    wait_us bigint;
begin
    perform pg_advisory_lock(hashtext('sinks.request'));
    whole := greatest((select last_value from sinks.quota), now_us);
    wait_us := whole - now_us - 9 * gap;
    if wait_us <= 0 then
        perform setval('sinks.quota', whole + gap);
    else
        perform nextval('sinks.refusals');
    end if;
    perform pg_advisory_unlock(hashtext('sinks.request'));
    return greatest(wait_us, 0) / 1000;    -- 429, retry after so many ms
end $$;

-- A call of the API, as a task makes it.
create function sinks.call() returns void language plpgsql as $$
declare
    retry_after_ms integer := sinks.request();
begin
    if retry_after_ms > 0 then
        perform weir.retry_after('sinks.api', retry_after_ms * interval '1 ms');
    end if;
end $$;

-- The limits.  The API's are a little below what it allows.
\o /dev/null
select weir.cap_table('sinks.fact', slots => 3, reserved => 1);
select weir.cap_resource('sinks.metastore', slots => 1);
select weir.cap_resource('sinks.api', slots => 8, rate => 90, per => '3 seconds');
\o

select clock_timestamp() as began \gset

-- The work, the unimportant first.  Within a task what can be refused comes
-- before what cannot be taken back.
create table sinks.batch as
select 'backfill' as queue, b.first_id, b.last_id
from weir.enqueue_many('insert into sinks.fact values (weir.current_task(), $1); select sinks.call(); select sinks.commit()',
                       (select jsonb_agg(jsonb_build_array(date '2024-01-01' + i)) from generate_series(0, 39) i),
                       queue => 'backfill', tables => '{sinks.fact}',
                       resources => '{sinks.metastore,sinks.api}') b
union all
select 'adhoc', b.first_id, b.last_id
from weir.enqueue_many('select sinks.call() from (select $1::int) n',
                       (select jsonb_agg(jsonb_build_array(i)) from generate_series(1, 40) i),
                       resources => '{sinks.api}') b
union all
select 'daily', b.first_id, b.last_id
from weir.enqueue_many('insert into sinks.fact values (weir.current_task(), $1); select sinks.commit()',
                       (select jsonb_agg(jsonb_build_array(date '2024-03-01' + i)) from generate_series(0, 19) i),
                       queue => 'daily', deadline => now() + interval '1 minute',
                       tables => '{sinks.fact}', resources => '{sinks.metastore}') b;

-- Somebody else uses up the quota, for a second and more.
do $$
begin
    while (select count(*) from weir.runs r join sinks.batch b on r.task_id between b.first_id and b.last_id
           where b.queue <> 'daily') < 20 loop
        commit;
    end loop;
    perform setval('sinks.quota', (extract(epoch from clock_timestamp()) * 1000000)::bigint + 1300000);
end $$;

create table sinks.ended as
select b.queue, id as task_id, w.outcome, w.finished_at
from sinks.batch b, generate_series(b.first_id, b.last_id) id,
     lateral weir.wait(id, interval '2 minutes') w;

create table sinks.report as
select e.queue, count(*) filter (where e.outcome = 'succeeded') as succeeded,
       (select count(*) from weir.runs r join sinks.batch b on r.task_id between b.first_id and b.last_id
        where b.queue = e.queue and r.outcome = 'snoozed') as snoozed,
       round(extract(epoch from max(e.finished_at) - timestamptz :'began'), 2) as seconds
from sinks.ended e group by e.queue;

\pset footer off
select * from sinks.report order by seconds;
select (select last_value from sinks.version) as commits, (select count(*) from sinks.fact) as rows,
       (select case when is_called then last_value + 1 else 0 end from sinks.refusals) as refused;

\o /dev/null
select weir.uncap_resource('sinks.api'), weir.uncap_resource('sinks.metastore');
\o
