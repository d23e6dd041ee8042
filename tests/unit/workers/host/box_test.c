#include "tests/unit/test.h"
#include "workers/host/box.h"

/* --- the table ---------------------------------------------------------------------------------------------- */

static void every_state_is_reached_and_none_is_stuck(void **state)
{
    (void)state;
    bool reached[DM_BOX_STATES] = {[DM_BOX_STARTING] = true};
    bool ends[DM_BOX_STATES] = {[DM_BOX_ENDED] = true}; /* the end can be reached from it */
    for (int round = 0; round < DM_BOX_STATES; round++) {
        for (size_t i = 0; i < dm_box_rows; i++) {
            const dm_box_row *row = &dm_box_table[i];
            reached[row->to] |= reached[row->from];
            ends[row->from] |= ends[row->to];
        }
    }
    for (int s = 0; s < DM_BOX_STATES; s++) {
        assert_true(reached[s]);
        assert_true(ends[s]);
    }
}

static void rows_are_unique_and_say_why(void **state)
{
    (void)state;
    bool used[DM_BOX_EVENTS] = {false};
    for (size_t i = 0; i < dm_box_rows; i++) {
        const dm_box_row *a = &dm_box_table[i];
        assert_true(a->from < DM_BOX_STATES && a->to < DM_BOX_STATES && a->event < DM_BOX_EVENTS);
        assert_int_not_equal(a->from, a->to);
        assert_true(strlen(a->why) > 10);
        used[a->event] = true;
        for (size_t j = i + 1; j < dm_box_rows; j++)
            assert_false(a->from == dm_box_table[j].from && a->event == dm_box_table[j].event);
    }
    for (int e = 0; e < DM_BOX_EVENTS; e++)
        assert_true(used[e]);
}

static void next_is_what_the_table_says(void **state)
{
    (void)state;
    size_t rows = 0;
    for (int s = 0; s < DM_BOX_STATES; s++) {
        for (int e = 0; e < DM_BOX_EVENTS; e++) {
            const dm_box_row *row = dm_box_next((dm_box_state)s, (dm_box_event)e);
            if (row == NULL)
                continue;
            rows++;
            assert_int_equal(row->from, s);
            assert_int_equal(row->event, e);
        }
    }
    assert_int_equal(rows, dm_box_rows);
}

static void what_has_ended_stays_so_and_all_else_can_end(void **state)
{
    (void)state;
    for (int e = 0; e < DM_BOX_EVENTS; e++)
        assert_null(dm_box_next(DM_BOX_ENDED, (dm_box_event)e));
    for (int s = 0; s < DM_BOX_ENDED; s++)
        assert_int_equal(dm_box_next((dm_box_state)s, DM_BOX_END)->to, DM_BOX_ENDED);
}

/* What a failure leads back to is where it came from. */
static void a_failure_goes_back(void **state)
{
    (void)state;
    assert_int_equal(dm_box_next(DM_BOX_RUNNING, DM_BOX_PAUSE)->to, DM_BOX_PAUSING);
    assert_int_equal(dm_box_next(DM_BOX_PAUSING, DM_BOX_PAUSE_FAILED)->to, DM_BOX_RUNNING);
    assert_int_equal(dm_box_next(DM_BOX_ASLEEP, DM_BOX_WAKE)->to, DM_BOX_WAKING);
    assert_int_equal(dm_box_next(DM_BOX_WAKING, DM_BOX_WAKE_FAILED)->to, DM_BOX_ASLEEP);
}

static void names_are_distinct(void **state)
{
    (void)state;
    for (int a = 0; a < DM_BOX_STATES; a++) {
        for (int b = 0; b < a; b++)
            assert_string_not_equal(dm_box_state_name((dm_box_state)a), dm_box_state_name((dm_box_state)b));
    }
    assert_string_equal(dm_box_state_name(DM_BOX_STATES), "?");
}

/* --- the written form --------------------------------------------------------------------------------------- */

static char sandbox[] = "i0123456789abcdefghij", template_id[] = "abcdefghij0123456789";
static char build[] = "0d4c1d0c-6b0e-4f3a-9f0e-0123456789ab", image[] = "base", user[] = "user", host[] = "e2b.local";
static char none[] = "";

static dm_box box_of(json_t *env)
{
    dm_box b = {
            .state = DM_BOX_ASLEEP,
            .epoch = 4,
            .started_us = 1700000000000001,
            .slept_us = 1700000001000002,
            .slept_epoch = 3,
            .woken_us = 1700000002000003,
            .ended_us = 0,
            .end_us = INT64_MAX,
            .pause_on_timeout = true,
            .claimed = true,
            .net_base = 12345,
            .cause = DM_CAUSE_PAUSED,
            .detail = "so said the \"caller\"\n",
            .slot = -1,
            .image_epoch = 4,
            .image_mib = 77,
            .disk_16mib = DM_DISK_UNKNOWN,
    };
    b.admit = (dm_wk_admit){
            .sandbox = sandbox,
            .epoch = 4,
            .project_no = 7,
            .region_no = 1,
            .spec_table = 1,
            .spec = 6,
            .disk_mib = 1024,
            .template_id = template_id,
            .build_id = build,
            .image = image,
            .timeout_us = 300000000,
            .token = none,
            .user = user,
            .workdir = none,
            .hostname = host,
            .env = env,
            .previous = none,
    };
    assert_int_equal(dm_sandbox_id_parse(dm_str_c(sandbox), &b.id, NULL), 0);
    (void)snprintf(b.base, sizeof(b.base), "4dc47d9882bb2b18-1c256m");
    for (size_t i = 0; i < DM_SHA256; i++)
        b.previous.b[i] = (uint8_t)(i * 7);
    return b;
}

static json_t *written(const dm_box *b)
{
    DM_AUTO_BUF text;
    dm_jw w;
    dm_err err = {0};
    json_t *j = NULL;
    dm_buf_init(&text, 1 << 20);
    dm_jw_init(&w, &text);
    dm_box_write(b, &w);
    assert_int_equal(dm_buf_ok(&text, &err), 0);
    if (dm_json_load(dm_buf_view(&text), 1 << 20, &j, &err) != 0)
        fail_msg("%s in %s", err.msg, text.p);
    return j;
}

static void a_box_goes_both_ways_in_every_state(void **state)
{
    (void)state;
    for (int s = 0; s < DM_BOX_STATES; s++) {
        DM_AUTO(json_t) env = json_pack("{s:s}", "KEY", "v\xc3\xa4lue");
        dm_box b = box_of(env), back = {0};
        dm_err err = {0};
        b.state = (dm_box_state)s;
        b.cause = s == DM_BOX_ENDED ? DM_CAUSE_VMM_CRASHED : DM_CAUSE_NONE;
        b.slot = s;
        DM_AUTO(json_t) j = written(&b);
        if (dm_box_read(j, &back, &err) != 0)
            fail_msg("%s", err.msg);
        assert_int_equal(back.state, b.state);
        assert_int_equal(back.cause, b.cause);
        assert_int_equal(back.epoch, b.epoch);
        assert_true(back.started_us == b.started_us && back.slept_us == b.slept_us);
        assert_true(back.ended_us == b.ended_us && back.end_us == b.end_us);
        assert_int_equal(back.pause_on_timeout, b.pause_on_timeout);
        assert_string_equal(back.detail, b.detail);
        assert_string_equal(back.base, b.base);
        assert_int_equal(back.slot, b.slot);
        assert_int_equal(back.image_epoch, b.image_epoch);
        assert_int_equal(back.image_mib, b.image_mib);
        assert_true(back.disk_16mib == b.disk_16mib);
        assert_true(back.claimed);
        assert_int_equal(back.net_base, 12345);
        assert_int_equal(back.slept_epoch, 3);
        assert_true(back.woken_us == b.woken_us);
        assert_memory_equal(back.previous.b, b.previous.b, DM_SHA256);
        assert_true(dm_sandbox_id_eq(&back.id, &b.id));
        assert_string_equal(back.name.s, sandbox);
        assert_string_equal(back.admit.image, "base");
        assert_int_equal(back.admit.spec, 6);
        assert_int_equal(json_object_size(back.admit.env), 0); /* the guest has it */
        assert_null(back.machine);
        assert_null(back.stretch);
        dm_wk_admit_done(&back.admit);
    }
}

static void every_cause_can_be_written(void **state)
{
    (void)state;
    DM_AUTO(json_t) env = json_object();
    for (int c = 0; c < DM_CAUSE_COUNT; c++) {
        dm_box b = box_of(env), back = {0};
        b.cause = (dm_cause)c;
        DM_AUTO(json_t) j = written(&b);
        assert_int_equal(dm_box_read(j, &back, NULL), 0);
        assert_int_equal(back.cause, c);
        dm_wk_admit_done(&back.admit);
    }
}

/* A journal that is copied, or a backup of it, opens no sandbox. */
static void no_secret_is_written(void **state)
{
    static char token[] = "ea1planted4token9in8clear";
    (void)state;
    DM_AUTO(json_t) env = json_pack("{s:s}", "API_KEY", "sk-planted-in-clear");
    for (int s = 0; s < DM_BOX_STATES; s++) {
        dm_box b = box_of(env);
        b.state = (dm_box_state)s;
        b.admit.token = token;
        DM_AUTO(json_t) j = written(&b);
        DM_AUTO_MEM char *text = json_dumps(j, JSON_COMPACT);
        assert_non_null(text);
        assert_null(strstr(text, token));
        assert_null(strstr(text, "sk-planted"));
        assert_null(strstr(text, "API_KEY"));
        assert_string_equal(b.admit.token, token); /* the one in memory is for the guest */
    }
}

/* Journals of workers that wrote them down are read as they are. */
static void an_older_journal_with_secrets_is_read(void **state)
{
    (void)state;
    DM_AUTO(json_t) env = json_object();
    dm_box b = box_of(env), back = {0};
    DM_AUTO(json_t) j = written(&b);
    json_t *admit = json_object_get(j, "admit");
    assert_int_equal(json_object_set_new(admit, "token", json_string("old")), 0);
    assert_int_equal(json_object_set_new(admit, "env", json_pack("{s:s}", "A", "b")), 0);
    assert_int_equal(dm_box_read(j, &back, NULL), 0);
    assert_string_equal(back.admit.token, "old");
    DM_AUTO(json_t) again = written(&back); /* and from the next record on they are not in it */
    DM_AUTO_MEM char *text = json_dumps(again, JSON_COMPACT);
    assert_null(strstr(text, "\"old\""));
    dm_wk_admit_done(&back.admit);
}

/* A journal is read back by another version, or after somebody was at it: what cannot be is refused, and nothing is
 * left allocated (the sanitizer build looks). */
static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *member, *json;
    } cases[] = {
            {"state", "\"dreaming\""},
            {"state", "1"},
            {"cause", "\"unknown\""},
            {"epoch", "0"},
            {"epoch", "2147483648"},
            {"previous", "\"00\""},
            {"previous", "\"zz\""},
            {"slot", "-2"},
            {"slot", "4097"},
            {"disk_16mib", "4294967296"},
            {"started_us", "-1"},
            {"detail", "3"},
            {"admit", "{}"},
            {"admit", "null"},
            {"image_epoch", "-1"},
            {"pause_on_timeout", "\"true\""},
            {"claimed", "false"}, /* it sleeps */
            {"claimed", "0"},
            {"net_base", "-2"},
            {"woken_us", "-1"},
            {"slept_epoch", "2147483648"},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        DM_AUTO(json_t) env = json_object();
        dm_box b = box_of(env), back = {0};
        dm_err err = {0};
        DM_AUTO(json_t) j = written(&b);
        json_t *wrong = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        assert_int_equal(json_object_set_new(j, cases[i].member, wrong), 0);
        if (dm_box_read(j, &back, &err) != DM_E_INVALID)
            fail_msg("%s: %s was taken", cases[i].member, cases[i].json);
    }
}

static void a_sandbox_with_another_shape_of_id_is_refused(void **state)
{
    (void)state;
    DM_AUTO(json_t) env = json_object();
    dm_box b = box_of(env), back = {0};
    DM_AUTO(json_t) j = written(&b);
    json_t *admit = json_object_get(j, "admit");
    assert_int_equal(json_object_set_new(admit, "sandbox", json_string("x0123456789abcdefghij")), 0);
    assert_int_equal(dm_box_read(j, &back, NULL), DM_E_INVALID);
}

/* What runs or has ended may be nobody's. A worker that knew no claims wrote down none: all of its boxes are
 * somebody's. */
static void a_box_may_be_nobodys(void **state)
{
    static const dm_box_state states[] = {DM_BOX_RUNNING, DM_BOX_ENDED};
    (void)state;
    DM_AUTO(json_t) env = json_object();
    for (size_t i = 0; i < DM_LEN(states); i++) {
        dm_box b = box_of(env), back = {0};
        b.state = states[i];
        b.claimed = false;
        DM_AUTO(json_t) j = written(&b);
        assert_int_equal(dm_box_read(j, &back, NULL), 0);
        assert_false(back.claimed);
        assert_int_equal(dm_box_nobodys(&back), states[i] == DM_BOX_RUNNING);
        dm_wk_admit_done(&back.admit);
        assert_int_equal(json_object_del(j, "claimed"), 0);
        assert_int_equal(json_object_del(j, "net_base"), 0);
        assert_int_equal(dm_box_read(j, &back, NULL), 0);
        assert_true(back.claimed);
        assert_int_equal(back.net_base, -1);
        dm_wk_admit_done(&back.admit);
    }
}

static void each_member_is_needed(void **state)
{
    (void)state;
    DM_AUTO(json_t) env = json_object();
    dm_box b = box_of(env);
    DM_AUTO(json_t) j = written(&b);
    const char *member;
    json_t *value;
    size_t n = 0;
    json_object_foreach(j, member, value)
    {
        if (strcmp(member, "claimed") == 0 || strcmp(member, "net_base") == 0 || strcmp(member, "woken_us") == 0 ||
                strcmp(member, "slept_epoch") == 0)
            continue;
        DM_AUTO(json_t) without = json_copy(j);
        dm_box back = {0};
        dm_err err = {0};
        assert_int_equal(json_object_del(without, member), 0);
        assert_int_equal(dm_box_read(without, &back, &err), DM_E_INVALID);
        assert_says(err, member);
        n++;
    }
    assert_int_equal(n, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_state_is_reached_and_none_is_stuck),
            cmocka_unit_test(rows_are_unique_and_say_why),
            cmocka_unit_test(next_is_what_the_table_says),
            cmocka_unit_test(what_has_ended_stays_so_and_all_else_can_end),
            cmocka_unit_test(a_failure_goes_back),
            cmocka_unit_test(names_are_distinct),
            cmocka_unit_test(a_box_goes_both_ways_in_every_state),
            cmocka_unit_test(every_cause_can_be_written),
            cmocka_unit_test(no_secret_is_written),
            cmocka_unit_test(an_older_journal_with_secrets_is_read),
            cmocka_unit_test(what_cannot_be_is_refused),
            cmocka_unit_test(a_sandbox_with_another_shape_of_id_is_refused),
            cmocka_unit_test(a_box_may_be_nobodys),
            cmocka_unit_test(each_member_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
