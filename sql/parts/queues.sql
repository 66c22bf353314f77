-- Configuring queues.

CREATE FUNCTION weir.create_queue(
    name text,
    class text DEFAULT 'adhoc',
    capacity integer DEFAULT 10000,
    on_full text DEFAULT 'reject',
    max_running integer DEFAULT NULL,
    weight double precision DEFAULT 1,
    batch integer DEFAULT 1,
    durability text DEFAULT 'each',
    settings jsonb DEFAULT NULL,
    policy jsonb DEFAULT NULL,
    high_watermark double precision DEFAULT NULL,
    low_watermark double precision DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_create_queue';
COMMENT ON FUNCTION weir.create_queue(text, text, integer, text, integer, double precision, integer, text, jsonb, jsonb, double precision, double precision)
    IS 'Creates a queue that belongs to the caller.';

CREATE FUNCTION weir.alter_queue(
    name text,
    class text DEFAULT NULL,
    capacity integer DEFAULT NULL,
    on_full text DEFAULT NULL,
    max_running integer DEFAULT NULL,
    weight double precision DEFAULT NULL,
    batch integer DEFAULT NULL,
    durability text DEFAULT NULL,
    settings jsonb DEFAULT NULL,
    policy jsonb DEFAULT NULL,
    high_watermark double precision DEFAULT NULL,
    low_watermark double precision DEFAULT NULL,
    reset text[] DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_alter_queue';
COMMENT ON FUNCTION weir.alter_queue(text, text, integer, text, integer, double precision, integer, text, jsonb, jsonb, double precision, double precision, text[])
    IS 'Changes a queue: null keeps a property, reset clears those it names.';

CREATE FUNCTION weir.drop_queue(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_drop_queue';
COMMENT ON FUNCTION weir.drop_queue(text)
    IS 'Drops an empty queue.';

CREATE FUNCTION weir.grant_queue(
    queue text,
    role_name text,
    max_class text DEFAULT NULL,
    may_set_deadline boolean DEFAULT false,
    min_priority integer DEFAULT 0
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_grant_queue';
COMMENT ON FUNCTION weir.grant_queue(text, text, text, boolean, integer)
    IS 'Lets a role, or public, enqueue, with a class, a deadline and a priority as far as granted.';

CREATE FUNCTION weir.revoke_queue(queue text, role_name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_revoke_queue';
COMMENT ON FUNCTION weir.revoke_queue(text, text)
    IS 'Takes back what weir.grant_queue() gave to a role.';

CREATE FUNCTION weir.pause(queue text, reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_pause';
COMMENT ON FUNCTION weir.pause(text, text)
    IS 'Pauses a queue at commit: running tasks finish, no other starts.';

CREATE FUNCTION weir.resume(queue text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_resume';
COMMENT ON FUNCTION weir.resume(text)
    IS 'Resumes a paused queue at commit.';

CREATE FUNCTION weir.drain(queue text, timeout interval DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_drain';
COMMENT ON FUNCTION weir.drain(text, interval)
    IS 'Waits until a queue is empty, taking no new tasks meanwhile; false when the time is over before.';

CREATE FUNCTION weir.pause_all(reason text DEFAULT NULL, running text DEFAULT 'finish') RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_pause_all';
COMMENT ON FUNCTION weir.pause_all(text, text)
    IS 'Pauses everything at commit, restarts included; what runs finishes or is cancelled.';

CREATE FUNCTION weir.resume_all() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_resume_all';
COMMENT ON FUNCTION weir.resume_all()
    IS 'Ends weir.pause_all().';
