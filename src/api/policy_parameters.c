/*-------------------------------------------------------------------------
 *
 * policy_parameters.c
 *	  Checking the parameters in a policy object.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "api/policy_parameters.h"
#include "ledger/budget_config.h"

/* What a policy object may name, and what its value must be */
typedef struct PolicyParameter
{
	const char *name;
	bool		boolean;
	bool		whole;			/* no fractions of a number */
	double		min;
	const char *wanted;
} PolicyParameter;

static const PolicyParameter policy_parameters[] = {
	{"max_attempts", false, true, 1, "a whole number between 1 and 1000000000"},
	{"backoff_base", false, false, 0, "a number between 0 and 1000000000"},
	{"backoff_cap", false, false, 0, "a number between 0 and 1000000000"},
	{"max_contention", false, true, 0, "a whole number between 0 and 1000000000"},
	{"retry_permanent", true, false, 0, "true or false"},
	{"estimate", false, false, 0, "a number between 0 and 1000000000"},
	{"ramp_up", false, false, 0, "a number between 0 and 1000000000"}
};

static const PolicyParameter *
policy_parameter(const char *name)
{
	for (int i = 0; i < lengthof(policy_parameters); i++)
	{
		if (strcmp(name, policy_parameters[i].name) == 0)
			return &policy_parameters[i];
	}
	return NULL;
}

static bool
policy_value_fits(const PolicyParameter *parameter, const JsonbValue *value)
{
	double		number;

	if (parameter->boolean || value->type != jbvNumeric)
		return parameter->boolean && value->type == jbvBool;
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												NumericGetDatum(value->val.numeric)));
	return number >= parameter->min && number <= 1e9 &&
		(!parameter->whole || number == rint(number));
}

/*
 * Checks the retry budget of a queue.  A task has none.
 */
static void
policy_budget_check(const JsonbValue *value, bool of_queue)
{
	BudgetRule	rule;

	if (!of_queue)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("policy parameter \"%s\" is for queues only",
						BUDGET_PARAMETER),
				 errhint("Set it with weir.alter_queue(), or for a named resource with weir.cap_resource().")));
	budget_config_parse(value, &rule);
}

/*
 * Which queue a queue may feed is checked by feeds.c.  A task feeds none, nor
 * has it a ramp.
 */
static void
policy_queue_only(const char *name, bool of_queue)
{
	if (!of_queue)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("policy parameter \"%s\" is for queues only", name),
				 errhint("Set it with weir.alter_queue().")));
}

/*
 * Checks a policy object: known names, values of the right kind, in range.
 */
void
policy_parameters_check(Jsonb *policy, bool of_queue)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	if (policy == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(policy))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("policy must be a JSON object")));
	iterator = JsonbIteratorInit(&policy->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		char	   *name;
		const PolicyParameter *parameter;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(key.val.string.val, key.val.string.len);
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (strcmp(name, BUDGET_PARAMETER) == 0)
		{
			policy_budget_check(&value, of_queue);
			continue;
		}
		if (strcmp(name, "feeds") == 0)
		{
			policy_queue_only(name, of_queue);
			continue;
		}
		if (strcmp(name, "ramp_up") == 0)
			policy_queue_only(name, of_queue);
		parameter = policy_parameter(name);
		if (parameter == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("policy parameter \"%s\" does not exist", name),
					 errhint("Parameters are max_attempts, backoff_base, backoff_cap, max_contention, retry_permanent, estimate and, of a queue, retry_budget, feeds and ramp_up.")));
		if (!policy_value_fits(parameter, &value))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("policy parameter \"%s\" must be %s",
							name, parameter->wanted)));
	}
}
