/* workers/vmm/agent.h: the worker's end of the control channel (base/wire/guest.h). Belongs to the loop. Calls go out
 * one at a time, in order; each has a deadline. Everything the guest says is bounded and checked; a guest that breaks
 * the protocol loses the channel, and the caller hears of it. */
#ifndef DM_WORKERS_VMM_AGENT_H
#define DM_WORKERS_VMM_AGENT_H

#include "base/loop.h"
#include "base/wire/guest.h"

typedef struct dm_agent dm_agent;

/* answer is borrowed, NULL on failure. */
typedef void (*dm_agent_done_fn)(void *arg, int r, const json_t *answer, const dm_err *err);
/* An unasked line; also {"event":"lost"} once, when the channel broke. */
typedef void (*dm_agent_event_fn)(void *arg, const char *event, const json_t *line);

/* fd becomes the agent's. Begins with a sync; calls wait for it. */
int dm_agent_new(
        dm_loop *loop, int fd, dm_agent_event_fn on_event, void *arg, dm_agent **out, dm_err *err) DM_NODISCARD;
void dm_agent_free(dm_agent *a); /* pending calls are forgotten */
DM_DEFINE_FREEP(dm_agent)

/* rounds 0: it answers, and no command is run. */
int dm_agent_warm(
        dm_agent *a, unsigned rounds, unsigned timeout_ms, dm_agent_done_fn done, void *arg, dm_err *err) DM_NODISCARD;
/* seed and wall_us are filled here, at the moment of sending. */
int dm_agent_resume(dm_agent *a, const dm_guest_resume *m, unsigned timeout_ms, dm_agent_done_fn done, void *arg,
        dm_err *err) DM_NODISCARD;
int dm_agent_simple(dm_agent *a, const char *op, unsigned timeout_ms, dm_agent_done_fn done, void *arg,
        dm_err *err) DM_NODISCARD; /* quiesce, stats, poweroff */

/* Whether something listens on a port. What an answer says, the guest may have made up: it names one of its own ports.
 */
int dm_agent_port(
        dm_agent *a, uint16_t port, unsigned timeout_ms, dm_agent_done_fn done, void *arg, dm_err *err) DM_NODISCARD;
typedef struct dm_agent_port_at {
    bool listening;
    uint16_t forward; /* where instead; 0: on the port itself */
} dm_agent_port_at;
void dm_agent_port_read(const json_t *answer, dm_agent_port_at *out);

#endif
