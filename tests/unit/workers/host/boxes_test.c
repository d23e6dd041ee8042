/* The table of boxes: found by id, counted by state, walked while they are dropped. */
#include "tests/unit/test.h"
#include "workers/host/boxes.h"

enum { MANY = 10000 };

static dm_box *linked(dm_boxes *t, unsigned n, dm_box_state state)
{
    uint8_t random[16] = {0};
    memcpy(random + 8, &n, sizeof(n));
    dm_box *b = dm_box_new(NULL, NULL);
    assert_non_null(b);
    b->id = dm_sandbox_id_of_random(random);
    b->state = state;
    b->claimed = true;
    assert_int_equal(dm_boxes_link(t, b, NULL), 0);
    return b;
}

static void each_is_found_and_met_once(void **state)
{
    DM_AUTO(dm_boxes) t = NULL;
    (void)state;
    assert_int_equal(dm_boxes_new(&t, NULL), 0);
    dm_map_walk walk = dm_boxes_walk(t);
    assert_null(dm_map_next(&walk));
    for (unsigned i = 0; i < MANY; i++) {
        dm_box *b = linked(t, i, DM_BOX_STARTING);
        assert_ptr_equal(dm_boxes_find(t, &b->id), b);
    }
    unsigned met = 0, left = 0;
    walk = dm_boxes_walk(t);
    for (dm_box *b; (b = dm_map_next(&walk)) != NULL;) {
        b->epoch++; /* 1, unless it is met twice */
        assert_int_equal(b->epoch, 1);
        if (met++ % 2 == 0) {
            dm_sandbox_id id = b->id;
            dm_boxes_drop(t, b);
            assert_null(dm_boxes_find(t, &id));
        }
    }
    assert_int_equal(met, MANY);
    walk = dm_boxes_walk(t);
    while (dm_map_next(&walk) != NULL)
        left++;
    assert_int_equal(left, MANY / 2);
}

/* Along every row of the table the counts are those of a recount. */
static void counts_follow_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < dm_box_rows; i++) {
        const dm_box_row *row = &dm_box_table[i];
        DM_AUTO(dm_boxes) t = NULL;
        assert_int_equal(dm_boxes_new(&t, NULL), 0);
        (void)linked(t, 1, DM_BOX_RUNNING);
        (void)linked(t, 2, DM_BOX_ASLEEP);
        dm_box *b = linked(t, 3, row->from);
        assert_ptr_equal(dm_boxes_move(t, b, row->event), row);
        assert_int_equal(b->state, row->to);
        assert_int_equal(dm_boxes_running(t), 1 + (row->to == DM_BOX_RUNNING || row->to == DM_BOX_PAUSING));
        assert_int_equal(dm_boxes_asleep(t), 1 + (row->to == DM_BOX_ASLEEP || row->to == DM_BOX_WAKING));
        dm_boxes_drop(t, b);
        assert_int_equal(dm_boxes_running(t), 1);
        assert_int_equal(dm_boxes_asleep(t), 1);
    }
}

static dm_box *nobodys(dm_boxes *t, unsigned n)
{
    dm_box *b = linked(t, n, DM_BOX_STARTING);
    b->claimed = false;
    (void)dm_boxes_move(t, b, DM_BOX_HANDED_OUT);
    return b;
}

/* The newest first, as many as are said to be. */
static void assert_unclaimed(const dm_boxes *t, dm_box *const *want, uint32_t n)
{
    uint32_t i = 0;
    for (const dm_box *b = dm_boxes_unclaimed(t); b != NULL; b = b->next_unclaimed, i++)
        assert_true(i < n && b == want[i]);
    assert_int_equal(i, n);
    assert_int_equal(dm_boxes_nunclaimed(t), n);
}

/* In whatever way one of them goes, the others are still found. */
static void those_that_are_nobodys_are_listed(void **state)
{
    DM_AUTO(dm_boxes) t = NULL;
    (void)state;
    assert_int_equal(dm_boxes_new(&t, NULL), 0);
    (void)linked(t, 1, DM_BOX_RUNNING);
    dm_box *b[5];
    for (unsigned i = 0; i < DM_LEN(b); i++)
        b[i] = nobodys(t, 10 + i);
    assert_unclaimed(t, (dm_box *[]){b[4], b[3], b[2], b[1], b[0]}, 5);
    dm_boxes_claim(t, b[2]);
    assert_true(b[2]->claimed && !dm_box_nobodys(b[2]));
    assert_unclaimed(t, (dm_box *[]){b[4], b[3], b[1], b[0]}, 4);
    (void)dm_boxes_move(t, b[4], DM_BOX_END);
    assert_unclaimed(t, (dm_box *[]){b[3], b[1], b[0]}, 3);
    dm_boxes_drop(t, b[0]);
    assert_unclaimed(t, (dm_box *[]){b[3], b[1]}, 2);
    (void)dm_boxes_move(t, b[2], DM_BOX_PAUSE); /* and back: it was claimed */
    (void)dm_boxes_move(t, b[2], DM_BOX_PAUSE_FAILED);
    assert_unclaimed(t, (dm_box *[]){b[3], b[1]}, 2);
    assert_int_equal(dm_boxes_running(t), 4);
}

/* One that could not be made ready was never the table's. */
static void what_was_never_linked_is_only_freed(void **state)
{
    DM_AUTO(dm_boxes) t = NULL;
    (void)state;
    assert_int_equal(dm_boxes_new(&t, NULL), 0);
    (void)linked(t, 1, DM_BOX_RUNNING);
    dm_box *b = dm_box_new(NULL, NULL);
    assert_non_null(b);
    b->state = DM_BOX_RUNNING;
    dm_boxes_drop(t, b);
    assert_int_equal(dm_boxes_running(t), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_is_found_and_met_once),
            cmocka_unit_test(counts_follow_states),
            cmocka_unit_test(those_that_are_nobodys_are_listed),
            cmocka_unit_test(what_was_never_linked_is_only_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
