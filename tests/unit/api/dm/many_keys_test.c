/* Covers api/dm/public_keys.c, api/kit/page.c, metering/read/read.c: more keys than one answer has. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

enum { SERVICE = 700, WORKERS = 1800, KEYS = SERVICE + WORKERS, USUAL = 100 };

/* Number n of the service has n in its bytes, and so has n of worker 1, some of which began at the same moment. */
static void many(void)
{
    char sql[768];
    (void)snprintf(sql, sizeof sql,
            "DELETE FROM dm.service_key; DELETE FROM dm.worker_key;"
            "INSERT INTO dm.service_key SELECT decode(lpad(to_hex(n), 64, '0'), 'hex'), '2026-01-01T00:00Z', NULL"
            " FROM generate_series(0, %d) n;"
            "INSERT INTO dm.worker_key SELECT 1, decode(lpad(to_hex(n), 64, '0'), 'hex'),"
            " timestamptz '2026-01-01T00:00Z' + n / 7 * interval '1 microsecond', NULL FROM generate_series(0, %d) n",
            SERVICE - 1, WORKERS - 1);
    dm_rig_sql(&rig, sql);
}

typedef struct seen {
    size_t pages, n[2], next[2]; /* of the service, of workers */
} seen;

static void take(const json_t *list, seen *s)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const char *key = dm_json_c(row, "publicKey");
        size_t which = strcmp(dm_json_c(row, "of"), "worker") == 0;
        assert_int_equal(strlen(key), 64);
        assert_int_equal(strtoul(key, NULL, 16), s->next[which]); /* none twice, none left out, in order */
        s->next[which]++;
        s->n[which]++;
    }
}

static seen all(const char *limit)
{
    seen s = {.pages = 0};
    char target[256];
    (void)snprintf(target, sizeof target, "/v1/keys?%s", limit);
    for (;;) {
        DM_AUTO_SAID said = dm_rig_call_as(&rig, "", "GET", target, NULL, NULL, 0);
        if (said.status != 200)
            fail_msg("%s: %d %s", target, said.status, said.text);
        take(json_object_get(said.body, "rows"), &s);
        assert_int_equal(json_integer_value(json_object_get(said.body, "total")), 1000);
        assert_true(json_is_true(json_object_get(said.body, "total_is_least")));
        s.pages++;
        assert_true(s.pages < 100);
        const char *token = dm_said_str(&said, "next");
        if (token[0] == '\0')
            return s;
        (void)snprintf(target, sizeof target, "/v1/keys?%s&cursor=%s", limit, token);
    }
}

static void every_key_once(void **state)
{
    (void)state;
    static const struct {
        const char *limit;
        size_t pages;
    } ways[] = {{"", 25}, {"limit=1000", 3}, {"limit=500", 5}, {"limit=333", 8}};
    many();
    for (size_t i = 0; i < DM_LEN(ways); i++) {
        seen s = all(ways[i].limit);
        assert_int_equal(s.n[0], SERVICE);
        assert_int_equal(s.n[1], WORKERS);
        assert_int_equal(s.pages, ways[i].pages);
    }
    DM_AUTO_SAID first = dm_rig_call_as(&rig, "", "GET", "/v1/keys", NULL, NULL, 0);
    assert_int_equal(json_array_size(json_object_get(first.body, "rows")), USUAL);
}

static void odd_pages(void **state)
{
    (void)state;
    static const char *const odd[] = {"limit=0", "limit=1001", "limit=x", "cursor=%21", "cursor=cDoxOjE"};
    for (size_t i = 0; i < DM_LEN(odd); i++) {
        char target[64];
        (void)snprintf(target, sizeof target, "/v1/keys?%s", odd[i]);
        DM_AUTO_SAID said = dm_rig_call_as(&rig, "", "GET", target, NULL, NULL, 0);
        if (said.status != 400)
            fail_msg("%s: %d %s", target, said.status, said.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(every_key_once, &rig), DM_RIG_TEST(odd_pages, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
