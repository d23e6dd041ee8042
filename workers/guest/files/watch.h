/* workers/guest/files/watch.h: a directory, or a tree of them, watched for changes by an inotify instance of its own:
 * on a shared one, two watchers of the same directory would be one.
 *
 * Nothing is queued here: events wait in the kernel until read, and the kernel's own bound is the bound. A new
 * directory in a watched tree is armed when its creation is read; what came into it before that is reported from a look
 * at it. */
#ifndef DM_WORKERS_GUEST_FILES_WATCH_H
#define DM_WORKERS_GUEST_FILES_WATCH_H

#include "workers/guest/limits.h"
#include "workers/guest/rpc/message.h"
#include "workers/guest/who/guest.h"

typedef struct dm_watcher dm_watcher;

/* name is relative to the root, "." the root itself; type is a DM_EVENT_*. */
typedef void (*dm_watch_sink)(void *arg, const char *name, int32_t type);

typedef struct dm_watch_wish {
    const char *path; /* resolved */
    bool recursive, network_ok;
} dm_watch_wish;

/* DM_E_NOTFOUND; DM_E_INVALID: not a directory, or on a network mount that was not allowed. On 0 it is armed. */
int dm_watcher_new(const dm_watch_wish *wish, dm_watcher **out, dm_err *err) DM_NODISCARD;
void dm_watcher_free(dm_watcher *w);
DM_DEFINE_FREEP(dm_watcher)

/* Readable when there are events; borrowed. */
int dm_watcher_fd(const dm_watcher *w);

enum { DM_WATCHER_MORE = 1 };

/* Reads some of what waits. 0: that was all. MORE: there may be more. DM_E_LIMIT: the kernel has dropped events;
 * reading may go on after that. */
int dm_watcher_read(dm_watcher *w, dm_watch_sink sink, void *arg, dm_err *err) DM_NODISCARD;

/* The event as it is told: with the file's description when it is wanted, still there, and not a removal. */
void dm_watcher_event(const dm_watcher *w, dm_users *users, const char *name, int32_t type, bool entry,
        dm_message *memory, dm_m_fs_event *out);

#endif
