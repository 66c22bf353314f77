-- What a task notes for its next attempt.

CREATE TABLE weir.task_checkpoint (
    task_id bigint NOT NULL,
    attempt integer NOT NULL,
    number integer NOT NULL,
    written_at timestamptz NOT NULL,
    checkpoint jsonb NOT NULL,
    CONSTRAINT task_checkpoint_pkey PRIMARY KEY (task_id, attempt, number)
);
COMMENT ON TABLE weir.task_checkpoint IS 'Ledger: checkpoints of tasks; in mode transaction the last one of an attempt that failed.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON weir.task_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION weir._append_only();
ALTER TABLE weir.task_checkpoint ENABLE ALWAYS TRIGGER append_only;
SELECT pg_catalog.pg_extension_config_dump('weir.task_checkpoint', '');

CREATE FUNCTION weir.checkpoint(checkpoint jsonb DEFAULT NULL) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_checkpoint';
COMMENT ON FUNCTION weir.checkpoint(jsonb)
    IS 'Inside a task: notes how far it has come, for its next attempt; without an argument returns what was noted last, by this attempt or an earlier one.';

CREATE VIEW weir.checkpoints WITH (security_barrier) AS
SELECT c.task_id, c.attempt, c.number, c.written_at,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN c.checkpoint END AS checkpoint
FROM weir.task_checkpoint c
JOIN weir.task t ON t.task_id = c.task_id
JOIN weir.environment v ON v.environment_id = t.environment_id;
COMMENT ON VIEW weir.checkpoints IS 'The checkpoints that tasks have noted and that were kept; the last one is what the next attempt gets.';
COMMENT ON COLUMN weir.checkpoints.task_id IS 'Id of the task.';
COMMENT ON COLUMN weir.checkpoints.attempt IS 'Attempt that noted it.';
COMMENT ON COLUMN weir.checkpoints.number IS 'Which checkpoint of the attempt, from 1; in mode transaction only the last one is kept.';
COMMENT ON COLUMN weir.checkpoints.written_at IS 'When it was noted; in mode transaction when the attempt had ended.';
COMMENT ON COLUMN weir.checkpoints.checkpoint IS 'What it says; null for those who may not see it.';
