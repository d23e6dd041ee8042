/* What the API is owed, from the moment it is added to the replay that finds it again: whole, or the journal is said to
 * be broken and nothing was added. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"
#include "workers/host/events.h"

typedef struct world {
    char dir[64];
    dm_loop *loop;
    dm_exec *exec;
    dm_journal *j;
    dm_events *e;
    unsigned broken;
} world;

static void snapshot(void *arg, dm_journal *j)
{
    const world *w = arg;
    dm_events_journal(w->e, j);
}

static void broken(void *arg, const dm_err *err)
{
    (void)err;
    ((world *)arg)->broken++;
}

static int replay(void *arg, dm_record type, dm_str payload, dm_journal_pos at, bool state, dm_err *err)
{
    const world *w = arg;
    DM_AUTO(json_t) obj = NULL;
    (void)at;
    (void)state;
    if (type != DM_RECORD_EVENT)
        return 0;
    int r = dm_json_load(payload, DM_RECORD_BYTES_MAX, &obj, err);
    return r < 0 ? r : dm_events_replay(w->e, obj, err);
}

static void up(world *w)
{
    dm_err err = {0};
    dm_journal_config c = {.dir = w->dir,
            .segment_bytes = 1 << 20,
            .bytes_max = 8 << 20,
            .loop = w->loop,
            .exec = w->exec,
            .snapshot = snapshot,
            .broken = broken,
            .arg = w};
    assert_int_equal(dm_events_new(&w->e, &err), 0);
    if (dm_journal_open(&c, replay, &w->j, &err) < 0)
        fail_msg("%s", err.msg);
    dm_events_replayed(w->e);
    dm_journal_begin(w->j);
}

static void down(world *w)
{
    dm_err err = {0};
    for (int i = 0; i < 2000 && !dm_journal_quiet(w->j); i++)
        assert_int_equal(dm_loop_once(w->loop, 10000, &err), 0);
    dm_journal_free(w->j);
    dm_events_free(w->e);
}

static int setup(void **state)
{
    static world one;
    dm_err err = {0};
    one = (world){0};
    (void)snprintf(one.dir, sizeof(one.dir), "/tmp/events-test-XXXXXX");
    assert_non_null(mkdtemp(one.dir));
    assert_int_equal(dm_loop_new(&dm_clock_real, &one.loop, &err), 0);
    assert_int_equal(dm_exec_new(1, 64, &one.exec, &err), 0);
    up(&one);
    *state = &one;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    dm_err err = {0};
    down(w);
    dm_exec_free(w->exec);
    dm_loop_free(w->loop);
    return dm_remove_tree(w->dir, &err);
}

static dm_box *ended(const char *detail)
{
    dm_box *b = dm_box_new(NULL, NULL);
    assert_non_null(b);
    b->id = dm_sandbox_id_of_random((const uint8_t[16]){7});
    b->name = dm_sandbox_name_of(&b->id);
    b->epoch = 3;
    b->state = DM_BOX_ENDED;
    b->cause = DM_CAUSE_VMM_CRASHED;
    (void)snprintf(b->detail, sizeof(b->detail), "%s", detail);
    return b;
}

static void is_whole(const dm_wk_event *e, const dm_box *b)
{
    assert_non_null(e);
    assert_string_equal(e->sandbox, b->name.s);
    assert_string_equal(e->state, "ended");
    assert_string_equal(e->cause, "vmm_crashed");
    assert_string_equal(e->detail, b->detail);
    assert_int_equal(e->epoch, 3);
}

/* Each byte of it is written as six. */
static void the_longest_detail_comes_back(void **state)
{
    world *w = *state;
    char odd[sizeof(((dm_box *)NULL)->detail)];
    memset(odd, 1, sizeof(odd) - 1);
    odd[sizeof(odd) - 1] = '\0';
    dm_box *b = ended(odd);
    dm_events_add(w->e, w->j, b, 5);
    down(w);
    up(w);
    assert_int_equal(dm_events_held(w->e), 1);
    is_whole(dm_events_after(w->e, NULL), b);
    dm_box_free(b);
    assert_int_equal(w->broken, 0);
}

/* Longer words than any of ours, as another version may have written them: what was read can be written again. */
static void what_was_replayed_is_written_again(void **state)
{
    enum { WORDS = 1024 };
    world *w = *state;
    char odd[WORDS + 1], cause[] = "killed", ended_word[] = "ended", name[] = "i00000000000000000001";
    memset(odd, 1, WORDS);
    odd[WORDS] = '\0';
    const dm_wk_event e = {
            .seq = 1, .sandbox = name, .epoch = 1, .state = ended_word, .cause = cause, .detail = odd, .at_us = 5};
    DM_AUTO_BUF text;
    dm_jw jw;
    dm_buf_init(&text, 1 << 16);
    dm_jw_init(&jw, &text);
    dm_wk_event_write(&jw, &e);
    dm_journal_add_buf(w->j, DM_RECORD_EVENT, &text, NULL);
    for (int again = 0; again < 3; again++) { /* the first reads that one, each other what a snapshot made of it */
        down(w);
        up(w);
        assert_int_equal(dm_events_held(w->e), 1);
        assert_string_equal(dm_events_after(w->e, NULL)->detail, odd);
    }
    assert_int_equal(w->broken, 0);
}

/* A buffer that took less than was written into it is no record. */
static void a_record_that_breaks_off_is_not_added(void **state)
{
    world *w = *state;
    DM_AUTO_BUF text;
    dm_buf_init(&text, 16);
    (void)dm_buf_c(&text, "{\"seq\":1,");
    (void)dm_buf_c(&text, "\"sandbox\":\"i00000000000000000001\"}");
    dm_journal_add_buf(w->j, DM_RECORD_EVENT, &text, NULL);
    assert_int_equal(w->broken, 1);
    down(w);
    up(w); /* and the next replay stumbles over nothing */
    assert_int_equal(dm_events_held(w->e), 0);
}

/* Each allocation failed in turn: either the event is held whole, or the journal was said to be broken, and then the
 * worker ends and the next one finds what the box owes. */
static void without_memory_there_is_no_half_event(void **state)
{
    world *w = *state;
    dm_box *b = ended("why");
    unsigned failed = 0;
    for (alloc_fail_at(0); alloc_fail_next();) {
        uint32_t held = dm_events_held(w->e);
        uint64_t seq = dm_events_seq(w->e);
        unsigned was = w->broken;
        dm_events_add(w->e, w->j, b, 5);
        bool hit = alloc_fail_hit();
        failed += hit;
        assert_int_equal(w->broken > was, hit);
        assert_true(dm_events_seq(w->e) - seq == dm_events_held(w->e) - held); /* no number is lost */
        for (const dm_wk_event *e = dm_events_after(w->e, NULL); e != NULL; e = dm_events_after(w->e, e))
            is_whole(e, b);
        down(w); /* as its end would have it */
        up(w);
    }
    assert_true(failed >= 5);
    assert_true(dm_events_held(w->e) > 0);
    for (const dm_wk_event *e = dm_events_after(w->e, NULL); e != NULL; e = dm_events_after(w->e, e))
        is_whole(e, b);
    dm_box_free(b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
            TEST(the_longest_detail_comes_back),
            TEST(what_was_replayed_is_written_again),
            TEST(a_record_that_breaks_off_is_not_added),
            TEST(without_memory_there_is_no_half_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
