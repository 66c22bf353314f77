-- Waits until a query says yes.
create procedure pg_temp.await(query text) language plpgsql as $$
declare
    done boolean;
begin
    loop
        execute query into done;
        exit when done;
        commit;
    end loop;
end $$;
