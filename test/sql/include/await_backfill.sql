-- Waits until a backfill does not run any more.
create procedure pg_temp.await(backfill bigint) language plpgsql as $$
declare
    b record;
begin
    loop
        select * into b from weir.backfills where backfill_id = backfill;
        exit when b.state <> 'running';
        perform weir.wait(t.task_id, '60s') from weir.intervals t
        where t.job = b.job and t.backfill_id = backfill and t.exec in ('queued', 'running');
        commit;
    end loop;
end $$;
