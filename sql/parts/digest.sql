-- A hash of a multiset of rows.

CREATE FUNCTION weir._digest_add(state bytea, value record) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'weir_digest_add';

CREATE FUNCTION weir._digest_combine(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'weir_digest_combine';

CREATE FUNCTION weir._digest_final(state bytea) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'weir_digest_final';

CREATE AGGREGATE weir.digest(value record) (
    SFUNC = weir._digest_add,
    STYPE = bytea,
    SSPACE = 64,
    FINALFUNC = weir._digest_final,
    COMBINEFUNC = weir._digest_combine,
    INITCOND = '\x00000000000000000000000000000000000000000000000000000000000000000000000000000000',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.digest(record)
    IS 'The digest of rows, whatever their order: their number and the sum of their hashes.';
