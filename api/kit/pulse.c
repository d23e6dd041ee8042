#include "api/kit/pulse.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* An hour, and the step that has begun. */
enum { STEPS = DM_PULSE_HOUR_S / DM_PULSE_STEP_S + 1, STEP_US = DM_PULSE_STEP_S * 1000000 };

/* Upper bounds, in microseconds: what is longer than the last one is in a bucket of its own. */
static const int64_t bounds[] = {250, 500, 1000, 2000, 3000, 5000, 7500, 10000, 15000, 20000, 30000, 50000, 75000,
        100000, 150000, 200000, 300000, 500000, 1000000, 2000000, 5000000, 10000000, 30000000, 60000000};
enum { BUCKETS = DM_LEN(bounds) + 1 };

const int dm_pulse_statuses[DM_PULSE_STATUSES] = {400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 502, 503, 504, 0};

typedef struct count {
    uint32_t took[BUCKETS], errors[DM_PULSE_STATUSES];
} count;

typedef struct step {
    int64_t no; /* since the clock began; -1: not used yet */
    count of[DM_PULSE_MOUTHS];
} step;

struct dm_pulse {
    const dm_clock *clock;
    pthread_mutex_t lock;
    step steps[STEPS];
};

const char *dm_pulse_name(dm_pulse_mouth mouth)
{
    static const char *const names[DM_PULSE_MOUTHS] = {"e2b", "v1", "ops", "door", "uplink"};
    return names[mouth];
}

dm_pulse_mouth dm_pulse_of(dm_str path)
{
    static const struct {
        const char *beginning;
        dm_pulse_mouth mouth;
    } all[] = {{"/v1/ops/", DM_PULSE_OPS}, {"/v1/workers", DM_PULSE_UPLINK}, {"/v1/", DM_PULSE_V1},
            {"/nodes", DM_PULSE_OPS}, {"/admin/", DM_PULSE_OPS}, {"/door", DM_PULSE_DOOR}};
    for (size_t i = 0; i < DM_LEN(all); i++)
        if (dm_str_starts(path, dm_str_c(all[i].beginning)))
            return all[i].mouth;
    return DM_PULSE_E2B;
}

int dm_pulse_new(const dm_clock *clock, dm_pulse **out, dm_err *err)
{
    dm_pulse *p = calloc(1, sizeof *p);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "the counts of an hour");
    p->clock = clock;
    for (size_t i = 0; i < STEPS; i++)
        p->steps[i].no = -1;
    (void)pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return 0;
}

void dm_pulse_free(dm_pulse *p)
{
    if (p == NULL)
        return;
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

static size_t bucket_of(int64_t took_us)
{
    size_t i = 0;
    while (i < DM_LEN(bounds) && took_us > bounds[i])
        i++;
    return i;
}

static size_t status_of(int status)
{
    size_t i = 0;
    while (i < DM_PULSE_STATUSES - 1 && status != dm_pulse_statuses[i])
        i++;
    return i;
}

void dm_pulse_add(dm_pulse *p, dm_pulse_mouth mouth, int status, int64_t took_us)
{
    if (p == NULL)
        return;
    int64_t no = dm_mono_us(p->clock) / STEP_US;
    (void)pthread_mutex_lock(&p->lock);
    step *s = &p->steps[no % STEPS];
    if (s->no != no) { /* what stood there is more than an hour old */
        memset(s->of, 0, sizeof s->of);
        s->no = no;
    }
    s->of[mouth].took[bucket_of(took_us)]++;
    if (status >= 400)
        s->of[mouth].errors[status_of(status)]++;
    (void)pthread_mutex_unlock(&p->lock);
}

/* The bound below which that part of all was answered, in percent. */
static int64_t quantile(const uint64_t took[BUCKETS], uint64_t all, unsigned percent)
{
    uint64_t wanted = (all * percent + 99) / 100, seen = 0;
    for (size_t i = 0; i < DM_LEN(bounds) && all > 0; i++) {
        seen += took[i];
        if (seen >= wanted)
            return bounds[i];
    }
    return all > 0 ? INT64_MAX : 0;
}

void dm_pulse_look(dm_pulse *p, dm_pulse_mouth mouth, int64_t span_s, dm_pulse_seen *out)
{
    uint64_t took[BUCKETS] = {0};
    *out = (dm_pulse_seen){.count = 0};
    int64_t now = dm_mono_us(p->clock) / STEP_US, oldest = now - span_s / DM_PULSE_STEP_S;
    (void)pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < STEPS; i++) {
        const count *c = &p->steps[i].of[mouth];
        if (p->steps[i].no < 0 || p->steps[i].no <= oldest || p->steps[i].no > now)
            continue;
        for (size_t b = 0; b < BUCKETS; b++) {
            took[b] += c->took[b];
            out->count += c->took[b];
        }
        for (size_t e = 0; e < DM_PULSE_STATUSES; e++)
            out->errors[e] += c->errors[e];
    }
    (void)pthread_mutex_unlock(&p->lock);
    out->p50_us = quantile(took, out->count, 50);
    out->p99_us = quantile(took, out->count, 99);
}
