-- What the reference repeats of the catalog, as it must be written there.
--
-- Run in a database with the extension.  It makes a temporary view with one
-- row per block: the file, the key that the block is marked with, the text.
-- generate.pl writes the blocks, test/pgtap/reference.sql checks them.

-- One row per public function: all its forms with their comments.
CREATE TEMPORARY VIEW reference_function AS
SELECT p.proname AS name,
       E'```text\n'
       || string_agg(
            format('weir.%s(', p.proname)
            || CASE WHEN length(a.arguments) > 60
                    THEN regexp_replace(E'\n    ' || a.arguments, ', (?=\w+ \w)',
                                        E',\n    ', 'g') || E'\n'
                    ELSE a.arguments END
            || ')' || coalesce(' RETURNS ' || nullif(pg_get_function_result(p.oid), 'record'), ''),
            E'\n' ORDER BY p.oid)
       || E'\n```\n\n'
       || string_agg(coalesce(obj_description(p.oid, 'pg_proc'), '(no comment)'),
                     E'\n' ORDER BY p.oid) AS body
FROM pg_proc p
CROSS JOIN LATERAL (
    SELECT replace(replace(regexp_replace(pg_get_function_arguments(p.oid),
                                          '::[a-z ]+(\[\])?(?=,|$)', '', 'g'),
                           'timestamp with time zone', 'timestamptz'),
                   'double precision', 'float8') AS arguments) a
WHERE p.pronamespace = 'weir'::regnamespace AND p.proname !~ '^_'
GROUP BY p.proname;

-- One row per view: its comment and its columns.
CREATE TEMPORARY VIEW reference_view AS
SELECT c.relname AS name,
       coalesce(obj_description(c.oid, 'pg_class'), '(no comment)')
       || E'\n\n| column | type | |\n|---|---|---|\n'
       || string_agg(format('| `%s` | %s | %s |', t.attname,
                            replace(format_type(t.atttypid, t.atttypmod),
                                    'timestamp with time zone', 'timestamptz'),
                            coalesce(replace(col_description(c.oid, t.attnum), '|', '\|'),
                                     '(no comment)')),
                     E'\n' ORDER BY t.attnum) AS body
FROM pg_class c
JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
WHERE c.relnamespace = 'weir'::regnamespace AND c.relkind = 'v'
GROUP BY c.oid, c.relname;

-- One row per setting.
CREATE TEMPORARY VIEW reference_setting AS
SELECT s.name,
       CASE s.vartype WHEN 'bool' THEN s.boot_val
            WHEN 'string' THEN '''' || coalesce(s.boot_val, '') || ''''
            ELSE s.boot_val || coalesce(' ' || s.unit, '') END AS "default",
       CASE s.vartype WHEN 'bool' THEN 'on, off' WHEN 'string' THEN 'text'
            ELSE s.min_val || ' to ' || s.max_val || coalesce(' ' || s.unit, '') END AS range,
       CASE s.context WHEN 'postmaster' THEN 'server start'
            WHEN 'sighup' THEN 'reload'
            WHEN 'superuser' THEN 'session, by superusers'
            WHEN 'user' THEN 'session' ELSE s.context END AS set_at,
       concat_ws(' ', s.short_desc, s.extra_desc) AS description
FROM pg_settings s
WHERE s.name ~ '^weir\.';

CREATE TEMPORARY VIEW reference_block AS
SELECT 'docs/reference/functions.md' AS file, 'weir.' || name AS key, body
FROM reference_function
UNION ALL
SELECT 'docs/reference/views.md', 'weir.' || name, body
FROM reference_view
UNION ALL
SELECT 'docs/reference/settings.md', name,
       format(E'%s\n\n| default | range | set at |\n|---|---|---|\n| `%s` | %s | %s |',
              description, "default", range, set_at)
FROM reference_setting
UNION ALL
SELECT 'README.md', 'settings',
       E'| setting | default | range | set at | |\n|---|---|---|---|---|\n'
       || string_agg(format('| [`%s`](docs/reference/settings.md#%s) | `%s` | %s | %s | %s |',
                            name, replace(name, '.', ''), "default", range, set_at,
                            description), E'\n' ORDER BY name)
FROM reference_setting;
