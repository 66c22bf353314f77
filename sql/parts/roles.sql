-- Limits of roles.

CREATE FUNCTION weir.limit_role(
    role regrole,
    max_queued integer DEFAULT NULL,
    max_running integer DEFAULT NULL,
    weight double precision DEFAULT 1
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_limit_role';
COMMENT ON FUNCTION weir.limit_role(regrole, integer, integer, double precision)
    IS 'Limits a role, or changes its limits: how many unfinished tasks it may have, how many of them run at once, and its share among the roles of a queue.';

CREATE FUNCTION weir.unlimit_role(role regrole DEFAULT NULL, name text DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_unlimit_role';
COMMENT ON FUNCTION weir.unlimit_role(regrole, text)
    IS 'Removes the limits of a role, which is named by text if it is gone; false if there were none.';
