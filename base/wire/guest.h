/* base/wire/guest.h: the control channel between a worker and the agent in a microVM, over a virtio-serial port. Each
 * side distrusts the other.
 *
 * A message is one JSON object on a line of at most DM_GUEST_LINE_MAX bytes. The host asks {"op":..,"seq":n,...}; the
 * guest answers {"seq":n,"ok":true,...} or {"seq":n,"ok":false,"error":"words"}, one at a time, in order. A snapshot
 * keeps the guest's half of the stream, so the host begins each attachment (after boot, restore, adoption) with an
 * empty line and then {"op":"sync","nonce":N}; the guest drops whatever it had half read at any newline that does not
 * end a whole object, and answers {"op":"sync","nonce":N}; the host drops everything before that line.
 *
 *   op       members                                      the guest
 *   sync     nonce                                        see above
 *   warm     rounds                                       a resume is rehearsed; then accept, read, fork, exec, pipe
 *                                                         are walked so often; leaves no state behind
 *   resume   see dm_guest_resume                          becomes this sandbox; once per generation, repeats are no-ops
 *   quiesce  -                                            closes accepted connections: no peer waits for a sleeper
 *   stats    -                                            load, memory, disk: shown, never billed
 *   port     port                                         "listening": whether a program listens on it; "forward": when
 *                                                         that is on the loopback address only, another port, on the
 *                                                         outer address, that leads there
 *   poweroff -                                            ends the machine
 *
 * Unasked lines from the guest have "event": "ready" (after boot, agent version and kernel release), "log" (a line for
 * the sandbox's log: level, message), "oom" (the kernel killed a process for memory: pid, comm), "shutdown". */
#ifndef DM_BASE_WIRE_GUEST_H
#define DM_BASE_WIRE_GUEST_H

#include "base/json.h"
#include "base/wire/limits.h"

enum { DM_GUEST_SEED = 64, DM_GUEST_PORT = 49983, DM_GUEST_NONCE = 32 };

#define DM_GUEST_SERIAL_NAME "dormouse.agent"
#define DM_AGENT_VERSION "0.6.13" /* what E2B's clients compare; our own version is the program's */

/* What a sandbox is told when it becomes itself: at create, at wake, as a fork. Strings are malloc'd by decode,
 * borrowed by encode. */
typedef struct dm_guest_resume {
    int64_t generation; /* the sandbox's epoch */
    int64_t wall_us;    /* host time at sending */
    char *seed;         /* DM_GUEST_SEED bytes in hex: RNDADDENTROPY, then RNDRESEEDCRNG */
    char *sandbox;      /* written id */
    char *template_id;
    char *hostname;
    char *token;   /* what X-Access-Token must be; "" : not secured */
    char *user;    /* default user */
    char *workdir; /* default directory; "": the user's home */
    json_t *env;   /* string map */
    bool fresh;    /* a new sandbox: take over env, token, hostname. Else they are what memory holds; only clock,
                      seed and connections change */
} dm_guest_resume;

int dm_guest_resume_write(dm_jw *w, const dm_guest_resume *m, uint64_t seq); /* the whole object */
int dm_guest_resume_read(const json_t *obj, dm_guest_resume *out, dm_err *err) DM_NODISCARD;
void dm_guest_resume_done(dm_guest_resume *m);

#endif
