#include "metering/rules/anomaly.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/grow.h"

enum { LOOK_BACK = 16 };

static bool same(const dm_anomaly *a, const dm_anomaly *b)
{
    return strcmp(a->kind, b->kind) == 0 && a->worker_no.v == b->worker_no.v && a->worker_boot == b->worker_boot &&
           a->account_no.v == b->account_no.v && a->project_no.v == b->project_no.v &&
           a->has_sandbox == b->has_sandbox && (!a->has_sandbox || dm_sandbox_id_eq(&a->sandbox, &b->sandbox)) &&
           a->epoch == b->epoch && a->period_start == b->period_start;
}

void dm_anomalies_add(dm_anomalies *l, const dm_anomaly *a, const char *fmt, ...)
{
    uint64_t count = a->count > 0 ? a->count : 1;
    for (size_t i = l->n; i > 0 && l->n - i < LOOK_BACK; i--) {
        if (same(&l->v[i - 1], a)) {
            l->v[i - 1].count += count;
            return;
        }
    }
    if (dm_grow(&l->v, &l->room, l->n, DM_ANOMALIES_MAX, "anomalies", NULL) < 0) {
        l->dropped += count;
        return;
    }
    dm_anomaly *out = &l->v[l->n++];
    *out = *a;
    out->count = count;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(out->detail, sizeof(out->detail), fmt, ap);
    va_end(ap);
}

void dm_anomalies_clear(dm_anomalies *l)
{
    l->n = 0;
    l->dropped = 0;
}

void dm_anomalies_done(dm_anomalies *l)
{
    free(l->v);
    *l = (dm_anomalies){0};
}
