/*-------------------------------------------------------------------------
 *
 * params.c
 *	  Binding a task's JSON arguments to the parameters of a statement.
 *
 * The parser has inferred the types; each value goes through the input
 * function of its type, as a text parameter of the extended protocol does.
 * A JSON array for an array type becomes an array; any other container is
 * passed as JSON text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "run/params.h"

#define IS_JSON(type)	((type) == JSONOID || (type) == JSONBOID)

static char *value_text(JsonbValue *value, Oid element_type);

/*
 * The value as JSON, strings quoted.
 */
static char *
json_text(JsonbValue *value)
{
	Jsonb	   *json = JsonbValueToJsonb(value);

	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

/*
 * Appends an element of an array literal, quoted.
 */
static void
append_element(StringInfo literal, JsonbValue *value, Oid element_type)
{
	char	   *c;

	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
	{
		/* a nested array is a further dimension, and stays unquoted */
		appendStringInfoString(literal, value_text(value, element_type));
		return;
	}
	if (value->type == jbvNull)
	{
		appendStringInfoString(literal, "NULL");
		return;
	}
	c = IS_JSON(element_type) ? json_text(value) :
		value_text(value, InvalidOid);
	appendStringInfoChar(literal, '"');
	for (; *c; c++)
	{
		if (*c == '"' || *c == '\\')
			appendStringInfoChar(literal, '\\');
		appendStringInfoChar(literal, *c);
	}
	appendStringInfoChar(literal, '"');
}

/*
 * The array literal of a JSON array.
 */
static char *
array_text(JsonbContainer *container, Oid element_type)
{
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue	value;
	StringInfoData literal;

	initStringInfo(&literal);
	appendStringInfoChar(&literal, '{');
	(void) JsonbIteratorNext(&iterator, &value, true);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_ELEM)
	{
		if (literal.len > 1)
			appendStringInfoChar(&literal, ',');
		append_element(&literal, &value, element_type);
	}
	appendStringInfoChar(&literal, '}');
	return literal.data;
}

/*
 * The text of a JSON value for an input function; NULL for null.
 * element_type is valid when an array is wanted.
 */
static char *
value_text(JsonbValue *value, Oid element_type)
{
	switch (value->type)
	{
		case jbvNull:
			return NULL;
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		case jbvBinary:
			if (OidIsValid(element_type) &&
				JsonContainerIsArray(value->val.binary.data))
				return array_text(value->val.binary.data, element_type);
			return JsonbToCString(NULL, value->val.binary.data,
								  value->val.binary.len);
		default:
			elog(ERROR, "unexpected JSON value of type %d", (int) value->type);
			return NULL;
	}
}

/*
 * The text of a value for a parameter of that type.  JSON types get the JSON
 * itself, strings quoted; others get the value.
 */
static char *
param_text(JsonbValue *value, Oid type)
{
	if (IS_JSON(type) && value->type != jbvNull)
		return json_text(value);
	return value_text(value, get_element_type(type));
}

/*
 * Makes a value of that type of a JSON value, by its input function.
 */
Datum
params_value(JsonbValue *value, Oid type, bool *isnull)
{
	char	   *text = param_text(value, type);
	Oid			input;
	Oid			ioparam;

	*isnull = text == NULL;

	getTypeInputInfo(type, &input, &ioparam);
	return OidInputFunctionCall(input, text, ioparam, -1);
}

/*
 * Makes the parameter list of a statement; NULL if it takes none.
 */
ParamListInfo
params_bind(Jsonb *args, const Oid *types, int ntypes)
{
	ParamListInfo params;

	if (ntypes == 0)
		return NULL;
	params = makeParamList(ntypes);
	for (int i = 0; i < ntypes; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(&args->root, i);
		ParamExternData *param = &params->params[i];

		param->ptype = types[i];
		param->pflags = PARAM_FLAG_CONST;
		/* a parameter that this statement of the script does not use */
		if (!OidIsValid(types[i]))
			param->isnull = true;
		else
			param->value = params_value(value, types[i], &param->isnull);
	}
	return params;
}

/*
 * The i-th argument, from 0, as text.
 */
char *
params_text(const Jsonb *args, int i)
{
	JsonbValue *value = getIthJsonbValueFromContainer(unconstify(JsonbContainer *, &args->root), i);
	char	   *text = value_text(value, InvalidOid);

	return text ? text : pstrdup("null");
}
