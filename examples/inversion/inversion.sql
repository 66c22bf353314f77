-- Priority inversion, shown and removed: a daily task wants a row that a
-- backfill holds, and adhoc tasks crowd it out.
--
--   psql -f examples/inversion/inversion.sql
--
-- Everybody who loads reads a price, and keeps it locked (FOR SHARE) so that it
-- does not change until the load is done.  The daily task changes the price.
-- Locks that can be shared do not queue behind who wants the row alone: as long
-- as one load comes before the last one has ended, the daily task waits.
--
-- First without a cap on the table: pg_weir does not know then who writes it.
-- Then the same with one of as many slots as there are workers, which limits
-- nothing; but what holds the row inherits from the daily task, and no other
-- load starts until that has had its turn.

\set ON_ERROR_STOP on
set client_min_messages = warning;
select current_setting('weir.max_workers') as workers \gset

create extension if not exists pg_weir;
drop schema if exists inversion cascade;
create schema inversion;

create table inversion.price (item int primary key, euros int not null) with (fillfactor = 10);
create table inversion.sale (item int, euros int);
insert into inversion.price values (1, 100);

create procedure inversion.load(seconds float8) language plpgsql as $$
begin
    insert into inversion.sale select item, euros from inversion.price where item = 1 for share;
    perform pg_sleep(seconds);      -- the sleep is the work
end $$;

create table inversion.part (how text, queue text, first_id bigint, last_id bigint);
create procedure inversion.submit(how text, queue text, command text, n int default 1) language sql as $$
    insert into inversion.part
    select submit.how, submit.queue, first_id, last_id
    from weir.enqueue_many(submit.command, (select jsonb_agg('[]'::jsonb) from generate_series(1, n)),
                           queue => submit.queue, tables => '{inversion.sale}');
$$;
-- Until so many of them run, or have ended.
create procedure inversion.started(how text, queue text, n int) language plpgsql as $$
begin
    while (select count(*) from inversion.part p join weir.tasks t on t.task_id between p.first_id and p.last_id
           where p.how = started.how and p.queue = started.queue and t.state in ('running', 'succeeded')) < n loop
        commit;
    end loop;
end $$;

-- A chunk of a backfill has the row, the next one stands behind it; a daily
-- task comes, and more and more adhoc work.
create procedure inversion.play(how text) language plpgsql as $$
begin
    call inversion.submit(how, 'backfill', 'call inversion.load(1.2)');
    commit;
    call inversion.started(how, 'backfill', 1);
    call inversion.submit(how, 'adhoc', 'call inversion.load(0.3)', 4);
    call inversion.submit(how, 'daily', 'update inversion.price set euros = euros + 1 where item = 1');
    commit;
    call inversion.started(how, 'daily', 1);
    call inversion.submit(how, 'adhoc', 'call inversion.load(0.3)', 60);
    call inversion.submit(how, 'backfill', 'call inversion.load(1.2)');
    commit;
    perform weir.wait(first_id, interval '1 minute') from inversion.part p where p.how = play.how and p.queue = 'daily';
    commit;
    perform weir.drain('adhoc', '1 minute'), weir.drain('backfill', '1 minute');
    commit;
end $$;

\o /dev/null
call inversion.play('without');
select weir.cap_table('inversion.sale', slots => :workers, adaptive => 'off');
call inversion.play('inherits');
\o

-- From the ledger: how long the daily task waited, and how many loads started in
-- that time.
create table inversion.report as
select p.how, round(extract(epoch from d.finished_at - d.started_at), 1) as waited,
       (select count(*) from weir.runs r join inversion.part o on r.task_id between o.first_id and o.last_id
        where o.how = p.how and r.started_at between d.started_at and d.finished_at
        and r.task_id <> d.task_id) as loads_meanwhile,
       (select count(*) from weir.runs r join inversion.part o on r.task_id between o.first_id and o.last_id
        where o.how = p.how and r.outcome = 'succeeded') as tasks
from inversion.part p join weir.runs d on d.task_id = p.first_id
where p.queue = 'daily';

\pset footer off
select how, waited as waited_s, loads_meanwhile from inversion.report order by how desc;

-- Who was in the way, and who inherited by a lock; both know the tasks of each.
create table inversion.waits as
select p.how, h.class, h.relation, o.queue as blocked_by, h.outcome
from weir.lock_wait_history h
join inversion.part p on h.task_id between p.first_id and p.last_id
join inversion.part o on h.root_task_id between o.first_id and o.last_id;
select * from inversion.waits order by how desc;

create table inversion.grants as
select p.how, p.queue as who_inherited, e.detail ->> 'for_class' as from_class, (e.detail ->> 'helped')::boolean as helped
from weir.events e join inversion.part p on e.task_id between p.first_id and p.last_id
where e.kind = 'inherit' and e.detail ? 'depth';
select distinct * from inversion.grants order by who_inherited;

\o /dev/null
select weir.uncap_table('inversion.sale');
\o
