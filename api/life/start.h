/* api/life/start.h: making a sandbox, for whichever mouth was asked. Blocks for as long as the worker needs: on a
 * thread of the orders' pool (later.h).
 *
 * One transaction takes quota and writes the row as `starting`; then the worker is asked; then another transaction
 * writes what came of it. What is returned is what is true: after a refusal nothing is left behind, and where nobody
 * knows what the worker did, it is told to undo it before this returns.
 *
 * The first transaction does not wait for the disk, for it is nobody's promise yet, and all creates of an account meet
 * in its rows of quota; the second does, and the log is written in order. If the database dies in between, the row is
 * as if it had never been: the second transaction fails, and the worker is told to undo it.
 *
 * On its worker the sandbox is nobody's until it is claimed, and no second of it counts (claims.h): so whatever dies
 * here, and whenever, nobody is billed for what he was not given. What is left in the middle: a row that waits, which
 * the sweep takes back as soon as the instance that ordered it is gone (sweep.h), and a box that nobody claims, which
 * ends by itself and says so. */
#ifndef DM_API_LIFE_START_H
#define DM_API_LIFE_START_H

#include "api/kit/api.h"
#include "api/life/dispatch.h"
#include "tenants/plan/budget.h"
#include "tenants/sandbox/idem.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/sandbox/snapshot.h"
#include "tenants/sandbox/template.h"

typedef struct dm_start_args {
    dm_str template;                  /* [namespace/]alias[:tag] or an id; also of a snapshot */
    int64_t vcpus, mem_mib, disk_mib; /* 0: the template's */
    int64_t timeout_s;                /* within the caller's limits: the mouth has looked */
    int64_t idle_s;                   /* 0: it does not sleep when idle */
    bool secure, pause_on_timeout, auto_resume;
    int allow_internet;                   /* as dm_sandbox has it */
    const char *metadata, *network, *env; /* JSON objects; network as dm_network_ask keeps it */
    const dm_sandbox *parent; /* it starts from this checkpoint of that sandbox, on its worker; NULL: from a template */
    const char *checkpoint;
    dm_str idem_key;               /* .p NULL: none */
    dm_str idem_body;              /* what the key is bound to */
    bool (*gone)(const void *arg); /* whoever asks has gone, so that nothing is made for nobody; NULL: never */
    const void *gone_arg;
} dm_start_args;

enum {
    DM_START_AGAIN = 1, /* the same key and body came before: the sandbox is what that request made */
    DM_START_NO_TEMPLATE,
    DM_START_NO_TAG,
    DM_START_PRIVATE,
    DM_START_NOT_READY,
    DM_START_SPEC_TOO_LARGE,
    DM_START_OVER_LIMIT,     /* limit, of a size */
    DM_START_DISK_TOO_LARGE, /* than the template's, which is not offered */
    DM_START_SNAPSHOT_SIZE,  /* what begins from a snapshot has that one's size, and another was asked for */
    DM_START_NO_WORKER,
    DM_START_OVER_QUOTA, /* over */
    DM_START_BUDGET,     /* short: what its first seconds would take is not there any more */
    DM_START_ASLEEP,     /* it is to sleep at its timeout, and there is no room for another sleeper; over */
    DM_START_IDEM_RUNNING,
    DM_START_IDEM_MISMATCH,
    DM_START_IDEM_UNKNOWN,
    DM_START_REFUSED, /* by the worker: no */
    DM_START_AWAY,    /* no worker could be reached */
    DM_START_SLOW,    /* no worker answered in time */
    DM_START_GONE,    /* nobody waits for it any more: nothing was begun, or it was taken back */
    DM_START_UNKEPT,  /* it was made and could not be written down: it was taken back, or ends by itself */
};

typedef enum dm_start_limit { DM_START_VCPUS, DM_START_MEM, DM_START_DISK } dm_start_limit;

typedef struct dm_start {
    dm_sandbox sandbox; /* the row; its strings point into args and into what follows */
    dm_template_name name;
    dm_template template;
    dm_snapshot_one snapshot; /* that it begins from; no rows: none */
    dm_start_limit limit;
    int64_t limit_max, limit_wanted;
    dm_quota_over over;
    dm_budget_short short_;
    dm_dispatch_no no;
    dm_sandbox_one again; /* what sandbox points into, of DM_START_AGAIN */
    dm_buf token_sealed, env_sealed;
} dm_start;

/* err says why of AWAY, SLOW and UNKEPT. out: zeroed by the caller, and dm_start_done afterwards, whatever this
 * returned. */
int dm_start_one(
        dm_api *api, const dm_caller *caller, const dm_start_args *args, dm_start *out, dm_err *err) DM_NODISCARD;

/* The same in two: its row and its quota, then its order; for who has something to make in between. 0: *k is for one of
 * the next two, which free it, and args and out stay until then. */
typedef struct dm_starting dm_starting;
int dm_start_begin(dm_api *api, const dm_caller *caller, const dm_start_args *args, dm_start *out, dm_starting **k,
        dm_err *err) DM_NODISCARD;
int dm_start_go(dm_starting *k, dm_err *err) DM_NODISCARD;
/* It is not ordered: it ends as a start that failed, for this reason. DM_START_REFUSED, with these words as the
 * worker's. */
int dm_start_undo(dm_starting *k, const char *words, dm_err *err) DM_NODISCARD;

void dm_start_done(dm_start *s);
#define DM_AUTO_START __attribute__((cleanup(dm_start_done), unused)) dm_start

#endif
