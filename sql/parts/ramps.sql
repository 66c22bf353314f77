-- Recovery ramps that are under way.

CREATE FUNCTION weir._show_ramps(
    OUT queue integer, OUT resource text, OUT began_at timestamptz, OUT ends_at timestamptz,
    OUT allowed integer, OUT total integer, OUT next_at timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 4
    AS 'MODULE_PATHNAME', 'weir_show_ramps';

CREATE VIEW weir.ramps AS
SELECT CASE WHEN s.queue IS NOT NULL THEN 'queue'
            WHEN s.resource IS NOT NULL THEN 'resource' ELSE 'database' END AS kind,
       coalesce(q.name, s.resource) AS name, s.began_at, s.ends_at,
       (SELECT pg_catalog.count(*)::integer
        FROM weir._show_assigned() a JOIN weir.task t ON t.task_id = a.task_id
        WHERE (s.queue IS NULL OR s.queue = a.queue_id)
        AND (s.resource IS NULL OR s.resource = ANY (t.resources))) AS running,
       s.allowed, s.total, s.next_at
FROM weir._show_ramps() s
LEFT JOIN weir.queue q ON q.queue_id = s.queue
-- that of a queue goes with it
WHERE s.queue IS NULL OR q.queue_id IS NOT NULL;
COMMENT ON VIEW weir.ramps IS 'What is ramping up after an outage: how many tasks may run at a time so far.';
COMMENT ON COLUMN weir.ramps.kind IS 'database: all tasks; queue: its tasks; resource: those that need it.';
COMMENT ON COLUMN weir.ramps.name IS 'Name of the queue or resource.';
COMMENT ON COLUMN weir.ramps.began_at IS 'When it began.';
COMMENT ON COLUMN weir.ramps.ends_at IS 'When it is over, at the latest.';
COMMENT ON COLUMN weir.ramps.running IS 'Tasks that run under it.';
COMMENT ON COLUMN weir.ramps.allowed IS 'Tasks that may run at a time, now.';
COMMENT ON COLUMN weir.ramps.total IS 'Tasks that may when it is over, as far as slots and workers go.';
COMMENT ON COLUMN weir.ramps.next_at IS 'When one more may.';
