/* workers/guest/files/files.h: the file routes. The Basic user given here has been looked up already; the username
 * parameter, when there is one, decides instead. Everything is read and written as root: the user says where a relative
 * path starts and who owns what is made. */
#ifndef DM_WORKERS_GUEST_FILES_FILES_H
#define DM_WORKERS_GUEST_FILES_FILES_H

#include "base/wire/link.h"

#include "workers/guest/http/exchange.h"
#include "workers/guest/who/guest.h"

void dm_files_get(dm_guest *g, dm_x *x, const dm_user *user);
void dm_files_post(dm_guest *g, dm_x *x, const dm_user *user);
void dm_files_compose(dm_guest *g, dm_x *x, const dm_user *user);

/* What GET and POST have in common: signature, then (after what the route checks in between) user and path. Each
 * answers the request itself when it returns false. path is resolved from the parameter, whose absence is "". */
bool dm_files_authorized(dm_guest *g, dm_x *x, dm_link_act act);
bool dm_files_user(dm_guest *g, dm_x *x, dm_user *out);

#endif
