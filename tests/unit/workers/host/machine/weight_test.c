/* By how much a machine counts beside others, in control groups of this test's own that nobody is in: more than its
 * size while somebody waits for it, by its size from there on. */
/* Covers workers/host/machine/machine.c, workers/host/machine/host.c. */
#include "base/parse.h"

#include "tests/support/workerrig.h"

typedef struct scales {
    dm_group_mount at[DM_CONTROLLERS];
    char name[32];
} scales;

static void slot_file(const scales *s, dm_controller c, int32_t slot, const char *file, char out[PATH_MAX])
{
    assert_int_equal(dm_path(out, PATH_MAX, NULL, "%s/%s/%d%s", s->at[c].dir, s->name, (int)slot, file), 0);
}

/* False where this host has no groups for processors. */
static bool set_up(rig *r, scales *s)
{
    DM_AUTO_BUF mounts;
    dm_buf_init(&mounts, 4 << 20);
    assert_int_equal(dm_file_read("/proc/self/mountinfo", &mounts, NULL), 0);
    dm_group_mounts(dm_buf_view(&mounts), s->at);
    (void)snprintf(s->name, sizeof(s->name), "dormouse-unittest-%d", (int)getpid());
    assert_int_equal(dm_groups_new(s->name, &r->h.groups, NULL), 0);
    return strstr(dm_groups_lacking(r->h.groups), "cpu") == NULL;
}

static void put_away(rig *r, const scales *s)
{
    char path[PATH_MAX];
    dm_groups_free(r->h.groups);
    r->h.groups = NULL;
    for (dm_controller c = 0; c < DM_CONTROLLERS; c++) {
        for (int32_t slot = 0; slot < RIG_SLOTS; slot++) {
            slot_file(s, c, slot, "", path);
            (void)rmdir(path);
        }
        *strrchr(path, '/') = '\0';
        (void)rmdir(path);
    }
}

static uint64_t weight(rig *r, const scales *s, unsigned n)
{
    char path[PATH_MAX];
    uint64_t v = 0;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64);
    slot_file(s, DM_GROUP_CPU, box(r, n)->slot, s->at[DM_GROUP_CPU].v2 ? "/cpu.weight" : "/cpu.shares", path);
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    assert_int_equal(dm_parse_u64(dm_str_trim(dm_buf_view(&b)), 1, UINT64_MAX, &v, NULL), 0);
    return v;
}

/* However it came to run. */
static void what_runs_counts_by_its_size(void **state)
{
    rig *r = *state;
    scales s;
    NEED_ROOT();
    if (!set_up(r, &s)) {
        put_away(r, &s);
        print_message("      this host has no groups for processors\n");
        skip();
    }
    run(r, 1, 1);
    uint64_t by_size = weight(r, &s, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    r->deaf = true;
    rig_order *wake = rig_resume(r, 1, 2);
    rig_until(r, dm_box_roused(box(r, 1)));
    assert_true(weight(r, &s, 1) > 8 * by_size); /* somebody waits */
    dm_clock_fake_move(&r->clock, (int64_t)DM_WAKE_ANSWER_MS * 1000);
    assert_int_equal(status_of(r, wake), 504);
    r->deaf = false;
    assert_int_equal(status_of(r, rig_resume(r, 1, 3)), 201);
    assert_int_equal(weight(r, &s, 1), by_size);
    rig_settle(r);
    put_away(r, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(what_runs_counts_by_its_size, rig_setup, rig_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
