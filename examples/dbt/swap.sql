-- What dbt sends for a model that is built as a new table, with the pre-hook: the
-- cap belongs to the name, so it is on the new table afterwards.

\set ON_ERROR_STOP on
set client_min_messages = warning;
\o /dev/null

begin;
select weir.acquire('mart.orders', '1 minute');
create table mart.orders__dbt_tmp as
select order_id, min(day) as day, min(amount) as amount from mart.orders group by order_id;
alter table mart.orders rename to orders__dbt_backup;
alter table mart.orders__dbt_tmp rename to orders;
drop table mart.orders__dbt_backup;
commit;
