/*-------------------------------------------------------------------------
 *
 * breaker_config.c
 *	  Circuit breakers, as they are written in the configuration.
 *
 * A JSON object; each parameter may be left out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/breaker_config.h"

#define BREAKER_MAX_TIME	(31 * USECS_PER_DAY)

/* What an object says, before it is put together */
typedef struct BreakerObject
{
	double		failure_rate_threshold;
	double		failure_count_threshold;
	double		minimum_number_of_calls;
	double		sliding_window_size;
	double		permitted_calls_in_half_open;
	double		slow_call_rate_threshold;
	double		wait_duration_in_open_state;	/* us */
	double		slow_call_duration_threshold;	/* us */
	double		ramp_up;		/* us; -1: not said */
	bool		fallback;
} BreakerObject;

/* The numbers and times, where they go, and what they may be */
typedef struct BreakerParameter
{
	const char *name;
	size_t		offset;
	bool		time;
	bool		whole;
	double		min;
	double		max;
	const char *wanted;
} BreakerParameter;

#define TIME_WANTED "an interval between a millisecond and 31 days, such as \"30 seconds\""

static const BreakerParameter breaker_parameters[] = {
	{"failure_rate_threshold", offsetof(BreakerObject, failure_rate_threshold),
	false, false, 1e-9, 100, "a number above 0, and at most 100"},
	{"failure_count_threshold", offsetof(BreakerObject, failure_count_threshold),
	false, true, 1, 1000000, "a whole number between 1 and 1000000"},
	{"minimum_number_of_calls", offsetof(BreakerObject, minimum_number_of_calls),
	false, true, 1, 1000000, "a whole number between 1 and 1000000"},
	{"sliding_window_size", offsetof(BreakerObject, sliding_window_size),
	false, true, 1, 86400, "a whole number between 1 and 86400"},
	{"permitted_calls_in_half_open", offsetof(BreakerObject, permitted_calls_in_half_open),
	false, true, 1, 1000, "a whole number between 1 and 1000"},
	{"slow_call_rate_threshold", offsetof(BreakerObject, slow_call_rate_threshold),
	false, false, 1e-9, 100, "a number above 0, and at most 100"},
	{"wait_duration_in_open_state", offsetof(BreakerObject, wait_duration_in_open_state),
	true, false, 1000, BREAKER_MAX_TIME, TIME_WANTED},
	{"slow_call_duration_threshold", offsetof(BreakerObject, slow_call_duration_threshold),
	true, false, 1000, BREAKER_MAX_TIME, TIME_WANTED},
	{"ramp_up", offsetof(BreakerObject, ramp_up),
	true, false, 0, (double) USECS_PER_DAY, "an interval of up to a day, such as \"30 seconds\""}
};

static const char *const state_names[] = {
	"closed", "open", "half_open", "forced_open", "disabled"
};

const char *
breaker_state_name(BreakerState state)
{
	return state_names[state];
}

bool
breaker_state_parse(const char *name, BreakerState *state)
{
	for (int i = 0; i < lengthof(state_names); i++)
	{
		if (strcmp(name, state_names[i]) == 0)
		{
			*state = (BreakerState) i;
			return true;
		}
	}
	return false;
}

static void
breaker_refuse(const char *name, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" of \"%s\" must be %s", name, "breaker",
					wanted)));
}

static char *
value_text(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/*
 * The number, or the time in microseconds, of a parameter; -1 if it is none.
 */
static double
parameter_value(const BreakerParameter *parameter, const JsonbValue *value)
{
	if (parameter->time && value->type == jbvString)
	{
		Interval   *interval;

		interval = DatumGetIntervalP(DirectFunctionCall3(interval_in,
														 CStringGetDatum(value_text(value)),
														 ObjectIdGetDatum(InvalidOid),
														 Int32GetDatum(-1)));
		return (double) interval->time + (double) USECS_PER_DAY *
			(interval->day + (double) DAYS_PER_MONTH * interval->month);
	}
	if (!parameter->time && value->type == jbvNumeric)
		return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												  NumericGetDatum(value->val.numeric)));
	return -1;
}

/*
 * Sets a number or a time; false if there is none of that name.
 */
static bool
set_parameter(BreakerObject *object, const char *name, const JsonbValue *value)
{
	for (int i = 0; i < lengthof(breaker_parameters); i++)
	{
		const BreakerParameter *parameter = &breaker_parameters[i];
		char	   *field = (char *) object + parameter->offset;
		double		number;

		if (strcmp(name, parameter->name) != 0)
			continue;
		number = parameter_value(parameter, value);
		if (!(number >= parameter->min && number <= parameter->max) ||
			(parameter->whole && number != rint(number)))
			breaker_refuse(name, parameter->wanted);
		memcpy(field, &number, sizeof(number));
		return true;
	}
	return false;
}

/*
 * Sets a list of SQLSTATEs, or of what they begin with.
 */
static void
set_sqlstates(const char *name, const JsonbValue *value, char (*list)[6],
			  int *n)
{
	static const char *const wanted =
	"an array of up to 16 SQLSTATEs, or classes of two characters";
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (value->type != jbvBinary ||
		!JsonContainerIsArray(value->val.binary.data))
		breaker_refuse(name, wanted);
	*n = 0;
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		char	   *text;

		if (token != WJB_ELEM)
			continue;
		if (element.type != jbvString || *n == BREAKER_MAX_SQLSTATES)
			breaker_refuse(name, wanted);
		text = value_text(&element);

		if ((strlen(text) != 2 && strlen(text) != 5) ||
			strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(text))
			breaker_refuse(name, wanted);
		strlcpy(list[(*n)++], text, 6);
	}
}

/*
 * What becomes of tasks that an open breaker would hold back.
 */
static void
set_on_open(const char *name, const JsonbValue *value, BreakerRule *rule)
{
	char	   *text = value->type == jbvString ? value_text(value) : "";

	rule->fail = strcmp(text, "fail") == 0;
	rule->fallback = strcmp(text, "fallback") == 0;
	if (!rule->fail && !rule->fallback && strcmp(text, "wait") != 0)
		breaker_refuse(name, "\"wait\", \"fail\" or \"fallback\"");
}

/*
 * One of two words; says whether it is the second.
 */
static bool
set_word(const char *name, const JsonbValue *value, const char *first,
		 const char *second)
{
	char	   *text = value->type == jbvString ? value_text(value) : "";

	if (strcmp(text, first) != 0 && strcmp(text, second) != 0)
		breaker_refuse(name, psprintf("\"%s\" or \"%s\"", first, second));
	return strcmp(text, second) == 0;
}

/*
 * Takes a parameter of the object.
 */
static void
take_parameter(BreakerObject *object, BreakerRule *rule, const char *name,
			   const JsonbValue *value)
{
	if (set_parameter(object, name, value))
		return;
	if (strcmp(name, "sliding_window_type") == 0)
		rule->time_based = set_word(name, value, "count_based", "time_based");
	else if (strcmp(name, "on_open") == 0)
		set_on_open(name, value, rule);
	else if (strcmp(name, "fallback") == 0)
		object->fallback = value->type == jbvString;
	else if (strcmp(name, "record_sqlstates") == 0)
		set_sqlstates(name, value, rule->record, &rule->nrecord);
	else if (strcmp(name, "ignore_sqlstates") == 0)
		set_sqlstates(name, value, rule->ignore, &rule->nignore);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" of \"%s\" does not exist", name,
						"breaker"),
				 errhint("Parameters are failure_rate_threshold, failure_count_threshold, minimum_number_of_calls, sliding_window_type, sliding_window_size, wait_duration_in_open_state, permitted_calls_in_half_open, slow_call_duration_threshold, slow_call_rate_threshold, record_sqlstates, ignore_sqlstates, on_open, fallback and ramp_up.")));
}

/*
 * Puts the rule together: by default five failures in ten seconds.
 */
static void
assemble(const BreakerObject *object, BreakerRule *rule)
{
	double		size = object->sliding_window_size;

	rule->failure_rate = object->failure_rate_threshold;
	rule->slow_rate = object->slow_call_rate_threshold;
	rule->slow = (int64) object->slow_call_duration_threshold;
	rule->failures = (int32) object->failure_count_threshold;
	if (rule->failures == 0 && rule->failure_rate == 0 && rule->slow_rate == 0)
		rule->failures = 5;
	if (!rule->time_based && size > BREAKER_MAX_CALLS)
		breaker_refuse("sliding_window_size",
					   "at most 1000 where the window is \"count_based\"");
	if (size == 0)
		size = rule->time_based ? 10 : 100;
	rule->window = (int64) (rule->time_based ? size * USECS_PER_SEC : size);
	rule->min_calls = object->minimum_number_of_calls > 0 ?
		(int32) object->minimum_number_of_calls : 10;
	if (!rule->time_based && rule->min_calls > size)
		rule->min_calls = (int32) size;
	rule->permitted = object->permitted_calls_in_half_open > 0 ?
		(int32) object->permitted_calls_in_half_open : 1;
	rule->wait = object->wait_duration_in_open_state > 0 ?
		(int64) object->wait_duration_in_open_state : USECS_PER_MINUTE;
	rule->ramp = (int64) object->ramp_up;
	if (rule->fallback != object->fallback)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" of \"%s\" must be a command where \"%s\" is \"%s\", and is for nothing else",
						"fallback", "breaker", "on_open", "fallback")));
	if ((rule->slow > 0) != (rule->slow_rate > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters \"%s\" and \"%s\" of \"%s\" need each other",
						"slow_call_duration_threshold",
						"slow_call_rate_threshold", "breaker")));
}

/*
 * The breaker that is meant, with an error if it is none; off for NULL.
 */
void
breaker_config_parse(Jsonb *breaker, BreakerRule *rule)
{
	BreakerObject object = {.ramp_up = -1};
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	memset(rule, 0, sizeof(BreakerRule));
	if (breaker == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(breaker))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be a JSON object", "breaker")));
	rule->on = true;
	rule->time_based = true;
	iterator = JsonbIteratorInit(&breaker->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		take_parameter(&object, rule, value_text(&key), &value);
	}
	assemble(&object, rule);
}

/*
 * The command that is executed while it is open, copied, or NULL.
 */
char *
breaker_config_fallback(Jsonb *breaker)
{
	JsonbValue *value;

	if (breaker == NULL)
		return NULL;
	value = getKeyJsonValueFromContainer(&breaker->root, "fallback",
										 strlen("fallback"), NULL);
	return value ? value_text(value) : NULL;
}
