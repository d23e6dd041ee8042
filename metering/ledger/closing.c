#include "metering/ledger/own.h"

dm_closing *dm_closing_new(dm_ledger *l)
{
    dm_closing *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return NULL;
    k->l = l;
    k->start = l->open_from;
    k->end = l->open_from + l->c.period_s;
    k->began_us = dm_mono_us(l->c.clock);
    return k;
}

void dm_closing_free(dm_closing *k)
{
    if (k == NULL)
        return;
    dm_anomalies_done(&k->anomalies);
    free(k->workers.v);
    dm_accum_free(k->rows);
    free(k);
}
