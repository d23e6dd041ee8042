/* Each allocation of the meter's hot path failed in turn: it is told as want of memory, never taken for less evidence,
 * and what was made until then goes without a leak. And growth: tables and lists far past the room they begin with. */
#include "metering/ledger/accum.h"
#include "metering/ledger/track.h"
#include "metering/ledger/window.h"
#include "metering/rules/anomaly.h"
#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

enum { T = 1772359200, MANY = 6000 };

static dm_sandbox_id box(uint32_t n)
{
    uint8_t random[16] = {0};
    for (int i = 0; i < 4; i++)
        random[15 - i] = (uint8_t)(n >> 8 * i);
    return dm_sandbox_id_of_random(random);
}

/* One frame with samples of `n` sandboxes from `first` on; some sleep. */
static void write_frame(dm_buf *b, uint64_t no, int64_t second, uint32_t first, uint32_t n)
{
    DM_AUTO_MEM dm_sample *s = calloc(n + 1, sizeof(*s));
    dm_frame_head h = {.worker_no = 1,
            .worker_boot = 1,
            .frame_no = no,
            .second = second,
            .complete_through = second,
            .parts = 1,
            .n = n};
    assert_non_null(s);
    for (uint32_t i = 0; i < n; i++)
        s[i] = (dm_sample){.sandbox = box(first + i),
                .epoch = 1,
                .project_no = 1,
                .spec_table = 1,
                .spec = 1,
                .region_no = 1,
                .state = i % 2 == 0 ? DM_SAMPLE_RUN : DM_SAMPLE_HIB,
                .span_s = 1,
                .disk_16mib = 5};
    dm_buf_reset(b);
    assert_int_equal(dm_frame_write(b, &h, s, NULL, NULL), 0);
}

static int accumulate(dm_str one, dm_str two, dm_err *err)
{
    DM_AUTO(dm_accum) a = NULL;
    const dm_str frames[] = {one, two};
    int r = dm_accum_new(60, 1000, 1000, &a, err);
    for (size_t i = 0; r == 0 && i < DM_LEN(frames); i++) {
        dm_frame_head h;
        const uint8_t *samples;
        r = dm_frame_open(frames[i], &h, &samples, err);
        if (r == 0)
            r = dm_accum_frame(a, &h, samples, NULL, NULL, err);
        if (r == 0)
            r = dm_accum_cover(a, (dm_worker_no){h.worker_no}, h.second, err);
    }
    const dm_accum_row **rows = NULL;
    size_t n = 0;
    if (r == 0)
        r = dm_accum_rows(a, T, &rows, &n, err);
    if (r == 0)
        assert_int_equal(n, 40);
    free(rows);
    return r;
}

static void evidence_without_memory_is_an_error(void **state)
{
    DM_AUTO_BUF one, two;
    dm_err err;
    unsigned failed = 0;
    (void)state;
    dm_buf_init(&one, DM_FRAME_BYTES_MAX);
    dm_buf_init(&two, DM_FRAME_BYTES_MAX);
    write_frame(&one, 1, T + 7, 1, 40);
    write_frame(&two, 2, T + 67, 30, 40);
    for (alloc_fail_at(0); alloc_fail_next();) {
        int r = accumulate(dm_buf_view(&one), dm_buf_view(&two), &err);
        bool hit = alloc_fail_hit();
        assert_int_equal(r, hit ? DM_E_NOMEM : 0);
        failed += hit;
    }
    assert_true(failed > 10);
}

static void told_nobody(void *arg, const dm_track_gap *g)
{
    (void)arg;
    (void)g;
}

/* Frames behind a gap wait; the gap is filled, or written off. */
static int follow(dm_err *err)
{
    DM_AUTO(dm_track) t = NULL;
    bool whole;
    const dm_track_mark mark = {.boot = 1, .frame = 3, .second = T, .complete_through = T};
    const dm_track_gap gap = {.worker_no = {9}, .boot = 1, .first = 1, .last = 2, .from_s = T, .to_s = T + 1};
    int r = dm_track_new(&t, err);
    if (r == 0)
        r = dm_track_restore(t, (dm_worker_no){9}, &mark, err);
    if (r == 0)
        r = dm_track_restore_gap(t, &gap, err);
    for (uint64_t i = 1; r == 0 && i < 60; i++) {
        dm_frame_head h = {.worker_no = 1 + i % 3,
                .worker_boot = 1,
                .frame_no = 2 + i / 3,
                .second = T + (int64_t)i / 3,
                .complete_through = T + (int64_t)i / 3,
                .part = 0,
                .parts = (uint16_t)(1 + i % 2)};
        r = dm_track_take(t, &h, &whole, err);
    }
    return r == 0 ? dm_track_write_off(t, (dm_worker_no){1}, T + 5, told_nobody, NULL, err) : r;
}

static int follow_and_tell(dm_err *err)
{
    DM_AUTO(dm_track) t = NULL;
    bool whole;
    int r = dm_track_new(&t, err);
    for (uint64_t no = 2; r == 0 && no < 40; no += 2) { /* every other one is missing */
        dm_frame_head h = {.worker_no = 1,
                .worker_boot = 1,
                .frame_no = no,
                .second = T + (int64_t)no,
                .complete_through = T + (int64_t)no,
                .parts = 1};
        r = dm_track_take(t, &h, &whole, err);
    }
    return r == 0 ? dm_track_write_off(t, (dm_worker_no){1}, T + 100, told_nobody, NULL, err) : r;
}

static void frames_without_memory_are_an_error(void **state)
{
    static int (*const ways[])(dm_err * err) = {follow, follow_and_tell};
    dm_err err;
    (void)state;
    for (size_t i = 0; i < DM_LEN(ways); i++) {
        unsigned failed = 0;
        for (alloc_fail_at(0); alloc_fail_next();) {
            int r = ways[i](&err);
            bool hit = alloc_fail_hit();
            if (hit)
                assert_int_equal(r, DM_E_NOMEM);
            else
                assert_true(r >= 0);
            failed += hit;
        }
        assert_true(failed > 3);
    }
}

static int gather(dm_str frame, const dm_frame_head *head, dm_err *err)
{
    DM_AUTO(dm_window) w = NULL;
    int r = dm_window_new(&w, err);
    for (int64_t p = 0; r == 0 && p < 20; p++)
        r = dm_window_add(w, head, T + 60 * p, frame, false, err);
    if (r == 0)
        assert_int_equal(dm_window_count(w), 20);
    return r;
}

static void chunks_without_memory_are_an_error(void **state)
{
    DM_AUTO_BUF b;
    dm_frame_head h;
    const uint8_t *samples;
    dm_err err;
    (void)state;
    unsigned failed = 0;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    write_frame(&b, 1, T, 1, 5);
    assert_int_equal(dm_frame_open(dm_buf_view(&b), &h, &samples, &err), 0);
    for (alloc_fail_at(0); alloc_fail_next();) {
        int r = gather(dm_buf_view(&b), &h, &err);
        bool hit = alloc_fail_hit();
        assert_int_equal(r, hit ? DM_E_NOMEM : 0);
        failed += hit;
    }
    assert_true(failed > 20); /* none, where the test is not linked with --wrap: then nothing was tried */
}

/* An anomaly there is no memory for is counted all the same. */
static void anomalies_without_memory_are_counted(void **state)
{
    unsigned failed = 0;
    (void)state;
    for (alloc_fail_at(0); alloc_fail_next();) {
        dm_anomalies l = {0};
        for (int64_t i = 0; i < 100; i++) {
            dm_anomaly a = {.kind = DM_ANOMALY_LATE, .period_start = i};
            dm_anomalies_add(&l, &a, "%d", (int)i);
        }
        uint64_t kept = 0;
        for (size_t i = 0; i < l.n; i++)
            kept += l.v[i].count;
        assert_int_equal(kept + l.dropped, 100);
        bool hit = alloc_fail_hit();
        assert_int_equal(l.dropped > 0, hit);
        failed += hit;
        dm_anomalies_done(&l);
    }
    assert_true(failed > 3);
}

static void many_rows_are_found_again(void **state)
{
    DM_AUTO(dm_accum) a = NULL;
    DM_AUTO_BUF b;
    dm_err err;
    const dm_accum_row **rows = NULL;
    size_t n;
    (void)state;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_accum_new(60, MANY, MANY + 1, &a, &err), 0);
    for (int64_t s = 0; s < 4; s++) { /* each second in another order of thirds */
        for (uint32_t k = 0; k < 3; k++) {
            dm_frame_head h;
            const uint8_t *samples;
            write_frame(&b, 1, T + s, 1 + (uint32_t)((k + s) % 3) * (MANY / 3), MANY / 3);
            assert_int_equal(dm_frame_open(dm_buf_view(&b), &h, &samples, &err), 0);
            assert_int_equal(dm_accum_frame(a, &h, samples, NULL, NULL, &err), 0);
        }
    }
    assert_int_equal(dm_accum_count(a), MANY);
    assert_int_equal(dm_accum_rows(a, T, &rows, &n, &err), 0);
    assert_int_equal(n, MANY);
    for (size_t i = 0; i < n; i++) {
        for (uint32_t s = 0; s < 60; s++)
            assert_int_equal(dm_accum_bit(&rows[i]->run, s) || dm_accum_bit(&rows[i]->hib, s), s < 4);
        assert_null(rows[i]->run.map); /* no break: no map */
        assert_null(rows[i]->hib.map);
        assert_null(rows[i]->disk);
        assert_true(i == 0 || memcmp(&rows[i - 1]->key.sandbox, &rows[i]->key.sandbox, DM_SANDBOX_ID_BYTES) < 0);
    }
    free(rows);
    dm_frame_head h; /* and one more is one too many, which nobody may overlook */
    const uint8_t *samples;
    write_frame(&b, 1, T + 5, MANY + 1, 1);
    assert_int_equal(dm_frame_open(dm_buf_view(&b), &h, &samples, &err), 0);
    assert_int_equal(dm_accum_frame(a, &h, samples, NULL, NULL, &err), DM_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(evidence_without_memory_is_an_error),
            cmocka_unit_test(frames_without_memory_are_an_error),
            cmocka_unit_test(chunks_without_memory_are_an_error),
            cmocka_unit_test(anomalies_without_memory_are_counted),
            cmocka_unit_test(many_rows_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
