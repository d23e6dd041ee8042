#include "base/wire/cause.h"

#include <assert.h>

static const dm_cause_row rows[DM_CAUSE_COUNT] = {
        [DM_CAUSE_NONE] = {"", DM_WHOSE_CUSTOMER, false, false, false},
        [DM_CAUSE_KILLED] = {"killed", DM_WHOSE_CUSTOMER, false, true, false},
        [DM_CAUSE_TIMEOUT] = {"timeout", DM_WHOSE_CUSTOMER, true, true, false},
        [DM_CAUSE_IDLE] = {"idle", DM_WHOSE_CUSTOMER, true, false, false},
        [DM_CAUSE_PAUSED] = {"paused", DM_WHOSE_CUSTOMER, true, false, false},
        [DM_CAUSE_GUEST_SHUTDOWN] = {"guest_shutdown", DM_WHOSE_CUSTOMER, false, true, false},
        [DM_CAUSE_GUEST_PANIC] = {"guest_panic", DM_WHOSE_CUSTOMER, false, true, false},
        [DM_CAUSE_OUT_OF_MEMORY] = {"out_of_memory", DM_WHOSE_CUSTOMER, false, true, false},
        [DM_CAUSE_ALLOWANCE_EXHAUSTED] = {"allowance_exhausted", DM_WHOSE_POLICY, true, false, false},
        [DM_CAUSE_SPEND_CAP] = {"spend_cap", DM_WHOSE_POLICY, true, false, false},
        [DM_CAUSE_SUSPENDED_UNPAID] = {"suspended_unpaid", DM_WHOSE_POLICY, true, false, false},
        [DM_CAUSE_RETENTION_EXPIRED] = {"retention_expired", DM_WHOSE_POLICY, false, true, false},
        [DM_CAUSE_OPERATOR_KILLED] = {"operator_killed", DM_WHOSE_OPERATOR, false, true, true},
        [DM_CAUSE_OPERATOR_DRAINED] = {"operator_drained", DM_WHOSE_OPERATOR, true, true, true},
        [DM_CAUSE_HOST_LOST] = {"host_lost", DM_WHOSE_OURS, false, true, true},
        [DM_CAUSE_VMM_CRASHED] = {"vmm_crashed", DM_WHOSE_OURS, false, true, true},
        [DM_CAUSE_RESTORE_FAILED] = {"restore_failed", DM_WHOSE_OURS, false, true, true},
        [DM_CAUSE_START_FAILED] = {"start_failed", DM_WHOSE_OURS, false, true, true},
        [DM_CAUSE_EVICTED_MEMORY_PRESSURE] = {"evicted_memory_pressure", DM_WHOSE_OURS, true, false, true},
        [DM_CAUSE_WAKE_UNANSWERED] = {"wake_unanswered", DM_WHOSE_CUSTOMER, true, false, false},
};

const dm_cause_row *dm_cause_get(dm_cause cause)
{
    assert(cause < DM_CAUSE_COUNT);
    return &rows[cause];
}

const char *dm_cause_whose_name(dm_cause_whose whose)
{
    static const char *const names[] = {[DM_WHOSE_CUSTOMER] = "customer",
            [DM_WHOSE_POLICY] = "policy",
            [DM_WHOSE_OPERATOR] = "operator",
            [DM_WHOSE_OURS] = "ours"};
    return names[whose];
}

int dm_cause_parse(dm_str name, dm_cause *out, dm_err *err)
{
    for (unsigned i = 1; i < DM_CAUSE_COUNT; i++) {
        if (dm_str_eq_c(name, rows[i].name)) {
            *out = (dm_cause)i;
            return 0;
        }
    }
    return dm_fail(err, DM_E_INVALID, "'%.*s' is not a cause", (int)(name.n > 40 ? 40 : name.n), name.p);
}
