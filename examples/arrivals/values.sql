-- What a field means: numbers, coordinates, times, names and codes.  Included
-- by schema.sql, used by parse.sql under the search_path that it sets.

-- whole: the whole number that a field holds.  Empty is NULL.  A fraction
-- of zeros is dropped, but for three of them: 1.000 may mean a thousand.
create function whole(value text, row_no int, column_name text)
returns bigint
language plpgsql immutable strict parallel safe
as $$
declare
    v text;
begin
    if value ~ '^-?[0-9]{1,18}$' then
        return value::bigint;
    end if;
    v := btrim(value, E' \t');
    if v = '' then
        return null;
    end if;
    if v ~ '^[-+]?[0-9]+([.,]0{1,2})?$' then
        v := regexp_replace(v, '[.,]0+$', '');
        if length(ltrim(v, '+-0')) <= 18 then
            return v::bigint;
        end if;
        raise exception using
            errcode = 'numeric_value_out_of_range',
            message = format('row %s: "%s" is too large: "%s"',
                             row_no, column_name, left(value, 40));
    end if;
    raise exception using
        errcode = 'invalid_text_representation',
        message = format('row %s: "%s" is not a whole number: "%s"',
                         row_no, column_name, left(value, 40));
end;
$$;

-- degrees: a coordinate.  A comma can only be the decimal comma here, since
-- no coordinate has thousands.
create function degrees(value text, limit_at int, row_no int,
                        column_name text)
returns numeric
language plpgsql immutable strict parallel safe
as $$
declare
    v text := btrim(value, E' \t');
    d numeric;
begin
    if v = '' then
        return null;
    end if;
    if v !~ '^[-+]?[0-9]{1,20}([.,][0-9]{1,20})?$' then
        raise exception using
            errcode = 'invalid_text_representation',
            message = format('row %s: "%s" is not a coordinate: "%s"',
                             row_no, column_name, left(value, 40));
    end if;
    d := trim_scale(replace(v, ',', '.')::numeric);
    if abs(d) > limit_at then
        raise exception using
            errcode = 'numeric_value_out_of_range',
            message = format('row %s: "%s" is outside -%s to %s: "%s"',
                             row_no, column_name, limit_at, limit_at,
                             left(value, 40));
    end if;
    return d;
end;
$$;

-- moment: the time of the report, whose date must be the arrival's day.
create function moment(value text, day date, row_no int)
returns timestamp
language plpgsql immutable strict parallel safe
as $$
declare
    v text := btrim(value, E' \t');
    clock constant text := '(?:[ T]([01]?[0-9]|2[0-3]):([0-5][0-9])'
        '(?::([0-5][0-9]))?)?$';
    p text[];
begin
    p := regexp_match(v, '^([0-9]{4})-([0-9]{2})-([0-9]{2})' || clock);
    if p is null then
        -- The publisher is Italian: the day comes before the month.
        p := regexp_match(v, '^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})' || clock);
        p := array[p[3], lpad(p[2], 2, '0'), lpad(p[1], 2, '0'),
                   p[4], p[5], p[6]];
    end if;
    if p[1] is null then
        raise exception using
            errcode = 'invalid_datetime_format',
            message = format('row %s: "data" is not a date: "%s"',
                             row_no, left(value, 40));
    end if;
    if array_to_string(p[1:3], '-') <> to_char(day, 'YYYY-MM-DD') then
        raise exception using
            errcode = 'data_exception',
            message = format('row %s: "data" is "%s", but the file is for %s',
                             row_no, left(value, 40),
                             to_char(day, 'YYYY-MM-DD'));
    end if;
    return day + make_time(coalesce(p[4]::int, 0), coalesce(p[5]::int, 0),
                           coalesce(p[6]::int, 0));
end;
$$;

-- label: a name or code without the blanks around it; empty is NULL.
create function label(value text)
returns text
language sql immutable parallel safe
return nullif(btrim(value, E' \t'), '');

-- code: a numeric code with the leading zeros that spreadsheets drop.
create function code(value text, digits int)
returns text
language plpgsql immutable strict parallel safe
as $$
declare
    v text := btrim(value, E' \t');
begin
    if v ~ '^[0-9]+([.,]0)?$' then
        v := ltrim(substring(v from '^[0-9]+'), '0');
        v := repeat('0', digits - length(v)) || v;
    end if;
    return nullif(v, '');
end;
$$;

-- region_code: the two autonomous provinces came under their region's code 04
-- until May 2020, and under 21 and 22 ever since, also in the files that
-- publish the days before once more.
create function region_code(value text, name text)
returns text
language plpgsql immutable parallel safe
as $$
declare
    v text := arrivals.code(value, 2);
begin
    return case when v = '04' and name ~* '\mbolzano\M' then '21'
                when v = '04' and name ~* '\mtrento\M' then '22'
                else v end;
end;
$$;
