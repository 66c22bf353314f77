/*-------------------------------------------------------------------------
 *
 * unit_rules.c
 *	  Unit tests: rank, retry, slots, watermarks.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "policy/place.h"
#include "policy/rank.h"
#include "policy/retry.h"
#include "policy/slots.h"
#include "policy/watermark.h"
#include "unit.h"

/*
 * Virtual deadlines, and times that do not overflow.
 */
void
unit_rank(void)
{
	const PolicyTime t = 1000 * HOUR;

	tap_ok(policy_rank(POLICY_CLASS_DAILY, t, t + HOUR, 0) == t + HOUR,
		   "rank: a daily task at its deadline");
	tap_ok(policy_rank(POLICY_CLASS_DAILY, t, POLICY_TIME_NEVER, 0) == t,
		   "rank: a daily task without one as it came");
	tap_ok(policy_rank(POLICY_CLASS_SYSTEM, t, POLICY_TIME_NEVER, 0) == t,
		   "rank: a system task as it came");
	tap_ok(policy_rank(POLICY_CLASS_ADHOC, t, POLICY_TIME_NEVER, 0) ==
		   t + SECOND, "rank: an adhoc task a second later");
	tap_ok(policy_rank(POLICY_CLASS_BACKFILL, t, POLICY_TIME_NEVER, 0) ==
		   t + HOUR, "rank: a backfill an hour later");
	tap_ok(policy_rank(POLICY_CLASS_BACKFILL, t, t + MINUTE, 0) == t + MINUTE,
		   "rank: a backfill with an earlier deadline at that");
	tap_ok(policy_rank(POLICY_CLASS_BACKFILL, t, t + 2 * HOUR, 0) == t + HOUR,
		   "rank: a backfill with a later deadline as without");
	tap_ok(policy_rank(POLICY_CLASS_ADHOC, t, POLICY_TIME_NEVER, -5) ==
		   t - 4 * SECOND, "rank: priority is a head start");
	tap_ok(policy_priority(INT32_MIN) == -600 &&
		   policy_priority(INT32_MAX) == 600 && policy_priority(7) == 7,
		   "rank: of ten minutes at most");
	tap_ok(policy_rank(POLICY_CLASS_BACKFILL, INT64_MAX, INT64_MAX, 600) ==
		   INT64_MAX, "rank: no overflow at the end of time");
	tap_ok(policy_rank(POLICY_CLASS_DAILY, INT64_MIN, INT64_MAX, -600) ==
		   INT64_MIN, "rank: nor at its start");
	tap_ok(policy_time_between(INT64_MIN, INT64_MAX) > 1.8e19 &&
		   policy_time_between(INT64_MAX, INT64_MIN) < -1.8e19 &&
		   policy_time_between(5, 2) == -3 &&
		   policy_time_between(-5, 2) == 7, "rank: time between any two times");
}

/*
 * Every SQLSTATE that has a rule, and neighbours that have none.
 */
static void
retry_kinds(void)
{
	static const struct
	{
		const char *sqlstate;
		RetryKind	kind;
	}			table[] = {
		{"40001", RETRY_KIND_CONTENTION}, {"40P01", RETRY_KIND_CONTENTION},
		{"55P03", RETRY_KIND_TRANSIENT}, {"57014", RETRY_KIND_TRANSIENT},
		{"53000", RETRY_KIND_TRANSIENT}, {"53100", RETRY_KIND_TRANSIENT},
		{"53200", RETRY_KIND_TRANSIENT}, {"53300", RETRY_KIND_TRANSIENT},
		{"53400", RETRY_KIND_TRANSIENT}, {"58000", RETRY_KIND_TRANSIENT},
		{"58030", RETRY_KIND_TRANSIENT}, {"58P01", RETRY_KIND_TRANSIENT},
		{"08000", RETRY_KIND_TRANSIENT}, {"08001", RETRY_KIND_TRANSIENT},
		{"08006", RETRY_KIND_TRANSIENT}, {"08P01", RETRY_KIND_TRANSIENT},
		{"57P01", RETRY_KIND_GIVE_BACK}, {"57P02", RETRY_KIND_GIVE_BACK},
		{"57P03", RETRY_KIND_GIVE_BACK}, {"22000", RETRY_KIND_PERMANENT},
		{"22012", RETRY_KIND_PERMANENT}, {"22P02", RETRY_KIND_PERMANENT},
		{"23505", RETRY_KIND_PERMANENT}, {"23P01", RETRY_KIND_PERMANENT},
		{"42601", RETRY_KIND_PERMANENT}, {"42P01", RETRY_KIND_PERMANENT},
		{"42501", RETRY_KIND_PERMANENT}, {"P0001", RETRY_KIND_PERMANENT},
		{"P0002", RETRY_KIND_OTHER}, {"40000", RETRY_KIND_OTHER},
		{"40002", RETRY_KIND_OTHER}, {"40003", RETRY_KIND_OTHER},
		{"55000", RETRY_KIND_OTHER}, {"55006", RETRY_KIND_OTHER},
		{"57000", RETRY_KIND_OTHER}, {"57P04", RETRY_KIND_OTHER},
		{"25001", RETRY_KIND_PERMANENT}, {"25006", RETRY_KIND_PERMANENT},
		{"26000", RETRY_KIND_PERMANENT}, {"2D000", RETRY_KIND_PERMANENT},
		{"25P02", RETRY_KIND_OTHER}, {"XX000", RETRY_KIND_OTHER},
		{"0A000", RETRY_KIND_PERMANENT}, {"", RETRY_KIND_OTHER},
		{"22", RETRY_KIND_OTHER}, {"220000", RETRY_KIND_OTHER},
		{NULL, RETRY_KIND_OTHER}
	};
	size_t		i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		tap_ok(retry_classify(table[i].sqlstate) == table[i].kind,
			   "retry: kind of %s", table[i].sqlstate == NULL ?
			   "no SQLSTATE" : table[i].sqlstate);
}

/*
 * Verdicts and delays.
 */
void
unit_retry(void)
{
	RetryPolicy policy = {3, 1000, 60000, 5, false};
	RetryVerdict v;

	retry_kinds();
	v = retry_decide(&policy, RETRY_KIND_TRANSIENT, 0, 0, 0.5);
	tap_ok(v.again && v.charged && v.delay_us == 500,
		   "retry: full jitter of the base");
	v = retry_decide(&policy, RETRY_KIND_OTHER, 1, 0, 0.5);
	tap_ok(v.again && v.charged && v.delay_us == 1000,
		   "retry: which doubles");
	v = retry_decide(&policy, RETRY_KIND_TRANSIENT, 2, 0, 0.5);
	tap_ok(!v.again && v.charged && v.delay_us == 0,
		   "retry: not after max_attempts");
	v = retry_decide(&policy, RETRY_KIND_PERMANENT, 0, 0, 0.5);
	tap_ok(!v.again && v.charged, "retry: not when it is of no use");
	policy.retry_permanent = true;
	v = retry_decide(&policy, RETRY_KIND_PERMANENT, 0, 0, 0.5);
	tap_ok(v.again && v.charged && v.delay_us == 500,
		   "retry: unless the queue says so");
	v = retry_decide(&policy, RETRY_KIND_GIVE_BACK, 1000, 1000, 0.5);
	tap_ok(v.again && !v.charged && v.delay_us == 0,
		   "retry: at once and uncharged after a shutdown");
	v = retry_decide(&policy, RETRY_KIND_CONTENTION, 2, 4, 0.999);
	tap_ok(v.again && !v.charged && v.delay_us < 50000,
		   "retry: soon and uncharged after contention");
	v = retry_decide(&policy, RETRY_KIND_CONTENTION, 1, 5, 0.5);
	tap_ok(v.again && v.charged && v.delay_us == 1000,
		   "retry: until there were too many");
	v = retry_decide(&policy, RETRY_KIND_CONTENTION, 2, 5, 0.5);
	tap_ok(!v.again && v.charged, "retry: then it is as any failure");
	policy.max_attempts = INT32_MAX;
	v = retry_decide(&policy, RETRY_KIND_OTHER, 999, 0, 0.5);
	tap_ok(v.again && v.delay_us == 30000, "retry: attempt 1000, up to the cap");
	policy.base_us = INT64_MAX / 2 + 1;
	policy.cap_us = INT64_MAX;
	v = retry_decide(&policy, RETRY_KIND_OTHER, INT32_MAX - 1, 0, 0.999999);
	tap_ok(!v.again, "retry: the last attempt that there is");
	v = retry_decide(&policy, RETRY_KIND_OTHER, 1000, 0, 0.9999999999999999);
	tap_ok(v.again && v.delay_us > INT64_MAX / 2,
		   "retry: no overflow of the delay");
	v = retry_decide(&policy, RETRY_KIND_OTHER, 1000, 0, 2);
	tap_ok(v.delay_us == INT64_MAX, "retry: a random number out of range");
	v = retry_decide(&policy, RETRY_KIND_OTHER, 1000, 0, NAN);
	tap_ok(v.delay_us == INT64_MAX, "retry: one that is none");
	policy.base_us = -5;
	v = retry_decide(&policy, RETRY_KIND_OTHER, 3, 0, 0.5);
	tap_ok(v.delay_us == 0, "retry: a negative base counts as none");
	policy.base_us = 1000;
	policy.cap_us = -1;
	v = retry_decide(&policy, RETRY_KIND_OTHER, 3, 0, 0.5);
	tap_ok(v.delay_us == 0, "retry: so does a negative cap");
	policy.max_attempts = 0;
	v = retry_decide(&policy, RETRY_KIND_OTHER, 0, 0, 0.5);
	tap_ok(!v.again, "retry: no attempts allowed is one");
}

/*
 * Which slots there are for whom.
 */
void
unit_slots(void)
{
	PolicyResource r = {0};

	tap_ok(policy_slots_room(&r, POLICY_CLASS_ADHOC), "slots: no cap, room");
	policy_slots_configure(&r, 3, 1);
	tap_ok(policy_slots_take(&r, POLICY_CLASS_DAILY) == 0,
		   "slots: daily takes a reserved one first");
	tap_ok(policy_slots_take(&r, POLICY_CLASS_ADHOC) == 1 &&
		   policy_slots_take(&r, POLICY_CLASS_BACKFILL) == 2 &&
		   !policy_slots_room(&r, POLICY_CLASS_DAILY), "slots: three of three");
	policy_slots_free(&r, 0);
	tap_ok(policy_slots_room(&r, POLICY_CLASS_DAILY) &&
		   !policy_slots_room(&r, POLICY_CLASS_SYSTEM),
		   "slots: the reserved one is for daily alone");
	tap_ok(policy_slots_room_alone(&r, POLICY_CLASS_SYSTEM),
		   "slots: without our tasks there is room");
	policy_slots_configure(&r, 1, 0);
	tap_ok(!policy_slots_room(&r, POLICY_CLASS_DAILY) &&
		   !policy_slots_room(&r, POLICY_CLASS_ADHOC),
		   "slots: beyond a lowered cap they count");
	policy_slots_free(&r, 1);
	policy_slots_free(&r, 2);
	r.foreign = 1;
	tap_ok(!policy_slots_room(&r, POLICY_CLASS_ADHOC) &&
		   !policy_slots_room_alone(&r, POLICY_CLASS_ADHOC),
		   "slots: those that others hold count");
	r.foreign = 0;
	r.gate_waiting = true;
	tap_ok(!policy_slots_room(&r, POLICY_CLASS_ADHOC) &&
		   policy_slots_room(&r, POLICY_CLASS_DAILY),
		   "slots: somebody at the gate goes before all but daily");
	r.gate_waiting = false;
	policy_slots_configure(&r, 1000, 1000);
	tap_ok(r.slots == POLICY_MAX_SLOTS && r.reserved == POLICY_MAX_SLOTS,
		   "slots: a cap is 64 at most");
	r.foreign = UINT64_MAX >> 1;
	tap_ok(policy_slots_take(&r, POLICY_CLASS_DAILY) == 63 &&
		   !policy_slots_room(&r, POLICY_CLASS_DAILY), "slots: the last of 64");
	policy_slots_configure(&r, -1, -1);
	tap_ok(r.slots == 0 && r.reserved == 0, "slots: and 0 at least");
	tap_ok(policy_weight(-1) == 1 && policy_weight(0) == 1 &&
		   policy_weight(NAN) == 1 && policy_weight(1e-9) == 0.001 &&
		   policy_weight(INFINITY) == 1000 && policy_weight(2.5) == 2.5,
		   "place: weights within bounds");
}

/*
 * Marks of large and small queues, and what lies between them.
 */
void
unit_watermarks(void)
{
	Watermarks	marks = watermarks_of(0.8, 0.3, 10);

	tap_ok(marks.high == 8 && marks.low == 3, "watermarks: of ten tasks");
	tap_ok(!watermarks_high(marks, false, 7) && watermarks_high(marks, false, 8),
		   "watermarks: high from the high mark on");
	tap_ok(watermarks_high(marks, true, 4) && !watermarks_high(marks, true, 3),
		   "watermarks: until the low one");
	marks = watermarks_of(0.7, 0.1, 1000000);
	tap_ok(marks.high == 700000 && marks.low == 100000,
		   "watermarks: what is not exact in binary is not one off");
	marks = watermarks_of(1, 0.9, 1);
	tap_ok(marks.high == 1 && marks.low == 0, "watermarks: of one task");
	marks = watermarks_of(0.01, 0.005, 3);
	tap_ok(marks.high == 1 && marks.low == 0, "watermarks: empty is not high");
	marks = watermarks_of(0.5, 0.49, 10);
	tap_ok(marks.high == 5 && marks.low == 4, "watermarks: low is below high");
	marks = watermarks_of(0, 0, 10);
	tap_ok(!watermarks_high(marks, false, 10) &&
		   !watermarks_high(marks, true, 10), "watermarks: none is never high");
}
