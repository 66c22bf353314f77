-- What the parser accepts, what it refuses, and that the order of the loads
-- makes no difference.  Prints TAP, without a plan.  Needs
-- schema.sql, with any arrivals in it; in the end the tables that load()
-- writes are as they were.

\set ON_ERROR_STOP on
begin;
set local search_path = arrivals, pg_catalog, pg_temp;

create temporary table parse_case (
    n int generated always as identity,
    name text, body text, expected text);

-- outcome(body): what was read, or "SQLSTATE message" when it was refused.
create function pg_temp.outcome(body text, dataset text default 'regioni',
                                sha256 text default null,
                                day date default '2020-03-06')
returns text
language plpgsql
as $$
declare
    facts arrivals.fact[];
begin
    facts := arrivals.parse(row(1, now(), dataset, day, 1, sha256,
                                body)::arrivals.arrival);
    -- the columns that a case is about, without the empty ones
    return (select string_agg(concat_ws(' ', f.place, f.codice_regione,
                                        f.totale_casi, f.lat, f.note,
                                        nullif(f.extra, '{}')), '; '
                              order by f.place collate "C")
            from unnest(facts) f);
exception when data_exception then
    return sqlstate || ' ' || sqlerrm;
end;
$$;

\set h 'data,codice_regione,denominazione_regione,totale_casi\n'
\set d '2020-03-06 17:00:00'

insert into parse_case (name, body, expected) values
-- lines and fields
('a plain file', :'h' || :'d' || E',13,Abruzzo,9\n', '13 13 9'),
('no end of line at the end', :'h' || :'d' || ',13,Abruzzo,9', '13 13 9'),
('lines that end in CR LF',
 replace(:'h', E'\n', E'\r\n') || :'d' || E',13,Abruzzo,9\r\n', '13 13 9'),
('lines that end in CR',
 replace(:'h', E'\n', E'\r') || :'d' || E',13,Abruzzo,9\r', '13 13 9'),
('a CR inside a line', :'h' || :'d' || E',13,Abru\rzzo,9\n',
 '22P04 a carriage return stands in the middle of a line'),
('a byte order mark', E'\ufeff' || :'h' || :'d' || E',13,Abruzzo,9\n',
 '13 13 9'),
('blank lines before, between and after',
 E'\n \t\n' || :'h' || E'\n \n' || :'d' || E',13,Abruzzo,9\n,,,\n\n', '13 13 9'),
('no text', null, '22P04 the file is empty'),
('an empty file', '', '22P04 the file is empty'),
('a file of blanks', E'\ufeff \n\n', '22P04 the file is empty'),
('a header and no rows', :'h', '22P04 the file has a header and no rows'),
('a field too few', :'h' || :'d' || E',13,Abruzzo,9\n' || :'d' || E',17,8\n',
 '22P04 row 2 has 3 fields, but the header has 4'),
('a field too many', :'h' || :'d' || E',13,Abruzzo,9,1\n',
 '22P04 row 1 has 5 fields, but the header has 4'),
('an empty field too many', :'h' || :'d' || E',13,Abruzzo,9,\n',
 '22P04 row 1 has 5 fields, but the header has 4'),
('a decimal comma without quotes is a field too many',
 E'data,stato,lat\n' || :'d' || E',ITA,42,5\n',
 '22P04 row 1 has 4 fields, but the header has 3'),
('control characters', :'h' || :'d' || E',13,Abruzzo\x1f,9\n',
 '22P04 the file has control characters'),
-- quotes
('quotes', :'h' || :'d' || E',13,"Abru""zzo, l''",9\n', '13 13 9'),
('a quoted delimiter, quote and end of line',
 E'data,stato,note\n' || :'d' || E',ITA,"a, ""b""\n\n""""c"\n',
 E'ITA a, "b"\n\n""c'),
('a quoted header and an empty quoted field',
 E'"data","stato","note"\n"' || :'d' || E'","ITA",""\n', 'ITA'),
('a quote that is not closed', :'h' || :'d' || E',13,"Abruzzo,9\n',
 '22P04 a quote is opened and not closed'),
('a quote inside a field', :'h' || :'d' || E',13,Abru"z"zo,9\n',
 '22P04 a quote stands in the middle of a field'),
('text behind a quote', :'h' || :'d' || E',13,"Abru"zzo,9\n',
 '22P04 a quote stands in the middle of a field'),
-- delimiters and headers
('semicolons', replace(:'h' || :'d' || E',13,Abruzzo,9\n', ',', ';'),
 '13 13 9'),
('tabs', replace(:'h' || :'d' || E',13,Abruzzo,9\n', ',', E'\t'),
 '13 13 9'),
('semicolons and decimal commas',
 E'data;stato;lat;note\n' || :'d' || E';ITA;42,50;a, b\n', 'ITA 42.5 a, b'),
('two kinds of delimiters', E'data,stato;note\n' || :'d' || E',ITA;x\n',
 '22P04 the header has more than one kind of delimiter'),
('no delimiter', E'{"data": 1}\n', '22P04 the header has no delimiter'),
('no header', :'d' || E',13,Abruzzo,9\n',
 '22P04 the header has no column "data"'),
('names in other letters, with blanks, in another order',
 E' Totale_Casi ,DATA,Codice_Regione\n9,' || :'d' || E',13\n', '13 13 9'),
('the names of before March 31',
 E'data,stato,totale_attualmente_positivi,latitudine\n' || :'d'
 || E',ITA,7,1.5\n', 'ITA 1.5'),
('a column twice', E'data,stato,note,Note\n' || :'d' || E',ITA,a,b\n',
 '22P04 the header has two columns "note"'),
('a column under its old and its new name',
 E'data,stato,lat,latitudine\n' || :'d' || E',ITA,1,1\n',
 '22P04 the header has two columns "lat"'),
('columns that nobody knows',
 E'data,stato,zeta,,alfa\n' || :'d' || E',ITA,"1,5", ,\n',
 'ITA {"zeta": "1,5", "column 4": " "}'),
-- dates
('a date with T', :'h' || E'2020-03-06T17:00:00,13,A,9\n', '13 13 9'),
('a date without a time', :'h' || E'2020-03-06,13,A,9\n', '13 13 9'),
('day before month', :'h' || E'6/3/2020 17:00,13,A,9\n', '13 13 9'),
('month before day', :'h' || E'3/6/2020 17:00,13,A,9\n',
 '22000 row 1: "data" is "3/6/2020 17:00", but the file is for 2020-03-06'),
('another day in a later row',
 :'h' || :'d' || E',13,A,9\n2020-03-07 17:00:00,17,B,9\n',
 '22000 row 2: "data" is "2020-03-07 17:00:00", '
 'but the file is for 2020-03-06'),
('a day that does not exist', :'h' || E'2020-02-30,13,A,9\n',
 '22000 row 1: "data" is "2020-02-30", but the file is for 2020-03-06'),
('an hour that does not exist', :'h' || E'2020-03-06 25:00:00,13,A,9\n',
 '22007 row 1: "data" is not a date: "2020-03-06 25:00:00"'),
('no date in a row', :'h' || E',13,A,9\n',
 '22007 row 1: "data" is not a date: ""'),
-- numbers
('an empty number', :'h' || :'d' || E',13,A,\n', '13 13'),
('a negative number', :'h' || :'d' || E',13,A,-9\n', '13 13 -9'),
('blanks, sign and zeros', :'h' || :'d' || E',13,A, +009 \n', '13 13 9'),
('a fraction of zeros', :'h' || :'d' || E',13,A,9.0\n', '13 13 9'),
('a fraction', :'h' || :'d' || E',13,A,9.5\n',
 '22P02 row 1: "totale_casi" is not a whole number: "9.5"'),
('what may be thousands', :'h' || :'d' || E',13,A,1.000\n',
 '22P02 row 1: "totale_casi" is not a whole number: "1.000"'),
('thousands', :'h' || :'d' || E',13,A,"1,234"\n',
 '22P02 row 1: "totale_casi" is not a whole number: "1,234"'),
('two numbers in a field', :'h' || :'d' || E',13,A,1 2\n',
 '22P02 row 1: "totale_casi" is not a whole number: "1 2"'),
('a power of ten', :'h' || :'d' || E',13,A,1E+05\n',
 '22P02 row 1: "totale_casi" is not a whole number: "1E+05"'),
('a word for nothing', :'h' || :'d' || E',13,A,nd\n',
 '22P02 row 1: "totale_casi" is not a whole number: "nd"'),
('a number of 19 digits', :'h' || :'d' || E',13,A,1234567890123456789\n',
 '22003 row 1: "totale_casi" is too large: "1234567890123456789"'),
('a coordinate that lost its point',
 E'data,stato,lat\n' || :'d' || E',ITA,4235122196\n',
 '22003 row 1: "lat" is outside -90 to 90: "4235122196"'),
('a coordinate with two points',
 E'data,stato,lat\n' || :'d' || E',ITA,42.351.221\n',
 '22P02 row 1: "lat" is not a coordinate: "42.351.221"'),
-- places
('a code that lost its zero', :'h' || :'d' || E',8,Emilia,9\n', '08 08 9'),
('a code that became a fraction', :'h' || :'d' || E',8.0,Emilia,9\n',
 '08 08 9'),
('the autonomous provinces under 04',
 :'h' || :'d' || E',04,Bolzano,9\n' || :'d' || E',4,P.A. Trento,8\n',
 '21 21 9; 22 22 8'),
('a row twice, alike',
 :'h' || :'d' || E',13,A,9\n' || :'d' || E',13,A, 9\n', '13 13 9'),
('a place twice, not alike',
 :'h' || :'d' || E',13,A,9\n' || :'d' || E',17,B,9\n' || :'d'
 || E',13,A,8\n', '22P04 rows 1 and 3 are both for place "13" and differ'),
('a row without its place',
 :'h' || :'d' || E',13,A,9\n' || :'d' || E', , ,9\n',
 '22P04 row 2 does not say its place'),
('a name in the place of a code', :'h' || :'d' || E',,Abruzzo,9\n',
 'Abruzzo 9'),
('a name that is none', :'h' || :'d' || ',,' || repeat('x', 501) || E',9\n',
 '22001 the name of a place is too long: "' || repeat('x', 40) || ' ..."'),
('a file for the whole country',
 E'data,stato,totale_casi\n' || :'d' || E',ITA,9\n', 'ITA 9'),
('provinces',
 E'data,stato,codice_regione,denominazione_regione,codice_provincia,'
 || E'denominazione_provincia,sigla_provincia,lat,long,totale_casi\n'
 || :'d' || E',ITA,13,Abruzzo,69,Chieti,CH,42.35,14.16,9\n'
 || :'d' || E',ITA,13,Abruzzo,066,"L''Aquila",AQ,42.35,13.39,8\n'
 || :'d' || E',ITA,15,Campania,063,Napoli,NA,0,0,7\n',
 '13/066 13 8 42.35; 13/069 13 9 42.35; 15/063 15 7 0'),
('places of another kind',
 E'data,stato,codice_comune,totale_casi\n' || :'d' || E',ITA,A1,9\n'
 || :'d' || E',ITA,A2,8\n',
 'ITA/codice_comune=A1 9 {"codice_comune": "A1"}; '
 'ITA/codice_comune=A2 8 {"codice_comune": "A2"}');

create temporary table tap (n int generated always as identity, ok boolean,
                            name text, got text, expected text);
insert into tap (ok, name, got, expected)
select got is not distinct from expected, name, got, expected
from parse_case, lateral (select pg_temp.outcome(body)) o (got)
order by n;

-- the arrival itself
insert into tap (ok, name, got, expected)
select got = expected, name, got, expected
from (values
    ('the right sha256',
     pg_temp.outcome('data,stato' || E'\n' || :'d' || ',ITA', 'nazionale',
                     encode(sha256(convert_to('data,stato' || E'\n' || :'d'
                                              || ',ITA', 'UTF8')), 'hex')),
     'ITA'),
    ('another sha256',
     pg_temp.outcome('data,stato' || E'\n' || :'d' || ',ITA', 'nazionale',
                     repeat('0', 64)),
     '22000 the file does not match its sha256'),
    ('no dataset', pg_temp.outcome('data,stato', null),
     '22004 the arrival has no dataset'),
    ('no day', pg_temp.outcome('data,stato', day => null),
     '22004 the arrival has no day'),
    ('a day that never ends', pg_temp.outcome('data,stato', day => 'infinity'),
     '22008 the day of the arrival is out of range: infinity'),
    ('a dataset that is no name', pg_temp.outcome('data,stato',
                                                  repeat('x', 101)),
     '22001 the name of the dataset is too long: "' || repeat('x', 40)
     || ' ..."')) c (name, got, expected);

do $$
begin
    perform arrivals.load(-1);
exception when data_exception then
    insert into tap (ok, name, got, expected)
    values (sqlstate = '22023', 'no such arrival', sqlstate, '22023');
end;
$$;

-- backwards and twice: the same facts and the same refusals
create temporary table digests (how text, digest text, refused text);
do $$
declare
    how text;
    refused int[];
    arrival int;
begin
    foreach how in array array['forwards', 'backwards', 'scattered, twice']
    loop
        delete from fact;
        delete from day_version;
        refused := '{}';
        for arrival in
            select seq
            from arrival a, generate_series(1, case when how ~ 'twice'
                                            then 2 else 1 end) times
            order by case how when 'forwards' then seq
                              when 'backwards' then -seq
                              else seq::bigint * times * 2654435761
                                   % 4294967296 end, seq
        loop
            begin
                perform load(arrival);
            exception when data_exception then
                refused := refused || arrival;
            end;
        end loop;
        insert into digests
        values (how, digest(),
                (select array_agg(distinct r order by r)::text
                 from unnest(refused) r));
    end loop;
end;
$$;
insert into tap (ok, name, got, expected)
select (d.digest, d.refused) is not distinct from (f.digest, f.refused),
       'loaded ' || d.how, d.digest || ' ' || d.refused,
       f.digest || ' ' || f.refused
from digests d, digests f
where f.how = 'forwards' and d.how <> 'forwards';

-- the digest sees a change of one, and one that a plain sum would not see
create temporary table before as select digest() as digest;
update fact set deceduti = coalesce(deceduti, 0) + 1
where (dataset, day, place) = (select dataset, day, place from fact
                               order by deceduti limit 1);
insert into tap (ok, name)
select digest <> digest(), 'the digest sees one death more' from before;
update fact set deceduti = deceduti - 1
where (dataset, day, place) = (select dataset, day, place from fact
                               order by deceduti desc nulls last limit 1);
insert into tap (ok, name)
select digest <> digest(), 'the digest sees one death elsewhere' from before;

\pset format unaligned
\pset tuples_only on
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
       || case when ok then ''
               else format(E'\n#   got: %s\n#   expected: %s', got, expected)
          end
from tap order by n;
select count(*) filter (where not ok) as failed from tap \gset
rollback;
select :failed > 0 as failed \gset
\if :failed
    do $$ begin raise exception 'tests of the parser failed'; end; $$;
\endif
