-- Classes: what each may use of the workers.

-- A class without a row has the defaults.
CREATE TABLE weir.class (
    class text CONSTRAINT class_pkey PRIMARY KEY CHECK (class IN ('daily', 'adhoc', 'backfill')),
    reserved integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    max_share double precision CHECK (max_share > 0 AND max_share <= 1),
    floor_share double precision NOT NULL DEFAULT 0.05 CHECK (floor_share >= 0 AND floor_share <= 0.9),
    weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0)
);
COMMENT ON TABLE weir.class IS 'Configuration: what the classes may use, as far as it was set.';
SELECT pg_catalog.pg_extension_config_dump('weir.class', '');

CREATE FUNCTION weir.set_class(
    class text,
    reserved integer DEFAULT NULL,
    max_share double precision DEFAULT NULL,
    floor_share double precision DEFAULT NULL,
    weight double precision DEFAULT NULL,
    reset text[] DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_set_class';
COMMENT ON FUNCTION weir.set_class(text, integer, double precision, double precision, double precision, text[])
    IS 'Sets what a class may use of the workers: null keeps a property, reset brings the defaults of those it names back.';

CREATE FUNCTION weir._show_classes(
    OUT class text, OUT reserved integer, OUT running integer, OUT starts integer,
    OUT of_starts integer, OUT lent boolean, OUT reclaim_bound interval
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 4
    AS 'MODULE_PATHNAME', 'weir_show_classes';

CREATE VIEW weir.classes AS
SELECT s.class, coalesce(c.reserved, 0) AS reserved, s.reserved AS reserved_in_force,
       c.max_share, coalesce(c.floor_share, 0.05) AS floor_share,
       coalesce(c.weight, 1) AS weight, s.running,
       CASE WHEN s.of_starts > 0 THEN s.starts::double precision / s.of_starts END AS share,
       s.lent, s.reclaim_bound
FROM weir._show_classes() s
LEFT JOIN weir.class c ON c.class = s.class;
COMMENT ON VIEW weir.classes IS 'The classes: what each may use of the workers, and what it uses.';
COMMENT ON COLUMN weir.classes.class IS 'system, daily, adhoc or backfill.';
COMMENT ON COLUMN weir.classes.reserved IS 'Workers that no other class gets.';
COMMENT ON COLUMN weir.classes.reserved_in_force IS 'The same, as far as there are workers for it.';
COMMENT ON COLUMN weir.classes.max_share IS 'Most of the workers, as a fraction, that it gets while another class has tasks that could start; null is all.';
COMMENT ON COLUMN weir.classes.floor_share IS 'Fraction of the starts that it gets at least while it has tasks that could start.';
COMMENT ON COLUMN weir.classes.weight IS 'How much the lateness of its tasks counts against that of other classes.';
COMMENT ON COLUMN weir.classes.running IS 'Its tasks that are running.';
COMMENT ON COLUMN weir.classes.share IS 'Its share of the last 95 starts; null if there were none.';
COMMENT ON COLUMN weir.classes.lent IS 'Whether a task of it that came now would have to wait for a worker that another class has borrowed.';
COMMENT ON COLUMN weir.classes.reclaim_bound IS 'How long it takes at most, as far as runs have told, until what other classes have borrowed is free again; null if it cannot be known.';
