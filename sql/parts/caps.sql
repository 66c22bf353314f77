-- Caps of tables, and holding a slot in any session.

CREATE FUNCTION weir.cap_table(
    relation regclass, slots integer, reserved integer DEFAULT 0,
    enforce text DEFAULT NULL, if_unsafe_to_wait text DEFAULT NULL,
    exempt regrole[] DEFAULT NULL, adaptive text DEFAULT NULL,
    row_locks boolean DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_cap_table';
COMMENT ON FUNCTION weir.cap_table(regclass, integer, integer, text, text, regrole[], text, boolean)
    IS 'Caps the number of tasks and sessions that write a table at once, reserving some slots for class daily, and says whom the cap binds, and whether it adapts.';

CREATE FUNCTION weir.uncap_table(relation regclass DEFAULT NULL, name text DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_uncap_table';
COMMENT ON FUNCTION weir.uncap_table(regclass, text)
    IS 'Removes the cap of a table, or of the name of one that was dropped; false if there was none.';

CREATE FUNCTION weir.acquire(relation regclass, wait interval DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_acquire';
COMMENT ON FUNCTION weir.acquire(regclass, interval)
    IS 'Holds a slot of a capped table until the end of the transaction, waiting for one up to the given time (default weir.max_wait).';

CREATE FUNCTION weir.try_acquire(relation regclass) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_try_acquire';
COMMENT ON FUNCTION weir.try_acquire(regclass)
    IS 'Holds a slot of a capped table until the end of the transaction if one is free now; says whether.';
