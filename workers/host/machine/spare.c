#include "workers/host/machine/spare.h"

#include <assert.h>

enum { WARM_ROUNDS = 2 };

struct dm_spare {
    dm_host *h;
    dm_spare_stage at;
    dm_machine *m;
    dm_spare_moved_fn moved;
    void *arg;
};

static void gone(void *arg, const dm_vm_event *ev)
{
    dm_spare *k = arg;
    dm_err err;
    (void)ev;
    (void)dm_fail(&err, DM_E_UNAVAILABLE, "the spare VMM in slot %u died", dm_machine_slot(k->m));
    k->moved(k->arg, k, err.code, &err);
}

/* Under way it has no owner: the call tells how it ended. */
static void leave(dm_spare *k)
{
    k->at++;
    dm_machine_own(k->m, &(dm_machine_owner){0});
}

static void arrived(void *arg, int r, const dm_err *err)
{
    dm_spare *k = arg;
    assert(!dm_spare_rests(k));
    if (r == 0) {
        k->at++;
        dm_machine_own(k->m, &(dm_machine_owner){.gone = gone, .arg = k});
    }
    if (k->at == DM_SPARE_LOADED && (k->h->caps.flags & DM_VMM_NEEDS_WARM) == 0)
        k->at = DM_SPARE_WARM;
    k->moved(k->arg, k, r, err);
}

int dm_spare_new(
        dm_host *h, const dm_machine_config *config, dm_spare_moved_fn moved, void *arg, dm_spare **out, dm_err *err)
{
    dm_spare *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to make a machine");
    *k = (dm_spare){.h = h, .at = DM_SPARE_SPAWNING, .moved = moved, .arg = arg};
    int r = dm_machine_make(h, config, arrived, k, &k->m, err);
    if (r < 0)
        free(k);
    else
        *out = k;
    return r;
}

void dm_spare_free(dm_spare *k)
{
    if (k == NULL)
        return;
    dm_machine_free(k->m);
    free(k);
}

void dm_spare_hurry(dm_spare *k)
{
    dm_machine_hurry(k->m);
}

int dm_spare_load(dm_spare *k, const char *sleeper_dir, const dm_slot_policy *policy, dm_err *err)
{
    assert(k->at == DM_SPARE_BARE);
    leave(k);
    return dm_machine_load(k->m, sleeper_dir, policy, arrived, k, err);
}

int dm_spare_answer(dm_spare *k, dm_err *err)
{
    assert(k->at == DM_SPARE_LOADED);
    leave(k);
    return dm_machine_warm(k->m, 0, arrived, k, err);
}

int dm_spare_warm(dm_spare *k, dm_err *err)
{
    assert(k->at == DM_SPARE_READY);
    leave(k);
    return dm_machine_warm(k->m, WARM_ROUNDS, arrived, k, err);
}

dm_spare_stage dm_spare_at(const dm_spare *k)
{
    return k->at;
}

bool dm_spare_rests(const dm_spare *k)
{
    return k->at == DM_SPARE_BARE || k->at == DM_SPARE_LOADED || k->at == DM_SPARE_READY || k->at == DM_SPARE_WARM;
}

bool dm_spare_is_made(const dm_spare *k)
{
    return k->at == DM_SPARE_SPAWNING || k->at == DM_SPARE_LOADING || k->at == DM_SPARE_ANSWERING;
}

bool dm_spare_is_from(const dm_spare *k, const char *template_dir)
{
    return strcmp(dm_machine_template_dir(k->m), template_dir) == 0;
}

dm_machine *dm_spare_give(dm_spare *k)
{
    assert(k->at >= DM_SPARE_LOADED && dm_spare_rests(k));
    dm_machine *m = k->m;
    dm_machine_own(m, &(dm_machine_owner){0});
    free(k);
    return m;
}
