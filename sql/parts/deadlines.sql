-- Deadlines of daily tasks, and what backfills lost for them.

CREATE FUNCTION weir._show_deadlines(
    OUT task_id bigint, OUT deadline timestamptz, OUT latest_start timestamptz,
    OUT p_on_time double precision, OUT tier text, OUT missed boolean
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'weir_show_deadlines';

CREATE FUNCTION weir._show_preempted(
    OUT preemptions bigint, OUT lost interval, OUT worked interval
) RETURNS record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'weir_show_preempted';

-- Records that a deadline is in another tier, missed or met, unless that is
-- what was recorded last: a scheduler that starts says everything anew.
CREATE FUNCTION weir._deadline_event(
    p_kind text, p_task_id bigint, p_on_time double precision, p_latest_start timestamptz, p_deadline timestamptz,
    OUT job_id integer, OUT event_id bigint
) RETURNS record
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    INSERT INTO weir.event (kind, task_id, queue, session_user_name, current_user_name, job_id, job, interval_start, detail)
    SELECT p_kind, p_task_id, v.queue, session_user, current_user, j.job_id, j.name, i.interval_start,
           jsonb_build_object('deadline', p_deadline, 'latest_start', p_latest_start, 'p_on_time', round(p_on_time::numeric, 3))
    FROM weir.task t
    JOIN weir.environment v ON v.environment_id = t.environment_id
    LEFT JOIN weir.interval i ON i.task_id = t.task_id
    LEFT JOIN weir.job j ON j.job_id = i.job_id
    WHERE t.task_id = p_task_id
    AND p_kind IS DISTINCT FROM (
        SELECT e.kind FROM weir.event e
        WHERE e.task_id = p_task_id AND e.kind IN ('on_time', 'at_risk', 'critical', 'missed', 'met')
        ORDER BY e.event_id DESC LIMIT 1)
    AND (p_kind <> 'met' OR EXISTS (
        SELECT FROM weir.run r
        WHERE r.task_id = p_task_id AND r.final AND r.outcome = 'succeeded' AND r.finished_at <= p_deadline))
    LIMIT 1
    RETURNING job_id, event_id
    $$;

CREATE VIEW weir.deadlines AS
SELECT d.task_id, t.queue, t.job, t.interval_start, t.state, d.deadline, d.latest_start,
       d.p_on_time, d.tier, d.missed, t.tables, t.resources
FROM weir._show_deadlines() d
JOIN weir.tasks t ON t.task_id = d.task_id
-- said twice, since a join alone does not reach into weir.tasks
WHERE t.task_id = ANY (ARRAY(SELECT s.task_id FROM weir._show_deadlines() s));
COMMENT ON VIEW weir.deadlines IS 'The unfinished tasks of class daily that have a deadline, and how likely they are to be done in time; at most 256 of them.';
COMMENT ON COLUMN weir.deadlines.task_id IS 'Id of the task.';
COMMENT ON COLUMN weir.deadlines.queue IS 'Its queue.';
COMMENT ON COLUMN weir.deadlines.job IS 'Job that it belongs to, if any.';
COMMENT ON COLUMN weir.deadlines.interval_start IS 'Start of its interval, if it belongs to a job.';
COMMENT ON COLUMN weir.deadlines.state IS 'Its state, as in weir.tasks.';
COMMENT ON COLUMN weir.deadlines.deadline IS 'To be done by.';
COMMENT ON COLUMN weir.deadlines.latest_start IS 'The deadline minus the time within which nine of ten runs of its job, or queue, end.';
COMMENT ON COLUMN weir.deadlines.p_on_time IS 'Probability of being done in time, when it was looked at last.';
COMMENT ON COLUMN weir.deadlines.tier IS 'on_time, at_risk or critical.';
COMMENT ON COLUMN weir.deadlines.missed IS 'Whether the deadline has passed.';
COMMENT ON COLUMN weir.deadlines.tables IS 'Tables that it declared to write.';
COMMENT ON COLUMN weir.deadlines.resources IS 'Named resources that it declared to need.';

CREATE VIEW weir.preemptions WITH (security_barrier) AS
SELECT r.task_id, r.attempt, t.queue, t.job, t.interval_start,
       pg_catalog.substring(r.reason, '[0-9]+')::bigint AS for_task,
       r.started_at, r.finished_at, r.finished_at - r.started_at AS lost
FROM weir.run r
JOIN weir.tasks t ON t.task_id = r.task_id
WHERE r.outcome = 'preempted';
COMMENT ON VIEW weir.preemptions IS 'The runs of backfills that were ended early for a daily task.';
COMMENT ON COLUMN weir.preemptions.task_id IS 'Id of the task that was preempted.';
COMMENT ON COLUMN weir.preemptions.attempt IS 'Number of the attempt.';
COMMENT ON COLUMN weir.preemptions.queue IS 'Queue of the task.';
COMMENT ON COLUMN weir.preemptions.job IS 'Job that it belongs to, if any.';
COMMENT ON COLUMN weir.preemptions.interval_start IS 'Start of its interval, if it belongs to a job.';
COMMENT ON COLUMN weir.preemptions.for_task IS 'The daily task that needed what it had.';
COMMENT ON COLUMN weir.preemptions.started_at IS 'When it had begun.';
COMMENT ON COLUMN weir.preemptions.finished_at IS 'When it was rolled back.';
COMMENT ON COLUMN weir.preemptions.lost IS 'The time that it had run, which is lost.';

CREATE VIEW weir.preempted_work AS
SELECT p.preemptions, p.lost, p.worked,
       CASE WHEN p.worked > interval '0' THEN
           extract(epoch FROM p.lost)::double precision / extract(epoch FROM p.worked)::double precision END AS share
FROM weir._show_preempted() p;
COMMENT ON VIEW weir.preempted_work IS 'One row: how much work was lost by preemption since the server started.';
COMMENT ON COLUMN weir.preempted_work.preemptions IS 'Runs that were preempted.';
COMMENT ON COLUMN weir.preempted_work.lost IS 'The time that they had run.';
COMMENT ON COLUMN weir.preempted_work.worked IS 'The time that all runs took, those that were preempted included.';
COMMENT ON COLUMN weir.preempted_work.share IS 'The one as a fraction of the other; null if nothing has run.';
