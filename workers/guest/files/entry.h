/* workers/guest/files/entry.h: what filesystem.Filesystem says about a file. */
#ifndef DM_WORKERS_GUEST_FILES_ENTRY_H
#define DM_WORKERS_GUEST_FILES_ENTRY_H

#include <sys/stat.h>

#include "workers/guest/rpc/message.h"
#include "workers/guest/who/user.h"

enum { DM_PERMISSIONS = 24 };

/* The ten or more characters of a mode: leading letters for type and special bits, then nine. */
void dm_entry_permissions(mode_t mode, char out[DM_PERMISSIONS]);

/* The file at path, links described as links with their target's type and mode. dm_users_refresh is the caller's to
 * have called. Strings live in memory; DM_E_NOTFOUND when there is no such file, else DM_E_IO with the errno. */
int dm_entry_read(dm_users *users, const char *path, dm_message *memory, dm_m_entry *out, dm_err *err) DM_NODISCARD;

#endif
