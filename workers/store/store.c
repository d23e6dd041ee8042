#include "workers/store/store.h"

#include <assert.h>
#include <stddef.h>

#include "base/file.h"
#include "base/map.h"

/* TAKEN: its maker has it. SEALING, RELEASING, GOING: the executor has it. WHOLE: nobody works on it. */
typedef enum stage { TAKEN, SEALING, WHOLE, RELEASING, GOING } stage;

typedef struct image {
    char name[DM_OBJECT_NAME]; /* the key: filled with NULs */
    dm_store *s;
    stage at;
    dm_object about;
    dm_object_size size;
    uint32_t counted;
    int64_t held_until_us; /* of the loop's clock */
    bool given_up;
    dm_timer *timer;
    dm_store_make make;
    dm_store_done_fn done; /* of a release */
    void *done_arg;
    dm_job job;
    dm_call back;
    int r;
    dm_err err;
} image;

struct dm_store {
    dm_store_config c;
    char root[PATH_MAX];
    dm_map images;
    bool begun;
};

static void consider(image *i);

/* --- one ---------------------------------------------------------------------------------------------------- */

static bool key_of(const char *name, char out[DM_OBJECT_NAME])
{
    memset(out, 0, DM_OBJECT_NAME);
    return dm_object_name_ok(name) && dm_str_to_array(dm_str_c(name), out, DM_OBJECT_NAME, NULL) == 0;
}

static image *find(const dm_store *s, const char *name)
{
    char key[DM_OBJECT_NAME];
    return key_of(name, key) ? dm_map_find(&s->images, key) : NULL;
}

static void look_again(void *arg)
{
    consider(arg);
}

static int image_new(dm_store *s, const char *name, image **out, dm_err *err)
{
    int r = dm_map_reserve(&s->images, "images", err);
    if (r < 0)
        return r;
    image *i = calloc(1, sizeof *i);
    if (i == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an image");
    i->s = s;
    r = key_of(name, i->name) ? dm_loop_timer(s->c.loop, look_again, i, &i->timer, err)
                              : dm_fail(err, DM_E_INVALID, "'%.80s' is not the name of an image", name);
    if (r < 0) {
        free(i);
        return r;
    }
    dm_map_add(&s->images, i);
    *out = i;
    return 0;
}

static void image_free(image *i)
{
    (void)dm_map_remove(&i->s->images, i);
    dm_timer_free(i->timer);
    free(i);
}

static int64_t now_us(const dm_store *s)
{
    return dm_mono_us(dm_loop_clock(s->c.loop));
}

/* --- on the executor ---------------------------------------------------------------------------------------- */

static int submit(image *i, stage at, void (*fn)(dm_job *job), void (*back)(void *arg), dm_err *err)
{
    stage was = i->at;
    i->at = at;
    i->job.fn = fn;
    i->back = (dm_call){.fn = back, .arg = i};
    i->err = (dm_err){0};
    if (dm_exec_submit(i->s->c.exec, &i->job) == 0)
        return 0;
    i->at = was;
    return dm_fail(err, DM_E_LIMIT, "too much waits for the disk");
}

static image *of_job(dm_job *job)
{
    return (void *)((char *)job - offsetof(image, job));
}

static void answer(image *i, dm_job *job)
{
    (void)job;
    dm_loop_post(i->s->c.loop, &i->back);
}

static void discard_job(dm_job *job)
{
    image *i = of_job(job);
    i->r = dm_object_discard(i->s->root, i->name, &i->err);
    answer(i, job);
}

/* What could not be removed is met by the next start's sweep. */
static void discarded(void *arg)
{
    image *i = arg;
    if (i->r < 0)
        dm_log_err(i->s->c.log, DM_WARN, "store.leftover", &i->err);
    image_free(i);
}

enum { AGAIN_US = 5 * 1000 * 1000 };

static void discard(image *i)
{
    dm_err err;
    if (submit(i, GOING, discard_job, discarded, &err) < 0)
        dm_timer_in(i->timer, AGAIN_US);
}

/* Goes, if nobody needs it. */
static void consider(image *i)
{
    if (i->at == TAKEN && i->given_up) {
        discard(i);
        return;
    }
    if (i->at != WHOLE || !i->s->begun || i->about.kept || i->counted > 0)
        return;
    int64_t left = i->held_until_us - now_us(i->s);
    if (left > 0)
        dm_timer_in(i->timer, left);
    else
        discard(i);
}

/* --- opening ------------------------------------------------------------------------------------------------ */

static int met(void *arg, const char *name, const dm_object *o, dm_err *err)
{
    dm_store *s = arg;
    image *i;
    int r = image_new(s, name, &i, err);
    if (r < 0)
        return r;
    i->at = WHOLE;
    i->about = *o;
    return dm_object_measure(s->root, name, &i->size, err);
}

int dm_store_open(const dm_store_config *config, dm_store **out, dm_err *err)
{
    DM_AUTO(dm_store) s = calloc(1, sizeof *s);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for the store");
    s->c = *config;
    dm_map_init(&s->images, offsetof(image, name), DM_OBJECT_NAME, DM_STORE_MAX);
    int r = dm_path(s->root, sizeof s->root, err, "%s", config->root);
    s->c.root = s->root;
    if (r == 0)
        r = dm_mkdir_p(s->root, 0700, err);
    if (r == 0)
        r = dm_objects_sweep(s->root, met, s, err);
    if (r < 0)
        return dm_wrap(err, "store");
    *out = dm_steal(&s);
    return 0;
}

void dm_store_free(dm_store *s)
{
    if (s == NULL)
        return;
    dm_map_walk walk = dm_map_begin(&s->images);
    for (image *i; (i = dm_map_next(&walk)) != NULL;)
        image_free(i);
    dm_map_done(&s->images);
    free(s);
}

void dm_store_begin(dm_store *s)
{
    s->begun = true;
    dm_map_walk walk = dm_map_begin(&s->images);
    for (image *i; (i = dm_map_next(&walk)) != NULL;)
        consider(i);
}

const dm_object *dm_store_find(const dm_store *s, const char *name)
{
    const image *i = find(s, name);
    return i != NULL && (i->at == WHOLE || i->at == RELEASING) ? &i->about : NULL;
}

int dm_store_path(const dm_store *s, const char *name, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/%s", s->root, name);
}

/* --- making ------------------------------------------------------------------------------------------------- */

int dm_store_take(dm_store *s, const char *name, char dir[PATH_MAX], dm_err *err)
{
    image *i;
    if (find(s, name) != NULL)
        return dm_fail(err, DM_E_EXISTS, "there is an image %s", name);
    int r = dm_path(dir, PATH_MAX, err, "%s/%s" DM_OBJECT_MAKING, s->root, name);
    return r < 0 ? r : image_new(s, name, &i, err);
}

void dm_store_give_up(dm_store *s, const char *name)
{
    image *i = find(s, name);
    if (i == NULL || i->at != TAKEN)
        return;
    i->given_up = true;
    consider(i);
}

static void seal_job(dm_job *job)
{
    image *i = of_job(job);
    char dir[PATH_MAX];
    i->r = dm_path(dir, sizeof dir, &i->err, "%s/%s" DM_OBJECT_MAKING, i->s->root, i->name);
    if (i->r == 0 && i->make.fill != NULL)
        i->r = i->make.fill(i->make.arg, dir, &i->err);
    if (i->r == 0)
        i->r = dm_object_seal(i->s->root, i->name, &i->about, i->make.hash, &i->err);
    if (i->r == 0)
        i->r = dm_object_measure(i->s->root, i->name, &i->size, &i->err);
    answer(i, job);
}

/* Where it failed behind its name, the name goes with it: nobody was told of it. */
static void sealed(void *arg)
{
    image *i = arg;
    const dm_store_make make = i->make;
    int r = i->r;
    const dm_err err = i->err;
    if (r < 0) {
        i->at = TAKEN;
        i->given_up = true;
    } else {
        i->at = WHOLE;
        i->held_until_us = now_us(i->s) + make.hold_us;
    }
    make.done(make.arg, r, &err); /* may count on it */
    consider(i);
}

int dm_store_seal(dm_store *s, const char *name, const dm_store_make *make, dm_err *err)
{
    image *i = find(s, name);
    if (i == NULL || i->at != TAKEN || i->given_up)
        return dm_fail(err, DM_E_CONFLICT, "image %s is not being made", name);
    i->make = *make;
    i->about = make->about;
    return submit(i, SEALING, seal_job, sealed, err);
}

/* --- who needs it ------------------------------------------------------------------------------------------- */

void dm_store_count(dm_store *s, const char *name, int by)
{
    image *i = find(s, name);
    if (i == NULL)
        return;
    assert(by > 0 || i->counted > 0);
    i->counted = (uint32_t)((int64_t)i->counted + by);
    if (i->counted == 0)
        consider(i);
}

uint32_t dm_store_counted(const dm_store *s, const char *name)
{
    const image *i = find(s, name);
    return i != NULL ? i->counted : 0;
}

void dm_store_hold(dm_store *s, const char *name, int64_t us)
{
    image *i = find(s, name);
    if (i != NULL && i->held_until_us < now_us(s) + us)
        i->held_until_us = now_us(s) + us;
}

static void release_job(dm_job *job)
{
    image *i = of_job(job);
    i->r = dm_object_release(i->s->root, i->name, &i->err);
    answer(i, job);
}

static void released(void *arg)
{
    image *i = arg;
    const int r = i->r;
    const dm_err err = i->err;
    i->at = WHOLE;
    if (r == 0) {
        i->about.kept = false;
        i->held_until_us = 0;
    }
    if (i->done != NULL)
        i->done(i->done_arg, r, &err);
    consider(i);
}

int dm_store_release(dm_store *s, const char *name, dm_store_done_fn done, void *arg, dm_err *err)
{
    image *i = find(s, name);
    if (i != NULL && (i->at == TAKEN || i->at == SEALING || i->at == RELEASING))
        return dm_fail(err, DM_E_CONFLICT, "image %s is being worked on", name);
    if (i != NULL && i->at == WHOLE && i->about.kept) {
        i->done = done;
        i->done_arg = arg;
        return submit(i, RELEASING, release_job, released, err);
    }
    if (i != NULL && i->at == WHOLE) {
        i->held_until_us = 0;
        consider(i);
    }
    if (done != NULL)
        done(arg, 0, NULL);
    return 0;
}

void dm_store_sum_up(const dm_store *s, dm_store_sum *out)
{
    *out = (dm_store_sum){0};
    dm_map_walk walk = dm_map_begin(&s->images);
    for (const image *i; (i = dm_map_next(&walk)) != NULL;) {
        if (i->at != WHOLE && i->at != RELEASING)
            continue;
        out->images++;
        out->stored_bytes += i->size.stored;
        out->unique_bytes += i->size.unique;
    }
}

int dm_store_size(const dm_store *s, const char *name, dm_object_size *out, dm_err *err)
{
    const image *i = find(s, name);
    if (i == NULL || (i->at != WHOLE && i->at != RELEASING))
        return dm_fail(err, DM_E_NOTFOUND, "there is no image %s", name);
    *out = i->size;
    return 0;
}
