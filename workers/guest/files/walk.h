/* workers/guest/files/walk.h: trees, a slice at a time, so that a large one does not keep everybody else waiting. */
#ifndef DM_WORKERS_GUEST_FILES_WALK_H
#define DM_WORKERS_GUEST_FILES_WALK_H

#include "workers/guest/files/entry.h"
#include "workers/guest/limits.h"

enum { DM_WALK_MORE = 1, DM_WALK_SLICE = 1000 };

/* --- listing ------------------------------------------------------------------------------------------------ */

typedef struct dm_lister dm_lister;

/* Entries below root down to depth (1: its children), each directory's names in order, a directory before what is in
 * it. Links in it are not followed; root itself may be one. users is borrowed, strings of the entries live in memory.
 */
int dm_lister_new(const char *root, uint32_t depth, dm_users *users, dm_message *memory, dm_lister **out,
        dm_err *err) DM_NODISCARD;
void dm_lister_free(dm_lister *l);
DM_DEFINE_FREEP(dm_lister)
/* MORE: call again. 0: *out is the result, valid as long as l. DM_E_LIMIT: more than DM_WALK_ENTRIES_MAX. */
int dm_lister_step(dm_lister *l, dm_list *out, dm_err *err) DM_NODISCARD;

/* --- removing ----------------------------------------------------------------------------------------------- */

typedef struct dm_remover dm_remover;

/* Links are removed, not followed, also when somebody puts them there meanwhile. */
int dm_remover_new(const char *path, dm_remover **out, dm_err *err) DM_NODISCARD;
void dm_remover_free(dm_remover *r);
DM_DEFINE_FREEP(dm_remover)
/* MORE: call again. 0: gone, or never was there. */
int dm_remover_step(dm_remover *r, dm_err *err) DM_NODISCARD;

#endif
