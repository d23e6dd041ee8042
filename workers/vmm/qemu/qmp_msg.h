/* workers/vmm/qemu/qmp_msg.h: one line of QEMU's monitor protocol, as bytes in, values out; no I/O. */
#ifndef DM_WORKERS_VMM_QEMU_QMP_MSG_H
#define DM_WORKERS_VMM_QEMU_QMP_MSG_H

#include "base/json.h"

enum { DM_QMP_LINE_MAX = 128 * 1024 };

enum dm_qmp_kind { DM_QMP_GREETING, DM_QMP_RETURN, DM_QMP_ERROR, DM_QMP_EVENT };

typedef struct dm_qmp_msg {
    enum dm_qmp_kind kind;
    json_t *root;        /* owns what the rest points at */
    uint64_t id;         /* RETURN and ERROR; 0: it had none */
    const json_t *value; /* RETURN: its value; EVENT: data, or NULL */
    const char *word;    /* EVENT: its name; ERROR: the words */
    char version[64];    /* GREETING: "10.0.2 Debian ..." */
} dm_qmp_msg;

/* DM_E_PROTO for anything QEMU does not send. */
int dm_qmp_msg_read(dm_str line, dm_qmp_msg *out, dm_err *err) DM_NODISCARD;
void dm_qmp_msg_done(dm_qmp_msg *m);

/* {"execute":..,"arguments":..,"id":..} and a newline; arguments is JSON or empty. */
int dm_qmp_msg_write(dm_buf *b, const char *command, dm_str arguments, uint64_t id, dm_err *err) DM_NODISCARD;

#endif
