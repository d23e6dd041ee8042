#include "metering/ledger/track.h"
#include "tests/unit/test.h"

enum { T = 1000000 };

static dm_frame_head head(uint64_t boot, uint64_t frame, uint64_t prev, int64_t second)
{
    return (dm_frame_head){.worker_no = 1,
            .worker_boot = boot,
            .frame_no = frame,
            .prev_boot_last_frame = prev,
            .second = second,
            .complete_through = second,
            .parts = 1};
}

static int take(dm_track *t, uint64_t boot, uint64_t frame, uint64_t prev, int64_t second)
{
    dm_frame_head h = head(boot, frame, prev, second);
    bool whole;
    return dm_track_take(t, &h, &whole, NULL);
}

static void assert_mark(const dm_track *t, uint64_t boot, uint64_t frame, int64_t through)
{
    dm_track_mark m = dm_track_mark_of(t, (dm_worker_no){1});
    assert_int_equal(m.boot, boot);
    assert_int_equal(m.frame, frame);
    assert_int_equal(m.complete_through, through);
}

typedef struct gaps {
    dm_track_gap g[16];
    size_t n;
} gaps;

static void told(void *arg, const dm_track_gap *g)
{
    gaps *all = arg;
    assert_true(all->n < DM_LEN(all->g));
    all->g[all->n++] = *g;
}

/* Writing off all that waits moves nothing. */
static void assert_none_waits(dm_track *t)
{
    gaps g = {.n = 0};
    dm_track_mark before = dm_track_mark_of(t, (dm_worker_no){1});
    assert_int_equal(dm_track_write_off(t, (dm_worker_no){1}, INT64_MAX, told, &g, NULL), 0);
    assert_int_equal(g.n, 0);
    assert_mark(t, before.boot, before.frame, before.complete_through);
}

static void the_mark_stands_before_the_first_gap(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    assert_mark(t, 0, 0, -1);
    assert_int_equal(take(t, 1, 1, 0, T), DM_TRACK_NEW);
    assert_int_equal(take(t, 1, 2, 0, T + 1), DM_TRACK_NEW);
    assert_int_equal(take(t, 1, 2, 0, T + 1), DM_TRACK_SEEN);
    assert_int_equal(take(t, 1, 5, 0, T + 4), DM_TRACK_NEW);
    assert_int_equal(take(t, 1, 4, 0, T + 3), DM_TRACK_NEW);
    assert_int_equal(take(t, 1, 4, 0, T + 3), DM_TRACK_SEEN);
    assert_mark(t, 1, 2, T + 1);
    assert_int_equal(take(t, 1, 5, 0, T + 4), DM_TRACK_SEEN); /* it waits, as 4 does */
    assert_int_equal(take(t, 1, 3, 0, T + 2), DM_TRACK_NEW);
    assert_mark(t, 1, 5, T + 4);
    assert_none_waits(t);
}

static void parts_count_together(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    dm_frame_head h = head(1, 1, 0, T);
    bool whole;
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    h.parts = 3;
    for (uint16_t i = 3; i-- > 0;) {
        h.part = i;
        assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_TRACK_NEW);
        assert_int_equal(whole, i == 0);
        assert_mark(t, i == 0, i == 0, i == 0 ? T : -1);
    }
    h = head(1, 2, 0, T + 1);
    h.parts = 2;
    assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_TRACK_NEW);
    assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_TRACK_SEEN);
    h.part = 1;
    h.second++;
    assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_E_INVALID);
    h.parts = 65;
    assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_E_INVALID);
    h = head(1, 0, 0, T);
    assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_E_INVALID);
}

static void boots_follow_each_other(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    assert_int_equal(take(t, 1, 1, 0, T), DM_TRACK_NEW);
    assert_int_equal(take(t, 2, 1, 2, T + 2), DM_TRACK_NEW); /* boot 1 ended with 2: one is missing */
    assert_mark(t, 1, 1, T);
    assert_int_equal(take(t, 1, 2, 0, T + 1), DM_TRACK_NEW);
    assert_mark(t, 2, 1, T + 2);
    assert_int_equal(
            take(t, 4, 1, 1, T + 3), DM_TRACK_NEW); /* boot 3 wrote nothing; the newest that did ended with 1 */
    assert_mark(t, 4, 1, T + 3);
    assert_int_equal(
            take(t, 6, 1, 0, T + 5), DM_TRACK_NEW); /* only knows that boot 5 wrote nothing, and a second is missing */
    assert_mark(t, 4, 1, T + 3);
    assert_int_equal(take(t, 4, 2, 1, T + 4), DM_TRACK_NEW);
    assert_mark(t, 6, 1, T + 5);
    assert_int_equal(take(t, 7, 1, 0, T + 7), DM_TRACK_NEW); /* knows nothing of boot 6, and a second is missing */
    assert_mark(t, 6, 1, T + 5);
}

/* Boot 1 sent frames 1 to 5; the host's crash tore the records of 4 and 5, of 1 to 5, or of all that it knew. */
static void a_torn_tail_that_was_sent_is_no_gap(void **state)
{
    static const struct {
        uint64_t prev;
        int64_t second;
    } next[] = {{3, 3}, {4, 4}, {0, 0}, {0, 5}, {77, 0}, {77, 5}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(next); i++) {
        DM_AUTO(dm_track) t = NULL;
        assert_int_equal(dm_track_new(&t, NULL), 0);
        dm_track_mark m = {1, 77, T - 1, T - 1};
        assert_int_equal(dm_track_restore(t, (dm_worker_no){1}, &m, NULL), 0);
        for (uint64_t n = 1; n <= 5; n++)
            assert_int_equal(take(t, 2, n, 77, T + (int64_t)n - 1), DM_TRACK_NEW);
        assert_int_equal(take(t, 3, 1, next[i].prev, T + next[i].second), DM_TRACK_NEW);
        assert_mark(t, 3, 1, next[i].second == 5 ? T + 5 : T + 4); /* the watermark does not go back */
        for (int64_t s = next[i].second + 1; s <= 7; s++)
            assert_int_equal(take(t, 3, (uint64_t)(s - next[i].second) + 1, next[i].prev, T + s), DM_TRACK_NEW);
        assert_int_equal(dm_track_mark_of(t, (dm_worker_no){1}).complete_through, T + 7);
        assert_none_waits(t);
    }
}

/* A restart of the meter forgets with what the boot before the mark's ended; any frame of that boot says it again. */
static void a_torn_tail_is_none_after_a_restart(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    dm_track_mark m = {2, 3, T + 2, T + 2};
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    assert_int_equal(dm_track_restore(t, (dm_worker_no){1}, &m, NULL), 0);
    assert_int_equal(take(t, 3, 1, 77, T), DM_TRACK_NEW);
    assert_mark(t, 2, 3, T + 2); /* 77 may be of frames that are still to come */
    assert_int_equal(take(t, 2, 2, 77, T + 1), DM_TRACK_SEEN);
    assert_int_equal(take(t, 3, 2, 77, T + 1), DM_TRACK_NEW);
    assert_mark(t, 3, 2, T + 2);
}

/* Whoever names 0 or an old number moves no mark over a second that was never sent. */
static void an_old_number_hides_no_second(void **state)
{
    static const struct {
        uint64_t boot, prev;
        int64_t second;
    } next[] = {{2, 0, 6}, {2, 3, 6}, {9, 0, 6}, {9, 4, 100}, {2, 6, 3}, {2, 6, 5}, {2, 77, 0}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(next); i++) {
        DM_AUTO(dm_track) t = NULL;
        assert_int_equal(dm_track_new(&t, NULL), 0);
        for (uint64_t n = 1; n <= 5; n++)
            assert_int_equal(take(t, 1, n, 0, T + (int64_t)n - 1), DM_TRACK_NEW);
        assert_int_equal(take(t, next[i].boot, 1, next[i].prev, T + next[i].second), DM_TRACK_NEW);
        assert_mark(t, 1, 5, T + 4);
        /* And when what it had lost comes after all, out of another copy of its journal, nothing was given away. */
        assert_int_equal(take(t, 1, 6, 0, T + 5), DM_TRACK_NEW);
        assert_int_equal(dm_track_mark_of(t, (dm_worker_no){1}).complete_through >= T + 5, 1);
    }
}

/* Its first frame is not looked at before the boot that was in between has been: that one waits for a frame. */
static void a_boot_between_is_not_stepped_over(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    assert_int_equal(take(t, 1, 1, 0, T), DM_TRACK_NEW);
    assert_int_equal(take(t, 2, 1, 3, T + 3), DM_TRACK_NEW);
    assert_int_equal(take(t, 3, 1, 1, T + 1), DM_TRACK_NEW);
    assert_mark(t, 1, 1, T);
}

/* A frame whose date cannot be moves the mark by its number alone: what it says of a second is not remembered, else
 * every second up to it would seem to be known. */
static void a_date_that_cannot_be_hides_no_second(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    dm_frame_head h = head(1, 2, 0, T + 100000);
    bool whole;
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    assert_int_equal(take(t, 1, 1, 0, T), DM_TRACK_NEW);
    h.complete_through = -1;
    assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_TRACK_NEW);
    assert_mark(t, 1, 2, T);
    assert_int_equal(take(t, 2, 1, 0, T + 50), DM_TRACK_NEW);
    assert_mark(t, 1, 2, T);
}

static void what_is_written_off_is_late_when_it_comes(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    gaps g = {.n = 0};
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    assert_int_equal(take(t, 1, 1, 0, T), DM_TRACK_NEW);
    assert_int_equal(take(t, 1, 5, 0, T + 4), DM_TRACK_NEW);
    assert_int_equal(take(t, 1, 9, 0, T + 8), DM_TRACK_NEW);
    assert_int_equal(dm_track_write_off(t, (dm_worker_no){1}, T + 4, told, &g, NULL), 0);
    assert_int_equal(dm_track_write_off(t, (dm_worker_no){1}, T + 5, told, &g, NULL), 1);
    assert_int_equal(g.g[0].first, 2);
    assert_int_equal(g.g[0].last, 4);
    assert_int_equal(g.g[0].from_s, T + 1);
    assert_int_equal(g.g[0].to_s, T + 3);
    assert_mark(t, 1, 5, T + 4);
    assert_int_equal(take(t, 1, 3, 0, T + 2), DM_TRACK_LATE);
    assert_int_equal(take(t, 1, 3, 0, T + 2), DM_TRACK_SEEN);
    assert_int_equal(take(t, 1, 2, 0, T + 1), DM_TRACK_LATE);
    assert_int_equal(take(t, 1, 4, 0, T + 3), DM_TRACK_LATE);
    assert_int_equal(take(t, 1, 2, 0, T + 1), DM_TRACK_SEEN);
    assert_int_equal(take(t, 1, 4, 0, T + 3), DM_TRACK_SEEN);
    assert_int_equal(take(t, 1, 5, 0, T + 4), DM_TRACK_SEEN);
    assert_int_equal(dm_track_write_off(t, (dm_worker_no){2}, T + 5, told, &g, NULL), 0);
}

static void the_tail_of_a_boot_is_a_gap(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    gaps g = {.n = 0};
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    assert_int_equal(take(t, 1, 1, 0, T), DM_TRACK_NEW);
    assert_int_equal(take(t, 2, 1, 7, T + 7), DM_TRACK_NEW);
    assert_int_equal(dm_track_write_off(t, (dm_worker_no){1}, T + 100, told, &g, NULL), 1);
    assert_int_equal(g.g[0].boot, 1);
    assert_int_equal(g.g[0].first, 2);
    assert_int_equal(g.g[0].last, 7);
    assert_mark(t, 2, 1, T + 7);
}

static void count(void *arg, dm_worker_no worker_no, const dm_track_mark *mark)
{
    (void)worker_no;
    (void)mark;
    ++*(int *)arg;
}

static int take_print(dm_track *t, uint64_t frame, uint64_t print)
{
    dm_frame_head h = head(1, frame, 0, T + (int64_t)frame);
    bool whole;
    h.print = print;
    return dm_track_take(t, &h, &whole, NULL);
}

/* A second frame of a number is told from the same one again, whether it waits or was taken, and moves nothing. */
static void another_frame_of_a_number_is_told(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    assert_int_equal(take_print(t, 1, 11), DM_TRACK_NEW);
    assert_int_equal(take_print(t, 1, 11), DM_TRACK_SEEN);
    assert_int_equal(take_print(t, 1, 12), DM_TRACK_OTHER);
    assert_int_equal(take_print(t, 1, 11), DM_TRACK_SEEN);
    assert_int_equal(take_print(t, 3, 31), DM_TRACK_NEW); /* it waits */
    assert_int_equal(take_print(t, 3, 32), DM_TRACK_OTHER);
    assert_mark(t, 1, 1, T + 1);
    assert_int_equal(take_print(t, 2, 21), DM_TRACK_NEW);
    assert_mark(t, 1, 3, T + 3);
    assert_int_equal(take_print(t, 3, 33), DM_TRACK_OTHER);
    assert_mark(t, 1, 3, T + 3);

    /* After a restart it is known of what is read again. */
    DM_AUTO(dm_track) next = NULL;
    dm_track_mark m = dm_track_mark_of(t, (dm_worker_no){1});
    assert_int_equal(dm_track_new(&next, NULL), 0);
    assert_int_equal(dm_track_restore(next, (dm_worker_no){1}, &m, NULL), 0);
    assert_int_equal(take_print(next, 3, 31), DM_TRACK_SEEN);
    assert_int_equal(take_print(next, 3, 32), DM_TRACK_OTHER);
}

static void remembers_what_was_saved(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    dm_track_mark m = {3, 50, T, T};
    dm_track_gap g = {{1}, 3, 10, 12, T - 40, T - 38};
    int changed = 0;
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    assert_int_equal(dm_track_restore(t, (dm_worker_no){1}, &m, NULL), 0);
    assert_int_equal(dm_track_restore_gap(t, &g, NULL), 0);
    dm_track_each_changed(t, count, &changed);
    assert_int_equal(changed, 0);
    assert_int_equal(take(t, 3, 11, 0, T - 39), DM_TRACK_LATE);
    assert_int_equal(take(t, 3, 13, 0, T - 37), DM_TRACK_SEEN);
    assert_int_equal(take(t, 2, 99, 0, T - 99), DM_TRACK_SEEN);
    dm_track_each_changed(t, count, &changed);
    assert_int_equal(changed, 0);
    assert_int_equal(take(t, 3, 51, 0, T + 1), DM_TRACK_NEW);
    dm_track_each_changed(t, count, &changed);
    assert_int_equal(changed, 1);
    dm_track_saved(t);
    dm_track_each_changed(t, count, &changed);
    assert_int_equal(changed, 1);
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void any_order_comes_to_the_same(void **state)
{
    (void)state;
    for (uint64_t round = 1; round < 60; round++) {
        DM_AUTO(dm_track) t = NULL;
        dm_frame_head h[200];
        uint64_t seed = round, boot = 1, frame = 0, prev = 0;
        assert_int_equal(dm_track_new(&t, NULL), 0);
        for (size_t i = 0; i < DM_LEN(h); i++) {
            if (i > 0 && next(&seed) % 20 == 0) {
                prev = frame;
                frame = 0;
                boot += 1 + next(&seed) % 2;
            }
            h[i] = head(boot, ++frame, prev, T + (int64_t)i);
        }
        for (size_t i = DM_LEN(h) - 1; i > 0; i--) {
            size_t k = next(&seed) % (i + 1);
            dm_frame_head swap = h[i];
            h[i] = h[k];
            h[k] = swap;
        }
        size_t fresh = 0;
        for (size_t i = 0; i < DM_LEN(h); i++) {
            bool whole;
            fresh += dm_track_take(t, &h[i], &whole, NULL) == DM_TRACK_NEW;
            (void)!dm_track_take(t, &h[next(&seed) % (i + 1)], &whole, NULL);
        }
        assert_int_equal(fresh, DM_LEN(h));
        assert_mark(t, boot, frame, T + (int64_t)DM_LEN(h) - 1);
    }
}

static void too_much_behind_a_gap_is_a_limit(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    gaps g = {.n = 0};
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    for (uint64_t i = 0; i < DM_TRACK_PENDING_MAX; i++)
        assert_int_equal(take(t, 1, i + 2, 0, T + (int64_t)i), DM_TRACK_NEW);
    assert_int_equal(take(t, 1, DM_TRACK_PENDING_MAX + 2, 0, T), DM_E_LIMIT);
    assert_int_equal(dm_track_write_off(t, (dm_worker_no){1}, INT64_MAX, told, &g, NULL), 1);
    assert_none_waits(t);
    assert_int_equal(take(t, 1, DM_TRACK_PENDING_MAX + 2, 0, T), DM_TRACK_NEW);
}

static void one_worker_too_many_is_told(void **state)
{
    DM_AUTO(dm_track) t = NULL;
    dm_frame_head h = head(1, 1, 0, T);
    dm_track_mark m = {1, 1, T, T};
    dm_track_gap g = {.worker_no = {DM_WORKERS_MAX + 1}, .boot = 1, .first = 1, .last = 1};
    bool whole;
    (void)state;
    assert_int_equal(dm_track_new(&t, NULL), 0);
    for (h.worker_no = 1; h.worker_no <= DM_WORKERS_MAX; h.worker_no++)
        assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_TRACK_NEW);
    assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_TRACK_NO_ROOM);
    assert_int_equal(dm_track_restore(t, g.worker_no, &m, NULL), DM_TRACK_NO_ROOM);
    assert_int_equal(dm_track_restore_gap(t, &g, NULL), DM_TRACK_NO_ROOM);
    h.worker_no = 7;
    h.frame_no = 2;
    assert_int_equal(dm_track_take(t, &h, &whole, NULL), DM_TRACK_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_mark_stands_before_the_first_gap),
            cmocka_unit_test(parts_count_together),
            cmocka_unit_test(boots_follow_each_other),
            cmocka_unit_test(a_torn_tail_that_was_sent_is_no_gap),
            cmocka_unit_test(a_torn_tail_is_none_after_a_restart),
            cmocka_unit_test(an_old_number_hides_no_second),
            cmocka_unit_test(a_boot_between_is_not_stepped_over),
            cmocka_unit_test(a_date_that_cannot_be_hides_no_second),
            cmocka_unit_test(what_is_written_off_is_late_when_it_comes),
            cmocka_unit_test(the_tail_of_a_boot_is_a_gap),
            cmocka_unit_test(another_frame_of_a_number_is_told),
            cmocka_unit_test(remembers_what_was_saved),
            cmocka_unit_test(any_order_comes_to_the_same),
            cmocka_unit_test(too_much_behind_a_gap_is_a_limit),
            cmocka_unit_test(one_worker_too_many_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
