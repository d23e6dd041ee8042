/* What a worker makes of the journal that a dead one left, and whom it tells when. No machine is ever made: boxes have
 * no slot, so that none of theirs is found alive. */
/* Covers workers/host/config.c. */
#include <sys/stat.h>

#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/host/parts.h"
#include "workers/host/publish.h"

enum { PERIOD_S = 60, WORLDS = 8 };

/* A worker lives as long as its process, and so do these. */
typedef struct world {
    char dir[64], journal[96], live[96];
    dm_worker_config conf;
    dm_host h;
    dm_worker *w;
    int64_t now_us;
    char kernel_boot[40];
} world;

static world worlds[WORLDS];
static size_t nworlds;

/* The machine's clock, put back to the middle of a period: at the end of one an ended box is sworn to and forgotten. */
static int64_t middle_us(const dm_clock *c)
{
    static int64_t back_us;
    (void)c;
    int64_t real = dm_wall_us(&dm_clock_real);
    if (back_us == 0)
        back_us = (dm_second_of(real) % PERIOD_S + PERIOD_S / 2) % PERIOD_S * 1000000 + 1;
    return real - back_us;
}

static int64_t mono_us(const dm_clock *c)
{
    (void)c;
    return dm_mono_us(&dm_clock_real);
}

static const dm_clock test_clock = {.wall_us = middle_us, .mono_us = mono_us};

static char box_name[] = "i0123456789abcdefghij", template_id[] = "abcdefghij0123456789";
static char build[] = "0d4c1d0c-6b0e-4f3a-9f0e-0123456789ab", image[] = "base", user[] = "user", host[] = "e2b.local";
static char none[] = "", prefix[] = "wtest", base_ip[] = "10.98.0.0";

static void pump(world *x)
{
    for (int i = 0; i < 2000 && !dm_journal_quiet(x->w->journal); i++)
        assert_int_equal(dm_loop_once(x->h.loop, 10000, NULL), 0);
    assert_int_equal(dm_loop_once(x->h.loop, 0, NULL), 0);
}

/* --- what the dead worker left ------------------------------------------------------------------------------ */

static int replay_none(void *arg, dm_record type, dm_str payload, dm_journal_pos at, bool state, dm_err *err)
{
    (void)arg;
    (void)type;
    (void)payload;
    (void)at;
    (void)state;
    return dm_fail(err, DM_E_INTERNAL, "nothing is there yet");
}

static void snapshot(void *arg, dm_journal *j)
{
    world *x = arg;
    DM_AUTO_BUF b;
    dm_jw jw;
    dm_buf_init(&b, 4096);
    dm_jw_init(&jw, &b);
    dm_jw_obj(&jw);
    dm_jw_ku64(&jw, "boot", 1);
    dm_jw_ku64(&jw, "prev_boot_last_frame", 0);
    dm_jw_ku64(&jw, "frame_no", 9);
    dm_jw_ki64(&jw, "last_second", dm_second_of(x->now_us) - 2);
    dm_jw_ku64(&jw, "event_seq", 0);
    dm_jw_kc(&jw, "kernel_boot", x->kernel_boot);
    dm_jw_end(&jw);
    dm_journal_add(j, DM_RECORD_BOOT, dm_buf_view(&b), NULL);
    dm_buf_reset(&b);
    dm_jw_init(&jw, &b);
    dm_wk_enrolled_write(&jw, &(dm_wk_enrolled){.worker_no = 1, .region_no = 1, .period_s = PERIOD_S});
    dm_journal_add(j, DM_RECORD_ENROLLED, dm_buf_view(&b), NULL);
}

static void broken(void *arg, const dm_err *err)
{
    (void)arg;
    fail_msg("%s", err->msg);
}

static dm_box box_in(const world *x, dm_box_state state)
{
    dm_box b = {
            .state = state,
            .epoch = 3,
            .started_us = x->now_us - 10 * 1000000,
            .end_us = x->now_us + 300 * 1000000LL,
            .claimed = true,
            .slot = -1,
    };
    b.admit = (dm_wk_admit){
            .sandbox = box_name,
            .epoch = 3,
            .project_no = 7,
            .region_no = 1,
            .spec_table = 1,
            .spec = 1,
            .disk_mib = 1024,
            .template_id = template_id,
            .build_id = build,
            .image = image,
            .timeout_us = 300000000,
            .token = none,
            .user = user,
            .workdir = none,
            .hostname = host,
            .env = json_object(),
            .previous = none,
    };
    assert_int_equal(dm_sandbox_id_parse(dm_str_c(box_name), &b.id, NULL), 0);
    (void)snprintf(b.base, sizeof(b.base), "no-such-template");
    return b;
}

/* A world whose worker is not there yet. */
static world *world_new(void)
{
    assert_true(nworlds < WORLDS);
    world *x = &worlds[nworlds++];
    DM_AUTO_BUF boot;
    dm_buf_init(&boot, 64);
    (void)snprintf(x->dir, sizeof(x->dir), "/tmp/worker-test-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    assert_int_equal(dm_path(x->journal, sizeof(x->journal), NULL, "%s/journal", x->dir), 0);
    assert_int_equal(dm_path(x->live, sizeof(x->live), NULL, "%s/live", x->dir), 0);
    x->conf = (dm_worker_config){.data_dir = x->dir,
            .live_dir = x->live,
            .templates_dir = x->dir,
            .images_dir = x->dir,
            .default_image = image,
            .default_vcpus = 1,
            .default_mem_mib = 256,
            .slots = 4,
            .mem_reserve_mib = 1,
            .mem_overcommit_pct = 400,
            .slot_prefix = prefix,
            .slot_base = base_ip,
            .journal_bytes_max = 64 << 20,
            .journal_segment_bytes = 1 << 20};
    x->h = (dm_host){.clock = &test_clock, .driver = dm_vmm_find("qemu")};
    assert_int_equal(dm_file_read("/proc/sys/kernel/random/boot_id", &boot, NULL), 0);
    assert_int_equal(dm_str_to_array(dm_str_trim(dm_buf_view(&boot)), x->kernel_boot, sizeof(x->kernel_boot), NULL), 0);
    assert_int_equal(dm_loop_new(&test_clock, &x->h.loop, NULL), 0);
    assert_int_equal(dm_exec_new(1, 64, &x->h.exec, NULL), 0);
    dm_worker_config_host(&x->conf, &x->h.conf);
    assert_int_equal(dm_host_init(&x->h, NULL), 0);
    x->now_us = dm_wall_us(&test_clock);
    return x;
}

/* The last record of the dead worker: a box, and nothing behind it. */
static void left(world *x, const dm_box *b)
{
    dm_journal *j;
    DM_AUTO_BUF text;
    dm_jw jw;
    dm_err err = {0};
    dm_journal_config c = {.dir = x->journal,
            .segment_bytes = 1 << 20,
            .bytes_max = 64 << 20,
            .loop = x->h.loop,
            .exec = x->h.exec,
            .snapshot = snapshot,
            .broken = broken,
            .arg = x};
    if (dm_journal_open(&c, replay_none, &j, &err) < 0)
        fail_msg("%s", err.msg);
    dm_journal_begin(j);
    dm_buf_init(&text, 1 << 16);
    dm_jw_init(&jw, &text);
    dm_box_write(b, &jw);
    dm_journal_add(j, DM_RECORD_BOX, dm_buf_view(&text), NULL);
    for (int i = 0; i < 2000 && !dm_journal_quiet(j); i++)
        assert_int_equal(dm_loop_once(x->h.loop, 10000, NULL), 0);
    dm_journal_free(j);
    json_decref(b->admit.env);
}

static dm_box *began(world *x)
{
    dm_err err = {0};
    dm_sandbox_id id;
    if (dm_worker_new(&x->conf, &x->h, &x->w, &err) < 0)
        fail_msg("%s", err.msg);
    for (int i = 0; i < 100 && !dm_worker_took_stock(x->w); i++)
        assert_int_equal(dm_loop_once(x->h.loop, 10000, NULL), 0);
    assert_int_equal(dm_sandbox_id_parse(dm_str_c(box_name), &id, NULL), 0);
    return dm_boxes_find(x->w->boxes, &id);
}

/* --- a crash ------------------------------------------------------------------------------------------------ */

static void what_is_gone_without_an_image_has_ended(void **state)
{
    (void)state;
    world *x = world_new();
    dm_box b = box_in(x, DM_BOX_RUNNING);
    left(x, &b);
    const dm_box *now = began(x);
    assert_non_null(now);
    assert_int_equal(now->state, DM_BOX_ENDED);
    assert_int_equal(now->cause, DM_CAUSE_VMM_CRASHED);
    assert_int_equal(dm_events_held(x->w->events), 1);
    assert_string_equal(dm_events_after(x->w->events, NULL)->state, "ended");
}

/* The worker died between the image's last step and the record of it. */
static void a_whole_image_is_a_sleeper(void **state)
{
    (void)state;
    char dir[160], disk[200];
    struct stat st;
    world *x = world_new();
    dm_box b = box_in(x, DM_BOX_RUNNING);
    left(x, &b);
    (void)snprintf(dir, sizeof(dir), "%s/sleepers/%s.3", x->dir, box_name);
    (void)snprintf(disk, sizeof(disk), "%s/disk.ext4", dir);
    assert_int_equal(dm_mkdir_p(dir, 0700, NULL), 0);
    assert_int_equal(dm_file_write(disk, DM_STR("a disk"), 0600, NULL), 0);
    const dm_box *now = began(x);
    assert_non_null(now);
    assert_int_equal(now->state, DM_BOX_ASLEEP);
    assert_int_equal(now->image_epoch, 3);
    assert_int_equal(now->cause, DM_CAUSE_PAUSED);
    assert_true(now->slept_us >= x->now_us - 1000000 && now->slept_us <= dm_wall_us(&test_clock));
    assert_int_equal(dm_boxes_running(x->w->boxes), 0);
    assert_int_equal(dm_boxes_asleep(x->w->boxes), 1);
    assert_int_equal(dm_events_held(x->w->events), 1);
    assert_string_equal(dm_events_after(x->w->events, NULL)->state, "asleep");
    pump(x);
    assert_int_equal(stat(disk, &st), 0); /* the sweep left it */
}

/* One that was not finished, or is of another epoch, proves nothing. */
static void any_other_image_is_none(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"3.making", "2"};
    for (size_t i = 0; i < DM_LEN(suffixes); i++) {
        char dir[160], disk[200];
        world *x = world_new();
        dm_box b = box_in(x, DM_BOX_RUNNING);
        left(x, &b);
        (void)snprintf(dir, sizeof(dir), "%s/sleepers/%s.%s", x->dir, box_name, suffixes[i]);
        (void)snprintf(disk, sizeof(disk), "%s/disk.ext4", dir);
        assert_int_equal(dm_mkdir_p(dir, 0700, NULL), 0);
        assert_int_equal(dm_file_write(disk, DM_STR("a disk"), 0600, NULL), 0);
        assert_int_equal(began(x)->state, DM_BOX_ENDED);
    }
}

/* The journal was torn between a box and the event about it: the event is owed. */
static void an_event_that_was_cut_off_is_told(void **state)
{
    (void)state;
    world *x = world_new();
    dm_box b = box_in(x, DM_BOX_ENDED);
    b.cause = DM_CAUSE_TIMEOUT;
    b.ended_us = x->now_us - 1500000;
    left(x, &b);
    assert_non_null(began(x));
    assert_int_equal(dm_events_held(x->w->events), 1);
    assert_string_equal(dm_events_after(x->w->events, NULL)->state, "ended");
    assert_string_equal(dm_events_after(x->w->events, NULL)->cause, "timeout");
    assert_int_equal(dm_events_after(x->w->events, NULL)->at_us, b.ended_us);
}

/* The same of one that was nobody's: it is told as what it was, and nothing of it counts. */
static void so_is_that_of_one_that_was_nobodys(void **state)
{
    (void)state;
    world *x = world_new();
    dm_box b = box_in(x, DM_BOX_ENDED);
    b.claimed = false;
    b.cause = DM_CAUSE_START_FAILED;
    b.ended_us = x->now_us - 1500000;
    left(x, &b);
    assert_non_null(began(x));
    assert_int_equal(dm_events_held(x->w->events), 1);
    assert_string_equal(dm_events_after(x->w->events, NULL)->state, "ended");
    assert_string_equal(dm_events_after(x->w->events, NULL)->cause, "start_failed");
    const dm_sample *samples;
    uint32_t n;
    int64_t through, second = x->w->at.last_second + 1;
    assert_int_equal(dm_usage_second(x->w->usage, second, 1, &samples, &n, &through, NULL), 0);
    assert_int_equal(n, 0);
}

/* --- what may be forgotten ---------------------------------------------------------------------------------- */

static void an_open_period_is_kept_whatever_the_ledger_has(void **state)
{
    (void)state;
    dm_worker_mark at = {.enrolled = true, .period_s = 3600, .last_second = 7200 + 1800};
    at.durable_boot = 4;
    at.durable_frame = 500;
    assert_true(dm_publish_done_with(&at, 4, 100, 7199));
    assert_true(dm_publish_done_with(&at, 3, 900, 7000));
    assert_false(
            dm_publish_done_with(&at, 4, 101, 7200)); /* this boot would need it to attest the period after a crash */
    assert_false(dm_publish_done_with(&at, 3, 900, 7300)); /* and an earlier boot's as much */
    at.last_second = 10799;                                /* framed to its end, which is when it is attested */
    assert_true(dm_publish_done_with(&at, 3, 900, 7300));
    assert_false(dm_publish_done_with(&at, 3, 900, 10700)); /* the attestations are still on their way */
    at.last_second = 11000;
    assert_true(dm_publish_done_with(&at, 3, 900, 10700));
    assert_true(dm_publish_done_with(&at, 4, 380, 10700));
    assert_false(dm_publish_done_with(&at, 4, 381, 10701)); /* not in the ledger for long enough */
    assert_false(dm_publish_done_with(&at, 5, 1, 7199));
}

static int clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < nworlds; i++)
        assert_int_equal(dm_remove_tree(worlds[i].dir, NULL), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_gone_without_an_image_has_ended),
            cmocka_unit_test(a_whole_image_is_a_sleeper),
            cmocka_unit_test(any_other_image_is_none),
            cmocka_unit_test(an_event_that_was_cut_off_is_told),
            cmocka_unit_test(so_is_that_of_one_that_was_nobodys),
            cmocka_unit_test(an_open_period_is_kept_whatever_the_ledger_has),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
