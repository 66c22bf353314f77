-- Tables and functions of the arrivals example.  Pure SQL and PL/pgSQL:
-- nothing here needs pg_weir, so the same code runs in the sequential load.

\set ON_ERROR_STOP on
set client_min_messages = warning;

drop schema if exists arrivals cascade;
create schema arrivals;
set search_path = arrivals, pg_catalog;

do $$
begin
    if pg_catalog.getdatabaseencoding() <> 'UTF8' then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'the arrivals example needs a database in UTF8',
            hint = 'Create it with encoding ''UTF8'' and template template0.';
    end if;
end;
$$;

---------------------------------------------------------------------------
-- Input
---------------------------------------------------------------------------

create table arrival (
    seq int primary key,
    published_at timestamptz,
    dataset text,
    day date,
    version int,
    sha256 text,
    body text
);
comment on table arrival is 'files as they came, in order of arrival';
comment on column arrival.version is
    '1 for the first publication of the day, 2 for its first correction, ...';
comment on column arrival.sha256 is 'of body in UTF-8; NULL: not checked';

---------------------------------------------------------------------------
-- Output
---------------------------------------------------------------------------

-- The measures keep the names that the publisher gives them today.
-- arrivals.parse() builds rows of this type in this order of columns.
create table fact (
    dataset text not null,
    day date not null,
    place text not null,
    version int not null,
    reported_at timestamp not null,
    stato text,
    codice_regione text,
    denominazione_regione text,
    codice_provincia text,
    denominazione_provincia text,
    sigla_provincia text,
    codice_nuts_1 text,
    codice_nuts_2 text,
    codice_nuts_3 text,
    lat numeric,
    long numeric,
    ricoverati_con_sintomi bigint,
    terapia_intensiva bigint,
    totale_ospedalizzati bigint,
    isolamento_domiciliare bigint,
    totale_positivi bigint,
    variazione_totale_positivi bigint,
    nuovi_positivi bigint,
    dimessi_guariti bigint,
    deceduti bigint,
    casi_da_sospetto_diagnostico bigint,
    casi_da_screening bigint,
    totale_casi bigint,
    tamponi bigint,
    casi_testati bigint,
    ingressi_terapia_intensiva bigint,
    totale_positivi_test_molecolare bigint,
    totale_positivi_test_antigenico_rapido bigint,
    tamponi_test_molecolare bigint,
    tamponi_test_antigenico_rapido bigint,
    note text,
    note_it text,
    note_en text,
    note_test text,
    note_casi text,
    extra jsonb not null,
    primary key (dataset, day, place)
);
comment on table fact is
    'for each day, the rows of its newest version that could be read';
comment on column fact.place is
    'what tells the rows of one day apart: codes of region and province, '
    'else the country, and any further code or name in extra';
comment on column fact.extra is
    'columns that this table does not know, by name, as text';

create table day_version (
    dataset text not null,
    day date not null,
    version int not null,
    seq int not null,
    primary key (dataset, day)
);
comment on table day_version is
    'version of each day that is in fact; its row serialises the loads of '
    'a day';

-- No key on seq: a second execution shall leave a second row for verify.sql
-- to find, not an error that hides it.
create table load_log (
    seq int not null,
    outcome text not null check (outcome in ('loaded', 'superseded')),
    facts int not null
);
comment on table load_log is
    'one row per load, written in the transaction of the load';

---------------------------------------------------------------------------
-- The truth to compare with, and what the producers have submitted
---------------------------------------------------------------------------

create table sequential_refusal (
    seq int primary key,
    sqlstate text not null,
    message text not null
);
comment on table sequential_refusal is
    'arrivals that the sequential load refused';

create table expected (
    arrivals int not null,
    facts int not null,
    digest text not null,
    seconds numeric not null
);
comment on table expected is 'result of the sequential load';

create table submitted (
    seq int primary key,
    task_id bigint not null unique
);
comment on table submitted is
    'task of each arrival, written in the transaction of its enqueue';

create table replay (
    started_at timestamptz not null,
    finished_at timestamptz
);
comment on table replay is
    'when the replay began, and when its queue was empty';

---------------------------------------------------------------------------
-- Files
---------------------------------------------------------------------------

\ir values.sql
\ir parse.sql

-- load: parses an arrival and puts it in the place of its day, if no newer
-- version is in.  Returns what it did.
--
-- The file is parsed whether or not a newer version is in, so that the
-- refused files are the same in any order.  A refused version never counts
-- as the version of its day.
--
-- Two loads of one day meet at its row of day_version: the second one waits
-- there, sees the version that the first one left, and either goes on, with
-- the facts of the first one visible to its DELETE, or has nothing to do.
-- That holds in READ COMMITTED; in the stricter levels the second one fails
-- with 40001, to be tried again.
create function load(seq int)
returns text
language plpgsql volatile
set search_path = arrivals, pg_catalog, pg_temp
as $$
declare
    a arrival;
    facts fact[];
    newest int;
begin
    select * into a from arrival where arrival.seq = load.seq;
    if not found then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = format('there is no arrival %s', coalesce(seq::text,
                                                                'NULL'));
    end if;
    facts := parse(a);

    insert into day_version as d (dataset, day, version, seq)
    values (a.dataset, a.day, a.version, a.seq)
    on conflict (dataset, day) do update
    set version = excluded.version, seq = excluded.seq
    where (excluded.version, excluded.seq) > (d.version, d.seq);
    if not found then
        insert into load_log (seq, outcome, facts)
        values (a.seq, 'superseded', 0);
        select d.version into newest from day_version d
        where d.dataset = a.dataset and d.day = a.day;
        return format('version %s is superseded by version %s',
                      a.version, newest);
    end if;

    delete from fact where dataset = a.dataset and day = a.day;
    insert into fact select * from unnest(facts);
    insert into load_log (seq, outcome, facts)
    values (a.seq, 'loaded', cardinality(facts));
    return format('version %s: %s facts', a.version, cardinality(facts));
end;
$$;

---------------------------------------------------------------------------
-- Proof
---------------------------------------------------------------------------

-- digest: the facts as a multiset: their number, and the sums modulo 2^64 of
-- the four quarters of the sha256 of each row.  A sum, unlike XOR, does not
-- lose rows that come twice.
create function digest()
returns text
language sql stable
set search_path = arrivals, pg_catalog, pg_temp
set datestyle = 'ISO, YMD'
as $$
    with word (n, q) as (
        select count(*), array[
            sum(('x' || left(h, 16))::bit(64)::bigint),
            sum(('x' || substr(h, 17, 16))::bit(64)::bigint),
            sum(('x' || substr(h, 33, 16))::bit(64)::bigint),
            sum(('x' || substr(h, 49, 16))::bit(64)::bigint)]
        from fact f,
             lateral (select encode(sha256(convert_to(f::text, 'UTF8')),
                                    'hex') offset 0) s (h)
    )
    select n || ':' || coalesce(string_agg(
        lpad(to_hex(case when m < 2::numeric ^ 63 then m
                         else m - 2::numeric ^ 64 end::bigint), 16, '0'),
        '' order by i), '')
    from word
    left join lateral unnest(q) with ordinality u (s, i) on s is not null
    left join lateral (select mod(mod(s, 2::numeric ^ 64) + 2::numeric ^ 64,
                                  2::numeric ^ 64)) w (m) on true
    group by n;
$$;

reset search_path;
reset client_min_messages;
