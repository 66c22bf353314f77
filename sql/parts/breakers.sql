-- Circuit breakers: their states, and what they have counted.

CREATE FUNCTION weir._show_breakers(
    OUT resource text, OUT state text, OUT since timestamptz,
    OUT half_open_at timestamptz, OUT calls integer, OUT failures integer,
    OUT slow_calls integer, OUT probing integer
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 16
    AS 'MODULE_PATHNAME', 'weir_show_breakers';

CREATE VIEW weir.breakers AS
SELECT s.resource, s.state, s.since, s.half_open_at, s.calls, s.failures,
       s.slow_calls, s.probing, r.template,
       CASE WHEN weir._may_see(k.owner, k.owner_name, k.owned_at) THEN k.breaker
            ELSE k.breaker - 'fallback' END AS breaker,
       (SELECT j.name FROM weir.job j
        WHERE j.policy ? 'breaker' AND s.resource = 'job:' || j.name) AS job
FROM weir._show_breakers() s
JOIN weir.resources r ON r.kind = 'named' AND r.resource = s.resource
JOIN weir.resource k ON k.name = coalesce(r.template, r.resource);
COMMENT ON VIEW weir.breakers IS 'The circuit breakers of named resources and jobs: their states, and what they have counted.';
COMMENT ON COLUMN weir.breakers.resource IS 'Name of the resource; job: and its name for a job.';
COMMENT ON COLUMN weir.breakers.state IS 'closed, open, half_open, forced_open or disabled.';
COMMENT ON COLUMN weir.breakers.since IS 'When the state began; null if that was before the scheduler started, or never changed.';
COMMENT ON COLUMN weir.breakers.half_open_at IS 'When an open one lets the next probe start.';
COMMENT ON COLUMN weir.breakers.calls IS 'Attempts in its window; of one that is open: in the window that opened it.';
COMMENT ON COLUMN weir.breakers.failures IS 'Those of them that failed.';
COMMENT ON COLUMN weir.breakers.slow_calls IS 'Those of them that were slow.';
COMMENT ON COLUMN weir.breakers.probing IS 'Probes that run.';
COMMENT ON COLUMN weir.breakers.template IS 'Template that the resource was made after; null if it is defined itself.';
COMMENT ON COLUMN weir.breakers.breaker IS 'The breaker as configured; its fallback only for those who may see that.';
COMMENT ON COLUMN weir.breakers.job IS 'Job that it is of; null if it is of no job.';
