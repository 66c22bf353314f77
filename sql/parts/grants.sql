-- Who may do what.  Everything else is checked inside the functions: the
-- owner of a queue, of a task, of a table, of a job.  The private functions of
-- jobs need no more: they are executed as whoever calls them, and the tables
-- are nobody else's.

GRANT USAGE ON SCHEMA weir TO PUBLIC;

REVOKE ALL ON FUNCTION
    weir.create_queue(text, text, integer, text, integer, double precision, integer, text, jsonb, jsonb, double precision, double precision),
    weir.set_class(text, integer, double precision, double precision, double precision, text[]),
    weir.cap_resource(text, integer, integer, double precision, interval, integer, jsonb, jsonb),
    weir.add_window(text, time, interval, text, regclass, text, text, text[], date[], text, integer, text, interval, text),
    weir.drop_window(text, text),
    weir.set_health(text, bigint, bigint, text[], text),
    weir.unset_health(text, text),
    weir.limit_role(regrole, integer, integer, double precision),
    weir.unlimit_role(regrole, text),
    weir.pause_all(text, text),
    weir.resume_all(),
    weir.adopt(text),
    weir._as(oid, text, text, text, text[], boolean),
    weir._check_fingerprint(oid, text, text, text),
    weir._wake_feeder(),
    weir._begin_ramp(integer),
    weir._announce(integer, bigint, bigint),
    weir._config_changed(),
    weir._append_only(),
    weir._ledger_loaded(),
    weir._replace_builtin()
FROM PUBLIC;

GRANT SELECT ON
    weir.status,
    weir.queues,
    weir.classes,
    weir.windows,
    weir.tasks,
    weir.waiting,
    weir.running,
    weir.runs,
    weir.checkpoints,
    weir.groups,
    weir.dead_letters,
    weir.workers,
    weir.resources,
    weir.retry_budgets,
    weir.breakers,
    weir.attempts,
    weir.backpressure,
    weir.ramps,
    weir.health,
    weir.slots,
    weir.role_limits,
    weir.events,
    weir.jobs,
    weir.intervals,
    weir.backfills,
    weir.late,
    weir.deadlines,
    weir.preemptions,
    weir.preempted_work,
    weir.lock_waits,
    weir.lock_wait_history
TO PUBLIC;
