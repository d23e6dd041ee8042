/* workers/vmm/qemu/qmp.h: a client of QEMU's monitor protocol on the loop. Up to DM_QMP_CALLS commands may be under
 * way, each with a deadline. After a deadline the late answer is dropped by its id. */
#ifndef DM_WORKERS_VMM_QEMU_QMP_H
#define DM_WORKERS_VMM_QEMU_QMP_H

#include "base/loop.h"

#include "workers/vmm/qemu/qmp_msg.h"

enum { DM_QMP_CALLS = 8 };

typedef struct dm_qmp dm_qmp;

/* value is borrowed, NULL on failure. An error QEMU answered is DM_E_DENIED with its words. May free the dm_qmp. */
typedef void (*dm_qmp_done_fn)(void *arg, int r, const json_t *value, const dm_err *err);

typedef struct dm_qmp_config {
    /* Capabilities are agreed: commands may be sent. version is borrowed. */
    void (*on_ready)(void *arg, const char *version);
    void (*on_event)(void *arg, const char *name, const json_t *data); /* data may be NULL */
    /* Once: the channel is broken; before it every command under way has failed. May free the dm_qmp. */
    void (*on_end)(void *arg, const dm_err *why);
    void *arg;
} dm_qmp_config;

/* fd becomes the client's on 0. */
int dm_qmp_new(dm_loop *loop, int fd, const dm_qmp_config *config, dm_qmp **out, dm_err *err) DM_NODISCARD;
void dm_qmp_free(dm_qmp *q); /* commands under way are forgotten */
DM_DEFINE_FREEP(dm_qmp)

/* arguments: JSON text or empty. pass_fd: borrowed, -1: none. DM_E_LIMIT when too many are under way. */
int dm_qmp_call(dm_qmp *q, const char *command, dm_str arguments, int pass_fd, unsigned timeout_ms, dm_qmp_done_fn done,
        void *arg, dm_err *err) DM_NODISCARD;

#endif
