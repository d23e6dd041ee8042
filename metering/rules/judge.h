/* metering/rules/judge.h: what of the evidence about one sandbox in one period is billed. Pure. In this order:
 *
 *   1. A stamp that contradicts the sandbox's row (another project, spec, region; an epoch it never had), or comes from
 * a worker that is not enrolled, charges nobody. So does one of a worker that did not have the sandbox in that epoch,
 * or of a sandbox that has no row: the row is written before a worker hears of it, so there never was such a one.
 *   2. Seconds after the one the sandbox ended in are not counted; nor are those before the epoch was ordered, nor
 * running ones after it fell asleep, by more than clocks may differ. What its row does not know yet cuts nothing: a row
 * may be late.
 *   3. Frames and attestation must say the same: state by state, and the disk of each minute in use. If they differ,
 * the one that costs less is billed. If the worker swore to all it had and not to this, or swore to what no frame says,
 *      nothing is. If the worker could not swear, the frames are billed and the service signs for it.
 *   4. RUN wins over HIB within an evidence; of epochs, the highest has the second. An epoch that claims more of a
 * higher one's seconds than the one in which that began is a double claim. */
#ifndef DM_METERING_RULES_JUDGE_H
#define DM_METERING_RULES_JUDGE_H

#include "base/wire/attest.h"

#include "metering/rules/anomaly.h"
#include "metering/rules/rate.h"

typedef enum dm_basis { DM_BASIS_NOTHING, DM_BASIS_FRAMES, DM_BASIS_ATTESTATION } dm_basis;

typedef struct dm_evidence {
    uint8_t state[DM_RATE_SECONDS_MAX]; /* dm_sample_state or 0, one a second of the period */
    uint32_t disk_16mib[DM_RATE_SECONDS_MAX / 60];
} dm_evidence;

/* A life of a sandbox in a period, by what tells it from the others: the highest has a second that several claim. */
typedef struct dm_life_rank {
    uint32_t epoch;
    uint16_t spec_table, spec, region_no;
    dm_worker_no worker_no;
} dm_life_rank;
int dm_life_rank_cmp(dm_life_rank a, dm_life_rank b);

/* Everything known about one (sandbox, epoch, spec, region, worker) in a period. Large. */
typedef struct dm_claim {
    dm_account_no account_no;
    dm_project_no project_no;
    dm_sandbox_id sandbox;
    uint32_t epoch;
    uint16_t spec_table, spec, region_no;
    dm_worker_no worker_no;
    bool has_spec, has_region; /* the stamp names one that exists */
    uint32_t vcpus, mem_mib;

    bool framed, sworn;
    dm_evidence frames, oath;
    uint16_t sworn_region;
    bool worker_known, worker_attested;

    bool has_row; /* of the sandbox, as the control plane has it */
    dm_project_no row_project_no;
    uint32_t row_epoch;
    uint16_t row_spec_table, row_spec, row_region_no;
    dm_worker_no row_worker_no; /* that had it in this epoch; 0: nobody */
    int64_t began_s,
            slept_s; /* of this epoch: the second it was ordered in, the one it fell asleep in; -1: not known */
    int64_t ended_s; /* its last second; -1: it has not ended */

    const dm_rate_segment *segments; /* of its region's price group */
    size_t nsegments;

    /* the verdict */
    bool counted; /* it belongs to the account's statement, even if it says nothing was used */
    dm_basis basis;
    bool unattested;     /* the service is to sign */
    dm_evidence *billed; /* frames or oath, changed to what is billed; NULL for DM_BASIS_NOTHING */
} dm_claim;

/* claims: all of one sandbox and one account, any order; they are sorted by epoch, rising. DM_E_NOTFOUND when a
 * comparison needs a price that is not there. */
int dm_judge(dm_claim **claims, size_t n, int64_t period_start, uint32_t period_s, dm_anomalies *anomalies,
        dm_err *err) DM_NODISCARD;

/* Rule 4, second by second, for one claim after the other from the highest epoch down: what one before has taken is
 * taken away from state, the rest it takes itself. `held` begins zeroed. *doubled: seconds of a double claim. */
typedef struct dm_held {
    uint32_t epoch, first; /* 0: free; else whose it is, and where that claim begins */
} dm_held;
void dm_judge_take(dm_held held[DM_RATE_SECONDS_MAX], uint32_t epoch, uint32_t period_s,
        uint8_t state[DM_RATE_SECONDS_MAX], uint64_t *doubled);

/* The use that is billed, for rating; the claim must have a basis. */
dm_rate_use dm_claim_use(const dm_claim *c, uint32_t period_s);

#endif
