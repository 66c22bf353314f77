-- Named resources: their caps and rates, and holding a slot in any session.

CREATE FUNCTION weir.cap_resource(
    name text,
    slots integer DEFAULT NULL,
    reserved integer DEFAULT 0,
    rate double precision DEFAULT NULL,
    per interval DEFAULT '1 second',
    burst integer DEFAULT NULL,
    breaker jsonb DEFAULT NULL,
    retry_budget jsonb DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_cap_resource';
COMMENT ON FUNCTION weir.cap_resource(text, integer, integer, double precision, interval, integer, jsonb, jsonb)
    IS 'Defines a named resource, or changes it: how many tasks and sessions use it at once, how many tasks start per time, and when it is left alone because it fails.';

CREATE FUNCTION weir.set_breaker(resource text, state text, reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_set_breaker';
COMMENT ON FUNCTION weir.set_breaker(text, text, text)
    IS 'Closes the circuit breaker of a named resource (closed), holds it open (forced_open), or switches it off (disabled).';

CREATE FUNCTION weir.uncap_resource(name text) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_uncap_resource';
COMMENT ON FUNCTION weir.uncap_resource(text)
    IS 'Removes a named resource; false if there was none.';

CREATE FUNCTION weir.grant_resource(resource text, role_name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_grant_resource';
COMMENT ON FUNCTION weir.grant_resource(text, text)
    IS 'Lets a role, or public, use a named resource.';

CREATE FUNCTION weir.revoke_resource(resource text, role_name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_revoke_resource';
COMMENT ON FUNCTION weir.revoke_resource(text, text)
    IS 'Takes back what weir.grant_resource() gave to a role.';

CREATE FUNCTION weir.acquire_resource(name text, wait interval DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_acquire_resource';
COMMENT ON FUNCTION weir.acquire_resource(text, interval)
    IS 'Holds a slot of a named resource until the end of the transaction, waiting for one up to the given time (default weir.max_wait).';

CREATE FUNCTION weir.try_acquire_resource(name text) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_try_acquire_resource';
COMMENT ON FUNCTION weir.try_acquire_resource(text)
    IS 'Holds a slot of a named resource until the end of the transaction if one is free now; says whether.';

CREATE FUNCTION weir.retry_after(resource text, delay interval) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_retry_after';
COMMENT ON FUNCTION weir.retry_after(text, interval)
    IS 'Inside a task: lets nothing that needs the resource start for so long, and ends this attempt, to be repeated after that.';
