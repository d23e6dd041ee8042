/* api/life/given.h: which sandboxes are given away whose workers have not heard so yet, in a file: what this
 * process knows of them at its end, however sudden, its next life finds. Written through the page cache, never synced:
 * it outlives the process, not the machine, on which no client's answer would be worth more. A call takes
 * microseconds. Not thread-safe. */
#ifndef DM_API_LIFE_GIVEN_H
#define DM_API_LIFE_GIVEN_H

#include "base/err.h"
#include "base/own.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

typedef struct dm_given_one {
    dm_sandbox_id id;
    dm_worker_no worker;
} dm_given_one;

enum { DM_GIVEN_NONE = -1 };

typedef struct dm_given dm_given;

/* At most max at a time. DM_E_CONFLICT: another process that lives has the file. A file that is none of ours is begun
 * anew. */
int dm_given_open(const char *path, size_t max, dm_given **out, dm_err *err) DM_NODISCARD;
void dm_given_free(dm_given *g);
DM_DEFINE_FREEP(dm_given)

/* The next that an earlier life left, and its slot, which the caller drops in time; DM_GIVEN_NONE: no more. Before
 * anything is kept. */
int dm_given_left(dm_given *g, dm_given_one *out);
/* Its slot, or DM_GIVEN_NONE where there is no room, or the file cannot be written. */
int dm_given_keep(dm_given *g, const dm_given_one *one);
/* DM_GIVEN_NONE is fine. */
void dm_given_drop(dm_given *g, int slot);

#endif
