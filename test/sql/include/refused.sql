-- What a statement is refused with: SQLSTATE, message, detail, hint.
create function pg_temp.refused(command text) returns text
language plpgsql as $$
declare
    d text;
    h text;
begin
    execute command;
    return 'not refused';
exception when others then
    get stacked diagnostics d = pg_exception_detail, h = pg_exception_hint;
    return concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, nullif(d, ''), nullif(h, ''));
end $$;
