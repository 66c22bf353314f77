# pg_weir: the only build file.
#
#   make, make install, make installcheck    as in any PGXS extension
#   make check, demo, bench, check-majors    in a private copy, with a private
#                                            throw-away server (test/tools)
#   make bench-sim                           the policy alone, at scale
#   make lint, indent, indent-check, typedefs, ack, dist
#
# Settings: PG_CONFIG=...  WERROR=1  ASSERT=1  with_llvm=yes
# For make check also: SUITES="regress tap ..."  REGRESS=...  ISOLATION=...
# PROVE_TESTS=...  WORK=<folder to keep and to use again>

all:

EXTENSION = pg_weir
MODULE_big = pg_weir
PGFILEDESC = "pg_weir - bounded concurrency inside PostgreSQL"
PG_CONFIG ?= pg_config

# ---------------------------------------------------------------------
# What is built.  A source file that is not named here is not built, and
# test/lint/lists.pl says so.

OBJS = \
	src/pg_weir.o \
	src/policy/adaptive.o \
	src/policy/admit.o \
	src/policy/age.o \
	src/policy/behind.o \
	src/policy/breaker.o \
	src/policy/breaker_window.o \
	src/policy/bucket.o \
	src/policy/budget.o \
	src/policy/choose.o \
	src/policy/depend.o \
	src/policy/duration.o \
	src/policy/expiry.o \
	src/policy/fair.o \
	src/policy/forecast.o \
	src/policy/health.o \
	src/policy/heap.o \
	src/policy/history.o \
	src/policy/look.o \
	src/policy/map.o \
	src/policy/memory.o \
	src/policy/order.o \
	src/policy/park.o \
	src/policy/place.o \
	src/policy/policy.o \
	src/policy/preempt.o \
	src/policy/quota.o \
	src/policy/ramp.o \
	src/policy/rank.o \
	src/policy/rate.o \
	src/policy/retry.o \
	src/policy/risk.o \
	src/policy/runs.o \
	src/policy/serial.o \
	src/policy/shed.o \
	src/policy/slots.o \
	src/policy/solo.o \
	src/policy/tasks.o \
	src/policy/watermark.o \
	src/policy/yield.o \
	src/shmem/budget_figures.o \
	src/policy/window.o \
	src/shmem/database.o \
	src/shmem/depth.o \
	src/shmem/health_figures.o \
	src/shmem/hold.o \
	src/shmem/inbox.o \
	src/shmem/inflight.o \
	src/shmem/layout.o \
	src/shmem/lazy_commit.o \
	src/shmem/lock_wait.o \
	src/shmem/named_resource.o \
	src/shmem/offers.o \
	src/shmem/outbox.o \
	src/shmem/overrun.o \
	src/shmem/resource.o \
	src/shmem/role.o \
	src/shmem/settings.o \
	src/shmem/submit_ring.o \
	src/shmem/waits.o \
	src/shmem/worker_slot.o \
	src/shmem/xact_actions.o \
	src/shmem/xact_messages.o \
	src/ledger/append_only.o \
	src/ledger/checkpoint_row.o \
	src/ledger/breaker_config.o \
	src/ledger/budget_config.o \
	src/ledger/environment.o \
	src/ledger/event_row.o \
	src/ledger/generation.o \
	src/ledger/group_row.o \
	src/ledger/heap_row.o \
	src/ledger/identity.o \
	src/ledger/interval.o \
	src/ledger/lock_wait_row.o \
	src/ledger/queue_config.o \
	src/ledger/relation_watch.o \
	src/ledger/resource_config.o \
	src/ledger/run_row.o \
	src/ledger/sql.o \
	src/ledger/task_row.o \
	src/ledger/unfinished.o \
	src/ledger/serial_key.o \
	src/ledger/unique_key.o \
	src/run/attempt.o \
	src/run/authority.o \
	src/run/batch.o \
	src/run/command.o \
	src/run/execute.o \
	src/run/guard.o \
	src/run/params.o \
	src/run/prepare.o \
	src/run/read_ahead.o \
	src/run/record.o \
	src/run/result.o \
	src/run/session.o \
	src/run/slots.o \
	src/run/worker.o \
	src/sched/adapt.o \
	src/sched/ahead.o \
	src/sched/announce.o \
	src/sched/breakers.o \
	src/sched/cap_watch.o \
	src/sched/classes.o \
	src/sched/configure.o \
	src/sched/deadline.o \
	src/sched/dependency.o \
	src/sched/dispatch.o \
	src/sched/downstream.o \
	src/sched/duration.o \
	src/sched/ends.o \
	src/sched/event_list.o \
	src/sched/fate.o \
	src/sched/feed.o \
	src/sched/figures.o \
	src/sched/groups.o \
	src/sched/health.o \
	src/sched/inherit.o \
	src/sched/intake.o \
	src/sched/later.o \
	src/sched/lock_watch.o \
	src/sched/launcher.o \
	src/sched/pool.o \
	src/sched/preempt.o \
	src/sched/quota.o \
	src/sched/ramps.o \
	src/sched/rebuild.o \
	src/sched/roster.o \
	src/sched/scheduler.o \
	src/sched/shed.o \
	src/sched/singly.o \
	src/sched/starvation.o \
	src/sched/upkeep.o \
	src/sched/ward.o \
	src/sched/watermark.o \
	src/sched/yield.o \
	src/sched/windows.o \
	src/api/acquire.o \
	src/api/admit_write.o \
	src/api/adopt.o \
	src/api/arguments.o \
	src/api/capped.o \
	src/api/caps.o \
	src/api/checked.o \
	src/api/checkpoint.o \
	src/api/classes.o \
	src/api/clearing.o \
	src/api/control.o \
	src/api/deadlines.o \
	src/api/digest.o \
	src/api/enqueue.o \
	src/api/enforce.o \
	src/api/fan_out.o \
	src/api/feeds.o \
	src/api/fingerprint.o \
	src/api/gate.o \
	src/api/holders.o \
	src/api/let_through.o \
	src/api/job.o \
	src/api/key.o \
	src/api/lifecycle.o \
	src/api/parents.o \
	src/api/pause.o \
	src/api/policy_parameters.o \
	src/api/queues.o \
	src/api/request.o \
	src/api/resource_use.o \
	src/api/resources.o \
	src/api/quota.o \
	src/api/roles.o \
	src/api/room.o \
	src/api/shed.o \
	src/api/show.o \
	src/api/show_breakers.o \
	src/api/show_health.o \
	src/api/show_ramps.o \
	src/api/show_budgets.o \
	src/api/slot_line.o \
	src/api/submission.o \
	src/api/submit.o \
	src/api/task.o \
	src/api/task_graph.o \
	src/api/task_object.o \
	src/api/task_order.o \
	src/api/unique.o \
	src/api/windows.o

# The base script is these parts, in this order; grants come last.
SQL_PARTS = \
	tables \
	queues \
	classes \
	enqueue \
	control \
	caps \
	resources \
	roles \
	digest \
	job_tables \
	views \
	deadlines \
	checkpoints \
	groups \
	lock_waits \
	breakers \
	ramps \
	budgets \
	backpressure \
	windows \
	health \
	waiting \
	job_access \
	jobs \
	intervals \
	upstream \
	daily \
	chunks \
	backfills \
	fingerprints \
	admin \
	grants

# ---------------------------------------------------------------------
# The version has one truth: the control file.

EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" \
	pg_weir.control)
BASE_SQL := sql/pg_weir--$(EXTVERSION).sql
PART_FILES = $(SQL_PARTS:%=sql/parts/%.sql)

DATA_built = $(BASE_SQL)
DATA = $(filter-out $(BASE_SQL),$(wildcard sql/pg_weir--*.sql))

$(BASE_SQL): $(PART_FILES) pg_weir.control Makefile
	@echo "building $@ from $(words $(PART_FILES)) parts"
	@{ printf '%s\n' '/* built from sql/parts by make: edit the parts */' \
	     '\echo Use "CREATE EXTENSION pg_weir" to load this file. \quit'; \
	   for part in $(PART_FILES); do echo; cat $$part; done; } > $@.tmp \
	  && mv $@.tmp $@

# ---------------------------------------------------------------------
# Tests: a file that exists is a test.  Expected output of test/sql is in
# ./expected, that of test/isolation/specs in test/isolation/expected.

REGRESS := $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=pg_weir
ISOLATION := $(sort $(patsubst test/isolation/specs/%.spec,%, \
	$(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=pg_weir \
	$(if $(filter-out 15,$(MAJORVERSION)),--expecteddir=test/isolation)
PROVE_TESTS := $(sort $(wildcard test/t/*.pl))
TAP_TESTS := $(if $(PROVE_TESTS),1)

# ---------------------------------------------------------------------
# Goals for which no server need be installed yet: they install what they
# need.  PGXS is left out for them, and it has a "check" of its own.

TOOL_GOALS = check check-majors demo bench bench-sim lint indent indent-check \
	typedefs ack dist
.PHONY: $(TOOL_GOALS)

ifneq ($(filter $(TOOL_GOALS),$(MAKECMDGOALS)),)

SUITE_VARS = $(foreach v,SUITES REGRESS ISOLATION PROVE_TESTS, \
	$(if $(filter command line,$(origin $(v))),$(v)='$($(v))'))
SANDBOX = +@PG_CONFIG='$(PG_CONFIG)' WORK='$(WORK)' $(SUITE_VARS) \
	test/tools/sandbox.sh

check:
	$(SANDBOX) -a check -- test/tools/check.sh

demo:
	$(SANDBOX) demo -- test/tools/cluster.sh -d weir_demo -- \
		examples/arrivals/demo.sh

bench:
	$(SANDBOX) bench -- test/tools/cluster.sh -- bench/run.sh

bench-sim:
	$(SANDBOX) demo -- bench/sim.sh

check-majors:
	+@MAJORS_DIR='$(MAJORS_DIR)' $(SUITE_VARS) test/tools/majors.sh $(MAJORS)

lint:
	+@PG_CONFIG='$(PG_CONFIG)' test/tools/lint.sh

indent:
	@test/tools/indent.pl --write

indent-check:
	@test/tools/indent.pl --check

typedefs:
	@PG_CONFIG='$(PG_CONFIG)' test/tools/typedefs.pl > typedefs.list.tmp \
	  && mv typedefs.list.tmp typedefs.list

# After make check: take the results that it brought back as expected.
ack:
	@for f in results/*.out; do if [ -f "$$f" ]; then \
		cp -v "$$f" expected/; fi; done
	@for f in output_iso/results/*.out; do if [ -f "$$f" ]; then \
		cp -v "$$f" test/isolation/expected/; fi; done

# PGXN wants the built base script in the archive too.
DISTVERSION = $(shell sed -n '/^ *"version"/{s/.*: *"\(.*\)".*/\1/p;q}' META.json)
dist: $(BASE_SQL)
	git archive --format=zip --prefix=pg_weir-$(DISTVERSION)/sql/ \
		--add-file=$(BASE_SQL) --prefix=pg_weir-$(DISTVERSION)/ \
		-o pg_weir-$(DISTVERSION).zip HEAD
	@echo "wrote pg_weir-$(DISTVERSION).zip"

# "make clean check": what is not a tool goal goes to a make of its own.
OTHER_GOALS = $(filter-out $(TOOL_GOALS) $(BASE_SQL),$(MAKECMDGOALS))
.PHONY: all $(OTHER_GOALS)
ifneq ($(OTHER_GOALS),)
$(OTHER_GOALS):
	$(MAKE) $@
endif
all:

else

# ---------------------------------------------------------------------
# The build.

PG_CPPFLAGS = -I$(srcdir)/src -DPG_WEIR_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wmissing-prototypes \
	-Wdeclaration-after-statement
ifdef ASSERT
PG_CPPFLAGS += -DUSE_ASSERT_CHECKING
endif
ifdef WERROR
PG_CFLAGS += -Werror
endif

# Bitcode doubles the time of a build; "make with_llvm=yes" makes it.
ifneq ($(origin with_llvm),command line)
override with_llvm := no
endif

EXTRA_CLEAN = $(OBJS:.o=.d) .flags $(BASE_SQL).tmp results output_iso \
	regression.diffs regression.out tmp_check log

PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(PGXS),)
$(error $(PG_CONFIG) does not run: install postgresql-server-dev-NN, or set PG_CONFIG)
endif
include $(PGXS)
PG_PROVE_FLAGS += -I $(srcdir)/test/t

# Each object depends on the headers that it read, and on the flags that it
# was compiled with: .flags changes when they do.
$(OBJS): %.o: %.c .flags
	$(COMPILE.c) -MMD -MP -MF $*.d -MT $@ -o $@ $<

-include $(OBJS:.o=.d)

FLAGS_NOW = $(VERSION) $(pkglibdir) $(COMPILE.c)
.flags: FORCE
	@printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' > $@

.PHONY: FORCE
FORCE:

endif
