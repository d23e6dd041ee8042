/* workers/host/dead.h: records that the broker refused for good. Each is a file, so that an operator finds it, looks at
 * what it is, and may give it to the meter by hand; the journal lets go of it as of any other.
 *
 *     DATA/dead-letters/SEGMENT-OFFSET.frame    where it ends in the journal, and what it is: the whole record
 *     DATA/dead-letters/SEGMENT-OFFSET.attest
 *
 * The same record has the same name, however often it is refused. The folder is bounded: what does not fit is not
 * written, and its evidence stays where it is. Belongs to the loop; the writing runs on the executor. */
#ifndef DM_WORKERS_HOST_DEAD_H
#define DM_WORKERS_HOST_DEAD_H

#include "workers/host/evidence/journal.h"
#include "workers/host/machine/host.h"

/* r is 0 when the file is durable; DM_E_LIMIT: the folder is full. name is the file's, without its folder. */
typedef void (*dm_dead_done_fn)(void *arg, int r, const char *name, const dm_err *err);

typedef struct dm_dead dm_dead;

/* Writes a copy of the record; done runs on the loop, unless dm_dead_forget came first. */
int dm_dead_write(dm_host *h, dm_journal_pos at, dm_record type, dm_str record, dm_dead_done_fn done, void *arg,
        dm_dead **out, dm_err *err) DM_NODISCARD;
void dm_dead_forget(dm_dead *d); /* nobody wants to know any more; NULL is fine */

#endif
