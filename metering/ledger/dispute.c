/* Two different frames of one number can only be the worker's own, since each is sealed: it runs twice, or lies. The
 * first in the stream's order is the evidence, the second an alarm, and kept. Where the worker swears to the period,
 * both are merged when it closes, and the judge holds the sum against the oath: what the oath does not say charges
 * nobody, what it says is there. So of the two the one that is sworn to counts, whichever came first. Where nobody
 * swears, the first stands. What is kept is a chunk of the ledger like the others, told apart by its name, and is found
 * again after a restart. */
#include "base/wire/period.h"

#include "metering/ledger/own.h"

int dm_ledger_dispute(dm_ledger *l, const dm_frame_head *head, dm_str bytes, bool *kept, dm_err *err)
{
    *kept = false;
    for (size_t i = 0; i < l->ndisputed; i++) {
        if (l->disputed[i].n == bytes.n && memcmp(l->disputed[i].bytes, bytes.p, bytes.n) == 0)
            return 0;
    }
    if (head->second < l->open_from || l->ndisputed == DM_LEDGER_DISPUTED_MAX ||
            l->disputed_bytes + bytes.n > DM_LEDGER_DISPUTED_BYTES)
        return 0;
    dm_disputed *d = &l->disputed[l->ndisputed];
    *d = (dm_disputed){*head, dm_str_dup(bytes), bytes.n};
    if (d->bytes == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a frame");
    l->ndisputed++;
    l->disputed_bytes += bytes.n;
    *kept = true;
    return 0;
}

int dm_ledger_settle_disputes(dm_ledger *l, dm_worker_no worker_no, int64_t period_start, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < l->ndisputed; i++) {
        const dm_disputed *d = &l->disputed[i];
        if (d->head.worker_no == worker_no.v && dm_period_start(d->head.second, l->c.period_s) == period_start)
            r = dm_accum_frame(l->accum, &d->head, (const uint8_t *)d->bytes + DM_FRAME_HEAD, NULL, NULL, err);
        if (r == DM_ACCUM_OVER) {
            dm_ledger_note_over(l, &d->head);
            r = 0;
        }
    }
    return r;
}

void dm_ledger_forget_disputes(dm_ledger *l, int64_t before)
{
    size_t n = 0;
    for (size_t i = 0; i < l->ndisputed; i++) {
        if (l->disputed[i].head.second < before) {
            l->disputed_bytes -= l->disputed[i].n;
            free(l->disputed[i].bytes);
        } else {
            l->disputed[n++] = l->disputed[i];
        }
    }
    l->ndisputed = n;
}
