/* base/wire/cause.h: why a sandbox ended or slept: the closed list, used by the state machine, the worker protocol, the
 * API, the console and the bill. There is no "unknown": what nobody can prove is host_lost. */
#ifndef DM_BASE_WIRE_CAUSE_H
#define DM_BASE_WIRE_CAUSE_H

#include "base/str.h"

typedef enum dm_cause {
    DM_CAUSE_NONE = 0, /* it did not end */
    DM_CAUSE_KILLED = 1,
    DM_CAUSE_TIMEOUT = 2,
    DM_CAUSE_IDLE = 3,
    DM_CAUSE_PAUSED = 4,
    DM_CAUSE_GUEST_SHUTDOWN = 5,
    DM_CAUSE_GUEST_PANIC = 6,
    DM_CAUSE_OUT_OF_MEMORY = 7,
    DM_CAUSE_ALLOWANCE_EXHAUSTED = 8,
    DM_CAUSE_SPEND_CAP = 9,
    DM_CAUSE_SUSPENDED_UNPAID = 10,
    DM_CAUSE_RETENTION_EXPIRED = 11,
    DM_CAUSE_OPERATOR_KILLED = 12,
    DM_CAUSE_OPERATOR_DRAINED = 13,
    DM_CAUSE_HOST_LOST = 14,
    DM_CAUSE_VMM_CRASHED = 15,
    DM_CAUSE_RESTORE_FAILED = 16,
    DM_CAUSE_START_FAILED = 17,
    DM_CAUSE_EVICTED_MEMORY_PRESSURE = 18,
    DM_CAUSE_WAKE_UNANSWERED = 19,
    DM_CAUSE_COUNT
} dm_cause;

typedef enum dm_cause_whose {
    DM_WHOSE_CUSTOMER,
    DM_WHOSE_POLICY,
    DM_WHOSE_OPERATOR,
    DM_WHOSE_OURS,
} dm_cause_whose;

typedef struct dm_cause_row {
    const char *name; /* "vmm_crashed": on the wire, in the database, on the bill */
    dm_cause_whose whose;
    bool sleeps; /* the sandbox may be asleep with this cause, not ended */
    bool ends;   /* the sandbox may have ended with it */
    bool credit; /* ended so: what it was charged is given back (promises.md section 5) */
} dm_cause_row;

/* cause must be below DM_CAUSE_COUNT; the row of DM_CAUSE_NONE has the name "". */
const dm_cause_row *dm_cause_get(dm_cause cause);
/* "customer", "policy", "operator", "ours". */
const char *dm_cause_whose_name(dm_cause_whose whose);
int dm_cause_parse(dm_str name, dm_cause *out, dm_err *err) DM_NODISCARD;

#endif
