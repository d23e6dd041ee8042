/* tenants/who/name.h: the names that people give to keys, projects and the like. Pure. */
#ifndef DM_TENANTS_WHO_NAME_H
#define DM_TENANTS_WHO_NAME_H

#include "base/str.h"

/* 1 to DM_NAME_MAX characters of UTF-8, none of which is a control or turns the line's direction round. */
bool dm_name_ok(dm_str name);
/* The same of a name that may have so many characters. */
bool dm_name_fits(dm_str name, size_t most);

/* At most DM_ADDRESS_LINES_MAX lines, each such a name; each but the last with its end. Empty: none. */
bool dm_address_ok(dm_str address);

/* A project's name in paths, and before a slash in those of its templates: DM_SLUG_MIN to DM_SLUG_MAX of a-z, 0-9 and
 * -, a letter or digit first and last, and no UUID, for a project is also found by that. */
bool dm_slug_ok(dm_str slug);

enum { DM_SLUG_TEXT = 65 };
/* What of a name can stand in a slug, "project" where nothing can: at most 40 characters, so that a mark fits behind.
 */
void dm_slug_of(dm_str name, char out[DM_SLUG_TEXT]);

#endif
