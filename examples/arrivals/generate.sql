-- Arrivals that are made up, for where the real file is not: the same shape,
-- the same kinds of headers, corrections, and files that are not in order.
-- Plain arithmetic: every run makes the same file, byte for byte.
--
-- 120 days from 2020-02-24.  A day is published once and corrected up to five
-- times, each file in the format that was in use when it was published.

set search_path = arrivals, pg_catalog;

create temporary table region (code int, name text, old_name text,
                               lat text, long text, nuts text);
insert into region values
    (13, 'Abruzzo', null, '42.35122196', '13.39843823', 'ITF1'),
    (17, 'Basilicata', null, '40.63947052', '15.80514834', 'ITF5'),
    (18, 'Calabria', null, '38.90597598', '16.59440194', 'ITF6'),
    (15, 'Campania', null, '40.83956555', '14.25084984', 'ITF3'),
    (8, 'Emilia-Romagna', 'Emilia Romagna', '44.49436681', '11.3417208',
     'ITH5'),
    (6, 'Friuli Venezia Giulia', 'Friuli V. G. ', '45.6494354',
     '13.76813649', 'ITH4'),
    (12, 'Lazio', null, '41.89277044', '12.48366722', 'ITI4'),
    (7, 'Liguria', null, '44.41149315', '8.9326992', 'ITC3'),
    (3, 'Lombardia', null, '45.46679409', '9.190347404', 'ITC4'),
    (11, 'Marche', null, '43.61675973', '13.5188753', 'ITI3'),
    (14, 'Molise', null, '41.55774754', '14.65916051', 'ITF2'),
    (21, 'P.A. Bolzano', 'Bolzano', '46.49933453', '11.35662422', 'ITH1'),
    (22, 'P.A. Trento', 'Trento', '46.06893511', '11.12123097', 'ITH2'),
    (1, 'Piemonte', null, '45.0732745', '7.680687483', 'ITC1'),
    (16, 'Puglia', null, '41.12559576', '16.86736689', 'ITF4'),
    (20, 'Sardegna', null, '39.21531192', '9.110616306', 'ITG2'),
    (19, 'Sicilia', null, '38.11569725', '13.3623567', 'ITG1'),
    (9, 'Toscana', null, '43.76923077', '11.25588885', 'ITI1'),
    (10, 'Umbria', null, '43.10675841', '12.38824698', 'ITI2'),
    (2, 'Valle d''Aosta', null, '45.73750286', '7.320149366', 'ITC2'),
    (5, 'Veneto', null, '45.43490485', '12.33845213', 'ITH3');

-- The kinds of headers, by when they came into use.
create temporary table header (kind int, names text[]);
insert into header
select kind, string_to_array(
    'data stato codice_regione denominazione_regione '
    || replace('lat long', 'lat long',
               case kind when 4 then 'latitudine longitudine'
                         else 'lat long' end)
    || ' ricoverati_con_sintomi terapia_intensiva totale_ospedalizzati '
    || 'isolamento_domiciliare '
    || case when kind <= 2
            then 'totale_attualmente_positivi nuovi_attualmente_positivi '
            else 'totale_positivi variazione_totale_positivi '
                 || 'nuovi_positivi ' end
    || 'dimessi_guariti deceduti '
    || case when kind >= 6
            then 'casi_da_sospetto_diagnostico casi_da_screening '
            else '' end
    || 'totale_casi tamponi'
    || case when kind >= 5 then ' casi_testati' else '' end
    || case when kind between 2 and 5 then ' note_it note_en'
            when kind >= 6 then ' note' else '' end
    || case when kind >= 7
            then ' ingressi_terapia_intensiva note_test note_casi'
            else '' end
    || case when kind >= 8
            then ' totale_positivi_test_molecolare '
                 'totale_positivi_test_antigenico_rapido '
                 'tamponi_test_molecolare tamponi_test_antigenico_rapido '
                 'codice_nuts_1 codice_nuts_2' else '' end, ' ')
from generate_series(1, 8) kind;

-- Publications: version v of day d comes out on day d + 6 * (v - 1).
create temporary table publication as
select row_number() over (order by d + 6 * (v - 1), v, d)::int as seq,
       date '2020-02-24' + d as day, v as version,
       date '2020-02-24' + d + 6 * (v - 1) + time '17:30' as published_at,
       -- the format in use on that day
       least(8, 1 + (d + 6 * (v - 1)) / 15) as kind,
       -- what is odd about this one
       case when v = 1 and d = 3 then 'no column name'
            when v = 1 and d = 5 then 'slashes'
            when v = 2 and d = 9 then 'coordinates'
            when v = 1 and d = 14 then 'other days'
            when v = 1 and d = 20 then 'carriage returns'
            when v = 2 and d = 27 then 'field lost'
            when v = 1 and d = 34 then 'semicolons'
            when v = 2 and d = 30 then 'field too many'
            when v = 1 and d = 44 then 'byte order mark'
            when v = 1 and d = 47 then 'blank line'
            when v = 3 and d = 78 then 'quote lost'
            else '' end as oddity
from generate_series(0, 119) d,
     lateral generate_series(1, case when d % 3 = 0 then 3
                                     when d % 7 = 1 then 6
                                     else 1 + d % 2 end) v;

insert into arrival
select seq, published_at at time zone 'UTC', 'regioni', day, version,
       encode(sha256(convert_to(body, 'UTF8')), 'hex'), body
from (
    select p.seq, p.published_at, p.day, p.version,
           case p.oddity when 'byte order mark' then E'\ufeff' else '' end
           || array_to_string(h.names, s.delim)
           || case p.oddity when 'no column name' then s.delim else '' end
           || s.eol || r.rows
           || case p.oddity when 'blank line' then s.eol || s.eol
                            when 'semicolons' then ''
                            else s.eol end as body
    from publication p
    join header h using (kind),
    lateral (select case p.oddity when 'semicolons' then ';'
                                  else ',' end,
                    case p.oddity when 'carriage returns' then E'\r\n'
                                  else E'\n' end) s (delim, eol),
    lateral (
        select string_agg(f.fields, s.eol order by r.name collate "C")
        from region r,
        lateral (
            -- the state of the epidemic in this region on this day, and how
            -- far the first versions were off
            select p.day - date '2020-02-24' as d,
                   (r.code * 37 + (p.day - date '2020-02-24') * r.code * 3)
                   % 4000 as base,
                   (6 - p.version) * (r.code % 4) as off
        ) e,
        lateral (
            select jsonb_build_object(
                'data', case p.oddity
                    when 'slashes'
                    then extract(day from p.day) || '/'
                         || extract(month from p.day) || '/'
                         || extract(year from p.day) || ' 17:00'
                    else to_char(case p.oddity when 'other days'
                                 then p.day + r.code else p.day end,
                                 'YYYY-MM-DD')
                         || case when p.kind <= 3 then ' ' else 'T' end
                         || '17:00:00' end,
                'stato', 'ITA',
                'codice_regione', case
                    when p.kind < 6 and r.code > 20 then '04'
                    when p.oddity = 'slashes' then r.code::text
                    else lpad(r.code::text, 2, '0') end,
                'denominazione_regione', case
                    when p.kind <= 2 then coalesce(r.old_name, r.name)
                    else r.name end,
                'lat', case p.oddity when 'coordinates'
                       then replace(r.lat, '.', '') else r.lat end,
                'latitudine', r.lat,
                'long', case p.oddity when 'coordinates'
                        then replace(r.long, '.', '') else r.long end,
                'longitudine', r.long,
                'ricoverati_con_sintomi', base / 9,
                'terapia_intensiva', base / 50,
                'totale_ospedalizzati', base / 9 + base / 50,
                'isolamento_domiciliare', base,
                'totale_attualmente_positivi', base / 9 + base / 50 + base,
                'totale_positivi', base / 9 + base / 50 + base,
                'nuovi_attualmente_positivi', r.code * 3 - off,
                'variazione_totale_positivi', r.code * 3 - off)
            || jsonb_build_object(
                'nuovi_positivi', r.code * 4,
                'dimessi_guariti', base / 7 + off,
                'deceduti', base / 30,
                'casi_da_sospetto_diagnostico', case when p.kind = 6
                    then (base / 2)::text else '' end,
                'casi_da_screening', case when p.kind = 6
                    then (base - base / 2)::text else '' end,
                'totale_casi', base * 13 / 10 + off,
                'tamponi', base * 17,
                'casi_testati', case when r.code = 14 and p.kind = 5 then ''
                    else (base * 12)::text end,
                'note_it', case r.code when 9 then 'nd-IT-0001' else '' end,
                'note_en', case r.code when 9 then 'nd-EN-0001' else '' end,
                'note', case when r.code = 17 then 'Eliminati ' || off
                    || ' casi, "non nuovi", dal totale'
                    when r.code = 16 and d % 5 = 0
                    then E'Ricalcolo:\n- deceduti\n- tamponi'
                    else '' end,
                'ingressi_terapia_intensiva', r.code % 3,
                'note_test', '',
                'note_casi', '')
            || jsonb_build_object(
                'totale_positivi_test_molecolare', base,
                'totale_positivi_test_antigenico_rapido', base * 3 / 10,
                'tamponi_test_molecolare', base * 15,
                'tamponi_test_antigenico_rapido', base * 2,
                'codice_nuts_1', left(r.nuts, 3),
                'codice_nuts_2', r.nuts) as v
        ) o,
        lateral (
            select string_agg(
                case when c.v ~ ('["\r\n' || s.delim || ']')
                     then '"' || case when p.oddity = 'quote lost'
                                      then replace(c.v, ', "', ', ')
                                      else replace(c.v, '"', '""') end
                          || '"'
                     else c.v end, s.delim order by c.i)
                || case p.oddity when 'no column name' then s.delim || r.code
                                 else '' end
            from unnest(h.names) with ordinality n (name, i),
                 lateral (select o.v ->> n.name, i
                          from (values (1)) once
                          where not (p.oddity = 'field lost'
                                     and r.code = 12
                                     and n.name = 'tamponi')
                          union all
                          select '0', i
                          where p.oddity = 'field too many' and r.code = 11
                            and n.name = 'deceduti') c (v, i)
        ) f (fields)
    ) r (rows)
) a
order by seq;

drop table region, header, publication;
reset search_path;
