/* What a worker brought beyond what one may have in a period, where it is met elsewhere than in the stream: in a chunk
 * that was written under a higher bound, or in a frame that was in doubt until the period's end. */
#include "base/wire/period.h"

#include "metering/ledger/own.h"

void dm_ledger_note_over(dm_ledger *l, const dm_frame_head *head)
{
    const dm_anomaly a = {.kind = DM_ANOMALY_TOO_MUCH,
            .worker_no = {head->worker_no},
            .worker_boot = head->worker_boot,
            .period_start = dm_period_start(head->second, l->c.period_s)};
    dm_anomalies_add(&l->anomalies, &a, "%s", DM_LEDGER_TOO_MUCH);
}
