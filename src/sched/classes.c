/*-------------------------------------------------------------------------
 *
 * classes.c
 *	  What classes may use of the workers, and what they use.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "ledger/sql.h"
#include "ledger/task_row.h"
#include "sched/classes.h"
#include "shmem/settings.h"

typedef struct ClassConfig
{
	int			reserved;
	int			max_share;		/* workers; 0 = no limit */
	double		floor_share;
	double		weight;
} ClassConfig;

/*
 * A fraction of the workers as a number of them, one at least.
 */
static int
classes_workers(double share)
{
	/* the tiny amount is for shares like 0.29 of 100, which is 28.9999 */
	return Max((int) (share * weir_max_workers + 1e-9), 1);
}

/*
 * Reads what was set; the others have the defaults.
 */
static void
classes_read(ClassConfig *classes)
{
	SqlSession	session;
	uint64		n;

	for (int klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		classes[klass].reserved = classes[klass].max_share = 0;
		classes[klass].floor_share = 0.05;
		classes[klass].weight = 1;
	}
	sql_begin(&session);
	n = sql_execute("SELECT class, reserved, coalesce(max_share, 0)::text,"
					" floor_share::text, weight::text FROM weir.class", NULL);
	for (uint64 row = 0; row < n; row++)
	{
		PolicyClass klass;
		double		max_share = strtod(sql_text(row, 3), NULL);

		if (!class_parse(sql_text(row, 1), &klass))
			continue;
		classes[klass].reserved = sql_int4(row, 2);
		if (max_share > 0)
			classes[klass].max_share = classes_workers(max_share);
		classes[klass].floor_share = strtod(sql_text(row, 4), NULL);
		classes[klass].weight = strtod(sql_text(row, 5), NULL);
	}
	sql_end(&session);
}

/*
 * Leaves one worker at least that is not reserved.  There may be fewer of them
 * than when that was checked: then the lowest class loses its own first.
 */
static void
classes_cut(Scheduler *scheduler, ClassConfig *classes)
{
	int			sum = 0;
	int			excess;

	for (int klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		sum += classes[klass].reserved;
	excess = sum - (weir_max_workers - 1);
	if (excess > 0 && !scheduler->reserved_cut)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("classes have more workers reserved than there are to spare"),
				 errdetail("%d are reserved, of %d one must be left for all.",
						   sum, weir_max_workers),
				 errhint("Raise \"%s\" and restart the server, or call weir.set_class().",
						 "weir.max_workers")));
	scheduler->reserved_cut = excess > 0;
	for (int klass = POLICY_NUM_CLASSES - 1; klass >= 0 && excess > 0; klass--)
	{
		int			cut = Min(excess, classes[klass].reserved);

		classes[klass].reserved -= cut;
		excess -= cut;
	}
}

/*
 * Tells the policy of the classes.  Caller is in a step.
 */
void
classes_configure(Scheduler *scheduler)
{
	ClassConfig classes[POLICY_NUM_CLASSES];

	classes_read(classes);
	classes_cut(scheduler, classes);
	for (int klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		policy_set_class(scheduler->policy, (PolicyClass) klass,
						 classes[klass].reserved, classes[klass].max_share,
						 classes[klass].floor_share, classes[klass].weight);
		pg_atomic_write_u32(&scheduler->database->classes[klass].reserved,
							classes[klass].reserved);
	}
}

/*
 * Shows what each class has.
 */
void
classes_publish(Scheduler *scheduler)
{
	for (int klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		ClassSlot  *slot = &scheduler->database->classes[klass];
		PolicyClassUse use;

		policy_class_use(scheduler->policy, (PolicyClass) klass, &use);
		pg_atomic_write_u32(&slot->running, use.running);
		pg_atomic_write_u32(&slot->starts, use.starts);
		pg_atomic_write_u32(&slot->of_starts, use.of_starts);
		pg_atomic_write_u32(&slot->lent, use.lent);
	}
}
