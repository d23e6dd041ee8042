/* Two levels of tables that only ever grow: families by the address of their static row, and in each the series by
 * label value. Finding one is a probe of atomic pointers and takes no lock; only the first use of a family or of a
 * label value makes something, under the mutex, and publishes it with release order. So an update costs a hash, a few
 * loads and one add, and a printer may run beside all of them: it sees each number whole, though not all at one
 * instant.
 *
 * Both tables are bounded. Label values past 64 are counted as "other"; a family past the last place is lost, and how
 * many updates were lost (for want of places or memory) is a metric itself. */
#include "base/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    FAMILIES_MAX = 256, /* places are twice as many, so that probing stays short */
    FAMILY_PLACES = 2 * FAMILIES_MAX,
    VALUES_MAX = 64,
    VALUE_BYTES = 128,
    BUCKETS = 18,
};

/* Upper bounds in microseconds: half a microVM's answer to a slow start from cold storage. */
static const int64_t bucket_us[BUCKETS] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
        1000000, 2500000, 5000000, 10000000, 30000000, 60000000};

static const char other_value[] = "other";

typedef struct series {
    _Atomic int64_t number;                /* counter and gauge; a histogram's sum in microseconds */
    _Atomic uint64_t buckets[BUCKETS + 1]; /* not cumulative; the last is +Inf; a histogram's only */
    char value[VALUE_BYTES];
} series;

typedef struct family {
    const dm_metric *row;
    _Atomic(series *) by_value[VALUES_MAX];
    _Atomic(series *) rest; /* "other", or the one series without a label */
} family;

struct dm_metrics {
    pthread_mutex_t making;
    _Atomic(family *) places[FAMILY_PLACES];
    size_t families; /* under making */
    _Atomic uint64_t lost;
};

int dm_metrics_new(dm_metrics **out, dm_err *err)
{
    dm_metrics *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for metrics");
    (void)pthread_mutex_init(&m->making, NULL); /* with default attributes it cannot fail on Linux */
    *out = m;
    return 0;
}

static void family_free(family *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < VALUES_MAX; i++)
        free(atomic_load(&f->by_value[i]));
    free(atomic_load(&f->rest));
    free(f);
}

void dm_metrics_free(dm_metrics *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < FAMILY_PLACES; i++)
        family_free(atomic_load(&m->places[i]));
    (void)pthread_mutex_destroy(&m->making);
    free(m);
}

/* --- finding ------------------------------------------------------------------------------------------------ */

static size_t hash_address(const void *p)
{
    /* Rows stand in arrays, a few words apart: multiplying spreads them. */
    return (size_t)((uint64_t)(uintptr_t)p * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The family, or NULL and in *place the free place where it would be. */
static family *family_at(dm_metrics *m, const dm_metric *row, _Atomic(family *) **place)
{
    size_t at = hash_address(row);
    for (size_t i = 0;; i++) {
        assert(i < FAMILY_PLACES); /* half of the places stay free */
        *place = &m->places[(at + i) % FAMILY_PLACES];
        family *f = atomic_load_explicit(*place, memory_order_acquire);
        if (f == NULL || f->row == row)
            return f;
    }
}

static family *make_family(dm_metrics *m, const dm_metric *row)
{
    (void)pthread_mutex_lock(&m->making);
    _Atomic(family *) *place;
    family *f = family_at(m, row, &place); /* another thread may have been first */
    if (f == NULL && m->families < FAMILIES_MAX) {
        f = calloc(1, sizeof(*f));
        if (f != NULL) {
            f->row = row;
            m->families++;
            atomic_store_explicit(place, f, memory_order_release);
        }
    }
    (void)pthread_mutex_unlock(&m->making);
    return f;
}

/* The series, or NULL and in *place the free place where it would be; with all taken that is the place of "other". */
static series *series_at(family *f, dm_str value, _Atomic(series *) **place)
{
    bool other = f->row->label == NULL || value.n >= VALUE_BYTES || dm_str_eq_c(value, other_value);
    size_t at = dm_str_hash(value);
    for (size_t i = 0; !other && i < VALUES_MAX; i++) {
        *place = &f->by_value[(at + i) % VALUES_MAX];
        series *s = atomic_load_explicit(*place, memory_order_acquire);
        if (s == NULL || dm_str_eq_c(value, s->value))
            return s;
    }
    *place = &f->rest;
    return atomic_load_explicit(*place, memory_order_acquire);
}

static series *make_series(dm_metrics *m, family *f, dm_str value)
{
    (void)pthread_mutex_lock(&m->making);
    _Atomic(series *) *place;
    series *s = series_at(f, value, &place);
    if (s == NULL) {
        s = calloc(1, sizeof(*s));
        if (s != NULL) {
            dm_str name = place == &f->rest ? dm_str_c(other_value) : value;
            memcpy(s->value, name.p, name.n); /* below VALUE_BYTES, and the rest is zero */
            atomic_store_explicit(place, s, memory_order_release);
        }
    }
    (void)pthread_mutex_unlock(&m->making);
    return s;
}

/* NULL when there is no room for it, which is counted. */
static series *find(dm_metrics *m, const dm_metric *row, const char *value)
{
    dm_str v = value != NULL ? dm_str_c(value) : DM_STR("");
    _Atomic(family *) *family_place;
    _Atomic(series *) *series_place;
    family *f = family_at(m, row, &family_place);
    if (f == NULL)
        f = make_family(m, row);
    series *s = f != NULL ? series_at(f, v, &series_place) : NULL;
    if (f != NULL && s == NULL)
        s = make_series(m, f, v);
    if (s == NULL)
        atomic_fetch_add_explicit(&m->lost, 1, memory_order_relaxed);
    return s;
}

/* --- updating ----------------------------------------------------------------------------------------------- */

void dm_metric_add(dm_metrics *m, const dm_metric *row, const char *value, int64_t by)
{
    assert(row->type != DM_HISTOGRAM);
    series *s = m != NULL ? find(m, row, value) : NULL;
    if (s != NULL)
        atomic_fetch_add_explicit(&s->number, by, memory_order_relaxed);
}

void dm_metric_set(dm_metrics *m, const dm_metric *row, const char *value, int64_t to)
{
    assert(row->type != DM_HISTOGRAM);
    series *s = m != NULL ? find(m, row, value) : NULL;
    if (s != NULL)
        atomic_store_explicit(&s->number, to, memory_order_relaxed);
}

void dm_metric_time(dm_metrics *m, const dm_metric *row, const char *value, int64_t us)
{
    assert(row->type == DM_HISTOGRAM);
    series *s = m != NULL ? find(m, row, value) : NULL;
    if (s == NULL)
        return;
    if (us < 0)
        us = 0;
    size_t i = 0;
    while (i < BUCKETS && us > bucket_us[i])
        i++;
    atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->number, us, memory_order_relaxed);
}

/* --- printing ----------------------------------------------------------------------------------------------- */

static void put_escaped(dm_buf *b, const char *z, bool quoted)
{
    for (; *z != '\0'; z++) {
        if (*z == '\n')
            (void)dm_buf_c(b, "\\n");
        else if (*z == '\\' || (quoted && *z == '"'))
            (void)dm_buf_add(b, (const char[]){'\\', *z}, 2);
        else
            (void)dm_buf_ch(b, *z);
    }
}

static void put_label(dm_buf *b, const dm_metric *row, const series *s)
{
    (void)dm_buf_fmt(b, "%s=\"", row->label);
    put_escaped(b, s->value, true);
    (void)dm_buf_ch(b, '"');
}

/* Microseconds as seconds, exactly and without trailing zeros. */
static void put_seconds(dm_buf *b, int64_t us)
{
    char text[32];
    uint64_t fraction = (uint64_t)us % 1000000;
    size_t n = 0;
    for (uint64_t unit = 100000; fraction > 0; unit /= 10) {
        text[n++] = (char)('0' + fraction / unit);
        fraction %= unit;
    }
    (void)dm_buf_fmt(b, "%llu%s%.*s", (unsigned long long)us / 1000000, n > 0 ? "." : "", (int)n, text);
}

static void put_number(dm_buf *b, const dm_metric *row, series *s)
{
    (void)dm_buf_c(b, row->name);
    if (row->label != NULL) {
        (void)dm_buf_ch(b, '{');
        put_label(b, row, s);
        (void)dm_buf_ch(b, '}');
    }
    (void)dm_buf_fmt(b, " %lld\n", (long long)atomic_load_explicit(&s->number, memory_order_relaxed));
}

static void put_suffix(dm_buf *b, const dm_metric *row, const series *s, const char *suffix)
{
    (void)dm_buf_fmt(b, "%s_%s", row->name, suffix);
    if (row->label != NULL) {
        (void)dm_buf_ch(b, '{');
        put_label(b, row, s);
        (void)dm_buf_ch(b, '}');
    }
    (void)dm_buf_ch(b, ' ');
}

static void put_histogram(dm_buf *b, const dm_metric *row, series *s)
{
    /* The count is the sum of what was read here, so that it agrees with +Inf while others go on adding. */
    uint64_t count = 0;
    for (size_t i = 0; i <= BUCKETS; i++) {
        count += atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
        (void)dm_buf_fmt(b, "%s_bucket{", row->name);
        if (row->label != NULL) {
            put_label(b, row, s);
            (void)dm_buf_ch(b, ',');
        }
        (void)dm_buf_c(b, "le=\"");
        if (i < BUCKETS)
            put_seconds(b, bucket_us[i]);
        else
            (void)dm_buf_c(b, "+Inf");
        (void)dm_buf_fmt(b, "\"} %llu\n", (unsigned long long)count);
    }
    put_suffix(b, row, s, "sum");
    put_seconds(b, atomic_load_explicit(&s->number, memory_order_relaxed));
    (void)dm_buf_ch(b, '\n');
    put_suffix(b, row, s, "count");
    (void)dm_buf_fmt(b, "%llu\n", (unsigned long long)count);
}

static void put_head(dm_buf *b, const dm_metric *row)
{
    static const char *const types[] = {[DM_COUNTER] = "counter", [DM_GAUGE] = "gauge", [DM_HISTOGRAM] = "histogram"};
    (void)dm_buf_fmt(b, "# HELP %s ", row->name);
    put_escaped(b, row->help, false);
    (void)dm_buf_fmt(b, "\n# TYPE %s %s\n", row->name, types[row->type]);
}

static int by_value(const void *a, const void *b)
{
    const series *const *x = a;
    const series *const *y = b;
    return strcmp((*x)->value, (*y)->value);
}

static void put_family(dm_buf *b, family *f)
{
    series *all[VALUES_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < VALUES_MAX; i++) {
        series *s = atomic_load_explicit(&f->by_value[i], memory_order_acquire);
        if (s != NULL)
            all[n++] = s;
    }
    series *rest = atomic_load_explicit(&f->rest, memory_order_acquire);
    if (rest != NULL)
        all[n++] = rest;
    qsort(all, n, sizeof(all[0]), by_value);
    put_head(b, f->row);
    for (size_t i = 0; i < n; i++) {
        if (f->row->type == DM_HISTOGRAM)
            put_histogram(b, f->row, all[i]);
        else
            put_number(b, f->row, all[i]);
    }
}

static int by_name(const void *a, const void *b)
{
    const family *const *x = a;
    const family *const *y = b;
    return strcmp((*x)->row->name, (*y)->row->name);
}

int dm_metrics_print(dm_metrics *m, dm_buf *out, dm_err *err)
{
    static const dm_metric lost_row = {
            "dm_metrics_lost_total", DM_COUNTER, NULL, "Updates that found no room among the metrics."};
    series lost = {.number = (int64_t)atomic_load_explicit(&m->lost, memory_order_relaxed)};
    family lost_family = {.row = &lost_row, .rest = &lost};

    family *all[FAMILIES_MAX + 1] = {&lost_family};
    size_t n = 1;
    for (size_t i = 0; i < FAMILY_PLACES; i++) {
        family *f = atomic_load_explicit(&m->places[i], memory_order_acquire);
        if (f != NULL)
            all[n++] = f;
    }
    qsort(all, n, sizeof(all[0]), by_name);
    for (size_t i = 0; i < n; i++)
        put_family(out, all[i]);
    return dm_buf_ok(out, err);
}
