/* workers/store/store.h: the images of one folder that have names: who needs each, and when it goes. A folder that
 * several hosts share is the same to it, as long as one worker alone writes a name.
 *
 * An image goes when nobody needs it any more: it is not kept, its hold is over, and nothing stands on it. That it is
 * kept is written in it; what stands on it is counted here, and told anew at each start: so a crash leaks nothing, and
 * what it cut off is not there. Belongs to the loop; what blocks runs on the executor. */
#ifndef DM_WORKERS_STORE_STORE_H
#define DM_WORKERS_STORE_STORE_H

#include "base/exec.h"
#include "base/log.h"
#include "base/loop.h"

#include "workers/store/object.h"

enum { DM_STORE_MAX = 65536 }; /* images with a name, and those that are being made */

typedef struct dm_store dm_store;

typedef struct dm_store_config {
    const char *root; /* the folder; made where it is missing; borrowed */
    dm_loop *loop;
    dm_exec *exec;
    dm_log *log;
} dm_store_config;

/* Sweeps the folder and reads what is whole; blocking. Nothing is collected before dm_store_begin. */
int dm_store_open(const dm_store_config *config, dm_store **out, dm_err *err) DM_NODISCARD;
void dm_store_free(dm_store *s); /* nothing of it is under way; NULL is fine */
DM_DEFINE_FREEP(dm_store)
/* Everybody has said by now what he stands on. */
void dm_store_begin(dm_store *s);

/* NULL: none of that name is whole. Borrowed until the loop goes on. */
const dm_object *dm_store_find(const dm_store *s, const char *name);
/* Whether or not there is one of that name. */
int dm_store_path(const dm_store *s, const char *name, char out[PATH_MAX], dm_err *err) DM_NODISCARD;

/* --- making ------------------------------------------------------------------------------------------------- */

/* Takes the name: from here on it is being made, in the folder *dir, which its maker empties, or makes, and fills.
 * DM_E_EXISTS: one is there, or is being made. */
int dm_store_take(dm_store *s, const char *name, char dir[PATH_MAX], dm_err *err) DM_NODISCARD;
/* It does not come to be: the folder goes, and so does the name. */
void dm_store_give_up(dm_store *s, const char *name);

/* The rest of the work, on the executor. dir is the folder. */
typedef int (*dm_store_fill_fn)(void *arg, const char *dir, dm_err *err);
typedef void (*dm_store_done_fn)(void *arg, int r, const dm_err *err);

typedef struct dm_store_make {
    dm_object about; /* kind, parent, of, made_us, kept */
    bool hash;
    int64_t hold_us; /* needed for so long at least */
    dm_store_fill_fn fill;
    dm_store_done_fn done; /* on the loop; when r < 0 the name is given up */
    void *arg;
} dm_store_make;

/* Fills and seals what was taken. Fails before it has begun (DM_E_NOMEM, DM_E_LIMIT): then the name is still taken. */
int dm_store_seal(dm_store *s, const char *name, const dm_store_make *make, dm_err *err) DM_NODISCARD;

/* --- who needs it ------------------------------------------------------------------------------------------- */

/* One more (1) or one less (-1) stands on it; a name that is not here is fine. */
void dm_store_count(dm_store *s, const char *name, int by);
uint32_t dm_store_counted(const dm_store *s, const char *name);
/* Needed for so long from now on, at least. */
void dm_store_hold(dm_store *s, const char *name, int64_t us);
/* It is not kept any more; its hold is over. done (or NULL) on the loop, when that is durable. A name that is not here
 * is fine. */
int dm_store_release(dm_store *s, const char *name, dm_store_done_fn done, void *arg, dm_err *err) DM_NODISCARD;

typedef struct dm_store_sum {
    uint32_t images;
    int64_t stored_bytes, unique_bytes; /* as measured when each was made, or met at the start */
} dm_store_sum;
void dm_store_sum_up(const dm_store *s, dm_store_sum *out);
int dm_store_size(const dm_store *s, const char *name, dm_object_size *out, dm_err *err) DM_NODISCARD;

#endif
