/*-------------------------------------------------------------------------
 *
 * budget_config.c
 *	  Retry budgets, as they are written in the configuration.
 *
 * A JSON object such as {"ratio": 0.1, "window": "10 minutes", "floor": 3}, in
 * which each may be left out; or false, for none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/budget_config.h"

#define BUDGET_MAX_RATIO	100.0
#define BUDGET_MAX_FLOOR	1000000
#define BUDGET_MIN_WINDOW	USECS_PER_SEC
#define BUDGET_MAX_WINDOW	(31 * USECS_PER_DAY)

/* What counts where nothing else is said */
static const BudgetRule budget_default = {0.1, 10 * SECS_PER_MINUTE * USECS_PER_SEC, 3};

/*
 * A value that the parameter of this name cannot have.
 */
static void
budget_refuse(const char *name, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" of \"%s\" must be %s", name,
					BUDGET_PARAMETER, wanted)));
}

/*
 * The number of a parameter, in range.
 */
static double
budget_number(const JsonbValue *value, const char *name, double min,
			  double max, const char *wanted)
{
	double		number = -1;

	if (value->type == jbvNumeric)
		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
													NumericGetDatum(value->val.numeric)));
	if (!(number >= min && number <= max))
		budget_refuse(name, wanted);
	return number;
}

/*
 * The window, us.
 */
static int64
budget_window(const JsonbValue *value)
{
	static const char *const wanted =
	"an interval between a second and 31 days, such as \"10 minutes\"";
	Interval   *interval;
	double		window;

	if (value->type != jbvString)
		budget_refuse("window", wanted);
	interval = DatumGetIntervalP(DirectFunctionCall3(interval_in,
													 CStringGetDatum(pnstrdup(value->val.string.val,
																			  value->val.string.len)),
													 ObjectIdGetDatum(InvalidOid),
													 Int32GetDatum(-1)));
	window = (double) interval->time + (double) USECS_PER_DAY *
		(interval->day + (double) DAYS_PER_MONTH * interval->month);
	if (!(window >= BUDGET_MIN_WINDOW && window <= BUDGET_MAX_WINDOW))
		budget_refuse("window", wanted);
	return (int64) window;
}

/*
 * Sets one parameter.
 */
static void
budget_parameter(const char *name, const JsonbValue *value, BudgetRule *rule)
{
	if (strcmp(name, "ratio") == 0)
		rule->ratio = budget_number(value, name, 0, BUDGET_MAX_RATIO,
									"a number between 0 and 100");
	else if (strcmp(name, "floor") == 0)
	{
		double		number = budget_number(value, name, 1, BUDGET_MAX_FLOOR,
										   "a whole number between 1 and 1000000");

		if (number != rint(number))
			budget_refuse(name, "a whole number between 1 and 1000000");
		rule->floor = (int32) number;
	}
	else if (strcmp(name, "window") == 0)
		rule->window = budget_window(value);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" of \"%s\" does not exist", name,
						BUDGET_PARAMETER),
				 errhint("Parameters are ratio, window and floor.")));
}

/*
 * The budget that is meant, with an error if it is none; the default one for
 * NULL.
 */
void
budget_config_parse(const JsonbValue *value, BudgetRule *rule)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	parameter;

	*rule = budget_default;
	if (value == NULL)
		return;
	if (value->type == jbvBool && !value->val.boolean)
	{
		rule->window = 0;
		return;
	}
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be a JSON object, or false",
						BUDGET_PARAMETER)));
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &parameter, true);
		budget_parameter(pnstrdup(key.val.string.val, key.val.string.len),
						 &parameter, rule);
	}
}

/*
 * The budget that a whole JSON value is.
 */
void
budget_config_of(Jsonb *budget, BudgetRule *rule)
{
	JsonbValue	value;

	if (budget == NULL)
		value.type = jbvNull;
	else if (!JsonbExtractScalar(&budget->root, &value))
	{
		value.type = jbvBinary;
		value.val.binary.data = &budget->root;
	}
	budget_config_parse(budget == NULL ? NULL : &value, rule);
}

/*
 * The budget that a policy object names.
 */
void
budget_config_of_policy(Jsonb *policy, BudgetRule *rule)
{
	JsonbValue	buffer;

	budget_config_parse(policy == NULL ? NULL :
						getKeyJsonValueFromContainer(&policy->root,
													 BUDGET_PARAMETER,
													 strlen(BUDGET_PARAMETER),
													 &buffer),
						rule);
}
