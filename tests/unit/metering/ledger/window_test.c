#include "metering/ledger/window.h"
#include "tests/unit/test.h"

static void add(dm_window *w, uint64_t worker, uint64_t frame, uint16_t part, int64_t second, uint32_t n, dm_buf *copy)
{
    DM_AUTO_BUF b;
    DM_AUTO_MEM dm_sample *s = calloc(n + 1, sizeof(*s));
    dm_frame_head h = {.worker_no = worker,
            .worker_boot = 1,
            .frame_no = frame,
            .second = second,
            .part = part,
            .parts = 2,
            .n = n};
    assert_non_null(s);
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, &h, s, NULL, NULL), 0);
    assert_int_equal(dm_window_add(w, &h, second - second % 60, dm_buf_view(&b), false, NULL), 0);
    if (copy != NULL)
        assert_int_equal(dm_buf_str(copy, dm_buf_view(&b)), 0);
}

static void a_chunk_for_each_worker_and_period(void **state)
{
    DM_AUTO(dm_window) w = NULL;
    DM_AUTO_BUF copy, packed, raw;
    (void)state;
    dm_buf_init(&copy, 1 << 20);
    dm_buf_init(&packed, 1 << 20);
    dm_buf_init(&raw, 1 << 20);
    assert_int_equal(dm_window_new(&w, NULL), 0);
    add(w, 1, 8, 1, 608, 3, &copy);
    add(w, 2, 1, 0, 608, 1, NULL);
    add(w, 1, 7, 1, 607, 2, &copy);
    add(w, 1, 7, 0, 607, 2, &copy);
    add(w, 1, 80, 0, 660, 2, NULL);
    assert_int_equal(dm_window_count(w), 3);
    const dm_chunk *c = dm_window_get(w, 0);
    assert_int_equal(c->first_frame, 7);
    assert_int_equal(c->first_part, 0);
    assert_int_equal(c->last_frame, 8);
    assert_int_equal(c->first_second, 607);
    assert_int_equal(c->last_second, 608);
    assert_int_equal(c->frames, 3);
    assert_int_equal(dm_window_get(w, 2)->first_second, 660);

    assert_int_equal(dm_chunk_pack(dm_buf_view(&c->raw), &packed, NULL), 0);
    assert_true(packed.len < c->raw.len);
    assert_int_equal(dm_chunk_unpack(dm_buf_view(&packed), c->raw.len, &raw, NULL), 0);
    assert_int_equal(raw.len, copy.len);
    assert_memory_equal(raw.p, copy.p, copy.len);
    dm_str rest = dm_buf_view(&raw), frame;
    int n = 0;
    while (dm_chunk_next(&rest, &frame))
        n++;
    assert_int_equal(n, 3);
    assert_int_equal(rest.n, 0);
    dm_window_clear(w);
    assert_int_equal(dm_window_count(w), 0);
    assert_int_equal(dm_window_bytes(w), 0);
}

static void damaged_chunks_are_seen(void **state)
{
    DM_AUTO_BUF packed, raw;
    dm_err err;
    (void)state;
    dm_buf_init(&packed, 1 << 20);
    dm_buf_init(&raw, 1 << 20);
    assert_int_equal(dm_chunk_pack(DM_STR("some bytes that are no frame"), &packed, NULL), 0);
    assert_int_equal(dm_chunk_unpack(dm_buf_view(&packed), 27, &raw, &err), DM_E_CORRUPT);
    assert_int_equal(dm_chunk_unpack(dm_buf_view(&packed), 29, &raw, &err), DM_E_CORRUPT);
    assert_int_equal(dm_chunk_unpack(dm_buf_view(&packed), (size_t)DM_CHUNK_RAW_MAX + 1, &raw, &err), DM_E_CORRUPT);
    assert_int_equal(dm_chunk_unpack(DM_STR("x"), 28, &raw, &err), DM_E_CORRUPT);
    assert_int_equal(dm_chunk_unpack(dm_buf_view(&packed), 28, &raw, &err), 0);
    dm_str rest = dm_buf_view(&raw), frame;
    assert_false(dm_chunk_next(&rest, &frame));
    assert_int_equal(rest.n, 28);
}

static void a_chunk_has_a_largest_size(void **state)
{
    DM_AUTO(dm_window) w = NULL;
    (void)state;
    assert_int_equal(dm_window_new(&w, NULL), 0);
    for (uint64_t i = 1; i <= 40; i++)
        add(w, 1, i, 0, 600 + (int64_t)i, DM_FRAME_SAMPLES, NULL);
    assert_int_equal(dm_window_count(w), 2);
    assert_int_equal(dm_window_get(w, 1)->first_frame, dm_window_get(w, 0)->last_frame + 1);
    assert_int_equal(dm_window_get(w, 1)->last_frame, 40);
}

/* 20,000 workers, whose frames come in another order each second: a scan looked at 400 million groups in two. */
static void a_large_fleet_takes_few_steps(void **state)
{
    enum { WORKERS = 20000, SECONDS = 3 };
    DM_AUTO(dm_window) w = NULL;
    (void)state;
    assert_int_equal(dm_window_new(&w, NULL), 0);
    for (uint64_t s = 0; s < SECONDS; s++)
        for (uint64_t i = 0; i < WORKERS; i++)
            add(w, 1 + (i * (7919 + 2 * s) + s) % WORKERS, s + 1, 0, 600 + (int64_t)s, 0, NULL);
    assert_int_equal(dm_window_count(w), WORKERS);
    for (size_t i = 0; i < WORKERS; i++) {
        assert_int_equal(dm_window_get(w, i)->frames, SECONDS);
        assert_int_equal(dm_window_get(w, i)->last_frame, SECONDS);
    }
    assert_true(dm_window_steps(w) <= 2 * WORKERS * SECONDS);
    dm_window_clear(w);
    add(w, 1, 9, 0, 609, 0, NULL);
    assert_int_equal(dm_window_count(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_chunk_for_each_worker_and_period),
            cmocka_unit_test(damaged_chunks_are_seen),
            cmocka_unit_test(a_chunk_has_a_largest_size),
            cmocka_unit_test(a_large_fleet_takes_few_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
