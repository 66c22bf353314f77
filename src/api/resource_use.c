/*-------------------------------------------------------------------------
 *
 * resource_use.c
 *	  Naming a resource, and who may do so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"

#include "api/resource_use.h"
#include "shmem/named_resource.h"

bool
resource_name_is_template(const char *name)
{
	return name[0] != '\0' && name[strlen(name) - 1] == '*';
}

/*
 * May the caller change the resource, and grant its use?
 */
bool
resource_may_alter(const ResourceConfig *config)
{
	return superuser() ||
		(OidIsValid(config->owner) &&
		 has_privs_of_role(GetUserId(), config->owner));
}

/*
 * May the caller use it?
 */
static bool
resource_may_use(const ResourceConfig *config)
{
	if (resource_may_alter(config))
		return true;
	for (int i = 0; i < config->ngrants; i++)
	{
		if (!OidIsValid(config->grants[i]) ||
			has_privs_of_role(GetUserId(), config->grants[i]))
			return true;
	}
	return false;
}

/*
 * The resource of this name, which the caller is to use and the transaction
 * to keep.
 */
ResourceSlot *
resource_use(WeirDatabase *database, const char *name)
{
	const ResourceConfig *config;
	ResourceSlot *resource;

	if (resource_name_is_template(name))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("resource \"%s\" is a template", name),
				 errhint("Name one of the resources that it stands for.")));
	config = resource_config_for(name);
	if (config == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("resource \"%s\" does not exist", name),
				 errhint("See the view weir.resources, or define it with weir.cap_resource().")));
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("resource name \"%s\" is too long", name),
				 errdetail("It may have %d bytes at most.", NAMEDATALEN - 1)));
	if (!resource_may_use(config))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for resource \"%s\"",
						config->name),
				 errhint("The resource's owner can grant it with weir.grant_resource().")));
	resource = named_resource_pin(database, name, &config->limits,
								  config->template);
	if (resource == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many resources are in use"),
				 errhint("Try again later: those made after a template are forgotten when they are not used.  Or raise \"%s\" and restart the server.",
						 "weir.max_resources")));
	return resource;
}
