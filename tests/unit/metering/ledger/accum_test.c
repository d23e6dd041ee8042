/* The merge against a model that keeps a byte a second, whatever the order, repetition or cut of the frames. */
#include "metering/ledger/accum.h"
#include "tests/unit/test.h"

enum { T = 1772359200, BOXES = 12, SECONDS = 240, PERIOD = 60 };

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

typedef struct model {
    uint8_t run[BOXES][SECONDS], hib[BOXES][SECONDS];
    uint32_t disk[BOXES][SECONDS / 60];
} model;

typedef struct frame {
    int64_t second;
    uint32_t n;
    dm_sample s[BOXES];
} frame;

static void model_take(model *m, const frame *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const dm_sample *s = &f->s[i];
        unsigned b = s->epoch - 1;
        for (int64_t at = f->second - s->span_s + 1; at <= f->second; at++) {
            if (at >= 0)
                (s->state == DM_SAMPLE_RUN ? m->run : m->hib)[b][at] = 1;
        }
        uint32_t *d = &m->disk[b][f->second / 60];
        if (s->disk_16mib != DM_DISK_UNKNOWN && (*d == DM_DISK_UNKNOWN || *d < s->disk_16mib))
            *d = s->disk_16mib;
    }
}

/* The frame's bytes, as they would come. */
static void take(dm_accum *a, const frame *f, uint64_t worker)
{
    DM_AUTO_BUF b;
    dm_frame_head h = {.worker_no = worker,
                          .worker_boot = 1,
                          .frame_no = 1,
                          .second = T + f->second,
                          .complete_through = T,
                          .parts = 1,
                          .n = f->n},
                  back;
    const uint8_t *samples;
    dm_err err;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, &h, f->s, NULL, NULL), 0);
    assert_int_equal(dm_frame_open(dm_buf_view(&b), &back, &samples, NULL), 0);
    if (dm_accum_frame(a, &back, samples, NULL, NULL, &err) < 0)
        fail_msg("%s", err.msg);
}

static void make(frame *f, int64_t second, uint64_t *seed)
{
    f->second = second;
    f->n = 0;
    for (unsigned i = 0; i < BOXES; i++) {
        if (next(seed) % 3 == 0)
            continue;
        bool run = next(seed) % 2 == 0;
        f->s[f->n++] = (dm_sample){.sandbox = box(i / 2),
                .epoch = i + 1,
                .project_no = 1 + i % 3,
                .spec_table = 1,
                .spec = 2,
                .state = run ? DM_SAMPLE_RUN : DM_SAMPLE_HIB,
                .span_s = run ? 1 : (uint8_t)(next(seed) % 60 + 1),
                .region_no = 1,
                .disk_16mib = next(seed) % 4 == 0 ? (uint32_t)(next(seed) % 1000) : DM_DISK_UNKNOWN};
    }
}

static void compare(const dm_accum *a, const model *m)
{
    size_t found = 0, want = 0;
    for (int64_t p = 0; p < SECONDS; p += PERIOD) {
        const dm_accum_row **rows;
        size_t n;
        assert_int_equal(dm_accum_rows(a, T + p, &rows, &n, NULL), 0);
        for (size_t i = 0; i < n; i++) {
            unsigned b = rows[i]->key.epoch - 1;
            for (uint32_t s = 0; s < PERIOD; s++) {
                assert_int_equal(dm_accum_bit(&rows[i]->run, s), m->run[b][p + s]);
                assert_int_equal(dm_accum_bit(&rows[i]->hib, s), m->hib[b][p + s]);
            }
            assert_int_equal(dm_accum_disk(rows[i], 0), m->disk[b][p / 60]);
            assert_true(i == 0 || rows[i]->key.project_no >= rows[i - 1]->key.project_no);
            found++;
        }
        free(rows);
        for (unsigned b = 0; b < BOXES; b++) {
            uint8_t any = 0;
            for (uint32_t s = 0; s < PERIOD; s++)
                any |= m->run[b][p + s] | m->hib[b][p + s];
            want += any;
        }
    }
    assert_int_equal(found, want);
    assert_int_equal(dm_accum_count(a), want);
}

static void order_and_repetition_do_not_matter(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 20; round++) {
        uint64_t seed = round;
        DM_AUTO_MEM model *m = calloc(1, sizeof(*m));
        DM_AUTO_MEM frame *f = calloc(SECONDS, sizeof(*f));
        DM_AUTO(dm_accum) a = NULL;
        assert_non_null(m);
        assert_non_null(f);
        memset(m->disk, 0xff, sizeof(m->disk));
        assert_int_equal(dm_accum_new(PERIOD, 1000, 1000, &a, NULL), 0);
        dm_accum_close_before(a, T); /* spans reach back before it, and stay out */
        for (int64_t s = 0; s < SECONDS; s++) {
            make(&f[s], s, &seed);
            model_take(m, &f[s]);
        }
        for (size_t i = SECONDS - 1; i > 0; i--) {
            size_t k = next(&seed) % (i + 1);
            frame swap = f[i];
            f[i] = f[k];
            f[k] = swap;
        }
        for (size_t i = 0; i < SECONDS; i++) {
            frame one = f[i], two = f[i];
            one.n = f[i].n / 2; /* in two parts */
            two.n = f[i].n - one.n;
            memmove(two.s, f[i].s + one.n, two.n * sizeof(two.s[0]));
            take(a, &two, 1);
            take(a, &one, 1);
            if (next(&seed) % 4 == 0)
                take(a, &f[next(&seed) % (i + 1)], 1);
        }
        compare(a, m);
    }
}

static void workers_and_stamps_are_kept_apart(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    const dm_accum_row **rows;
    size_t n;
    frame f = {.second = 5, .n = 1};
    (void)state;
    assert_int_equal(dm_accum_new(3600, 1000, 1000, &a, NULL), 0);
    f.s[0] = (dm_sample){.sandbox = box(1),
            .epoch = 1,
            .project_no = 1,
            .spec_table = 1,
            .spec = 2,
            .state = DM_SAMPLE_RUN,
            .span_s = 1,
            .region_no = 1,
            .disk_16mib = DM_DISK_UNKNOWN};
    take(a, &f, 1);
    take(a, &f, 2);
    f.s[0].project_no = 2;
    take(a, &f, 1);
    f.s[0].spec = 3;
    take(a, &f, 1);
    f.s[0].region_no = 2;
    take(a, &f, 1);
    f.s[0].epoch = 2;
    take(a, &f, 1);
    assert_int_equal(dm_accum_rows(a, T, &rows, &n, NULL), 0);
    assert_int_equal(n, 6);
    assert_int_equal(rows[0]->key.worker_no.v, 1);
    assert_int_equal(rows[1]->key.worker_no.v, 2);
    free(rows);
}

static void closed_seconds_are_only_counted(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    const dm_accum_row **rows;
    size_t n;
    frame f = {.second = 70, .n = 1};
    (void)state;
    assert_int_equal(dm_accum_new(PERIOD, 1000, 1000, &a, NULL), 0);
    f.s[0] = (dm_sample){.sandbox = box(1), .epoch = 1, .state = DM_SAMPLE_HIB, .span_s = 20, .disk_16mib = 9};
    take(a, &f, 1);
    assert_int_equal(dm_accum_first(a), T);
    dm_accum_close_before(a, T + 60);
    assert_int_equal(dm_accum_first(a), T + 60);
    assert_int_equal(dm_accum_count(a), 1);
    assert_int_equal(dm_accum_late(a), 0);
    take(a, &f, 1);
    assert_int_equal(dm_accum_late(a), 9); /* 51 to 59 */
    f.second = 20;
    take(a, &f, 1);
    assert_int_equal(dm_accum_late(a), 29);
    assert_int_equal(dm_accum_rows(a, T, &rows, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_null(rows);
    dm_accum_close_before(a, T + 600);
    assert_int_equal(dm_accum_first(a), -1);
}

/* Of an hour: seconds with and without breaks, sleeps that overlap, and disk figures that stay, grow and shrink,
 * against plain arrays. */
static void the_short_forms_say_the_same(void **state)
{
    uint64_t seed = 11;
    (void)state;
    for (int round = 0; round < 200; round++) {
        static uint8_t run[3600], hib[3600];
        uint32_t disk[60];
        DM_AUTO(dm_accum) a = NULL;
        const dm_accum_row **rows;
        size_t n;
        assert_int_equal(dm_accum_new(3600, 10, 10, &a, NULL), 0);
        memset(run, 0, sizeof(run));
        memset(hib, 0, sizeof(hib));
        memset(disk, 0xff, sizeof(disk));
        unsigned frames = 1 + (unsigned)(next(&seed) % (round % 2 == 0 ? 4 : 200));
        int64_t at = (int64_t)(next(&seed) % 3600);
        for (unsigned i = 0; i < frames; i++) {
            bool asleep = next(&seed) % 4 == 0;
            frame f = {.second = at, .n = 1};
            f.s[0] = (dm_sample){.sandbox = box(1),
                    .epoch = 1,
                    .project_no = 1,
                    .spec_table = 1,
                    .spec = 2,
                    .state = asleep ? DM_SAMPLE_HIB : DM_SAMPLE_RUN,
                    .span_s = asleep ? (uint8_t)(1 + next(&seed) % 60) : 1,
                    .region_no = 1,
                    .disk_16mib =
                            next(&seed) % 3 == 0 ? (uint32_t)(round % 3 == 0 ? next(&seed) % 3 : 7) : DM_DISK_UNKNOWN};
            take(a, &f, 1);
            for (int64_t s = at - f.s[0].span_s + 1; s <= at; s++) {
                if (s >= 0)
                    (asleep ? hib : run)[s] = 1;
            }
            uint32_t *d = &disk[at / 60];
            if (f.s[0].disk_16mib != DM_DISK_UNKNOWN && (*d == DM_DISK_UNKNOWN || *d < f.s[0].disk_16mib))
                *d = f.s[0].disk_16mib;
            at = next(&seed) % 8 == 0 ? (int64_t)(next(&seed) % 3600) : (at + (int64_t)(next(&seed) % 3)) % 3600;
        }
        assert_int_equal(dm_accum_rows(a, T, &rows, &n, NULL), 0);
        assert_int_equal(n, 1);
        for (uint32_t s = 0; s < 3600; s++) {
            assert_int_equal(dm_accum_bit(&rows[0]->run, s), run[s]);
            assert_int_equal(dm_accum_bit(&rows[0]->hib, s), hib[s]);
        }
        for (uint32_t m = 0; m < 60; m++)
            assert_int_equal(dm_accum_disk(rows[0], m), disk[m]);
        free(rows);
    }
}

static void bounds(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    dm_err err;
    frame f = {.second = 0, .n = 1};
    (void)state;
    static const uint32_t wrong[] = {0, 59, 61, 90, 420, 3601, 7200};
    for (size_t i = 0; i < DM_LEN(wrong); i++)
        assert_int_equal(dm_accum_new(wrong[i], 10, 10, &a, &err), DM_E_INVALID);
    assert_int_equal(dm_accum_new(PERIOD, 3, 10, &a, NULL), 0);
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    for (unsigned i = 0; i < 4; i++) {
        dm_frame_head h = {.worker_no = 1, .worker_boot = 1, .frame_no = 1, .second = T, .parts = 1, .n = 1};
        const uint8_t *samples;
        f.s[0] = (dm_sample){.sandbox = box(i), .epoch = 1, .state = DM_SAMPLE_RUN, .span_s = 1, .disk_16mib = 1};
        dm_buf_reset(&b);
        assert_int_equal(dm_frame_write(&b, &h, f.s, NULL, NULL), 0);
        assert_int_equal(dm_frame_open(dm_buf_view(&b), &h, &samples, NULL), 0);
        assert_int_equal(dm_accum_frame(a, &h, samples, NULL, NULL, &err), i < 3 ? 0 : DM_E_LIMIT);
    }
}

/* --- the bound of one worker -------------------------------------------------------------------------------- */

/* What one worker can have had in an hour: as many boxes as its table holds, asleep, and as many starts as the whole
 * deployment promises. */
enum { HONEST_ASLEEP = 1 << 20, HONEST_STARTS = 250, HOUR = 3600, WORKER_ROWS = 2097152 /* the setting's default */ };

typedef struct large {
    dm_sample s[DM_FRAME_SAMPLES];
} large;

static dm_sandbox_id nth(uint32_t n)
{
    uint8_t random[16] = {0};
    for (int i = 0; i < 4; i++)
        random[15 - i] = (uint8_t)(n >> 8 * i);
    return dm_sandbox_id_of_random(random);
}

static int bring(dm_accum *a, large *l, uint64_t worker, int64_t second, uint32_t first, uint32_t n, dm_sample_state as)
{
    dm_frame_head h = {.worker_no = worker, .worker_boot = 1, .frame_no = 1, .second = T + second, .parts = 1, .n = n};
    const uint8_t *samples;
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++)
        l->s[i] = (dm_sample){.sandbox = nth(first + i),
                .epoch = 1,
                .state = (uint8_t)as,
                .span_s = as == DM_SAMPLE_RUN ? 1 : 60,
                .disk_16mib = DM_DISK_UNKNOWN};
    assert_int_equal(dm_frame_write(&b, &h, l->s, NULL, NULL), 0);
    assert_int_equal(dm_frame_read(dm_buf_view(&b), &h, &samples, NULL), 0);
    return dm_accum_frame(a, &h, samples, NULL, NULL, NULL);
}

/* The largest there is is taken to the last of its sandboxes, and some more; a bound that is met is told. Of short
 * periods, for the memory's sake: a bound counts rows. */
static void the_largest_worker_there_can_be_is_taken(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    DM_AUTO_MEM large *l = malloc(sizeof(*l));
    (void)state;
    assert_non_null(l);
    assert_int_equal(dm_accum_new(PERIOD, 2 * WORKER_ROWS, WORKER_ROWS, &a, NULL), 0);
    uint32_t n = 0, honest = HONEST_ASLEEP + HONEST_STARTS * HOUR;
    while (n < honest) {
        uint32_t some = honest - n < DM_FRAME_SAMPLES ? honest - n : DM_FRAME_SAMPLES;
        assert_int_equal(bring(a, l, 1, 59, n, some, n < HONEST_ASLEEP ? DM_SAMPLE_HIB : DM_SAMPLE_RUN), 0);
        n += some;
    }
    assert_int_equal(dm_accum_count(a), honest);
    int r = 0;
    while (r == 0) {
        r = bring(a, l, 1, 59, n, DM_FRAME_SAMPLES, DM_SAMPLE_RUN);
        n += DM_FRAME_SAMPLES;
    }
    assert_int_equal(r, DM_ACCUM_OVER);
    assert_true(dm_accum_count(a) <= WORKER_ROWS);
    assert_int_equal(bring(a, l, 1, 58, 0, DM_FRAME_SAMPLES, DM_SAMPLE_RUN), 0); /* which it has already */
    assert_int_equal(bring(a, l, 2, 59, 0, DM_FRAME_SAMPLES, DM_SAMPLE_RUN), 0); /* and nobody else is bound by it */
}

/* A sleeper's sample counts in each of the two periods it reaches into; in one that is closed, in none. */
static void a_bound_is_of_each_period(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    DM_AUTO_MEM large *l = malloc(sizeof(*l));
    (void)state;
    assert_non_null(l);
    assert_int_equal(dm_accum_new(PERIOD, 100, 10, &a, NULL), 0);
    assert_int_equal(bring(a, l, 1, 30, 0, 10, DM_SAMPLE_RUN), 0);
    assert_int_equal(bring(a, l, 1, 70, 10, 3, DM_SAMPLE_HIB), DM_ACCUM_OVER);
    assert_int_equal(dm_accum_count(a), 10);
    assert_int_equal(bring(a, l, 1, 70, 10, 3, DM_SAMPLE_RUN), 0);
    assert_int_equal(bring(a, l, 1, 71, 0, 8, DM_SAMPLE_HIB), DM_ACCUM_OVER);
    assert_int_equal(bring(a, l, 1, 71, 0, 7, DM_SAMPLE_HIB), 0);
    assert_int_equal(dm_accum_count(a), 20);
    dm_accum_close_before(a, T + 60);
    assert_int_equal(bring(a, l, 1, 72, 10, 3, DM_SAMPLE_HIB), 0);
    assert_int_equal(bring(a, l, 1, 30, 50, 20, DM_SAMPLE_RUN), 0); /* late: it changes nothing */
    assert_int_equal(dm_accum_count(a), 10);
}

static void what_was_heard_of_a_worker(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    (void)state;
    assert_int_equal(dm_accum_new(PERIOD, 3, 3, &a, NULL), 0);
    assert_int_equal(dm_accum_cover(a, (dm_worker_no){7}, T + 3, NULL), 0);
    assert_int_equal(dm_accum_cover(a, (dm_worker_no){5}, T + 63, NULL), 0);
    assert_int_equal(dm_accum_cover(a, (dm_worker_no){9}, T + 4, NULL), 0);
    assert_true(dm_accum_covered(a, (dm_worker_no){7}, T + 3));
    assert_false(dm_accum_covered(a, (dm_worker_no){7}, T + 4));
    assert_false(dm_accum_covered(a, (dm_worker_no){5}, T + 3));
    assert_non_null(dm_accum_seconds(a, (dm_worker_no){5}, T + 60));
    assert_null(dm_accum_seconds(a, (dm_worker_no){5}, T));
    assert_int_equal(dm_accum_worker(a, T, 0).v, 7);
    assert_int_equal(dm_accum_worker(a, T, 1).v, 9);
    assert_int_equal(dm_accum_worker(a, T, 2).v, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(order_and_repetition_do_not_matter),
            cmocka_unit_test(workers_and_stamps_are_kept_apart),
            cmocka_unit_test(closed_seconds_are_only_counted),
            cmocka_unit_test(the_short_forms_say_the_same),
            cmocka_unit_test(bounds),
            cmocka_unit_test(the_largest_worker_there_can_be_is_taken),
            cmocka_unit_test(a_bound_is_of_each_period),
            cmocka_unit_test(what_was_heard_of_a_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
