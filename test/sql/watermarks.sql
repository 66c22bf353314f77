-- Watermarks: an event when a queue becomes high, and one when it is low again.

\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
set client_min_messages = warning;

create function pg_temp.refused(command text) returns text
language plpgsql as $$
declare
    h text;
begin
    execute command;
    return 'not refused';
exception when others then
    get stacked diagnostics h = pg_exception_hint;
    return concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, nullif(h, ''));
end $$;
-- What was told of the queue, once it is what it is to be.
create procedure pg_temp.told(queue text, high boolean) language plpgsql as $$
declare
    e record;
begin
    while (select q.high is distinct from told.high from weir.queues q where q.name = told.queue) loop
        commit;
    end loop;
    for e in select kind, detail from weir.events v where v.queue = told.queue and kind like 'queue\_%' order by event_id loop
        raise info '% %', e.kind, e.detail;
    end loop;
end $$;

select pg_temp.refused(c) from unnest(array[
    $$select weir.create_queue('x', high_watermark => 0)$$,
    $$select weir.create_queue('x', high_watermark => 1.1)$$,
    $$select weir.create_queue('x', high_watermark => 'NaN')$$,
    $$select weir.create_queue('x', high_watermark => 0.5, low_watermark => -0.1)$$,
    $$select weir.create_queue('x', high_watermark => 0.5, low_watermark => 1)$$,
    $$select weir.create_queue('x', high_watermark => 0.5, low_watermark => 0.5)$$,
    $$select weir.create_queue('x', low_watermark => 0.1)$$
    ]) c;

select weir.create_queue('mark', capacity => 10, high_watermark => 0.8);
select high_watermark, low_watermark, high from weir.queues where name = 'mark';
select weir.alter_queue('mark', low_watermark => 0.3);
select weir.pause('mark');
select n from weir.enqueue_many('select $1::int', '[[1],[2],[3],[4],[5],[6],[7]]', queue => 'mark');
call pg_temp.told('mark', false);
select weir.enqueue('select 8', queue => 'mark') > 0;
call pg_temp.told('mark', true);
-- Not again, as long as it is not low.
select weir.cancel_many(array_agg(task_id)) from (select task_id from weir.tasks where queue = 'mark' and state = 'ready' order by 1 limit 4) t;
select n from weir.enqueue_many('select $1::int', '[[9],[10],[11],[12],[13]]', queue => 'mark');
call pg_temp.told('mark', true);
select weir.cancel_many(array_agg(task_id)) from (select task_id from weir.tasks where queue = 'mark' and state = 'ready' order by 1 limit 6) t;
call pg_temp.told('mark', false);
-- Once more.
select n from weir.enqueue_many('select $1::int', '[[1],[2],[3],[4],[5],[6],[7]]', queue => 'mark');
call pg_temp.told('mark', true);
-- The marks follow the capacity, and a queue without any is not high.
select weir.alter_queue('mark', capacity => 40);
call pg_temp.told('mark', false);
select weir.alter_queue('mark', capacity => 10);
call pg_temp.told('mark', true);
select pg_temp.refused($$select weir.alter_queue('mark', high_watermark => 0.3)$$);
select pg_temp.refused($$select weir.alter_queue('mark', reset => '{high_watermark}')$$);
select weir.alter_queue('mark', reset => '{high_watermark, low_watermark}');
do $$ begin
    while not exists (select from weir.events where queue = 'mark' and kind = 'queue_low' having count(*) = 3) loop
        commit;
    end loop;
end $$;
call pg_temp.told('mark', null);
select high_watermark, low_watermark, high from weir.queues where name = 'mark';
select detail from weir.events where queue = 'mark' and kind = 'alter_queue' order by event_id desc limit 1;
select weir.cancel_many(array_agg(task_id)) from weir.tasks where queue = 'mark' and state = 'ready';
select weir.drop_queue('mark');
-- Its successor of the same name has told nothing yet.
select weir.create_queue('mark', capacity => 10, high_watermark => 0.8, low_watermark => 0);
select high_watermark, low_watermark, high from weir.queues where name = 'mark';
select weir.drop_queue('mark');
