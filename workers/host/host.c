#include "workers/host/host.h"

#include <assert.h>

int dm_host_init(dm_host *h, dm_err *err)
{
    h->slot_used = calloc(h->conf->slots, sizeof(bool));
    if (h->slot_used == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %llu slots", (unsigned long long)h->conf->slots);
    h->slots_free = (uint32_t)h->conf->slots;
    return 0;
}

void dm_host_done(dm_host *h)
{
    free(h->slot_used);
    h->slot_used = NULL;
}

int32_t dm_host_slot_take(dm_host *h)
{
    for (uint32_t i = 0; i < h->conf->slots; i++) {
        if (!h->slot_used[i]) {
            dm_host_slot_claim(h, i);
            return (int32_t)i;
        }
    }
    return -1;
}

void dm_host_slot_claim(dm_host *h, uint32_t no)
{
    assert(no < h->conf->slots && !h->slot_used[no]);
    h->slot_used[no] = true;
    h->slots_free--;
}

void dm_host_slot_give(dm_host *h, uint32_t no)
{
    assert(no < h->conf->slots && h->slot_used[no]);
    h->slot_used[no] = false;
    h->slots_free++;
}
