/* tenants/who/name.h: the names that people give to keys, projects and the like. */
#ifndef DM_TENANTS_WHO_NAME_H
#define DM_TENANTS_WHO_NAME_H

#include "base/str.h"

/* 1 to DM_NAME_MAX characters of UTF-8, none of which is a control or turns the line's direction round. */
bool dm_name_ok(dm_str name);

#endif
