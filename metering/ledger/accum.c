#include "metering/ledger/accum.h"

#include <assert.h>

#include "base/grow.h"
#include "base/sorted.h"

#include "metering/ledger/bits.h"
#include "metering/ledger/lives.h"

enum { SLOTS_MIN = 64, DISK_MOST = 1 << 27 /* 2 PiB */ };

/* Rows stand side by side and are found by their index, not by base/map.h, which wants things that do not move: with
 * each row in memory of its own the path was 1 % slower, and 3 % where packing chunks empties the caches between two
 * seconds, as the ledger does. */
#define NO_ROW UINT32_MAX

/* What one worker brought. */
typedef struct brought {
    dm_worker_no worker_no;
    uint64_t *seconds; /* that are covered; NULL: none */
    size_t nrows;
} brought;

typedef struct period {
    int64_t start;
    dm_accum_row *rows; /* in order of arrival */
    size_t rows_room;
    uint32_t nrows;
    uint32_t *slots; /* open addressing: index of a row, or NO_ROW */
    uint32_t nslots; /* a power of two, more than twice nrows */
    uint32_t last;   /* row of the sample before */
    brought *of;     /* sorted by worker */
    size_t nof, of_room;
    dm_lives lives;
} period;

struct dm_accum {
    uint32_t period_s;
    size_t rows_max, worker_rows_max, nrows;
    int64_t open_from;
    uint64_t late;
    period **periods; /* sorted by start */
    size_t nperiods, room;
    period *newest;    /* the one the last sample went to */
    dm_accum *late_to; /* may be NULL */
    bool uncounted;    /* it is another's late_to */
    dm_counts counts;
};

int dm_accum_new(uint32_t period_s, size_t rows_max, size_t worker_rows_max, dm_accum **out, dm_err *err)
{
    if (!dm_period_s_fits(period_s))
        return dm_fail(err, DM_E_INVALID, "a period of %u s: it must be a multiple of 60 that divides 3600", period_s);
    if (rows_max >= NO_ROW)
        return dm_fail(err, DM_E_INVALID, "%zu rows", rows_max);
    dm_accum *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for usage");
    a->period_s = period_s;
    a->rows_max = rows_max;
    a->worker_rows_max = worker_rows_max;
    dm_counts_init(&a->counts);
    *out = a;
    return 0;
}

static void period_free(dm_accum *a, period *p)
{
    assert(p->nrows <= a->nrows && p->nrows <= p->rows_room && p->nof <= p->of_room);
    a->nrows -= p->nrows;
    for (uint32_t i = 0; i < p->nrows; i++) {
        free(p->rows[i].run.map);
        free(p->rows[i].hib.map);
        free(p->rows[i].disk);
    }
    for (size_t i = 0; i < p->nof; i++)
        free(p->of[i].seconds);
    free(p->of);
    free(p->rows);
    free(p->slots);
    dm_lives_done(&p->lives);
    free(p);
}

void dm_accum_free(dm_accum *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->nperiods; i++)
        period_free(a, a->periods[i]);
    assert(a->nrows == 0); /* every row was some period's */
    free(a->periods);
    dm_counts_done(&a->counts);
    free(a);
}

/* --- periods ------------------------------------------------------------------------------------------------ */

static int by_start(const void *element, const void *key)
{
    int64_t a = (*(period *const *)element)->start, b = *(const int64_t *)key;
    return a < b ? -1 : a > b;
}

/* Where a period of this start is, or would stand. */
static size_t period_place(const dm_accum *a, int64_t start, bool *there)
{
    return dm_sorted_place(a->periods, a->nperiods, sizeof(period *), &start, by_start, there);
}

static period *period_find(const dm_accum *a, int64_t start)
{
    bool there;
    size_t i = period_place(a, start, &there);
    return there ? a->periods[i] : NULL;
}

static period *period_new(dm_accum *a, int64_t start)
{
    period *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->start = start;
    p->lives = (dm_lives){.start = start, .period_s = a->period_s, .counts = &a->counts};
    p->last = NO_ROW;
    p->nslots = SLOTS_MIN;
    p->slots = malloc(SLOTS_MIN * sizeof(*p->slots));
    if (p->slots == NULL) {
        free(p);
        return NULL;
    }
    memset(p->slots, 0xff, SLOTS_MIN * sizeof(*p->slots));
    return p;
}

static int period_insert(dm_accum *a, size_t i, int64_t start, dm_err *err)
{
    int r = dm_grow(&a->periods, &a->room, a->nperiods, DM_PERIODS_OPEN_MAX, "open periods", err);
    if (r < 0)
        return r;
    period *p = period_new(a, start);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a period");
    dm_sorted_open(a->periods, a->nperiods, sizeof(period *), i);
    a->periods[i] = p;
    a->nperiods++;
    return 0;
}

static int period_get(dm_accum *a, int64_t start, period **out, dm_err *err)
{
    if (a->newest == NULL || a->newest->start != start) {
        bool there;
        size_t i = period_place(a, start, &there);
        if (!there) {
            int r = period_insert(a, i, start, err);
            if (r < 0)
                return r;
        }
        a->newest = a->periods[i];
    }
    *out = a->newest;
    return 0;
}

void dm_accum_close_before(dm_accum *a, int64_t second)
{
    size_t n = 0;
    while (n < a->nperiods && a->periods[n]->start + a->period_s <= second) {
        period_free(a, a->periods[n]);
        n++;
    }
    dm_sorted_close(a->periods, &a->nperiods, sizeof(period *), 0, n);
    dm_counts_close_before(&a->counts, second - a->period_s + 1);
    a->newest = NULL;
    if (second > a->open_from)
        a->open_from = second;
}

int dm_accum_detach(dm_accum *a, int64_t period_start, dm_accum **out, dm_err *err)
{
    bool there;
    size_t i = period_place(a, period_start, &there);
    DM_AUTO(dm_accum) d = NULL;
    int r = dm_accum_new(a->period_s, a->rows_max, a->worker_rows_max, &d, err);
    if (r == 0 && there)
        r = dm_grow(&d->periods, &d->room, 0, 1, "open periods", err);
    if (r < 0)
        return r;
    if (there) {
        period *p = a->periods[i];
        dm_sorted_close(a->periods, &a->nperiods, sizeof(period *), i, 1);
        a->newest = NULL;
        a->nrows -= p->nrows;
        dm_lives_done(&p->lives);
        d->periods[0] = p;
        d->nperiods = 1;
        d->nrows = p->nrows;
    }
    *out = dm_steal(&d);
    return 0;
}

uint64_t dm_accum_late(const dm_accum *a)
{
    return a->late;
}

void dm_accum_late_to(dm_accum *a, dm_accum *late)
{
    assert(late->period_s == a->period_s && late->nrows == 0);
    late->uncounted = true;
    a->late_to = late;
}

void dm_accum_clear(dm_accum *late)
{
    assert(late->uncounted); /* what was counted of its rows would be counted again */
    for (size_t i = 0; i < late->nperiods; i++)
        period_free(late, late->periods[i]);
    late->nperiods = 0;
    late->newest = NULL;
}

/* --- what a worker brought ---------------------------------------------------------------------------------- */

static int by_worker(const void *element, const void *key)
{
    uint64_t a = ((const brought *)element)->worker_no.v, b = ((const dm_worker_no *)key)->v;
    return a < b ? -1 : a > b;
}

static size_t brought_place(const period *p, dm_worker_no worker_no, bool *there)
{
    return dm_sorted_place(p->of, p->nof, sizeof(brought), &worker_no, by_worker, there);
}

static const brought *brought_find(const period *p, dm_worker_no worker_no)
{
    bool there = false;
    size_t i = p != NULL ? brought_place(p, worker_no, &there) : 0;
    return there ? &p->of[i] : NULL;
}

static int brought_get(period *p, dm_worker_no worker_no, brought **out, dm_err *err)
{
    bool there;
    size_t i = brought_place(p, worker_no, &there);
    if (!there) {
        int r = dm_grow(&p->of, &p->of_room, p->nof, DM_WORKERS_MAX, "workers", err);
        if (r < 0)
            return r;
        dm_sorted_open(p->of, p->nof, sizeof(brought), i);
        p->of[i] = (brought){.worker_no = worker_no};
        p->nof++;
    }
    *out = &p->of[i];
    return 0;
}

/* --- rows --------------------------------------------------------------------------------------------------- */

static uint64_t key_hash(const dm_accum_key *k)
{
    uint64_t low;
    memcpy(&low, k->sandbox.b + 8, sizeof(low)); /* random bytes */
    uint64_t h = low * 0x9e3779b97f4a7c15u ^ ((uint64_t)k->epoch << 32 | k->project_no);
    h = (h ^ h >> 32) * 0xff51afd7ed558ccdu ^ k->worker_no.v;
    return h ^ h >> 29;
}

static bool key_eq(const dm_accum_key *a, const dm_accum_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void slot_put(period *p, uint32_t row)
{
    assert(row < p->nslots / 2); /* half of the slots are free: looking for one ends */
    uint64_t i = key_hash(&p->rows[row].key);
    while (p->slots[i & (p->nslots - 1)] != NO_ROW)
        i++;
    p->slots[i & (p->nslots - 1)] = row;
}

static int slots_grow(period *p, dm_err *err)
{
    uint32_t n = p->nslots * 2;
    uint32_t *slots = malloc(n * sizeof(*slots));
    if (slots == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %u usage rows", n);
    memset(slots, 0xff, n * sizeof(*slots));
    free(p->slots);
    p->slots = slots;
    p->nslots = n;
    for (uint32_t row = 0; row < p->nrows; row++)
        slot_put(p, row);
    return 0;
}

/* NO_ROW: there is none. */
static uint32_t row_find(const period *p, const dm_accum_key *k)
{
    uint64_t i = key_hash(k);
    uint32_t row;
    while ((row = p->slots[i & (p->nslots - 1)]) != NO_ROW && !key_eq(&p->rows[row].key, k))
        i++;
    return row;
}

static int row_count(dm_accum *a, period *p, uint32_t row, dm_err *err)
{
    const dm_accum_key *k = &p->rows[row].key;
    dm_counted_key group = {p->start, k->project_no, k->spec_table, k->spec, k->region_no, {0}};
    uint32_t counter;
    int r = dm_counts_get(&a->counts, &group, &counter, err);
    if (r < 0)
        return r;
    p->rows[row].counter = counter & (DM_COUNTED_MAX * 2 - 1);
    return dm_lives_add(&p->lives, p->rows, row, err);
}

static int row_add(dm_accum *a, period *p, const dm_accum_key *k, uint32_t *out, dm_err *err)
{
    if (a->nrows == a->rows_max)
        return dm_fail(err, DM_E_LIMIT, "more than %zu usage rows", a->rows_max);
    brought *of;
    int r = brought_get(p, k->worker_no, &of, err);
    if (r == 0)
        r = dm_grow(&p->rows, &p->rows_room, p->nrows, a->rows_max, "usage rows", err);
    if (r < 0)
        return r;
    if ((p->nrows + 1) * 2 >= p->nslots && slots_grow(p, err) < 0)
        return DM_E_NOMEM;
    p->rows[p->nrows] = (dm_accum_row){.key = *k, .next = NO_ROW};
    r = a->uncounted ? 0 : row_count(a, p, p->nrows, err);
    if (r < 0)
        return r;
    slot_put(p, p->nrows);
    *out = p->nrows++;
    a->nrows++;
    of->nrows++;
    return 0;
}

static int row_get(dm_accum *a, period *p, const dm_accum_key *k, dm_accum_row **out, dm_err *err)
{
    uint32_t guess = p->last != NO_ROW ? p->rows[p->last].next : NO_ROW;
    uint32_t row;
    if (guess != NO_ROW && key_eq(&p->rows[guess].key, k)) {
        row = guess;
    } else {
        row = row_find(p, k);
        if (row == NO_ROW) {
            int r = row_add(a, p, k, &row, err);
            if (r < 0)
                return r;
        }
        if (p->last != NO_ROW)
            p->rows[p->last].next = row;
    }
    p->last = row;
    *out = &p->rows[row];
    return 0;
}

/* --- samples ------------------------------------------------------------------------------------------------ */

/* A bit map, of a row that ran with a break, is a line of memory that nobody touched since the second before, and
 * waiting for it is most of what a sample costs: that of the row after the next is asked for while this one is worked
 * on. */
static void look_ahead(const period *p, const dm_accum_row *row, uint32_t at)
{
    for (int i = 0; i < 2; i++) {
        if (row->next == NO_ROW)
            return;
        row = &p->rows[row->next];
    }
    if (row->run.map != NULL)
        __builtin_prefetch(&row->run.map[at / 64], 1);
}

static int merge_disk(dm_accum *a, period *p, dm_accum_row *row, uint32_t minute, uint32_t grains, dm_err *err)
{
    if (a->uncounted)
        return dm_accum_disk_add(row, a->period_s, minute, grains, err);
    return dm_lives_disk(&p->lives, p->rows, (uint32_t)(row - p->rows), minute, grains, err);
}

/* from..to lie in one period. */
static int merge(
        dm_accum *a, const dm_accum_key *k, const dm_sample *s, int64_t from, int64_t to, int64_t second, dm_err *err)
{
    int64_t start = dm_period_start(from, a->period_s);
    assert(from >= a->open_from && from <= to && to - start < a->period_s);
    period *p;
    dm_accum_row *row = NULL;
    int r = period_get(a, start, &p, err);
    if (r == 0)
        r = row_get(a, p, k, &row, err);
    if (r < 0)
        return r;
    look_ahead(p, row, (uint32_t)(to - start));
    bool run = s->state == DM_SAMPLE_RUN;
    uint32_t first = (uint32_t)(from - start), last = (uint32_t)(to - start);
    if (to == second && s->disk_16mib != DM_DISK_UNKNOWN)
        r = merge_disk(a, p, row, last / 60, s->disk_16mib, err);
    if (r < 0)
        return r;
    if (a->uncounted)
        return dm_accum_bits_add(run ? &row->run : &row->hib, a->period_s, first, last + 1, err);
    return dm_lives_set(&p->lives, p->rows, (uint32_t)(row - p->rows), run, first, last, err);
}

static dm_accum_key key_of(const dm_frame_head *head, const dm_sample *s)
{
    return (dm_accum_key){
            .sandbox = s->sandbox,
            .worker_no = {head->worker_no},
            .epoch = s->epoch,
            .project_no = s->project_no,
            .spec_table = s->spec_table,
            .spec = s->spec,
            .region_no = s->region_no,
    };
}

/* Seconds [from, end), which may lie in several periods. */
static int merge_all(
        dm_accum *a, const dm_accum_key *k, const dm_sample *s, int64_t from, int64_t end, int64_t second, dm_err *err)
{
    while (from < end) {
        int64_t to = dm_period_start(from, a->period_s) + a->period_s - 1;
        if (to >= end)
            to = end - 1;
        int r = merge(a, k, s, from, to, second, err);
        if (r < 0)
            return r;
        from = to + 1;
    }
    return 0;
}

static int take_sample(dm_accum *a, const dm_frame_head *head, const dm_sample *s, dm_err *err)
{
    dm_accum_key k = key_of(head, s);
    int64_t from = head->second - s->span_s + 1, end = head->second + 1;
    if (from < 0)
        from = 0;
    if (from < a->open_from) {
        int64_t open = a->open_from < end ? a->open_from : end;
        a->late += (uint64_t)(open - from);
        int r = a->late_to != NULL ? merge_all(a->late_to, &k, s, from, open, head->second, err) : 0;
        if (r < 0)
            return r;
        from = open;
    }
    return merge_all(a, &k, s, from, end, head->second, err);
}

/* How many rows a frame would add to the period that holds second `in`. */
static size_t new_rows(
        const dm_accum *a, const period *p, const dm_frame_head *head, const uint8_t *samples, int64_t in)
{
    int64_t start = dm_period_start(in, a->period_s);
    size_t n = 0;
    for (uint32_t i = 0; i < head->n; i++) {
        dm_sample s;
        if (dm_frame_sample(samples, i, &s, NULL) < 0 || head->second - s.span_s + 1 >= start + a->period_s)
            continue;
        dm_accum_key k = key_of(head, &s);
        n += p == NULL || row_find(p, &k) == NO_ROW;
    }
    return n;
}

/* Counting costs a look for each sample, so it is done of those alone who come near the bound. */
static bool over_in(const dm_accum *a, const dm_frame_head *head, const uint8_t *samples, int64_t in)
{
    const period *p = period_find(a, dm_period_start(in, a->period_s));
    const brought *of = brought_find(p, (dm_worker_no){head->worker_no});
    size_t has = of != NULL ? of->nrows : 0;
    return has + head->n > a->worker_rows_max && has + new_rows(a, p, head, samples, in) > a->worker_rows_max;
}

/* A sleeper's sample may reach into the period before. */
static bool over(const dm_accum *a, const dm_frame_head *head, const uint8_t *samples)
{
    int64_t first = head->second - DM_HIB_SPAN_MAX + 1;
    if (first < a->open_from) {
        if (a->late_to != NULL && over(a->late_to, head, samples))
            return true;
        first = a->open_from;
    }
    if (head->second < first) /* nothing of it is merged */
        return false;
    return over_in(a, head, samples, head->second) ||
           (first < dm_period_start(head->second, a->period_s) && over_in(a, head, samples, first));
}

int dm_accum_frame(
        dm_accum *a, const dm_frame_head *head, const uint8_t *samples, dm_accum_bad_fn bad, void *arg, dm_err *err)
{
    if (over(a, head, samples))
        return DM_ACCUM_OVER;
    dm_counts_second(&a->counts, head->second);
    for (uint32_t i = 0; i < head->n; i++) {
        dm_sample s;
        dm_err why;
        int r = dm_frame_sample(samples, i, &s, &why);
        if (r == 0 && s.disk_16mib != DM_DISK_UNKNOWN && s.disk_16mib > DISK_MOST)
            r = dm_fail(&why, DM_E_INVALID, "sample %u: a disk of %u x 16 MiB", i, s.disk_16mib);
        if (r < 0) {
            if (bad != NULL)
                bad(arg, i, &why);
            continue;
        }
        r = take_sample(a, head, &s, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- what was heard of a worker ----------------------------------------------------------------------------- */

int dm_accum_cover(dm_accum *a, dm_worker_no worker_no, int64_t second, dm_err *err)
{
    if (second < a->open_from)
        return 0;
    int64_t start = dm_period_start(second, a->period_s);
    period *p;
    brought *of = NULL;
    int r = period_get(a, start, &p, err);
    if (r == 0)
        r = brought_get(p, worker_no, &of, err);
    if (r < 0)
        return r;
    if (of->seconds == NULL)
        of->seconds = calloc((a->period_s + 63) / 64, sizeof(uint64_t));
    if (of->seconds == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a bit map");
    uint32_t at = (uint32_t)(second - start);
    assert(at < a->period_s);
    of->seconds[at / 64] |= (uint64_t)1 << at % 64;
    return 0;
}

const uint64_t *dm_accum_seconds(const dm_accum *a, dm_worker_no worker_no, int64_t period_start)
{
    const brought *of = brought_find(period_find(a, period_start), worker_no);
    return of != NULL ? of->seconds : NULL;
}

bool dm_accum_covered(const dm_accum *a, dm_worker_no worker_no, int64_t second)
{
    int64_t start = dm_period_start(second, a->period_s);
    return dm_bit(dm_accum_seconds(a, worker_no, start), (uint32_t)(second - start));
}

dm_worker_no dm_accum_worker(const dm_accum *a, int64_t period_start, size_t i)
{
    const period *p = period_find(a, period_start);
    return p != NULL && i < p->nof ? p->of[i].worker_no : (dm_worker_no){0};
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static int cmp_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_key(const void *x, const void *y)
{
    const dm_accum_key *a = &(*(const dm_accum_row *const *)x)->key, *b = &(*(const dm_accum_row *const *)y)->key;
    int c = cmp_u64(a->project_no, b->project_no);
    if (c == 0)
        c = dm_sandbox_id_cmp(&a->sandbox, &b->sandbox);
    if (c == 0)
        c = cmp_u64(a->epoch, b->epoch);
    if (c == 0)
        c = cmp_u64(a->spec_table, b->spec_table);
    if (c == 0)
        c = cmp_u64(a->spec, b->spec);
    if (c == 0)
        c = cmp_u64(a->region_no, b->region_no);
    return c != 0 ? c : cmp_u64(a->worker_no.v, b->worker_no.v);
}

int dm_accum_rows(const dm_accum *a, int64_t period_start, const dm_accum_row ***out, size_t *n, dm_err *err)
{
    const period *p = period_find(a, period_start);
    *out = NULL;
    *n = 0;
    if (p == NULL || p->nrows == 0)
        return 0;
    const dm_accum_row **list = malloc(p->nrows * sizeof(*list));
    if (list == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to sort %u usage rows", p->nrows);
    for (uint32_t i = 0; i < p->nrows; i++)
        list[i] = &p->rows[i];
    qsort(list, p->nrows, sizeof(*list), by_key);
    *out = list;
    *n = p->nrows;
    return 0;
}

size_t dm_accum_counted(dm_accum *a, dm_counted *out, size_t max)
{
    return dm_counts_take(&a->counts, out, max);
}

int64_t dm_accum_newest(const dm_accum *a)
{
    return a->counts.newest;
}

int64_t dm_accum_first(const dm_accum *a)
{
    return a->nperiods > 0 ? a->periods[0]->start : -1;
}

int64_t dm_accum_next(const dm_accum *a, int64_t start)
{
    bool there;
    size_t i = period_place(a, start, &there);
    i += there;
    return i < a->nperiods ? a->periods[i]->start : -1;
}

size_t dm_accum_count(const dm_accum *a)
{
    return a->nrows;
}
