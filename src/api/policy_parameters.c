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
	{"retry_permanent", true, false, 0, "true or false"}
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
 * Checks a policy object: known names, values of the right kind, in range.
 */
void
policy_parameters_check(Jsonb *policy)
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
		parameter = policy_parameter(name);
		if (parameter == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("policy parameter \"%s\" does not exist", name),
					 errhint("Parameters are max_attempts, backoff_base, backoff_cap, max_contention and retry_permanent.")));
		if (!policy_value_fits(parameter, &value))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("policy parameter \"%s\" must be %s",
							name, parameter->wanted)));
	}
}
