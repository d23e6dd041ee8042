/* workers/host/dead.h: records that the broker refused for good. Each is a file, so that an operator finds it, looks at
 * what it is, and may give it to the meter by hand; the journal lets go of it as of any other.
 *
 *     DATA/dead-letters/SEGMENT-DIGEST.frame    the segment it was in, and the SHA-256 of it, half of it in hex
 *     DATA/dead-letters/SEGMENT-DIGEST.attest   what it is: the whole record
 *
 * The same record has the same name, however often it is refused and wherever it stands by then: a damaged segment that
 * is written anew moves what is behind the damage. No letter is written over a file. The folder is bounded: what does
 * not fit is not written, and its evidence stays where it is. Belongs to the loop; the writing runs on the executor. */
#ifndef DM_WORKERS_HOST_DEAD_H
#define DM_WORKERS_HOST_DEAD_H

#include "workers/host/evidence/journal.h"
#include "workers/host/machine/host.h"

/* r is 0 when the file is durable; DM_E_LIMIT: the folder is full; DM_E_EXISTS: something else has its name. name is
 * the file's, without its folder. */
typedef void (*dm_dead_done_fn)(void *arg, int r, const char *name, const dm_err *err);

typedef struct dm_dead dm_dead;

/* Writes a copy of the record, of this segment; done runs on the loop, unless dm_dead_forget came first. */
int dm_dead_write(dm_host *h, uint64_t segment, dm_record type, dm_str record, dm_dead_done_fn done, void *arg,
        dm_dead **out, dm_err *err) DM_NODISCARD;
void dm_dead_forget(dm_dead *d); /* nobody wants to know any more; NULL is fine */

#endif
