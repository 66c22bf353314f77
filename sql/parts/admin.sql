-- Running it.

CREATE FUNCTION weir.adopt(unfinished text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_adopt';
COMMENT ON FUNCTION weir.adopt(text)
    IS 'Takes over a ledger that was written elsewhere, and keeps or cancels its unfinished tasks; returns the number of those cancelled.';
