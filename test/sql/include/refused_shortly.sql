-- What a command is refused with.
create function pg_temp.refused(command text) returns text
language plpgsql as $$
begin
    execute command;
    return 'not refused';
exception when others then
    return sqlstate || ' ' || sqlerrm;
end $$;
