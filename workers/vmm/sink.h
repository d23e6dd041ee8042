/* workers/vmm/sink.h: where a VMM process writes its words. It is a FIFO that the process itself keeps open, so neither
 * our death (no SIGPIPE) nor our slowness (its end does not block) can hurt it; what is read goes to a log of two files
 * of bounded size. A process that writes without end loses words, not the disk. Belongs to the loop. */
#ifndef DM_WORKERS_VMM_SINK_H
#define DM_WORKERS_VMM_SINK_H

#include "base/loop.h"
#include "base/str.h"

enum { DM_SINK_FILE_MAX = 64 * 1024, DM_SINK_LAST = 200 };

typedef struct dm_sink dm_sink;

/* Makes DIR/vmm.fifo, or takes up the one that is there, and appends to DIR/vmm.log; a full log becomes DIR/vmm.log.1.
 */
int dm_sink_new(dm_loop *loop, const char *dir, dm_sink **out, dm_err *err) DM_NODISCARD;
void dm_sink_free(dm_sink *s);
DM_DEFINE_FREEP(dm_sink)

/* The end for a process's standard output and error; the sink's. */
int dm_sink_fd(const dm_sink *s);

/* Reads what is there now, and gives the last line, printable and bounded, "" when there was none. Borrowed until the
 * next call. */
const char *dm_sink_last(dm_sink *s);

#endif
