-- The reference says of the catalog what the catalog says: every public
-- function, view, column and setting has its entry, word for word, and every
-- entry is of something that is there.
--
-- What fails here is written anew by docs/reference/generate.pl.

\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true

BEGIN;

\set functions `cat docs/reference/functions.md`
\set views `cat docs/reference/views.md`
\set settings `cat docs/reference/settings.md`
\set readme `cat README.md`
CREATE TEMPORARY TABLE page (file text, content text);
INSERT INTO page VALUES
    ('docs/reference/functions.md', :'functions'),
    ('docs/reference/views.md', :'views'),
    ('docs/reference/settings.md', :'settings'),
    ('README.md', :'readme');

\i docs/reference/generate.sql

SELECT plan((SELECT count(*)::int FROM reference_block) + 8);

-- the blocks
SELECT is(
    (SELECT trim(E'\n' FROM m[1])
     FROM regexp_matches(p.content, '<!-- catalog: ' || b.key || ' -->\n(.*?)<!-- end -->') m),
    b.body, b.file || ' has ' || b.key || ' as it is in the catalog')
FROM reference_block b JOIN page p USING (file)
ORDER BY b.file, b.key;

-- and no others
SELECT is_empty(
    $$SELECT p.file, m[1] FROM page p, regexp_matches(p.content, '<!-- catalog: (\S+) -->', 'g') m
      EXCEPT SELECT file, key FROM reference_block$$,
    'no entry is of something that is not in the catalog');

-- each in a section of its own name, so that links find it
SELECT is_empty(
    $$SELECT key FROM reference_block WHERE file <> 'README.md'
      EXCEPT SELECT m[1] FROM page p, regexp_matches(p.content, '\n##+ (weir\.\w+)\n\n<!-- catalog: \1 -->', 'g') m$$,
    'every entry has a heading of its name');

-- and each function and view with an example
SELECT is_empty(
    $$SELECT b.key FROM reference_block b
      LEFT JOIN LATERAL (SELECT m[1] AS section FROM page p, regexp_matches(p.content,
          '\n##+ ' || b.key || '\n(.*?)(?:\n##+ weir\.|$)') m WHERE p.file = b.file) s ON true
      WHERE b.file ~ 'functions|views' AND coalesce(s.section, '') !~ ('```sql\n[^`]*' || b.key || '\M')$$,
    'every function and view has an example that uses it');

-- what is public is described
SELECT is_empty(
    $$SELECT oid::regprocedure FROM pg_proc
      WHERE pronamespace = 'weir'::regnamespace AND proname !~ '^_'
      AND obj_description(oid, 'pg_proc') IS NULL$$,
    'every public function has a comment');
SELECT is_empty(
    $$SELECT oid::regclass FROM pg_class
      WHERE relnamespace = 'weir'::regnamespace AND relkind IN ('v', 'r')
      -- but the generations of the ledger, which are made as it grows
      AND relname !~ '^(task|run)_[0-9]+$'
      AND obj_description(oid, 'pg_class') IS NULL$$,
    'every view and table has a comment');
SELECT is_empty(
    $$SELECT c.oid::regclass, a.attname FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'weir'::regnamespace AND c.relkind = 'v'
      AND col_description(c.oid, a.attnum) IS NULL$$,
    'every column of a view has a comment');

-- states, outcomes and causes that the views describe are explained
\set states `cat docs/reference/states.md`
SELECT is_empty(
    format($$SELECT word FROM (
        SELECT c.col, unnest(regexp_split_to_array(regexp_replace(
                   regexp_replace(col_description(c.rel::regclass, a.attnum), '\(.*?\)', '', 'g'),
                   '^[^:]*: ', ''), ',? or |, |\. ')) AS word
        FROM (VALUES ('weir.tasks', 'state'), ('weir.runs', 'outcome'), ('weir.waiting', 'cause')) c (rel, col)
        JOIN pg_attribute a ON a.attrelid = c.rel::regclass AND a.attname = c.col) w
        WHERE trim(word, ' .') <> '' AND position('`' || trim(word, ' .') || '`' IN %L) = 0$$,
        :'states'),
    'every state, outcome and cause that a comment names is in docs/reference/states.md');

-- who may call what, as docs/reference/privileges.md says
SELECT set_eq(
    $$SELECT proname::text FROM pg_proc
      WHERE pronamespace = 'weir'::regnamespace AND proname !~ '^_'
      AND NOT EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner)))
                      WHERE grantee = 0 AND privilege_type = 'EXECUTE')$$,
    ARRAY['create_queue', 'cap_resource', 'set_class', 'limit_role', 'unlimit_role', 'add_window', 'drop_window', 'set_health', 'unset_health', 'pause_all', 'resume_all', 'adopt'],
    'the functions that are not for everybody');

SELECT * FROM finish();
ROLLBACK;
