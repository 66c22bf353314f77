-- A table that dbt and tasks write, under one cap.
--
--   psql -f examples/dbt/dbt.sql
--   examples/dbt/run.sh
--
-- An incremental model of dbt, as in model.sql, creates a temporary table first
-- and writes the target with what is in it.  By then its transaction has written,
-- and whoever has written never waits for a slot: it may hold what others need.
-- So it is let through beside the cap, and recorded.  A pre-hook that asks for
-- the slot before anything is written makes it wait like everybody:
--
--   {{ config(pre_hook="select weir.acquire('{{ this }}', '10 minutes')") }}

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists mart cascade;
create schema mart;
create table mart.raw as
select i as order_id, date '2024-05-01' + i % 10 as day, i % 97 as amount
from generate_series(1, 5000) i;
create table mart.orders (order_id int, day date, amount int);

-- Who wrote, and from when to when.
create table mart.writer (who text, began timestamptz, ended timestamptz);

-- One day, written anew; the sleep is the work.
create function mart.load(wanted date) returns void language sql as $$
    delete from mart.orders where day = wanted;
    with began as materialized (select clock_timestamp() as at),
         loaded as (insert into mart.orders select r.* from mart.raw r, began where r.day = wanted returning 1),
         slept as materialized (select pg_sleep(0.02) from (select count(*) from loaded) c)
    insert into mart.writer select 'task', began.at, clock_timestamp() from began, slept;
$$;

\o /dev/null
select weir.cap_table('mart.orders', slots => 2, enforce => 'everyone');
select weir.create_queue('mart', capacity => 1000, on_full => 'wait');
\o
