/* base/wire/worker.h: what the API and a worker say to each other: JSON bodies over HTTP (a unix socket on one machine,
 * mutual TLS between hosts; the bodies are the same).
 *
 *   API -> worker                                      answer
 *   POST   /v1/sandboxes              dm_wk_admit      201 dm_wk_started        start from the template's pool
 *   POST   /v1/sandboxes/{id}/pause   dm_wk_stop       200 dm_wk_stopped        answers when durable
 *   POST   /v1/sandboxes/{id}/resume  dm_wk_admit      201 dm_wk_started        epoch is one higher than the sleeper's
 *   POST   /v1/sandboxes/{id}/kill    dm_wk_stop       200 dm_wk_stopped        also of a sleeper
 *   POST   /v1/sandboxes/{id}/deadline dm_wk_deadline  200 {}
 *   GET    /v1/sandboxes/{id}?over=E                   200 dm_wk_seen            what it is now; an order to wake it in
 *                                                                               epoch E or an older one that has not
 * come yet comes too late: it is 409 GET    /v1/sandboxes/{id}/usage                    200 dm_wk_usage          latest
 * second, for the metrics route: at once, no guest is asked for it POST   /v1/claims          {"claims":[dm_wk_claim]}
 * 200 {}                  answers when durable GET    /v1/worker                                  200 state, for people
 *
 *   POST   /v1/sandboxes/{id}/copy    dm_wk_copy       200 dm_wk_copied         a checkpoint of it, from which others
 *                                                                               start; it runs, or sleeps, on
 *   POST   /v1/checkpoints/{name}/release[?unused=1]   200 dm_wk_released       nobody has its name any more: it goes
 *                                                                               when nothing stands on it
 *
 *   worker -> API
 *   POST   /v1/workers/enrol          dm_wk_enrol      200 dm_wk_enrolled       at each start of the daemon
 *   POST   /v1/workers/{no}/beat      dm_wk_beat       200 dm_wk_beat_answer    each second
 *   POST   /v1/workers/{no}/events    {"events":[dm_wk_event]}  200 {"acked":seq}   at least once, in order of seq
 *
 * Leases, which bound how long projects run, are base/wire/lease.h's.
 *
 * A started sandbox is nobody's yet: it runs, but no second of it counts. It is claimed when somebody has been given
 * it: by a claim, by any order about it but a kill with start_failed, or by traffic that reaches it. One that nobody
 * claims for DM_WK_CLAIM_S ends as start_failed and bills nothing.
 *
 * A refusal has the status of its kind and the body {"code","message","denial"?, "cause"?}. An order that names an
 * older epoch than the worker holds is 409 and does nothing. Orders are idempotent by (sandbox, epoch, verb). Times are
 * microseconds of UTC. */
#ifndef DM_BASE_WIRE_WORKER_H
#define DM_BASE_WIRE_WORKER_H

#include "base/json.h"
#include "base/wire/limits.h"

typedef struct dm_wk_admit {
    char *sandbox; /* written id */
    int64_t epoch;
    int64_t project_no;
    int64_t region_no;
    int64_t spec_table, spec; /* as billed */
    int64_t disk_mib;
    char *template_id;
    char *build_id;
    char *image;        /* name of the guest image the build is made from */
    int64_t timeout_us; /* from the moment it is handed out */
    bool pause_on_timeout;
    bool internet; /* false: nothing leaves but answers */
    char *token;   /* agent's access token; "" : not secured */
    char *user, *workdir, *hostname;
    json_t *env;      /* string map */
    char *previous;   /* hash of its last attestation in hex; "" : the first */
    int64_t idle_s;   /* it sleeps when it was idle for so long; 0: not for that */
    int64_t lease_s;  /* what its project's lease grows by when it is handed out (base/wire/lease.h); 0: no budget */
    char *checkpoint; /* of this worker, of the same spec: it starts from that, and not from its build; NULL: none */
} dm_wk_admit;

typedef struct dm_wk_started {
    int64_t epoch;
    int64_t started_us; /* the journalled transition to RUN */
    int64_t end_us;
    char *address; /* where the worker's door finds it: IPv4 of its slot */
    bool pooled;   /* it came from the pool */
} dm_wk_started;

typedef struct dm_wk_stop {
    int64_t epoch;
    char *cause;      /* a name of base/wire/cause */
    int64_t room_mib; /* of a pause: an image that takes more is refused, 429, and the sandbox runs on; 0: no bound */
} dm_wk_stop;

typedef struct dm_wk_stopped {
    int64_t epoch;
    int64_t at_us;     /* the journalled transition */
    char *state;       /* "asleep" or "ended" */
    char *cause;       /* why it ended or slept: may be another's, when that came first */
    int64_t image_mib; /* of a sleeper: what memory and disk take on its host; not what is charged */
} dm_wk_stopped;

/* By its name, so that an order that comes again makes no second one. */
typedef struct dm_wk_copy {
    int64_t epoch;
    char *name;     /* "cp-" and what nobody else calls his */
    bool kept;      /* until it is released */
    int64_t hold_s; /* else: for so long, and as long as something stands on it */
} dm_wk_copy;

typedef struct dm_wk_copied {
    char *name;
    int64_t at_us;      /* its guest stood still then */
    int64_t image_mib;  /* what it takes on its host, and */
    int64_t unique_mib; /* what of that nothing else has */
} dm_wk_copied;

/* unused: only if nothing stands on it. 409: it is being worked on. Again, and of one that is not here, is fine. */
typedef struct dm_wk_released {
    bool used; /* something does, and it stays as it was */
} dm_wk_released;

typedef struct dm_wk_deadline {
    int64_t epoch;
    int64_t end_us;
    bool pause_on_timeout;
} dm_wk_deadline;

typedef struct dm_wk_claim {
    char *sandbox;
    int64_t epoch;
} dm_wk_claim;

typedef struct dm_wk_seen {
    int64_t epoch;
    char *state;        /* "starting", "running", "pausing", "asleep", "waking" or "ended" */
    char *cause;        /* why it sleeps or ended; "" : neither */
    int64_t started_us; /* of this epoch; 0: it has not been handed out */
    int64_t end_us;     /* its deadline; 0: as above */
    char *address;      /* where the door finds it; "" : nowhere */
} dm_wk_seen;

typedef struct dm_wk_usage {
    int64_t second; /* 0: none was measured yet */
    int64_t cpu_used_us, mem_used_mib, mem_total_mib, mem_cache_mib, disk_used_mib, disk_total_mib;
} dm_wk_usage;

typedef struct dm_wk_enrol {
    char *name;       /* stable: says which worker this is */
    char *public_key; /* Ed25519, hex: attestations are verified with it */
    int64_t boot;     /* counts starts of the daemon */
    char *door;       /* name of the front's upstream block: "w1" */
    char *accel;      /* "kvm" or "tcg" */
    int64_t slots, mem_mib;
    int64_t frames; /* the version of the frames it makes; 0: it does not say, and seals none */
} dm_wk_enrol;

typedef struct dm_wk_enrolled {
    int64_t worker_no;
    int64_t region_no;
    int64_t period_s; /* accounting period; one that dm_period_s_fits */
    char *frame_key;  /* what it seals its frames with, in hex; NULL in the worker's journal, which keeps no secret */
    int64_t now_us;   /* by the database's clock; 0: it does not say (an older API, or the worker's journal) */
} dm_wk_enrolled;

typedef struct dm_wk_beat {
    int64_t boot;
    int64_t running, asleep, pooled, free_slots;
    int64_t last_frame;   /* journalled */
    bool refusing;        /* no new sandboxes: journal, memory or disk is at its bound */
    int64_t mem_free_mib; /* the sum of sizes that it still takes; workers that know no such bound do not say */
    bool has_mem_free_mib;
    char *why;         /* it refuses, in words; NULL: it does not, or does not say */
    char *version;     /* of the program; NULL: it does not say */
    int64_t frame_key; /* dm_frame_key_print of what it seals its frames with; another than the API gives: enrol again
                        */
    bool has_frame_key;
} dm_wk_beat;

typedef struct dm_wk_beat_answer {
    int64_t durable_boot; /* frames up to (durable_boot, durable_frame) are in the ledger: the journal may drop them */
    int64_t durable_frame;
    bool enrol_again; /* the API does not know this boot, or has another key for its frames */
    bool drain;       /* an operator wants it empty; a worker of an older API is not told, and stays as it is */
    bool has_drain;
    int64_t bounds; /* how often bounds of budgets have changed, in all: what is FREE is asked about anew; 0: it is not
                       said */
} dm_wk_beat_answer;

typedef struct dm_wk_event {
    int64_t seq; /* per worker, over all boots; no gap */
    char *sandbox;
    int64_t epoch;
    char *state; /* "asleep" or "ended" */
    char *cause;
    char *detail; /* words for people; may be "" */
    int64_t at_us;
    int64_t image_mib; /* of "asleep", as in dm_wk_stopped; events of older journals have none: 0 */
} dm_wk_event;

/* Each message has the same three functions: write appends the whole object, read fills (DM_E_INVALID names the field),
 * done frees what read allocated. */
#define DM_WK_MESSAGE(name)                                                                                            \
    void dm_wk_##name##_write(dm_jw *w, const dm_wk_##name *m);                                                        \
    int dm_wk_##name##_read(const json_t *obj, dm_wk_##name *out, dm_err *err) DM_NODISCARD;                           \
    void dm_wk_##name##_done(dm_wk_##name *m);

DM_WK_MESSAGE(admit)
DM_WK_MESSAGE(started)
DM_WK_MESSAGE(stop)
DM_WK_MESSAGE(stopped)
DM_WK_MESSAGE(copy)
DM_WK_MESSAGE(copied)
DM_WK_MESSAGE(released)
DM_WK_MESSAGE(deadline)
DM_WK_MESSAGE(claim)
DM_WK_MESSAGE(seen)
DM_WK_MESSAGE(usage)
DM_WK_MESSAGE(enrol)
DM_WK_MESSAGE(enrolled)
DM_WK_MESSAGE(beat)
DM_WK_MESSAGE(beat_answer)
DM_WK_MESSAGE(event)

#endif
