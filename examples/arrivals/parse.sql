-- How a file becomes facts.  Included by schema.sql.
--
-- The rules that decide whether a file is accepted are in README.md.  Every
-- refusal is an error of class 22 (data exception) with the same message for
-- the same file always: trying it again would not help, and pg_weir puts it
-- into the dead letters at once.

-- delimiter: the one delimiter of a header line, outside of quotes.
create function delimiter(header text)
returns text
language plpgsql immutable parallel safe
as $$
declare
    bare text := regexp_replace(header, '"[^"]*"', '', 'g');
    seen text[];
begin
    seen := array(select d from unnest(array[',', ';', E'\t', '|']) d
                  where strpos(bare, d) > 0);
    if cardinality(seen) <> 1 then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = case cardinality(seen)
                when 0 then 'the header has no delimiter'
                else 'the header has more than one kind of delimiter' end,
            detail = format('The file begins with "%s".', left(header, 60));
    end if;
    return seen[1];
end;
$$;

-- unquote: the text with its quotes resolved: U+001F between fields, U+001E
-- between lines (the caller has made sure that the file has none of its own).
--
-- Split at the quotes: the odd pieces are outside of quotes, and an empty one
-- between two quoted pieces was a doubled quote.  A quote belongs to the start
-- and the end of a field (RFC 4180); elsewhere nobody can say what it means.
create function unquote(body text, delim text)
returns text
language plpgsql immutable parallel safe
as $$
declare
    piece text[] := string_to_array(body, '"');
    n int := cardinality(piece);
    plain text;
    wrong text;
begin
    if n % 2 = 0 then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = 'a quote is opened and not closed';
    end if;
    select string_agg(case when i % 2 = 0 then p
                           when p = '' and i > 1 and i < n then '"'
                           else replace(replace(p, delim, E'\x1f'),
                                    E'\n', E'\x1e') end,
                      '' order by i)
    into plain
    from unnest(piece) with ordinality u (p, i);
    select p into wrong
    from unnest(piece) with ordinality u (p, i)
    where i % 2 = 1 and p <> ''
      and (i > 1 and left(p, 1) not in (delim, E'\n')
           or i < n and right(p, 1) not in (delim, E'\n'))
    order by i limit 1;
    if found then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = 'a quote stands in the middle of a field',
            detail = format('It is beside "%s".',
                            case when length(wrong) > 80
                                 then left(wrong, 40) || ' ... '
                                      || right(wrong, 40)
                                 else wrong end);
    end if;
    return plain;
end;
$$;

-- lines: the lines of a file that hold any value, the header first, with
-- U+001F between the fields.
create function lines(body text)
returns text[]
language plpgsql immutable parallel safe
as $$
declare
    b text := case when left(body, 1) = E'\ufeff' then substr(body, 2)
                   else body end;
    delim text;
begin
    if b ~ '\S' is not true then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = 'the file is empty';
    end if;
    if strpos(b, E'\x1e') > 0 or strpos(b, E'\x1f') > 0 then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = 'the file has control characters';
    end if;
    if strpos(b, E'\r') > 0 then
        b := replace(b, E'\r\n', E'\n');
        if strpos(b, E'\r') > 0 and strpos(b, E'\n') > 0 then
            raise exception using
                errcode = 'bad_copy_file_format',
                message = 'a carriage return stands in the middle of a line';
        end if;
        b := replace(b, E'\r', E'\n');
    end if;
    b := regexp_replace(b, '^([ \t]*\n)+', '');
    delim := arrivals.delimiter(split_part(b, E'\n', 1));
    if strpos(b, '"') > 0 then
        b := arrivals.unquote(b, delim);
    else
        b := replace(replace(b, delim, E'\x1f'), E'\n', E'\x1e');
    end if;
    return array(select l
                 from unnest(string_to_array(b, E'\x1e'))
                      with ordinality u (l, i)
                 where l ~ '[^ \t\x1f]'
                 order by i);
end;
$$;

-- column_names: a header in the names of this schema.  A column without a
-- name is called by its position.
create function column_names(header text)
returns text[]
language plpgsql immutable parallel safe
as $$
declare
    names text[];
    twice text;
begin
    names := array(
        select case n
               when '' then 'column ' || i
               when 'latitudine' then 'lat'
               when 'longitudine' then 'long'
               when 'totale_attualmente_positivi' then 'totale_positivi'
               when 'nuovi_attualmente_positivi'
               then 'variazione_totale_positivi'
               else n end
        from unnest(string_to_array(header, E'\x1f'))
             with ordinality u (f, i),
             lateral (select lower(btrim(f, E' \t'))) l (n)
        order by i);
    select n into twice
    from unnest(names) with ordinality u (n, i)
    where array_position(names, n) < i
    order by i limit 1;
    if found then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = format('the header has two columns "%s"', twice);
    end if;
    if array_position(names, 'data') is null then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = 'the header has no column "data"',
            detail = format('The file begins with "%s".',
                            left(array_to_string(names, ' '), 60));
    end if;
    return names;
end;
$$;

-- others: the fields that this schema does not know, without the empty ones.
create function others(fields text[], names text[], places int[])
returns jsonb
language sql immutable parallel safe
as $$
    select coalesce(jsonb_object_agg(names[p], fields[p]), '{}')
    from unnest(places) p
    where fields[p] <> '';
$$;

-- place: what tells the rows of one day apart.  NULL if the row does not say
-- it although the header has a column for it.
create function place(country text, has_region boolean, region text,
                      has_province boolean, province text, others jsonb)
returns text
language plpgsql immutable parallel safe
as $$
declare
    p text;
begin
    if has_region or has_province then
        p := case when has_region then region else '' end
            || case when has_region and has_province then '/' else '' end
            || case when has_province then province else '' end;
    else
        p := country;
    end if;
    if others <> '{}' then
        p := p || coalesce((
            select string_agg(format('/%s=%s', key, value), ''
                              order by key collate "C")
            from jsonb_each_text(others)
            where key ~ '^(codice|denominazione|sigla)_'), '');
    end if;
    return p;
end;
$$;

-- counts: the measures of a row, in the order of their names.  One cast does
-- for a row of plain numbers, as nearly all are; whole() is for the others.
create function counts(fields text[], row_no int, names text[])
returns bigint[]
language plpgsql immutable parallel safe
as $$
declare
    joined text := array_to_string(fields, E'\x1f', '');
begin
    if joined ~ '^((-?[0-9]{1,18})?(\x1f|$))*$' then
        return string_to_array(joined, E'\x1f', '');
    end if;
    return array(select arrivals.whole(f, row_no, names[i])
                 from unnest(fields) with ordinality u (f, i)
                 order by i);
end;
$$;

-- one_per_place: the facts without repeated ones.  Rows of one place that
-- differ contradict one another.  A place is part of a key, which has limits.
create function one_per_place(facts fact[])
returns fact[]
language plpgsql immutable parallel safe
as $$
declare
    wrong record;
begin
    select f.place into wrong
    from unnest(facts) f
    where length(f.place) > 500
    limit 1;
    if found then
        raise exception using
            errcode = 'string_data_right_truncation',
            message = format('the name of a place is too long: "%s ..."',
                             left(wrong.place, 40));
    end if;
    perform from unnest(facts) f
    having count(distinct f.place) = count(*);
    if found then
        return facts;
    end if;
    select i as row_no into wrong
    from generate_subscripts(facts, 1) i
    where (facts[i]).place is null
    order by i limit 1;
    if found then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = format('row %s does not say its place', wrong.row_no);
    end if;
    select i as row_no, j as earlier, (facts[i]).place as place into wrong
    from generate_subscripts(facts, 1) i, generate_series(1, i - 1) j
    where (facts[i]).place = (facts[j]).place
      and facts[i] is distinct from facts[j]
    order by i, j limit 1;
    if found then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = format('rows %s and %s are both for place "%s" '
                             'and differ', wrong.earlier, wrong.row_no,
                             wrong.place);
    end if;
    return array(select distinct facts[i]
                 from generate_subscripts(facts, 1) i);
end;
$$;

-- check_arrival: refuses what says nothing about the file, but about where it
-- belongs.
create function check_arrival(a arrival)
returns void
language plpgsql immutable parallel safe
as $$
begin
    if a.dataset is null or a.day is null or a.version is null then
        raise exception using
            errcode = 'null_value_not_allowed',
            message = format('the arrival has no %s',
                             case when a.dataset is null then 'dataset'
                                  when a.day is null then 'day'
                                  else 'version' end);
    end if;
    if length(a.dataset) > 100 then
        raise exception using
            errcode = 'string_data_right_truncation',
            message = format('the name of the dataset is too long: "%s ..."',
                             left(a.dataset, 40));
    end if;
    if a.day not between date '0001-01-01' and date '9999-12-31' then
        raise exception using
            errcode = 'datetime_field_overflow',
            message = format('the day of the arrival is out of range: %s',
                             a.day);
    end if;
    if lower(a.sha256)
       <> encode(sha256(convert_to(a.body, 'UTF8')), 'hex') then
        raise exception using
            errcode = 'data_exception',
            message = 'the file does not match its sha256';
    end if;
end;
$$;

-- parse: the facts of one arrival, or an error of class 22 that names the
-- first thing that is wrong with it.  Looks at nothing but the arrival.
create function parse(a arrival)
returns fact[]
language plpgsql immutable parallel safe
set search_path = arrivals, pg_catalog, pg_temp
as $$
declare
    texts constant text[] := array[
        'data', 'stato', 'codice_regione', 'denominazione_regione',
        'codice_provincia', 'denominazione_provincia', 'sigla_provincia',
        'codice_nuts_1', 'codice_nuts_2', 'codice_nuts_3', 'lat', 'long',
        'note', 'note_it', 'note_en', 'note_test', 'note_casi'];
    measures constant text[] := array[
        'ricoverati_con_sintomi', 'terapia_intensiva', 'totale_ospedalizzati',
        'isolamento_domiciliare', 'totale_positivi',
        'variazione_totale_positivi', 'nuovi_positivi', 'dimessi_guariti',
        'deceduti', 'casi_da_sospetto_diagnostico', 'casi_da_screening',
        'totale_casi', 'tamponi', 'casi_testati',
        'ingressi_terapia_intensiva', 'totale_positivi_test_molecolare',
        'totale_positivi_test_antigenico_rapido', 'tamponi_test_molecolare',
        'tamponi_test_antigenico_rapido'];
    line text[];
    names text[];
    at int[];                   -- where texts[i] is in this file, or NULL
    measure_at int[];           -- the same for measures[i]
    other_at int[];             -- where the columns are that are neither
    f text[];                   -- the row as it is in the file
    n bigint[];                 -- its measures, by position in measures
    reported text;              -- the field that reported_at was read from
    reported_at timestamp;
    extra jsonb := '{}';
    region text;
    province text;
    facts fact[] := '{}';
begin
    perform check_arrival(a);
    line := lines(a.body);
    names := column_names(line[1]);
    if cardinality(line) = 1 then
        raise exception using
            errcode = 'bad_copy_file_format',
            message = 'the file has a header and no rows';
    end if;
    at := array(select array_position(names, x) from unnest(texts) x);
    measure_at := array(select array_position(names, x)
                        from unnest(measures) x);
    other_at := array(select i from generate_subscripts(names, 1) i
                      where names[i] <> all (texts || measures));

    for i in 1 .. cardinality(line) - 1 loop
        f := string_to_array(line[i + 1], E'\x1f');
        -- A field too few or too many: nobody can say which one.
        if cardinality(f) <> cardinality(names) then
            raise exception using
                errcode = 'bad_copy_file_format',
                message = format('row %s has %s fields, but the header has '
                                 '%s', i, cardinality(f),
                                 cardinality(names)),
                detail = format('The row is "%s".',
                                left(array_to_string(f, ' | '), 200));
        end if;
        -- From here on a column that the file does not have is NULL.
        if f[at[1]] is distinct from reported then
            reported := f[at[1]];
            reported_at := moment(reported, a.day, i);
        end if;
        n := counts(array(select f[p] from unnest(measure_at) p), i,
                    measures);
        if other_at <> '{}' then
            extra := others(f, names, other_at);
        end if;
        region := region_code(f[at[3]], f[at[4]]);
        province := code(f[at[5]], 3);
        facts := facts || row(
            a.dataset, a.day,
            place(label(f[at[2]]),
                  coalesce(at[3], at[4]) is not null,
                  coalesce(region, label(f[at[4]])),
                  coalesce(at[5], at[6]) is not null,
                  coalesce(province, label(f[at[6]])), extra),
            a.version, reported_at,
            label(f[at[2]]), region, label(f[at[4]]),
            province, label(f[at[6]]), label(f[at[7]]),
            label(f[at[8]]), label(f[at[9]]), label(f[at[10]]),
            degrees(f[at[11]], 90, i, 'lat'),
            degrees(f[at[12]], 180, i, 'long'),
            n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10],
            n[11], n[12], n[13], n[14], n[15], n[16], n[17], n[18], n[19],
            nullif(f[at[13]], ''), nullif(f[at[14]], ''),
            nullif(f[at[15]], ''), nullif(f[at[16]], ''),
            nullif(f[at[17]], ''), extra)::fact;
    end loop;
    return one_per_place(facts);
end;
$$;
