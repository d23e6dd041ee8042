#include <stdio.h>

#include "base/parse.h"

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

/* Bytes that JSON escapes, and bytes that are no ASCII. */
#define BODY "{\"a\":\"b\\\\n\",\"c\":\"\xc3\xa9\"}"
static const char body[] = BODY;

/* A statement of an account, of its own minute; the signature is not looked into here. */
static void add(const char *legal_name, int number, const char *text)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.service_key (public_key) VALUES (decode(repeat('ab', 32), 'hex')) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.period SELECT t, 60, now(), now() FROM"
            " (SELECT '2026-01-01T00:00Z'::timestamptz + %d * interval '1 min' AS t) p ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.statement SELECT account_no, '2026-01-01T00:00Z'::timestamptz + %d * interval '1 min', 60,"
            " %d, 'CNY', 0.312192, 3600, 7, NULL, 0, convert_to('%s', 'UTF8'), sha256(convert_to('%s', 'UTF8')),"
            " decode(repeat('00', 32), 'hex'), decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 64), 'hex'), now()"
            " FROM dm.account WHERE legal_name = '%s'",
            number, number, number, text, text, legal_name);
    dm_rig_sql(&rig, sql);
}

static void expect(const char *path, int status)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", path, NULL);
    if (said.status != status)
        fail_msg("%s: %d, not %d: %s", path, said.status, status, said.text);
}

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text != NULL ? text : "";
}

static json_t *rows_of(const dm_said *said)
{
    return json_object_get(said->body, "rows");
}

static void none(void **state)
{
    (void)state;
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", "/v1/statements", NULL);
    assert_int_equal(said.status, 200);
    assert_int_equal(json_array_size(rows_of(&said)), 0);
    expect("/v1/statements/1", 404);
    expect("/v1/statements/x", 404);
    expect("/v1/statements/0", 404);
}

static void a_row_says_what_it_is_about(void **state)
{
    (void)state;
    add("Demo", 1, body);
    DM_AUTO_SAID list = dm_rig_call(&rig, "GET", "/v1/statements", NULL);
    assert_int_equal(json_array_size(rows_of(&list)), 1);
    const json_t *row = json_array_get(rows_of(&list), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "number")), 1);
    assert_string_equal(text_of(row, "total"), "0.312192000000000000");
    assert_string_equal(text_of(row, "currency"), "CNY");
    assert_string_equal(text_of(row, "periodStart"), "2026-01-01T00:01:00.000000Z");
    assert_string_equal(text_of(row, "periodEnd"), "2026-01-01T00:02:00.000000Z");
    assert_int_equal(json_integer_value(json_object_get(row, "runningSeconds")), 3600);
    assert_int_equal(json_integer_value(json_object_get(row, "hibernatedSeconds")), 7);
    assert_int_equal(json_integer_value(json_object_get(row, "unattested")), 0);
    assert_int_equal(strlen(text_of(row, "closedAt")), strlen("2026-01-01T00:00:00.000000Z"));
}

/* Whoever verifies it has the bytes that were signed, and their hash is the one that both answers name. */
static void what_was_signed_comes_back(void **state)
{
    (void)state;
    dm_digest digest;
    char hex[2 * DM_SHA256 + 1];
    add("Demo", 1, body);
    assert_int_equal(dm_sha256(dm_str_c(body), &digest, NULL), 0);
    dm_hex(digest.b, sizeof digest.b, hex);
    DM_AUTO_SAID one = dm_rig_call(&rig, "GET", "/v1/statements/1", NULL);
    assert_int_equal(one.status, 200);
    assert_int_equal(json_integer_value(json_object_get(one.body, "number")), 1);
    assert_string_equal(dm_said_str(&one, "body"), body);
    assert_string_equal(dm_said_str(&one, "sha256"), hex);
    assert_int_equal(strlen(dm_said_str(&one, "signature")), 128);
    assert_int_equal(strspn(dm_said_str(&one, "signature"), "cd"), 128);
    assert_int_equal(strlen(dm_said_str(&one, "publicKey")), 64);
    assert_int_equal(strspn(dm_said_str(&one, "publicKey"), "ab"), 64);
    DM_AUTO_SAID list = dm_rig_call(&rig, "GET", "/v1/statements", NULL);
    assert_string_equal(text_of(json_array_get(rows_of(&list), 0), "sha256"), hex);
}

/* Number 1 in three pages of one line each, and a line of the account; its pages and lines were there before it was. */
static void add_paged(const char *legal_name)
{
    char sql[2000];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.service_key (public_key) VALUES (decode(repeat('ab', 32), 'hex')) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.period VALUES ('2026-01-01T00:01Z', 60, now(), now()) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.account_period SELECT account_no, '2026-01-01T00:01Z', 'open' FROM dm.account WHERE"
            " legal_name = '%s';"
            "INSERT INTO dm.statement_page SELECT account_no, '2026-01-01T00:01Z', n, convert_to('page ' || n, 'UTF8'),"
            " sha256(convert_to('page ' || n, 'UTF8')) FROM dm.account, generate_series(1, 3) n WHERE legal_name = "
            "'%s';"
            "INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, project_no, sandbox_id, epoch, "
            "sku,"
            " charge_from, charge_to, seconds, qty, per_unit, amount) SELECT account_no, '2026-01-01T00:01Z', n, "
            "'usage',"
            " CASE WHEN n < 4 THEN 1 END, CASE WHEN n < 4 THEN decode(repeat('00', 15) || '0' || n, 'hex') END,"
            " CASE WHEN n < 4 THEN 7 END, 'vcpu-run', '2026-01-01T00:01Z', '2026-01-01T00:02Z', 60, 1, 0.5, 0.5"
            " FROM dm.account, generate_series(1, 4) n WHERE legal_name = '%s'",
            legal_name, legal_name, legal_name);
    dm_rig_sql(&rig, sql);
}

static void complete(const char *legal_name)
{
    add(legal_name, 1, body);
    dm_rig_sql(&rig, "SET LOCAL session_replication_role = replica; UPDATE dm.statement SET version = 2, pages = 3");
}

static void hash(char prefix, const void *left, size_t nleft, const void *right, size_t nright, dm_digest *out)
{
    dm_str parts[] = {{&prefix, 1}, {left, nleft}, {right, nright}};
    assert_int_equal(dm_sha256_parts(parts, nright > 0 ? 3 : 2, out, NULL), 0);
}

/* What leads from the third page to the root is one hash: the node of the first two. */
static void a_page_comes_with_its_proof(void **state)
{
    dm_digest leaf[2], page[3], above;
    char hex[2 * DM_SHA256 + 1];
    (void)state;
    add_paged("Demo");
    expect("/v1/statements/1/pages/1", 404); /* what has no head is nobody's to see */
    complete("Demo");
    for (size_t i = 0; i < 3; i++) {
        char text[] = "page 1";
        text[5] = (char)('1' + i);
        assert_int_equal(dm_sha256(dm_str_c(text), &page[i], NULL), 0);
    }
    for (size_t i = 0; i < 2; i++)
        hash(0, page[i].b, DM_SHA256, NULL, 0, &leaf[i]);
    hash(1, leaf[0].b, DM_SHA256, leaf[1].b, DM_SHA256, &above);
    DM_AUTO_SAID head = dm_rig_call(&rig, "GET", "/v1/statements/1", NULL);
    assert_int_equal(json_integer_value(json_object_get(head.body, "version")), 2);
    assert_int_equal(json_integer_value(json_object_get(head.body, "pages")), 3);
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", "/v1/statements/1/pages/3", NULL);
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "body"), "page 3");
    dm_hex(page[2].b, DM_SHA256, hex);
    assert_string_equal(dm_said_str(&said, "sha256"), hex);
    const json_t *proof = json_object_get(said.body, "proof");
    assert_int_equal(json_array_size(proof), 1);
    dm_hex(above.b, DM_SHA256, hex);
    assert_string_equal(json_string_value(json_array_get(proof, 0)), hex);
    DM_AUTO_SAID first = dm_rig_call(&rig, "GET", "/v1/statements/1/pages/1", NULL);
    assert_int_equal(json_array_size(json_object_get(first.body, "proof")), 2);
    static const char *const none[] = {
            "1/pages/0", "1/pages/4", "1/pages/x", "1/pages/-1", "2/pages/1", "x/pages/1", "1/pages/4294967297"};
    for (size_t i = 0; i < DM_LEN(none); i++) {
        char path[80];
        (void)snprintf(path, sizeof path, "/v1/statements/%s", none[i]);
        expect(path, 404);
    }
}

static void lines_come_by_cursor(void **state)
{
    char path[256] = "/v1/statements/1/lines?limit=2";
    (void)state;
    add_paged("Demo");
    expect("/v1/statements/1/lines", 404);
    complete("Demo");
    for (int page = 0; page < 2; page++) {
        DM_AUTO_SAID said = dm_rig_call(&rig, "GET", path, NULL);
        assert_int_equal(said.status, 200);
        const json_t *lines = json_object_get(said.body, "rows"), *line = json_array_get(lines, 1);
        assert_int_equal(json_array_size(lines), 2);
        assert_int_equal(json_integer_value(json_object_get(line, "line")), 2 * page + 2);
        assert_string_equal(text_of(line, "amount"), "0.500000000000000000");
        assert_string_equal(text_of(line, "sandbox"), page == 0 ? "i00000000000000000002" : "");
        assert_int_equal(json_is_null(json_object_get(line, "sandbox")), page == 1);
        assert_int_equal(json_is_null(json_object_get(said.body, "next")), page == 1);
        (void)snprintf(path, sizeof path, "/v1/statements/1/lines?limit=2&cursor=%s", text_of(said.body, "next"));
    }
    DM_AUTO_SAID all = dm_rig_call(&rig, "GET", "/v1/statements/1/lines", NULL);
    assert_int_equal(json_array_size(json_object_get(all.body, "rows")), 4);
    assert_int_equal(json_integer_value(json_object_get(all.body, "total")), 4);
    expect("/v1/statements/1/lines?limit=0", 400);
    expect("/v1/statements/1/lines?limit=1001", 400);
    expect("/v1/statements/1/lines?cursor=garbage", 400);
    expect("/v1/statements/x/lines", 404);
}

static void pages_and_lines_are_the_accounts_own(void **state)
{
    (void)state;
    dm_rig_other(&rig);
    add_paged("Other");
    complete("Other");
    expect("/v1/statements/1/pages/1", 404);
    expect("/v1/statements/1/lines", 404);
    DM_AUTO_SAID theirs = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/v1/statements/1/pages/1", NULL, NULL, 0);
    assert_string_equal(dm_said_str(&theirs, "body"), "page 1");
    DM_AUTO_SAID anon = dm_rig_call_as(&rig, "", "GET", "/v1/statements/1/pages/1", NULL, NULL, 0);
    assert_int_equal(anon.status, 401);
}

/* Newest first; a page but the last has a token, and a last page that is exactly full has none. */
static void pages(void **state)
{
    (void)state;
    enum { MADE = 5 };
    char path[256] = "/v1/statements?limit=2", token[160] = "";
    int expected = MADE;
    for (int i = 1; i <= MADE; i++)
        add("Demo", i, body);
    for (int page = 0; page < 3; page++) {
        DM_AUTO_SAID said = dm_rig_call(&rig, "GET", path, NULL);
        assert_int_equal(said.status, 200);
        assert_int_equal(json_array_size(rows_of(&said)), page < 2 ? 2 : 1);
        for (size_t i = 0; i < json_array_size(rows_of(&said)); i++)
            assert_int_equal(
                    json_integer_value(json_object_get(json_array_get(rows_of(&said), i), "number")), expected--);
        const char *next = dm_said_str(&said, "next");
        assert_int_equal(next[0] != '\0', page < 2);
        assert_int_equal(json_integer_value(json_object_get(said.body, "total")), MADE);
        if (next[0] != '\0')
            (void)snprintf(token, sizeof token, "%s", next);
        (void)snprintf(path, sizeof path, "/v1/statements?limit=2&cursor=%s", token);
    }
    DM_AUTO_SAID full = dm_rig_call(&rig, "GET", "/v1/statements?limit=5", NULL);
    assert_int_equal(json_array_size(rows_of(&full)), MADE);
    assert_true(json_is_null(json_object_get(full.body, "next")));
    (void)snprintf(path, sizeof path, "/v2/sandboxes?nextToken=%s", token); /* of another list */
    expect(path, 400);
    expect("/v1/statements?limit=0", 400);
    expect("/v1/statements?limit=1001", 400);
    expect("/v1/statements?cursor=garbage", 400);
}

static void of_another_account_there_is_none(void **state)
{
    (void)state;
    dm_rig_other(&rig);
    add("Demo", 1, body);
    add("Other", 1, "{}");
    add("Other", 2, "{}");
    expect("/v1/statements/2", 404);
    DM_AUTO_SAID own = dm_rig_call(&rig, "GET", "/v1/statements/1", NULL);
    assert_string_equal(dm_said_str(&own, "body"), body);
    DM_AUTO_SAID list = dm_rig_call(&rig, "GET", "/v1/statements", NULL);
    assert_int_equal(json_array_size(rows_of(&list)), 1);
    DM_AUTO_SAID theirs = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/v1/statements/2", NULL, NULL, 0);
    assert_string_equal(dm_said_str(&theirs, "body"), "{}");
    DM_AUTO_SAID anon = dm_rig_call_as(&rig, "", "GET", "/v1/statements", NULL, NULL, 0);
    assert_int_equal(anon.status, 401);
}

/* Whoever cannot pay must see what for. */
static void a_blocked_account_may_read(void **state)
{
    (void)state;
    add("Demo", 1, body);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    expect("/v1/statements", 200);
    expect("/v1/statements/1", 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(none, &rig), DM_RIG_TEST(a_row_says_what_it_is_about, &rig),
            DM_RIG_TEST(what_was_signed_comes_back, &rig), DM_RIG_TEST(pages, &rig),
            DM_RIG_TEST(a_page_comes_with_its_proof, &rig), DM_RIG_TEST(lines_come_by_cursor, &rig),
            DM_RIG_TEST(pages_and_lines_are_the_accounts_own, &rig),
            DM_RIG_TEST(of_another_account_there_is_none, &rig), DM_RIG_TEST(a_blocked_account_may_read, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
