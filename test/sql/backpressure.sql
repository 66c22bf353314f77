-- Attempts by kind, and where work was held back.

\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
select weir.create_queue('bp', capacity => 3, policy => '{"max_attempts": 3, "backoff_base": 0.01}');
create sequence bp_try;
create function bp_fail() returns void language plpgsql as $$
begin
    if nextval('bp_try') <= 2 then
        raise exception using errcode = '08006', message = 'no answer';
    end if;
end $$;
select weir.enqueue('select bp_fail()', queue => 'bp') as id \gset
select outcome, attempt from weir.wait(:id, '30s');
select weir.enqueue('select 1', queue => 'bp') as id \gset
select outcome from weir.wait(:id, '30s');
select weir.enqueue('select 1 / 0', queue => 'bp') as id \gset
select outcome from weir.wait(:id, '30s');
select weir.retry(:id);
select outcome from weir.wait(:id, '30s');
select sum(first_attempts) as first, sum(retries) as retries, sum(contention) as contention, sum(brought_back) as back,
       sum(preempted + snoozed + interrupted) as others, sum(succeeded) as succeeded
from weir.attempts where queue = 'bp';

-- Refused, expired, and a breaker that opens.
select weir.pause('bp');
select weir.enqueue('select 1', queue => 'bp', queue_timeout => '1 ms') as id \gset
select outcome from weir.wait(:id, '30s');
select count(*) from generate_series(1, 3) i, lateral weir.try_enqueue('select ' || i, queue => 'bp') e where e.task_id is not null;
select task_id from weir.try_enqueue('select 4', queue => 'bp');
select weir.cap_resource('bp', breaker => '{"failure_count_threshold": 1, "wait_duration_in_open_state": "1 hour"}');
select weir.enqueue('select 1 / 0', resources => '{bp}', max_attempts => 1) as id \gset
select outcome from weir.wait(:id, '30s');
do $$ begin
    while not exists (select from weir.backpressure where name = 'bp' and what = 'breaker open') loop commit; end loop;
end $$;
select kind, what, minute is null as counted, sum(times) as times from weir.backpressure where name = 'bp' group by 1, 2, 3 order by 1, 2;
select weir.resume('bp');
select weir.drain('bp', '30s');
select weir.uncap_resource('bp');
select weir.drop_queue('bp');
drop function bp_fail();
drop sequence bp_try;
