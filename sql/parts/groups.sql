-- Groups of tasks: members, and a task that collects their results.

CREATE TABLE weir.task_group (
    task_id bigint CONSTRAINT task_group_pkey PRIMARY KEY,
    deadline timestamptz,
    on_deadline text NOT NULL CHECK (on_deadline IN ('partial', 'fail')),
    members bigint[] NOT NULL,
    keys text[] NOT NULL
);
COMMENT ON TABLE weir.task_group IS 'Ledger: the groups of tasks, by the task that collects for them.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON weir.task_group
    FOR EACH STATEMENT EXECUTE FUNCTION weir._append_only();
ALTER TABLE weir.task_group ENABLE ALWAYS TRIGGER append_only;
SELECT pg_catalog.pg_extension_config_dump('weir.task_group', '');

CREATE FUNCTION weir.fan_out(
    tasks jsonb,
    collector jsonb,
    within interval DEFAULT NULL,
    on_deadline text DEFAULT 'partial'
) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_fan_out';
COMMENT ON FUNCTION weir.fan_out(jsonb, jsonb, interval, text)
    IS 'Submits a group: tasks, and one that runs when they have ended, or when the time is over, and collects their results; returns the id of that one.';

CREATE FUNCTION weir.group_runs(
    collector bigint DEFAULT NULL,
    OUT key text,
    OUT task_id bigint,
    OUT outcome text,
    OUT result jsonb,
    OUT sqlstate text,
    OUT message text,
    OUT finished_at timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_group_runs';
COMMENT ON FUNCTION weir.group_runs(bigint)
    IS 'The members of a group in the order of the call, and how they have ended; without an argument those of the group that the task which is being executed collects for.';

CREATE VIEW weir.groups AS
SELECT g.task_id, v.owner_name AS owner, g.deadline, g.on_deadline,
       cardinality(g.members) AS members,
       (SELECT count(*)::integer FROM unnest(g.members) m (id)
        WHERE EXISTS (SELECT FROM weir.run r WHERE r.task_id = m.id AND r.final
                      AND NOT EXISTS (SELECT FROM weir.run n WHERE n.task_id = m.id AND n.attempt > r.attempt))) AS ended
FROM weir.task_group g
JOIN weir.task t ON t.task_id = g.task_id
JOIN weir.environment v ON v.environment_id = t.environment_id;
COMMENT ON VIEW weir.groups IS 'The groups of tasks, by the task that collects for them.';
COMMENT ON COLUMN weir.groups.task_id IS 'Id of the collector.';
COMMENT ON COLUMN weir.groups.owner IS 'Role that its tasks run as.';
COMMENT ON COLUMN weir.groups.deadline IS 'When it does not wait for its members any more; null is never.';
COMMENT ON COLUMN weir.groups.on_deadline IS 'What happens then: partial or fail.';
COMMENT ON COLUMN weir.groups.members IS 'How many members it has.';
COMMENT ON COLUMN weir.groups.ended IS 'How many of them have ended.';
