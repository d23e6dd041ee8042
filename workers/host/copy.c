#include "workers/host/copy.h"

#include <stdio.h>

#include "base/file.h"

#include "workers/host/machine/place.h"
#include "workers/host/parts.h"
#include "workers/vmm/flatten.h"
#include "workers/vmm/sparse.h"

enum { MIB = 1024 * 1024 };

struct dm_copy {
    dm_copy *next;
    dm_worker *w;
    char name[DM_OBJECT_NAME], of[DM_OBJECT_NAME], base[DM_OBJECT_PARENT];
    char dir[PATH_MAX], base_dir[PATH_MAX];
    char sleeper_dir[PATH_MAX]; /* "": of one that runs */
    bool kept;
    int64_t hold_us, at_us;
    dm_copy_done_fn done;
    void *arg;
};

static void tell(const dm_worker *w, const char *name, int64_t at_us, dm_copy_done_fn done, void *arg)
{
    dm_object_size size = {0};
    dm_err err = {0};
    char copy[DM_OBJECT_NAME];
    (void)snprintf(copy, sizeof(copy), "%s", name);
    if (dm_store_size(w->store, name, &size, &err) < 0) {
        done(arg, NULL, err.code, &err);
        return;
    }
    const dm_wk_copied out = {.name = copy,
            .at_us = at_us > 0 ? at_us : 1,
            .image_mib = (size.stored + MIB - 1) / MIB,
            .unique_mib = (size.unique + MIB - 1) / MIB};
    done(arg, &out, 0, NULL);
}

/* --- from the copy to a checkpoint -------------------------------------------------------------------------- */

static int take_sleeper(const dm_copy *c, const char *dir, dm_err *err)
{
    static const char *const files[] = {"delta", "device", "manifest.json", "disk.ext4"};
    char from[PATH_MAX], to[PATH_MAX];
    int r = dm_remove_tree(dir, err);
    if (r == 0)
        r = dm_mkdir_p(dir, 0700, err);
    for (size_t i = 0; r == 0 && i < DM_LEN(files); i++) {
        r = dm_path(from, sizeof(from), err, "%s/%s", c->sleeper_dir, files[i]);
        if (r == 0)
            r = dm_path(to, sizeof(to), err, "%s/%s", dir, files[i]);
        if (r == 0)
            r = dm_sparse_copy(from, to, false, err);
    }
    return r;
}

/* On the executor. */
static int fill(void *arg, const char *dir, dm_err *err)
{
    const dm_copy *c = arg;
    int r = c->sleeper_dir[0] != '\0' ? take_sleeper(c, dir, err) : 0;
    return r < 0 ? r : dm_flatten(dir, c->base_dir, err);
}

static void sealed(void *arg, int r, const dm_err *err)
{
    dm_copy *c = arg;
    dm_worker *w = c->w;
    dm_store_count(w->store, c->base, -1);
    if (r < 0) {
        dm_log_err(w->h->log, DM_ERROR, "sandbox.copy_failed", err);
        /* A file of ours that is not there is not a sandbox that is not here. */
        dm_err why = *err;
        why.code = r == DM_E_NOTFOUND ? DM_E_CONFLICT : r;
        c->done(c->arg, NULL, why.code, &why);
    } else {
        DM_LOG(w->h->log, DM_INFO, "sandbox.copied", dm_fs("sandbox", c->of), dm_fs("checkpoint", c->name),
                dm_fs("from", c->base));
        tell(w, c->name, c->at_us, c->done, c->arg);
    }
    free(c);
}

/* Its base stays as long as it is read. */
static int seal(dm_copy *c, dm_err *err)
{
    dm_store_make make = {.about = {.kind = DM_OBJECT_CHECKPOINT, .made_us = c->at_us, .kept = c->kept},
            .hash = c->kept, /* what goes soon is never read anew */
            .hold_us = c->hold_us,
            .fill = fill,
            .done = sealed,
            .arg = c};
    (void)snprintf(make.about.parent, sizeof(make.about.parent), "%s", c->base);
    (void)snprintf(make.about.of, sizeof(make.about.of), "%s", c->of);
    dm_store_count(c->w->store, c->base, 1);
    int r = dm_store_seal(c->w->store, c->name, &make, err);
    if (r < 0)
        dm_store_count(c->w->store, c->base, -1);
    return r;
}

static void fail(dm_copy *c, int r, const dm_err *err)
{
    dm_err why = *err;
    why.code = r;
    dm_store_give_up(c->w->store, c->name);
    c->done(c->arg, NULL, r, &why);
    free(c);
}

/* --- its VM ------------------------------------------------------------------------------------------------- */

static void copied(void *arg, int r, const dm_err *err);

/* The next one, or whatever waited for the last one. */
static void go_on(dm_box *b)
{
    dm_err err = {0};
    while (b->copies != NULL) {
        dm_copy *c = b->copies;
        int r = b->state == DM_BOX_RUNNING
                        ? dm_machine_copy(b->machine, c->dir, copied, b, &err)
                        : dm_fail(&err, DM_E_CONFLICT, "the sandbox is %s", dm_box_state_name(b->state));
        if (r == 0)
            return;
        b->copies = c->next;
        fail(c, r, &err);
    }
    b->w->copy_ends->over(b->w, b);
}

static void copied(void *arg, int r, const dm_err *err)
{
    dm_box *b = arg;
    dm_copy *c = b->copies;
    dm_vm_event how;
    dm_err why = {0};
    bool lost = r < 0 && dm_machine_lost(b->machine, &how);
    b->copies = c->next;
    if (r < 0)
        why = *err;
    c->at_us = dm_worker_now_us(b->w);
    if (r == 0)
        r = seal(c, &why);
    if (r < 0) {
        dm_log_err(b->w->h->log, DM_ERROR, "sandbox.copy_failed", &why);
        fail(c, r == DM_E_NOTFOUND ? DM_E_INTERNAL : r, &why);
    }
    if (lost && b->state == DM_BOX_RUNNING)
        b->w->copy_ends->lost(b->w, b, &how);
    else
        go_on(b);
}

void dm_copies_drop(dm_box *b)
{
    dm_err err = {0};
    dm_copy *list = b->copies;
    b->copies = NULL;
    while (list != NULL) {
        dm_copy *c = list;
        list = c->next;
        (void)dm_fail(&err, DM_E_CONFLICT, "the sandbox is %s", dm_box_state_name(b->state));
        fail(c, DM_E_CONFLICT, &err);
    }
}

/* --- the order ---------------------------------------------------------------------------------------------- */

/* The reserve is evidence's. */
static int check_room(const dm_worker *w, const dm_box *b, dm_err *err)
{
    uint64_t wanted = (uint64_t)b->disk_16mib * 16 + (uint64_t)b->shown.mem_private_mib;
    if (dm_host_disk_free_mib(w->h) >= w->h->conf.disk_reserve_mib + wanted)
        return 0;
    return dm_fail(err, DM_E_UNAVAILABLE, "this worker has no room for a checkpoint now");
}

static int copy_new(dm_worker *w, const dm_box *b, const dm_wk_copy *order, dm_copy **out, dm_err *err)
{
    DM_AUTO_MEM dm_copy *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a checkpoint");
    c->w = w;
    c->kept = order->kept;
    c->hold_us = order->hold_s * 1000000;
    int r = dm_str_to_array(dm_str_c(order->name), c->name, sizeof(c->name), err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(b->name.s), c->of, sizeof(c->of), err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(b->base), c->base, sizeof(c->base), err);
    if (r == 0)
        r = dm_place_template(&w->h->conf, b->base, c->base_dir, err);
    if (r == 0 && b->state == DM_BOX_ASLEEP)
        r = dm_place_sleeper(&w->h->conf, &b->name, b->image_epoch, c->sleeper_dir, err);
    if (r == 0)
        r = dm_store_take(w->store, c->name, c->dir, err);
    if (r == 0)
        *out = dm_steal(&c);
    return r == DM_E_EXISTS ? dm_fail(err, DM_E_CONFLICT, "checkpoint %s is being made", order->name) : r;
}

/* A sleeper's image changes no more; it may go while it is read, and then there is no checkpoint. */
static int copy_sleeper(dm_copy *c, const dm_box *b, dm_err *err)
{
    c->at_us = b->slept_us;
    int r = seal(c, err);
    if (r < 0) {
        dm_store_give_up(c->w->store, c->name);
        free(c);
    }
    return r;
}

static int line_up(dm_worker *w, dm_box *b, dm_copy *c)
{
    dm_copy **end = &b->copies;
    while (*end != NULL)
        end = &(*end)->next;
    *end = c;
    dm_worker_claim(w, b, NULL);
    if (b->copies == c)
        go_on(b);
    return 0;
}

static int check_state(const dm_box *b, dm_err *err)
{
    uint32_t n = 0;
    for (const dm_copy *c = b->copies; c != NULL; c = c->next)
        n++;
    if (n >= DM_COPIES_MAX)
        return dm_fail(err, DM_E_LIMIT, "%d checkpoints of this sandbox are already being made", DM_COPIES_MAX);
    /* One whose start is on its way to the disk was told to nobody. */
    if ((b->state == DM_BOX_RUNNING && b->noting == 0 && !b->sleep.wanted) || b->state == DM_BOX_ASLEEP)
        return 0;
    return dm_fail(err, DM_E_CONFLICT, "the sandbox is %s",
            b->sleep.wanted ? dm_box_state_name(DM_BOX_PAUSING) : dm_box_state_name(b->state));
}

int dm_worker_copy(dm_worker *w, dm_box *b, const dm_wk_copy *order, dm_copy_done_fn done, void *arg, dm_err *err)
{
    dm_copy *c = NULL;
    if (order->epoch < b->epoch)
        return DM_ORDER_STALE;
    if (!dm_place_is_checkpoint(order->name) || !dm_object_name_ok(order->name))
        return dm_fail(err, DM_E_INVALID, "'%s' is not the name of a checkpoint", order->name);
    const dm_object *made = dm_store_find(w->store, order->name);
    if (made != NULL && strcmp(made->of, b->name.s) == 0) {
        tell(w, order->name, made->made_us, done, arg);
        return 0;
    }
    int r = check_state(b, err);
    if (r == 0)
        r = check_room(w, b, err);
    if (r == 0)
        r = copy_new(w, b, order, &c, err);
    if (r < 0 || c == NULL)
        return r;
    c->done = done;
    c->arg = arg;
    return b->state == DM_BOX_ASLEEP ? copy_sleeper(c, b, err) : line_up(w, b, c);
}
