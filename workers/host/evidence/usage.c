#include "workers/host/evidence/usage.h"

#include <assert.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/map.h"
#include "base/wire/period.h"

enum { RECORDS_MAX = 1 << 22, SAMPLES_MAX = 1 << 22 };

struct dm_stretch {
    dm_stretch *next, **link;
    dm_usage_who who;
    dm_sample_state state;
    int64_t began_s; /* first second it claims */
    int64_t since_s; /* first second not yet in a sample */
    int64_t until_s; /* last second touched; INT64_MAX while it lasts */
    int64_t minute;  /* for which a disk figure was sent */
    dm_sample last;  /* what was measured at its end */
    dm_cause cause;  /* of the end, for the attestation */
    bool ended;
    void *owner;
};

typedef struct record_key {
    dm_sandbox_id sandbox;
    int64_t period_start;
    uint32_t epoch;
    uint16_t spec_table, spec;
} record_key;

_Static_assert(sizeof(record_key) == sizeof(dm_sandbox_id) + 16, "padding has no value to be found by");

/* One (sandbox, epoch, spec) in one period. */
typedef struct record {
    record_key key;
    dm_usage_who who;
    uint64_t first_frame, last_frame;
    dm_cause cause;
    uint32_t disk[DM_ATTEST_MINUTES_MAX];
    uint8_t state[]; /* period_s of them */
} record;

struct dm_usage {
    dm_usage_config c;
    dm_stretch *stretches;
    dm_sample *samples;
    size_t samples_room;
    dm_map records;
    dm_attest *attest; /* too large for a stack */
};

int dm_usage_new(const dm_usage_config *config, dm_usage **out, dm_err *err)
{
    if (config->period_s == 0 || config->period_s % 60 != 0 || config->period_s > DM_ATTEST_PERIOD_MAX)
        return dm_fail(err, DM_E_INVALID, "a period is 60 to 3600 seconds and a multiple of 60");
    DM_AUTO(dm_usage) u = calloc(1, sizeof(*u));
    if (u == NULL || (u->attest = calloc(1, sizeof(*u->attest))) == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for usage");
    u->c = *config;
    dm_map_init(&u->records, offsetof(record, key), sizeof(record_key), RECORDS_MAX);
    *out = dm_steal(&u);
    return 0;
}

void dm_usage_free(dm_usage *u)
{
    if (u == NULL)
        return;
    while (u->stretches != NULL) {
        dm_stretch *s = u->stretches;
        u->stretches = s->next;
        free(s);
    }
    dm_map_walk walk = dm_map_begin(&u->records);
    for (record *r; (r = dm_map_next(&walk)) != NULL;)
        free(r);
    dm_map_done(&u->records);
    free(u->samples);
    free(u->attest);
    free(u);
}

dm_stretch *dm_usage_begin(dm_usage *u, const dm_usage_who *who, dm_sample_state state, int64_t at_us, void *owner)
{
    dm_stretch *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->who = *who;
    s->state = state;
    /* The second in which a sandbox fell asleep was a running one: sleep begins with the next. */
    s->began_s = state == DM_SAMPLE_RUN ? dm_second_of(at_us) : dm_second_of(at_us - 1) + 1;
    s->since_s = s->began_s;
    s->until_s = INT64_MAX;
    s->minute = -1;
    s->owner = owner;
    s->link = &u->stretches;
    s->next = u->stretches;
    if (s->next != NULL)
        s->next->link = &s->next;
    u->stretches = s;
    return s;
}

static void stretch_free(dm_stretch *s)
{
    assert(s->ended && *s->link == s);
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    free(s);
}

/* --- the open period's records ------------------------------------------------------------------------------ */

static int record_get(dm_usage *u, const dm_usage_who *who, int64_t period_start, record **out, dm_err *err)
{
    const record_key key = {who->sandbox, period_start, who->epoch, who->spec_table, who->spec};
    record *known = dm_map_find(&u->records, &key);
    if (known != NULL) {
        *out = known;
        return 0;
    }
    int r = dm_map_reserve(&u->records, "usage records", err);
    if (r < 0)
        return r;
    record *fresh = calloc(1, sizeof(*fresh) + u->c.period_s);
    if (fresh == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a usage record");
    fresh->key = key;
    fresh->who = *who;
    for (size_t i = 0; i < DM_LEN(fresh->disk); i++)
        fresh->disk[i] = DM_DISK_UNKNOWN;
    dm_map_add(&u->records, fresh);
    *out = fresh;
    return 0;
}

/* Notes one sample; a HIB span may begin in the period before. frame_no 0: of an earlier boot, whose numbers mean
 * nothing in this one's attestations. */
static int note(dm_usage *u, int64_t second, uint64_t frame_no, const dm_sample *s, dm_err *err)
{
    dm_usage_who who = {s->sandbox, s->epoch, (dm_project_no){s->project_no}, s->spec_table, s->spec, s->region_no};
    for (int64_t at = second - s->span_s + 1; at <= second; at++) {
        int64_t start = dm_period_start(at, u->c.period_s);
        record *r = NULL;
        int got = record_get(u, &who, start, &r, err);
        if (r == NULL)
            return got;
        uint8_t *state = &r->state[at - start];
        if (*state != DM_SAMPLE_RUN)
            *state = s->state;
        if (r->first_frame == 0)
            r->first_frame = frame_no;
        if (frame_no != 0)
            r->last_frame = frame_no;
        if (at == second && s->disk_16mib != DM_DISK_UNKNOWN) {
            uint32_t *disk = &r->disk[(at - start) / 60];
            if (*disk == DM_DISK_UNKNOWN || *disk < s->disk_16mib)
                *disk = s->disk_16mib;
        }
    }
    return 0;
}

int dm_usage_replay(dm_usage *u, int64_t second, const dm_sample *sample, dm_err *err)
{
    return note(u, second, 0, sample, err);
}

static void set_cause(dm_usage *u, const dm_sandbox_id *sandbox, uint32_t epoch, dm_cause cause)
{
    record *newest = NULL;
    dm_map_walk walk = dm_map_begin(&u->records);
    for (record *r; (r = dm_map_next(&walk)) != NULL;) {
        if (r->key.epoch == epoch && dm_sandbox_id_eq(&r->key.sandbox, sandbox) &&
                (newest == NULL || r->key.period_start > newest->key.period_start))
            newest = r;
    }
    if (newest != NULL)
        newest->cause = cause;
}

void dm_usage_replay_cause(dm_usage *u, const dm_sandbox_id *sandbox, uint32_t epoch, dm_cause cause)
{
    set_cause(u, sandbox, epoch, cause);
}

void dm_usage_forget(dm_usage *u, int64_t period_start)
{
    dm_map_walk walk = dm_map_begin(&u->records);
    for (record *r; (r = dm_map_next(&walk)) != NULL;) {
        if (r->key.period_start == period_start) {
            (void)dm_map_remove(&u->records, r);
            free(r);
        }
    }
}

/* --- seconds ------------------------------------------------------------------------------------------------ */

void dm_usage_end(dm_usage *u, dm_stretch *s, int64_t at_us, const dm_sample *measured, dm_cause cause)
{
    (void)u;
    assert(!s->ended);
    /* A stretch that ends on a boundary did not touch the second that begins there, unless it began there too. One that
     * ended before it began was restored after a crash for seconds that nobody can prove: it touched none. */
    s->until_s = dm_second_of(at_us - 1);
    if (s->until_s < s->began_s && s->state == DM_SAMPLE_RUN && dm_second_of(at_us) >= s->began_s)
        s->until_s = s->began_s;
    s->ended = true;
    s->owner = NULL;
    s->last = measured != NULL ? *measured : (dm_sample){.disk_16mib = DM_DISK_UNKNOWN};
    s->cause = cause;
}

void dm_usage_cancel(dm_usage *u, dm_stretch *s)
{
    (void)u;
    assert(!s->ended);
    s->until_s = s->since_s - 1;
    s->ended = true;
    s->owner = NULL;
}

/* Whether this stretch has a sample in the frame of this second, and how many seconds it covers. */
static int64_t span_at(const dm_stretch *s, int64_t second)
{
    if (s->since_s > second || s->since_s > s->until_s)
        return 0;
    if (s->state == DM_SAMPLE_RUN)
        return s->until_s >= second ? 1 : 0;
    bool minute_ends = (second + 1) % 60 == 0;
    if (s->until_s == second || (s->until_s > second && minute_ends))
        return second - s->since_s + 1;
    return 0;
}

static int sample_second(dm_usage *u, dm_stretch *s, int64_t second, int64_t span, uint32_t *n, dm_err *err)
{
    int r = dm_grow(&u->samples, &u->samples_room, *n, SAMPLES_MAX, "samples", err);
    if (r < 0)
        return r;
    dm_sample *out = &u->samples[*n];
    bool last = s->ended && s->until_s == second;
    *out = last ? s->last : (dm_sample){.disk_16mib = DM_DISK_UNKNOWN};
    out->sandbox = s->who.sandbox;
    out->epoch = s->who.epoch;
    out->project_no = (uint32_t)s->who.project.v;
    out->spec_table = s->who.spec_table;
    out->spec = s->who.spec;
    out->region_no = s->who.region_no;
    out->state = (uint8_t)s->state;
    out->span_s = (uint8_t)(span > DM_HIB_SPAN_MAX ? DM_HIB_SPAN_MAX : span);
    if (!last && s->owner != NULL)
        u->c.measure(u->c.arg, s->owner, out);
    if (second / 60 == s->minute)
        out->disk_16mib = DM_DISK_UNKNOWN;
    else if (out->disk_16mib != DM_DISK_UNKNOWN)
        s->minute = second / 60;
    assert(s->since_s <= second && span > 0);
    s->since_s = second + 1;
    (*n)++;
    return 0;
}

int dm_usage_second(dm_usage *u, int64_t second, uint64_t frame_no, const dm_sample **out, uint32_t *n,
        int64_t *complete_through, dm_err *err)
{
    *n = 0;
    *complete_through = second;
    for (dm_stretch *s = u->stretches, *next; s != NULL; s = next) {
        next = s->next;
        int64_t span = span_at(s, second);
        if (span > 0) {
            int r = sample_second(u, s, second, span, n, err);
            if (r == 0)
                r = note(u, second, frame_no, &u->samples[*n - 1], err);
            if (r < 0)
                return r;
        }
        if (s->ended && s->until_s <= second) {
            if (s->cause != DM_CAUSE_NONE)
                set_cause(u, &s->who.sandbox, s->who.epoch, s->cause);
            stretch_free(s);
        } else if (s->state == DM_SAMPLE_HIB && s->since_s <= second && s->since_s - 1 < *complete_through) {
            *complete_through = s->since_s - 1;
        }
    }
    *out = u->samples;
    return 0;
}

/* --- attesting ---------------------------------------------------------------------------------------------- */

static int by_sandbox_and_epoch(const void *a, const void *b)
{
    const record *x = *(const record *const *)a, *y = *(const record *const *)b;
    int c = dm_sandbox_id_cmp(&x->who.sandbox, &y->who.sandbox);
    if (c != 0)
        return c;
    return x->who.epoch < y->who.epoch ? -1 : x->who.epoch > y->who.epoch;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, DM_SHA256);
}

static int attest_one(dm_usage *u, const record *r, dm_worker_no worker, uint64_t boot, const dm_digest *previous,
        const dm_sign_key *key, dm_buf *b, dm_digest *hash, dm_err *err)
{
    dm_attest *a = u->attest;
    *a = (dm_attest){
            .worker_no = worker.v,
            .worker_boot = boot,
            .project_no = (uint32_t)r->who.project.v,
            .sandbox = r->who.sandbox,
            .epoch = r->who.epoch,
            .spec_table = r->who.spec_table,
            .spec = r->who.spec,
            .region_no = r->who.region_no,
            .period_start = r->key.period_start,
            .period_s = u->c.period_s,
            .first_frame = r->first_frame,
            .last_frame = r->last_frame,
            .previous = *previous,
            .cause = r->cause,
    };
    memcpy(a->state, r->state, u->c.period_s);
    memcpy(a->disk_16mib, r->disk, sizeof(a->disk_16mib));
    dm_buf_reset(b);
    return dm_attest_write(b, a, key, hash, err);
}

static int attest_end(dm_usage *u, int64_t period_start, dm_worker_no worker, uint64_t boot, uint64_t last_frame,
        dm_digest *hashes, size_t n, const dm_sign_key *key, dm_buf *b, dm_usage_emit_fn emit, void *arg, dm_err *err)
{
    dm_attest_end e = {
            .worker_no = worker.v,
            .worker_boot = boot,
            .period_start = period_start,
            .period_s = u->c.period_s,
            .count = (uint32_t)n,
            .last_frame = last_frame,
    };
    if (n > 1)
        qsort(hashes, n, sizeof(*hashes), by_bytes);
    int r = dm_sha256((dm_str){n > 0 ? (const char *)hashes : "", n * sizeof(*hashes)}, &e.all, err);
    dm_buf_reset(b);
    if (r == 0)
        r = dm_attest_end_write(b, &e, key, err);
    return r < 0 ? r : emit(arg, NULL, dm_buf_view(b), NULL, err);
}

int dm_usage_attest(dm_usage *u, int64_t period_start, dm_worker_no worker, uint64_t boot, const dm_sign_key *key,
        dm_usage_emit_fn emit, void *arg, dm_err *err)
{
    DM_AUTO_MEM record **list = calloc(u->records.n + 1, sizeof(record *));
    DM_AUTO_MEM dm_digest *hashes = calloc(u->records.n + 1, sizeof(*hashes));
    if (list == NULL || hashes == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to attest %zu records", u->records.n);
    size_t n = 0;
    uint64_t last_frame = 0;
    dm_map_walk walk = dm_map_begin(&u->records);
    for (record *r; (r = dm_map_next(&walk)) != NULL;) {
        if (r->key.period_start != period_start)
            continue;
        list[n++] = r;
        last_frame = r->last_frame > last_frame ? r->last_frame : last_frame;
    }
    if (n > 1)
        qsort(list, n, sizeof(record *), by_sandbox_and_epoch);

    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_ATTEST_BYTES_MAX);
    for (size_t i = 0; i < n; i++) {
        dm_digest previous;
        if (i > 0 && dm_sandbox_id_eq(&list[i]->who.sandbox, &list[i - 1]->who.sandbox))
            previous = hashes[i - 1];
        else
            u->c.previous(u->c.arg, &list[i]->who.sandbox, &previous);
        int r = attest_one(u, list[i], worker, boot, &previous, key, &b, &hashes[i], err);
        if (r == 0)
            r = emit(arg, u->attest, dm_buf_view(&b), &hashes[i], err);
        if (r < 0)
            return r;
    }
    int r = attest_end(u, period_start, worker, boot, last_frame, hashes, n, key, &b, emit, arg, err);
    if (r == 0)
        dm_usage_forget(u, period_start);
    return r;
}

/* --- what has run ------------------------------------------------------------------------------------------- */

void dm_usage_ran(const dm_usage *u, int64_t period_start, dm_usage_ran_fn fn, void *arg)
{
    dm_map_walk walk = dm_map_begin(&u->records);
    for (const record *r; (r = dm_map_next(&walk)) != NULL;) {
        record_key later = r->key;
        later.epoch++;
        const record *next = dm_map_find(&u->records, &later);
        int64_t n = 0;
        for (uint32_t s = 0; r->key.period_start == period_start && s < u->c.period_s; s++)
            n += r->state[s] == DM_SAMPLE_RUN && (next == NULL || next->state[s] != DM_SAMPLE_RUN);
        if (n > 0)
            fn(arg, r->who.project, period_start, n);
    }
}
