-- What dbt sends for an incremental model (delete+insert): with "hook" set, its
-- pre-hook comes first.

\set ON_ERROR_STOP on
set client_min_messages = warning;
\o /dev/null

begin;
\if :hook
    select weir.acquire('mart.orders', '1 minute');
\endif
create temporary table orders__dbt_tmp on commit drop as
select * from mart.raw where day = :'day';
delete from mart.orders t using orders__dbt_tmp s where t.order_id = s.order_id;
select clock_timestamp() as began \gset
insert into mart.orders select * from orders__dbt_tmp;
-- the sleep is the work
insert into mart.writer select 'dbt', :'began', clock_timestamp() from pg_sleep(0.02);
commit;
