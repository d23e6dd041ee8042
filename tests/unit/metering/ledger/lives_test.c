/* Covers metering/ledger/bits.c, metering/ledger/count.c, metering/ledger/lives.c: what was counted against the bit
 * maps that it was counted of, in whatever order the frames came. */
#include "base/wire/frame.h"

#include "metering/ledger/accum.h"
#include "metering/ledger/lives.h"
#include "metering/rules/rate.h"
#include "tests/unit/test.h"

enum { T = 1772359200, PERIOD = 600, BOXES = 6, LIVES = 5, COUNTED = 64 };

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static dm_sandbox_id box(unsigned n)
{
    uint8_t random[16] = {0};
    random[15] = (uint8_t)n;
    random[9] = (uint8_t)(n * 37);
    return dm_sandbox_id_of_random(random);
}

static void say(dm_accum *a, int64_t second, dm_sample *s, uint32_t n, uint64_t worker)
{
    DM_AUTO_BUF b;
    dm_frame_head h = {.worker_no = worker, .worker_boot = 1, .frame_no = 1, .second = second, .parts = 1, .n = n};
    const uint8_t *samples;
    dm_err err;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, &h, s, NULL, NULL), 0);
    assert_int_equal(dm_frame_open(dm_buf_view(&b), &h, &samples, NULL), 0);
    if (dm_accum_frame(a, &h, samples, NULL, NULL, &err) != 0)
        fail_msg("%s", err.msg);
}

static void say_one(dm_accum *a, int64_t second, dm_sample s)
{
    say(a, second, &s, 1, 1);
}

/* All counters as they were told last. */
typedef struct told {
    dm_counted v[COUNTED];
    size_t n;
} told;

static void listen(dm_accum *a, told *t)
{
    dm_counted some[3];
    size_t n;
    while ((n = dm_accum_counted(a, some, DM_LEN(some))) > 0) {
        for (size_t i = 0; i < n; i++) {
            size_t k = 0;
            while (k < t->n && memcmp(&t->v[k].key, &some[i].key, sizeof some[i].key) != 0)
                k++;
            assert_true(k < COUNTED);
            t->n += k == t->n;
            t->v[k] = some[i];
        }
    }
    assert_int_equal(dm_accum_counted(a, some, DM_LEN(some)), 0);
}

static const dm_counted *of(const told *t, uint32_t project)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->v[i].key.project_no == project)
            return &t->v[i];
    }
    fail_msg("nothing was told of project %u", project);
    return NULL;
}

/* --- any order ---------------------------------------------------------------------------------------------- */

static int by_life(const void *x, const void *y)
{
    const dm_accum_key *a = &(*(const dm_accum_row *const *)x)->key, *b = &(*(const dm_accum_row *const *)y)->key;
    int c = dm_sandbox_id_cmp(&a->sandbox, &b->sandbox);
    if (c != 0)
        return c;
    if (a->epoch != b->epoch)
        return a->epoch > b->epoch ? -1 : 1;
    if (a->spec != b->spec)
        return a->spec > b->spec ? -1 : 1;
    return a->worker_no.v > b->worker_no.v ? -1 : 1;
}

/* The judge's rule, once more: of a sandbox's lives the highest has a second, RUN wins within it. */
static void reckon(const dm_accum *a, int64_t start, told *out)
{
    const dm_accum_row **rows;
    size_t n;
    bool taken[PERIOD] = {false};
    *out = (told){.n = 0};
    assert_int_equal(dm_accum_rows(a, start, &rows, &n, NULL), 0);
    if (n > 0)
        qsort(rows, n, sizeof(*rows), by_life);
    for (size_t i = 0; i < n; i++) {
        const dm_accum_row *r = rows[i];
        uint32_t told_disk[PERIOD / 60], disk[PERIOD / 60];
        size_t k = 0;
        if (i == 0 || dm_sandbox_id_cmp(&r->key.sandbox, &rows[i - 1]->key.sandbox) != 0)
            memset(taken, 0, sizeof taken);
        while (k < out->n && (out->v[k].key.project_no != r->key.project_no || out->v[k].key.spec != r->key.spec))
            k++;
        assert_true(k < COUNTED);
        if (k == out->n)
            out->v[out->n++] = (dm_counted){
                    .key = {start, r->key.project_no, r->key.spec_table, r->key.spec, r->key.region_no, {0}}};
        for (uint32_t m = 0; m < PERIOD / 60; m++)
            told_disk[m] = dm_accum_disk(r, m);
        dm_rate_disk(told_disk, PERIOD / 60, disk);
        for (uint32_t s = 0; s < PERIOD; s++) {
            uint32_t grains = disk[s / 60] != DM_DISK_UNKNOWN ? disk[s / 60] : 0;
            bool run = dm_accum_bit(&r->run, s), hib = dm_accum_bit(&r->hib, s);
            if ((!run && !hib) || taken[s])
                continue;
            taken[s] = true;
            out->v[k].run_s += run;
            out->v[k].over_30 += run && grains > 1920 ? grains - 1920 : 0;
            out->v[k].hib += run ? 0 : grains;
        }
    }
    free(rows);
}

static void compare(const told *got, const told *want, int64_t start)
{
    for (size_t i = 0; i < want->n; i++) {
        size_t k = 0;
        while (k < got->n && memcmp(&got->v[k].key, &want->v[i].key, sizeof want->v[i].key) != 0)
            k++;
        if (k == got->n || got->v[k].run_s != want->v[i].run_s || got->v[k].over_30 != want->v[i].over_30 ||
                got->v[k].hib != want->v[i].hib)
            fail_msg("project %u, spec %u of the period %lld: not what the bit maps say", want->v[i].key.project_no,
                    want->v[i].key.spec, (long long)(start - T));
    }
}

static dm_sample some_sample(uint64_t *seed, unsigned sandbox)
{
    bool run = next(seed) % 2 == 0;
    return (dm_sample){.sandbox = box(sandbox),
            .epoch = 1 + (uint32_t)next(seed) % LIVES,
            .project_no = 1 + sandbox % 2,
            .spec_table = 1,
            .spec = (uint16_t)(2 + next(seed) % 2),
            .state = run ? DM_SAMPLE_RUN : DM_SAMPLE_HIB,
            .span_s = run ? 1 : (uint8_t)(next(seed) % 60 + 1),
            .region_no = 1,
            .disk_16mib = next(seed) % 4 == 0 ? (uint32_t)(next(seed) % 4000) : DM_DISK_UNKNOWN};
}

static void what_was_counted_is_what_the_bit_maps_say(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 16; round++) {
        uint64_t seed = round;
        DM_AUTO(dm_accum) a = NULL;
        told got = {.n = 0}, want;
        assert_int_equal(dm_accum_new(PERIOD, 10000, 10000, &a, NULL), 0);
        dm_accum_close_before(a, T);
        for (unsigned i = 0; i < 2000; i++) {
            dm_sample s[BOXES];
            /* by turns in order, as nearly all comes, and in none */
            int64_t second = T + (int64_t)(round % 2 == 0 ? i * 2 * PERIOD / 2000 : next(&seed) % (2 * PERIOD));
            uint32_t n = 1 + (uint32_t)next(&seed) % BOXES;
            for (uint32_t k = 0; k < n; k++)
                s[k] = some_sample(&seed, k);
            say(a, second, s, n, 1 + next(&seed) % 2);
            if (next(&seed) % 50 == 0)
                listen(a, &got);
        }
        listen(a, &got);
        for (int64_t start = T; start < T + 2 * PERIOD; start += PERIOD) {
            reckon(a, start, &want);
            assert_true(want.n > 0);
            compare(&got, &want, start);
        }
    }
}

/* --- the ways of one sandbox -------------------------------------------------------------------------------- */

static dm_sample running(uint32_t epoch, uint32_t grains)
{
    return (dm_sample){.sandbox = box(1),
            .epoch = epoch,
            .project_no = 7,
            .spec_table = 1,
            .spec = 2,
            .state = DM_SAMPLE_RUN,
            .span_s = 1,
            .region_no = 1,
            .disk_16mib = grains};
}

static dm_sample asleep(uint32_t epoch, uint32_t grains, uint8_t span_s)
{
    dm_sample s = running(epoch, grains);
    s.state = DM_SAMPLE_HIB;
    s.span_s = span_s;
    return s;
}

static void a_nap_within_a_second_is_a_running_second(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    told t = {.n = 0};
    (void)state;
    assert_int_equal(dm_accum_new(PERIOD, 100, 100, &a, NULL), 0);
    say_one(a, T + 10, running(1, 2000));
    say_one(a, T + 11, running(1, DM_DISK_UNKNOWN)); /* it pauses in this one, */
    say_one(a, T + 11, asleep(1, 2000, 1));
    say_one(a, T + 11, asleep(2, 2000, 1)); /* and its wake is ordered in it: */
    say_one(a, T + 11, running(2, 2000));   /* the highest epoch carries it */
    say_one(a, T + 12, running(2, DM_DISK_UNKNOWN));
    listen(a, &t);
    const dm_counted *c = of(&t, 7);
    assert_int_equal(c->run_s, 3);
    assert_int_equal(c->over_30, 3 * 80);
    assert_int_equal(c->hib, 0);
    say_one(a, T + 12, running(1, DM_DISK_UNKNOWN)); /* a lower one's claim comes to nothing */
    listen(a, &t);
    assert_int_equal(of(&t, 7)->run_s, 3);
}

/* A figure that comes after the seconds it holds for, one that rises, and one that holds on. */
static void a_disk_that_is_told_late(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    told t = {.n = 0};
    (void)state;
    assert_int_equal(dm_accum_new(PERIOD, 100, 100, &a, NULL), 0);
    say_one(a, T + 5, running(1, DM_DISK_UNKNOWN));
    say_one(a, T + 6, running(1, 1930));
    listen(a, &t);
    assert_int_equal(of(&t, 7)->over_30, 20);
    say_one(a, T + 70, running(1, DM_DISK_UNKNOWN));
    say_one(a, T + 6, running(1, 1940)); /* the larger counts, for the minute after it, too */
    listen(a, &t);
    assert_int_equal(of(&t, 7)->over_30, 60);
    say_one(a, T + 7, running(1, 1));
    listen(a, &t);
    assert_int_equal(of(&t, 7)->over_30, 80);
    say_one(a, T + 179, asleep(1, 100, 60));
    listen(a, &t);
    assert_int_equal(of(&t, 7)->hib, 6000);
    assert_int_equal(of(&t, 7)->slept, 6000);
}

static void the_newest_second_is_told_with_the_one_before(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    told t = {.n = 0};
    (void)state;
    assert_int_equal(dm_accum_new(PERIOD, 100, 100, &a, NULL), 0);
    for (uint32_t i = 0; i < 3; i++) {
        dm_sample s = running(1, DM_DISK_UNKNOWN);
        s.sandbox = box(i);
        say_one(a, T + 20, s);
    }
    say_one(a, T + 21, running(1, DM_DISK_UNKNOWN));
    listen(a, &t);
    assert_int_equal(of(&t, 7)->at, 21);
    assert_int_equal(of(&t, 7)->ran, 1);
    assert_int_equal(of(&t, 7)->ran_before, 3);
    say_one(a, T + 40, running(1, DM_DISK_UNKNOWN));
    listen(a, &t);
    assert_int_equal(of(&t, 7)->ran, 1);
    assert_int_equal(of(&t, 7)->ran_before, 0);
}

static void a_closed_period_is_told_once_more(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    dm_counted c[4];
    (void)state;
    assert_int_equal(dm_accum_new(PERIOD, 100, 100, &a, NULL), 0);
    say_one(a, T + 20, running(1, DM_DISK_UNKNOWN));
    say_one(a, T + PERIOD, running(1, DM_DISK_UNKNOWN));
    dm_accum_close_before(a, T + PERIOD);
    assert_int_equal(dm_accum_counted(a, c, 4), 2);
    assert_int_equal(dm_accum_counted(a, c, 4), 0);
    say_one(a, T + PERIOD + 1, running(1, DM_DISK_UNKNOWN));
    assert_int_equal(dm_accum_counted(a, c, 4), 1);
    assert_int_equal(c[0].run_s, 2);
    dm_accum_close_before(a, T + 2 * PERIOD);
    assert_int_equal(dm_accum_counted(a, c, 4), 0);
}

/* Of a written period it is kept for a correction, and is nothing that comes in now. */
static void what_is_late_is_not_counted(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    DM_AUTO(dm_accum) late = NULL;
    dm_counted c[4];
    (void)state;
    assert_int_equal(dm_accum_new(PERIOD, 100, 100, &a, NULL), 0);
    assert_int_equal(dm_accum_new(PERIOD, 100, 100, &late, NULL), 0);
    dm_accum_late_to(a, late);
    dm_accum_close_before(a, T + PERIOD);
    say_one(a, T + PERIOD, running(1, DM_DISK_UNKNOWN));
    for (int i = 0; i < 2; i++) {
        say_one(a, T + 20, running(1, 2000));
        say_one(a, T + 30, asleep(1, 2100, 5));
        assert_int_equal(dm_accum_count(late), 1);
        assert_int_equal(dm_accum_counted(late, c, 4), 0);
        dm_accum_clear(late);
    }
    assert_int_equal(dm_accum_counted(a, c, 4), 1);
    assert_true(c[0].key.period_start == T + PERIOD);
    assert_int_equal(c[0].run_s, 1);
    assert_int_equal(c[0].hib, 0);
}

/* Who wakes its sandboxes all day long makes nothing slow: of a thousand lives the highest are looked at. */
static void very_many_lives(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    told t = {.n = 0};
    (void)state;
    assert_int_equal(dm_accum_new(PERIOD, 10000, 10000, &a, NULL), 0);
    for (uint32_t i = 0; i < PERIOD; i++) {
        say_one(a, T + i, running(1 + 2 * i, DM_DISK_UNKNOWN));
        say_one(a, T + i, running(2 + 2 * i, DM_DISK_UNKNOWN));
    }
    listen(a, &t);
    assert_int_equal(of(&t, 7)->run_s, PERIOD);
    say_one(a, T + 5, running(1, DM_DISK_UNKNOWN)); /* far below: it changes nothing */
    listen(a, &t);
    assert_int_equal(of(&t, 7)->run_s, PERIOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_was_counted_is_what_the_bit_maps_say),
            cmocka_unit_test(a_nap_within_a_second_is_a_running_second),
            cmocka_unit_test(a_disk_that_is_told_late),
            cmocka_unit_test(the_newest_second_is_told_with_the_one_before),
            cmocka_unit_test(a_closed_period_is_told_once_more),
            cmocka_unit_test(what_is_late_is_not_counted),
            cmocka_unit_test(very_many_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
