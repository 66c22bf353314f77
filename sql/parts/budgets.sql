-- Retry budgets: how much of each is used, and who waits for it.

-- What a configured retry budget means, defaults included; nulls if there is none.
CREATE FUNCTION weir._retry_budget(
    retry_budget jsonb,
    OUT ratio double precision, OUT budget_window interval, OUT floor integer
) RETURNS record
    LANGUAGE c IMMUTABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'weir_retry_budget';

CREATE FUNCTION weir._show_budgets(
    OUT queue_id integer, OUT resource text, OUT first_attempts bigint,
    OUT retries bigint, OUT allowed bigint, OUT waiting bigint,
    OUT next_retry timestamptz, OUT counted_at timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 16
    AS 'MODULE_PATHNAME', 'weir_show_budgets';

-- What has not been counted for longer than a window has left it.
CREATE VIEW weir.retry_budgets AS
SELECT c.kind, c.name, b.ratio, b.budget_window, b.floor,
       CASE WHEN recent THEN s.first_attempts ELSE 0 END AS first_attempts,
       CASE WHEN recent THEN s.retries ELSE 0 END AS retries,
       CASE WHEN recent THEN greatest(s.allowed - s.retries, 0) ELSE b.floor END AS retries_left,
       coalesce(s.waiting, 0) AS waiting, s.next_retry, s.counted_at
FROM (SELECT 'queue'::text AS kind, q.name, q.queue_id, NULL::text AS resource,
             q.policy -> 'retry_budget' AS retry_budget
      FROM weir.queue q
      UNION ALL
      SELECT 'resource', r.name, NULL, r.name, r.retry_budget
      FROM weir.resource r WHERE r.name NOT LIKE '%*'
      UNION ALL
      SELECT 'resource', r.resource, NULL, r.resource, k.retry_budget
      FROM weir.resources r JOIN weir.resource k ON k.name = r.template) c
CROSS JOIN LATERAL weir._retry_budget(c.retry_budget) b
LEFT JOIN weir._show_budgets() s ON s.queue_id = c.queue_id OR s.resource = c.resource
CROSS JOIN LATERAL (
    SELECT coalesce(s.counted_at + 1.1 * b.budget_window > pg_catalog.clock_timestamp(), false) AS recent) n
WHERE b.budget_window IS NOT NULL;
COMMENT ON VIEW weir.retry_budgets IS 'The retry budgets: how many retries may start, how much of that is used, and how many wait for it.';
COMMENT ON COLUMN weir.retry_budgets.kind IS 'Whose it is: queue or resource.';
COMMENT ON COLUMN weir.retry_budgets.name IS 'Name of the queue or of the named resource.';
COMMENT ON COLUMN weir.retry_budgets.ratio IS 'Retries that may start for each first attempt.';
COMMENT ON COLUMN weir.retry_budgets.budget_window IS 'Time in which both are counted.';
COMMENT ON COLUMN weir.retry_budgets.floor IS 'Retries that may start in any case.';
COMMENT ON COLUMN weir.retry_budgets.first_attempts IS 'First attempts that started within the window.';
COMMENT ON COLUMN weir.retry_budgets.retries IS 'Retries that started within it.';
COMMENT ON COLUMN weir.retry_budgets.retries_left IS 'Retries that may still start now.';
COMMENT ON COLUMN weir.retry_budgets.waiting IS 'Retries that are due and wait for room.';
COMMENT ON COLUMN weir.retry_budgets.next_retry IS 'When the next of those may start; null if none waits.';
COMMENT ON COLUMN weir.retry_budgets.counted_at IS 'When the figures were right: a start was counted, or somebody began to wait. Null if there was none since the server started.';
