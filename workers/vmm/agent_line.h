/* workers/vmm/agent_line.h: one line from a guest's agent, as bytes in, values out; no I/O. The guest may say anything.
 */
#ifndef DM_WORKERS_VMM_AGENT_LINE_H
#define DM_WORKERS_VMM_AGENT_LINE_H

#include "base/wire/guest.h"

enum dm_agent_line_kind { DM_AGENT_SYNC, DM_AGENT_ANSWER, DM_AGENT_EVENT };

typedef struct dm_agent_line {
    enum dm_agent_line_kind kind;
    json_t *root;      /* owns what the rest points at */
    const char *nonce; /* SYNC */
    uint64_t seq;      /* ANSWER */
    bool ok;
    char error[128];   /* ANSWER, not ok: printable */
    const char *event; /* EVENT: [a-z_]{1,32} */
} dm_agent_line;

int dm_agent_line_read(dm_str line, dm_agent_line *out, dm_err *err) DM_NODISCARD;
void dm_agent_line_done(dm_agent_line *l);

#endif
