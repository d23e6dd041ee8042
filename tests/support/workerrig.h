/* tests/support/workerrig.h: a whole worker without a VM: its real loop, journal, pools, machines, slots (in
 * namespaces: root is needed) and orders, on a clock that stands until it is moved. Of the rest only the VMM is played:
 * a driver whose processes are rows of a table that outlive the worker, as real ones do, and whose guests answer the
 * agent's lines. A test says which call fails, hangs or kills its VM. A crash leaves the old worker where it is and
 * begins a new one on the same folder: what was not in the journal is gone. What goes wrong in here fails the test. */
#ifndef DM_TESTS_SUPPORT_WORKERRIG_H
#define DM_TESTS_SUPPORT_WORKERRIG_H

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/wire/attest.h"
#include "base/wire/frame.h"

#include "tests/unit/test.h"
#include "workers/host/orders.h"
#include "workers/host/parts.h"

enum {
    RIG_PROCS = 64,
    RIG_SLOTS = 3,
    RIG_ORDERS = 32,
    RIG_PERIOD = 60,
    RIG_GRAVES = 256,
    RIG_SPINS = 60000,
    RIG_THREADS = 2
};

#define RIG_T0 1772359200ll /* 2026-03-01T10:00:00Z, where a period begins */

/* What nobody but a guest may read. */
#define RIG_TOKEN "ea1-rigs-planted-token"
#define RIG_ENV "sk-rigs-planted-value"

typedef enum rig_call { CALL_SPAWN, CALL_ADOPT, CALL_LOAD, CALL_RUN, CALL_STOP, CALL_SAVE, CALLS } rig_call;

/* A VMM's process with its guest. */
typedef struct rig_proc {
    bool alive, running;
    dm_vm *vm; /* the worker's hold on it, or NULL */
    char run_dir[PATH_MAX];
    int guest; /* the guest's end of the agent's channel, or -1 */
    dm_watch *hear;
    char line[4096];
    size_t n;
} rig_proc;

typedef struct rig rig;

struct dm_vm {
    rig *r;
    rig_proc *proc;
    dm_timer *later;
    dm_vm_done_fn done;
    dm_vm_event_fn on_event;
    void *done_arg, *event_arg;
    rig_call call;
    int result;
};

typedef struct rig_order {
    dm_req *req;
    int r;         /* DM_HTTP_LATER while it waits */
    unsigned n;    /* the sandbox that it starts, or 0, */
    int epoch;     /* in that epoch, */
    dm_req *claim; /* and the word that it was given to somebody, once the start is answered */
} rig_order;

struct rig {
    dm_host h; /* h.env finds the rig */
    dm_worker_config conf;
    dm_clock_fake clock;
    dm_worker *w;
    dm_orders ctx;
    dm_http_config http;
    char dir[64], data[96], images[96], templates[96], live[96], prefix[8], base[16];
    rig_proc procs[RIG_PROCS];
    unsigned calls[CALLS];
    int fails[CALLS];  /* the next of these fails with this code */
    bool dies[CALLS];  /* the VM is gone in the next of these */
    bool hangs[CALLS]; /* these do not answer until rig_let */
    bool cold;         /* of the host that is booted next: restored guests need to be warmed */
    bool lingers;      /* VMMs that are killed take until rig_bury_vmms to be gone; one pipe for all */
    int grave[2];
    bool deaf;      /* guests do not answer */
    bool confused;  /* guests answer that they cannot */
    bool unclaimed; /* what is started is given to nobody; else it is claimed as soon as the start is answered */
    unsigned resumed, quiesced;
    unsigned stats;  /* guests were asked for their figures so often, also deaf ones */
    char told[4096]; /* the last resume line */
    rig_order orders[RIG_ORDERS];
    size_t norders;
    bool frozen;
    int thaw;
};

/* --- the VMM: workervmm.c ----------------------------------------------------------------------------------- */

extern const dm_vmm_driver rig_vmm;
void rig_proc_die(rig_proc *p);
/* It ends of itself, while nothing is asked of it. */
void rig_vm_ended(rig_proc *p, dm_vm_event how);
/* From here on VMMs that are killed stay a while; and all that stayed are gone. */
void rig_linger(rig *r);
void rig_bury_vmms(rig *r);

/* --- turning, asking: workerrig.c --------------------------------------------------------------------------- */

/* Once around the loop, half a millisecond at most. */
void rig_turn(rig *r);

/* Turns until it is so; never for ever. */
#define rig_until(r, condition)                                                                                        \
    do {                                                                                                               \
        int spins_ = 0;                                                                                                \
        while (!(condition)) {                                                                                         \
            if (spins_++ == RIG_SPINS)                                                                                 \
                fail_msg("it never came: %s", #condition);                                                             \
            rig_turn(r);                                                                                               \
        }                                                                                                              \
    } while (0)

/* Until nothing waits for the executor or the journal. */
void rig_settle(rig *r);
/* Second by second, so that nothing is framed in a lump. */
void rig_seconds(rig *r, int n);
/* Machines that nobody has yet. */
uint32_t rig_ready(const rig *r);
/* What hangs may answer. */
void rig_let(rig *r, rig_call call);

typedef struct admitting {
    int64_t timeout_s;
    bool pause_on_timeout, offline;
    int spec;    /* 0: 1 vCPU, 256 MiB */
    int project; /* 0: 5 */
    int lease_s; /* what it brings of its project's lease */
    int idle_s;
    const char *image, *previous;
    const char *checkpoint; /* it starts from that */
} admitting;

/* Sandboxes are numbers from 1; texts that are returned last for the next three calls. */
dm_sandbox_id box_id(unsigned n);
const char *box_name(unsigned n);
dm_box *box(rig *r, unsigned n);
rig_order *rig_ask(rig *r, const char *method, const char *path, const char *body);
bool told(const rig_order *o);
rig_order *rig_admit(rig *r, const char *verb, unsigned n, int epoch, admitting a);
rig_order *rig_start(rig *r, unsigned n, int epoch);
rig_order *rig_resume(rig *r, unsigned n, int epoch);
rig_order *rig_stop(rig *r, const char *verb, unsigned n, int epoch, const char *cause);
rig_order *rig_pause(rig *r, unsigned n, int epoch);
rig_order *rig_kill(rig *r, unsigned n, int epoch);
rig_order *rig_claim(rig *r, unsigned n, int epoch);
/* A checkpoint of it. */
rig_order *rig_copy(rig *r, unsigned n, int epoch, const char *name, bool kept);
/* A folder of the store of that name. */
bool has_checkpoint(const rig *r, const char *name);
/* When it is answered; and of a start, when it is claimed. */
int status_of(rig *r, rig_order *o);
bool claimed(const rig_order *o); /* the start was answered, and so was the claim */
/* A member of an answer that has come; "" when there is none. */
const char *said(const rig_order *o, const char *member);
/* The door's file of this epoch. */
bool live(const rig *r, unsigned n, int epoch);
bool has_image(const rig *r, unsigned n, int epoch);
unsigned procs_alive(const rig *r);

extern const uint8_t rig_frame_key[DM_KEY]; /* what the API gives it to seal frames with */
void rig_enrol(rig *r);
void rig_file(const char *dir, const char *name, const char *text);
void rig_template(rig *r, const char *name);
/* Names and addresses of its slots are this process's own, so that programs, and checkouts, may run side by side. */
void rig_open(rig *r);
void rig_forget(rig *r); /* the orders that were answered */
/* From here on nothing reaches the disk: what is added to the journal is lost by a crash. */
void rig_freeze(rig *r);
void rig_thaw(rig *r);
/* Frozen, if it is not; then the next worker begins on the folder. */
void rig_crash(rig *r);
void rig_close(rig *r);

/* Slots are namespaces. */
#define NEED_ROOT()                                                                                                    \
    do {                                                                                                               \
        if (getuid() != 0)                                                                                             \
            skip();                                                                                                    \
    } while (0)

/* A worker that is enrolled and at rest, and its end; for cmocka. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* Started, answered, and claimed. */
void run(rig *r, unsigned n, int epoch);
const char *state_of(rig *r, unsigned n);

/* --- evidence: workerproof.c -------------------------------------------------------------------------------- */

enum { EV_SECONDS = 600, EV_KEYS = 8 };

/* What the journal can prove, as the meter would read it: seconds from RIG_T0 on. */
typedef struct evidence {
    size_t nkeys;
    struct {
        dm_sandbox_id id;
        uint32_t epoch;
        uint8_t framed[EV_SECONDS], sworn[EV_SECONDS];
        bool attested[EV_SECONDS / RIG_PERIOD];
        dm_cause cause;
    } key[EV_KEYS];
    uint8_t seconds[EV_SECONDS]; /* how many frames there are of it */
    bool ended[EV_SECONDS / RIG_PERIOD];
    unsigned frames, attests;
    uint64_t boot, frame;
    int64_t second;
} evidence;

/* Everything, from the oldest segment on; what is sworn must be what was framed. */
void ev_read(rig *r, evidence *e);
unsigned ev_count(const evidence *e, unsigned n, uint32_t epoch, uint8_t state);
dm_cause ev_cause(const evidence *e, unsigned n, uint32_t epoch);
/* Events the API has not taken: "asleep 1 paused, ended 2 killed". */
const char *events_of(const rig *r, unsigned n);
/* The evidence up to now, when whatever waits for a minute's end is in it. */
evidence *proof(rig *r);

#endif
