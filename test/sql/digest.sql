-- The digest of rows: an order-independent hash of a multiset.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
create table digest_t (i int, txt text, n numeric, f float8, d timestamptz, v interval, a text[], b bytea, j jsonb);
insert into digest_t
select i, 'row ' || i, i / 7.0, i / 3.0, '2024-03-31 00:00+00'::timestamptz + i * interval '1 hour', i * interval '1 day 1 hour',
       array['a' || i, null], decode(to_hex(i + 4096), 'hex'), jsonb_build_object('i', i) from generate_series(1, 1000) i;
-- It is the same today and tomorrow.
select weir.digest(r) from (values (1, 'a'::text), (2, null)) r (i, t);
select weir.digest(r) from (select 1 as i where false) r;
select weir.digest(null::digest_t);
select count(distinct d) from (
    select weir.digest(t) as d from digest_t t
    union all select weir.digest(t) from (select * from digest_t order by i desc) t
    union all select weir.digest(t) from (select * from digest_t order by random()) t) x;
-- What is there twice counts twice, and does not cancel out.
select weir.digest(r) = (select weir.digest(s) from (values (2), (2), (1)) s (i)) as same from (values (1), (2), (2)) r (i);
select count(distinct d) from (values ((select weir.digest(r) from (values (1), (2), (2)) r (i))),
    ((select weir.digest(r) from (values (1)) r (i))), ((select weir.digest(r) from (values (1), (3), (3)) r (i))),
    ((select weir.digest(r) from (values (1), (1), (2)) r (i)))) x (d);
-- Columns do not run into one another, and null is not nothing.
select count(distinct d) from (values ((select weir.digest(r) from (values ('ab'::text, 'c'::text)) r (a, b))),
    ((select weir.digest(r) from (values ('a'::text, 'bc'::text)) r (a, b))), ((select weir.digest(r) from (values (''::text, 'abc'::text)) r (a, b))),
    ((select weir.digest(r) from (values (null::text, 'abc'::text)) r (a, b))), ((select weir.digest(r) from (values ('abc'::text, null::text)) r (a, b)))) x (d);
-- No setting has an influence.
select weir.digest(t) as before from digest_t t \gset
set timezone = 'Asia/Tokyo';
set datestyle = 'German';
set intervalstyle = 'iso_8601';
set extra_float_digits = 0;
set bytea_output = 'escape';
set client_encoding = 'LATIN1';
select weir.digest(t) = :'before' as same from digest_t t;
reset all;
set client_min_messages = warning;
insert into digest_t (i, txt) values (1001, E'\u00e4\u20ac');
select weir.digest(t) as before from digest_t t \gset
-- what the client could not show
set client_encoding = 'LATIN1';
select weir.digest(t) = :'before' as same from digest_t t;
show client_encoding;
reset client_encoding;
-- A dropped column does not count.
alter table digest_t add column gone int default 4, drop column b;
select weir.digest(t) as before from digest_t t \gset
alter table digest_t drop column gone;
select weir.digest(t) <> :'before' as other from digest_t t;
select weir.digest(t) = (select weir.digest(u) from (select i, txt, n, f, d, v, a, j from digest_t) u) as same from digest_t t;
-- In parallel.
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
select weir.digest(t) as before from digest_t t \gset
explain (costs off) select weir.digest(t) from digest_t t;
set max_parallel_workers_per_gather = 0;
select weir.digest(t) = :'before' as same from digest_t t;
reset all;
-- By group, over a window, and of rows of other types in one query.
select odd, d = (select weir.digest(u) from digest_t u where u.i % 2 = odd) as same
from (select i % 2 as odd, weir.digest(t) as d from digest_t t group by i % 2) g order by 1;
select n, d = (select weir.digest(row(i)) from generate_series(1, n) i) as same
from (select i as n, weir.digest(row(i)) over (order by i) as d from generate_series(1, 3) i) w;
-- The parts of it are nobody's.
select weir._digest_add('\x00', row(1));
select weir._digest_final('\x00');
drop table digest_t;
