/* A list that is all there, in parts: each row once, whatever goes or comes between two pages. */
/* Covers api/kit/rows.c, api/kit/page.c. */
#include <stdio.h>

#include "api/kit/rows.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

typedef struct shop {
    const char *names[16];
    size_t n, most;
} shop;

static shop *now; /* whom the route below shows */

static dm_str id_of(const void *of, size_t i)
{
    const shop *s = of;
    return dm_str_c(s->names[i]);
}

static void write_row(dm_jw *w, const void *of, size_t i)
{
    dm_jw_kstr(w, "name", id_of(of, i));
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    const dm_rows_all all = {.order = 'z', .of = now, .n = now->n, .most = now->most, .id = id_of, .write = write_row};
    return dm_rows_answer(req, &all, err);
}

static int other(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    dm_rows_all all = {.order = 'y', .of = now, .n = now->n, .id = id_of, .write = write_row};
    return dm_rows_answer(req, &all, err);
}

static const dm_route routes[] = {{"GET", "/list", 0, 0, list}, {"GET", "/other", 0, 0, other}};
static const dm_http_config table = {.routes = routes, .nroutes = DM_LEN(routes)};

static dm_said ask(const char *path, const char *limit, const dm_said *before)
{
    char target[256];
    (void)snprintf(target, sizeof target, "%s?limit=%s&cursor=%s", path, limit,
            before != NULL ? dm_said_str(before, "next") : "");
    return dm_rig_call_on(&table, "GET", target, NULL, 0, NULL);
}

static const char *names_of(const dm_said *said)
{
    static char text[128];
    size_t i;
    const json_t *row;
    text[0] = '\0';
    json_array_foreach(json_object_get(said->body, "rows"), i, row)(void)
            strncat(text, dm_json_c(row, "name"), sizeof text - strlen(text) - 1);
    return text;
}

static void each_row_once(void **state)
{
    (void)state;
    shop s = {.names = {"a", "b", "c", "d", "e"}, .n = 5};
    now = &s;
    DM_AUTO_SAID one = ask("/list", "2", NULL), two = ask("/list", "2", &one), last = ask("/list", "2", &two);
    assert_int_equal(one.status, 200);
    assert_string_equal(names_of(&one), "ab");
    assert_string_equal(names_of(&two), "cd");
    assert_string_equal(names_of(&last), "e");
    assert_true(json_is_null(json_object_get(last.body, "next")));
    assert_int_equal(json_integer_value(json_object_get(two.body, "total")), 5);
    assert_true(json_is_false(json_object_get(two.body, "total_is_least")));
    DM_AUTO_SAID full = ask("/list", "5", NULL);
    assert_string_equal(names_of(&full), "abcde");
    assert_true(json_is_null(json_object_get(full.body, "next")));
    s.most = 5;
    DM_AUTO_SAID more = ask("/list", "5", NULL);
    assert_true(json_is_true(json_object_get(more.body, "total_is_least")));
}

/* The page before ended with b. */
static void rows_come_and_go(void **state)
{
    (void)state;
    static const struct {
        shop s;
        const char *rest;
    } then[] = {
            {{.names = {"x", "a", "b", "c", "d"}, .n = 5}, "cd"},           /* a newer one came before */
            {{.names = {"b", "c", "d"}, .n = 3}, "cd"},                     /* one before has gone */
            {{.names = {"a", "c", "d"}, .n = 3}, "cd"},                     /* so has the last that was seen */
            {{.names = {"x", "y", "z", "a", "b", "c", "d"}, .n = 7}, "cd"}, /* several */
            {{.names = {"b"}, .n = 1}, ""},
            {{.n = 0}, ""},
    };
    for (size_t i = 0; i < DM_LEN(then); i++) {
        shop s = {.names = {"a", "b", "c", "d"}, .n = 4};
        now = &s;
        DM_AUTO_SAID one = ask("/list", "2", NULL);
        s = then[i].s;
        DM_AUTO_SAID rest = ask("/list", "9", &one);
        assert_int_equal(rest.status, 200);
        assert_string_equal(names_of(&rest), then[i].rest);
    }
}

static void what_is_no_page(void **state)
{
    (void)state;
    shop s = {.names = {"a", "b", "c"}, .n = 3};
    now = &s;
    static const char *const limits[] = {"0", "1001", "-1", "x"};
    for (size_t i = 0; i < DM_LEN(limits); i++) {
        DM_AUTO_SAID said = ask("/list", limits[i], NULL);
        assert_int_equal(said.status, 400);
    }
    DM_AUTO_SAID one = ask("/list", "1", NULL), elsewhere = ask("/other", "1", &one);
    assert_int_equal(elsewhere.status, 400);
    DM_AUTO_SAID made_up = dm_rig_call_on(&table, "GET", "/list?cursor=x", NULL, 0, NULL);
    assert_int_equal(made_up.status, 400);
    assert_non_null(strstr(made_up.text, "begin again without it"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_row_once), cmocka_unit_test(rows_come_and_go), cmocka_unit_test(what_is_no_page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
