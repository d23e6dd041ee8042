/* What frames say of the minutes of a slot, of sandboxes and of projects, and what has no room in it. */
#include <stdio.h>
#include <string.h>

#include "metering/past/minutes.h"
#include "tests/unit/test.h"

enum { FROM = 600000 };

static dm_sample sample(uint8_t id, uint32_t project_no, uint32_t cpu_us, uint32_t mem_mib, uint32_t disk)
{
    dm_sample s = {.epoch = 1,
            .project_no = project_no,
            .spec_table = 1,
            .spec = 1,
            .state = DM_SAMPLE_RUN,
            .span_s = 1,
            .region_no = 1,
            .disk_16mib = disk,
            .cpu_used_us = cpu_us,
            .mem_private_mib = mem_mib,
            .mem_shared_mib = 100,
            .net_in_kib = 3,
            .net_out_kib = 5};
    s.sandbox.b[15] = id;
    return s;
}

static void take(dm_past_slot *p, int64_t second, const dm_sample *samples, uint32_t n)
{
    DM_AUTO_BUF b;
    dm_frame_head h = {.worker_no = 1,
            .worker_boot = 1,
            .frame_no = 1,
            .second = second,
            .complete_through = second,
            .parts = 1,
            .n = n};
    const uint8_t *at;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, &h, samples, NULL, NULL), 0);
    assert_int_equal(dm_frame_open(dm_buf_view(&b), &h, &at, NULL), 0);
    assert_int_equal(dm_past_take(p, &h, at, NULL), 0);
}

/* "s cpu own shared disk in out" of a minute; "-": it has no row. */
static const char *figures(const dm_past_slot *p, uint32_t project_no, uint8_t id, unsigned minute)
{
    static char text[120];
    dm_past_key key = {.project_no = project_no};
    key.sandbox.b[15] = id;
    const dm_past_row *row = dm_map_find(&p->rows, &key);
    if (row == NULL)
        return "-";
    int32_t f[DM_PAST_FIGURES];
    dm_past_figures(row, minute, f);
    (void)snprintf(text, sizeof text, "%d %d %d %d %d %d %d", f[0], f[1], f[2], f[3], f[4], f[5], f[6]);
    return text;
}

static void minutes_are_what_frames_say(void **state)
{
    dm_past_slot p;
    (void)state;
    dm_past_slot_init(&p, FROM);
    dm_sample both[] = {sample(1, 7, 500000, 64, 2), sample(2, 7, 10000, 30, DM_DISK_UNKNOWN)};
    dm_sample other[] = {sample(1, 7, 250000, 128, 9), sample(3, 8, 0, 8, 1), sample(4, 7, 1, 1, 1)};
    other[2].state = DM_SAMPLE_HIB;
    take(&p, FROM, both, 2);
    take(&p, FROM + 59, other, 3);
    take(&p, FROM + 60, both, 1);
    take(&p, FROM - 1, both, 2); /* of the slots before it and after */
    take(&p, FROM + DM_PAST_SLOT_S, both, 2);
    assert_string_equal(figures(&p, 7, 1, 0), "2 75 96 100 144 6 10");
    assert_string_equal(figures(&p, 7, 2, 0), "1 1 30 100 0 3 5");
    assert_string_equal(figures(&p, 7, 1, 1), "1 50 64 100 32 3 5");
    assert_string_equal(figures(&p, 7, 1, 9), "0 0 0 0 0 0 0");
    assert_string_equal(figures(&p, 8, 3, 0), "1 0 8 100 16 3 5");
    assert_string_equal(figures(&p, 7, 4, 0), "-"); /* it slept */
    /* of the project over the minute: (64 + 30 + 128) / 60, and what was measured of disks */
    assert_string_equal(figures(&p, 7, 0, 0), "3 76 3 5 176 9 15");
    dm_past_slot_done(&p);
}

static void one_project_does_not_fill_it(void **state)
{
    dm_past_slot p;
    (void)state;
    dm_past_slot_init(&p, FROM);
    p.most_of_project = 2;
    p.most = 6; /* projects' rows count, too */
    dm_sample many[] = {sample(1, 7, 0, 60, 1), sample(2, 7, 0, 60, 1), sample(3, 7, 0, 60, 1), sample(4, 8, 0, 60, 1),
            sample(5, 8, 0, 60, 1), sample(6, 9, 0, 60, 1)};
    take(&p, FROM, many, 6);
    assert_string_equal(figures(&p, 7, 2, 0), "1 0 60 100 16 3 5");
    assert_string_equal(figures(&p, 7, 3, 0), "-");
    assert_string_equal(figures(&p, 7, 0, 0), "3 0 3 5 48 9 15");
    assert_string_equal(figures(&p, 8, 5, 0), "1 0 60 100 16 3 5");
    assert_string_equal(figures(&p, 9, 6, 0), "-");
    assert_string_equal(figures(&p, 9, 0, 0), "1 0 1 1 16 3 5");
    assert_int_equal(p.left_out, 2);
    dm_past_slot_done(&p);
}

static void what_does_not_fit_is_the_most(void **state)
{
    (void)state;
    dm_past_row row = {.key = {.project_no = 1}};
    row.minutes[3] = (dm_past_minute){.run_s = 60, .cpu_us = UINT64_MAX, .disk_16mib = (uint64_t)1 << 40};
    int32_t f[DM_PAST_FIGURES];
    dm_past_figures(&row, 3, f);
    assert_int_equal(f[0], 60);
    assert_int_equal(f[1], INT32_MAX);
    assert_int_equal(f[4], INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(minutes_are_what_frames_say),
            cmocka_unit_test(one_project_does_not_fill_it), cmocka_unit_test(what_does_not_fit_is_the_most)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
