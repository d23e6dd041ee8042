/* Bundles, attestations and price books, as an account's people get them. */
/* Covers api/dm/attestation.c, api/dm/bundle.c, api/dm/price_book.c. */
#include <stdio.h>

#include "base/parse.h"

#include "metering/verify/unpack.h"
#include "tests/support/apirig.h"
#include "tests/support/eventsource.h"
#include "tests/unit/test.h"

static dm_rig rig;

/* A statement of a page with one sandbox, whose attestation is the word; what is signed is not looked into here. */
static void add(const char *legal_name, int number, const char *word)
{
    char sql[4000];
    (void)snprintf(sql, sizeof sql,
            "SET session_replication_role = replica;"
            "INSERT INTO dm.service_key (public_key) VALUES (decode(repeat('ab', 32), 'hex')) ON CONFLICT DO NOTHING;"
            "SELECT dm.add_partitions(1767225600, 1767225600);"
            "INSERT INTO dm.period VALUES ('2026-01-01T00:00Z'::timestamptz + %d * interval '1 min', 60, now(), now()) "
            "ON CONFLICT DO NOTHING;"
            "CREATE TEMP TABLE w AS SELECT account_no, '2026-01-01T00:00Z'::timestamptz + %d * interval '1 min' AS at,"
            " convert_to('%s', 'UTF8') AS oath FROM dm.account WHERE legal_name = '%s';"
            "INSERT INTO dm.attestation SELECT account_no, 1, at, decode(repeat('11', 16), 'hex'), 7, 1, 1, 1, 9, 1, "
            "false,"
            " sha256(oath), oath FROM w ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.statement_page SELECT account_no, at, 1, b, sha256(b) FROM w, LATERAL (SELECT"
            " convert_to(format('{\"sandboxes\":[{\"attestation\":\"%%s\"}]}', encode(sha256(oath), 'hex')), 'UTF8') "
            "AS b) p;"
            "INSERT INTO dm.statement (account_no, period_start, period_s, number, currency, total, running_s,"
            " hibernated_s, unattested, body, sha256, previous_sha256, public_key, signature, version, pages)"
            " SELECT account_no, at, 60, %d, 'CNY', 0, 0, 0, 0, b, sha256(b), decode(repeat('00', 32), 'hex'),"
            " decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 64), 'hex'), 2, 1 FROM w, LATERAL (SELECT"
            " convert_to('{\"books\":[{\"id\":1}],\"attestations\":{\"count\":1}}', 'UTF8') AS b) h;"
            "DROP TABLE w; SET session_replication_role = DEFAULT",
            number, number, word, legal_name, number);
    dm_rig_sql(&rig, sql);
}

static void target(char out[200], const char *rest)
{
    (void)snprintf(out, 200, "/v1/accounts/%s/%s", rig.tenants.demo.project.account_id, rest);
}

typedef struct bytes {
    const char *p;
    size_t n;
} bytes;

static int next(void *arg, void *to, size_t room, size_t *n, dm_err *err)
{
    bytes *b = arg;
    (void)err;
    *n = b->n < room ? b->n : room;
    memcpy(to, b->p, *n);
    b->p += *n;
    b->n -= *n;
    return 0;
}

/* An answer through the socket, where threads are. */
typedef struct got {
    int status;
    dm_buf body;
    json_t *json; /* NULL: it is none */
} got;

static void got_done(got *g)
{
    dm_buf_done(&g->body);
    json_decref(g->json);
}
#define AUTO_GOT __attribute__((cleanup(got_done), unused)) got

static got get_as(const char *key, const char *path)
{
    char header[200];
    dm_eventsource e;
    got g = {0};
    (void)snprintf(header, sizeof header, "X-API-KEY: %s\r\n", key);
    dm_eventsource_open(&e, rig.socket, path, header);
    assert_true(dm_eventsource_ends(&e, 20000));
    g.status = e.status;
    dm_buf_init(&g.body, 8 << 20);
    (void)dm_buf_str(&g.body, dm_buf_view(&e.heard));
    dm_eventsource_close(&e);
    if (dm_json_load(dm_buf_view(&g.body), 8 << 20, &g.json, NULL) < 0)
        g.json = NULL;
    return g;
}

static got get(const char *path)
{
    return get_as(rig.key, path);
}

/* Names and bytes of what is asked for, a line each; what is not whole is nothing. */
static void fetch(const char *rest, dm_buf *out)
{
    char path[200], name[DM_USTAR_NAME];
    DM_AUTO_BUF body;
    DM_AUTO(dm_unpack) u = NULL;
    target(path, rest);
    AUTO_GOT g = get(path);
    assert_int_equal(g.status, 200);
    bytes b = {dm_buf_view(&g.body).p, g.body.len};
    dm_buf_init(&body, 1 << 20);
    dm_buf_reset(out);
    assert_int_equal(dm_unpack_new(next, &b, &u, NULL), 0);
    int r;
    while ((r = dm_unpack_next(u, name, &body, NULL)) == 0) {
        (void)dm_buf_fmt(out, "%s ", name);
        (void)dm_buf_str(out, dm_buf_view(&body));
        (void)dm_buf_ch(out, '\n');
    }
    assert_int_equal(r, DM_UNPACK_END);
}

static bool has(const dm_buf *b, const char *words)
{
    return memmem(dm_buf_view(b).p, b->len, words, strlen(words)) != NULL;
}

static void one_and_many(void **state)
{
    (void)state;
    DM_AUTO_BUF out;
    dm_buf_init(&out, 1 << 20);
    dm_rig_other(&rig);
    add("Demo", 1, "first oath");
    add("Demo", 2, "second oath");
    add("Other", 1, "others oath");
    fetch("bundle?from=2026-01", &out);
    assert_true(has(&out, "manifest.json {\"account\":"));
    assert_true(has(&out, "keys/0.json ") && has(&out, "keys/9.json ") && has(&out, "books/1.json {\"currency\""));
    assert_true(has(&out, "first oath") && has(&out, "second oath") && !has(&out, "others oath"));
    fetch("bundle?from=1&to=1", &out);
    assert_true(has(&out, "first oath") && !has(&out, "second oath"));
    fetch("statements/2/bundle", &out);
    assert_true(has(&out, "statements/2/pages/1.json") && has(&out, "second oath") && !has(&out, "first oath"));
}

static void expect(const char *path, int status)
{
    AUTO_GOT said = get(path);
    if (said.status != status)
        fail_msg("%s: %d, not %d: %s", path, said.status, status, dm_buf_view(&said.body).p);
}

static void expect_of(const char *rest, int status)
{
    char path[200];
    target(path, rest);
    expect(path, status);
}

static void what_is_not_there(void **state)
{
    (void)state;
    add("Demo", 1, "first oath");
    expect_of("bundle", 400);
    expect_of("bundle?from=2026-13", 400);
    expect_of("bundle?from=2026-02&to=2026-01", 400);
    expect_of("bundle?from=2&to=1", 400);
    expect_of("bundle?from=1&to=2026-01", 400);
    expect_of("bundle?from=2&to=3", 404);
    expect_of("bundle?from=2025-12", 404);
    expect_of("statements/2/bundle", 404);
    expect_of("statements/x/bundle", 404);
    expect_of("statements/2/attestations", 404);
    expect("/v1/accounts/00000000-0000-4000-8000-000000000009/bundle?from=1", 404);
    expect("/v1/attestations/zz", 404);
    expect("/v1/price-books/0", 404);
    expect("/v1/price-books/99999999", 404);
}

static void statements_stand_below_the_account_too(void **state)
{
    (void)state;
    add("Demo", 1, "first oath");
    expect_of("statements", 200);
    expect_of("statements/1", 200);
    expect_of("statements/1/pages/1", 200);
    expect_of("statements/1/lines", 200);
    expect_of("statements/2", 404);
}

static void attestations(void **state)
{
    (void)state;
    char path[200];
    dm_rig_other(&rig);
    add("Demo", 1, "first oath");
    add("Other", 1, "others oath");
    target(path, "statements/1/attestations");
    AUTO_GOT list = get(path);
    const json_t *row = json_array_get(json_object_get(list.json, "rows"), 0);
    assert_int_equal(json_array_size(json_object_get(list.json, "rows")), 1);
    assert_int_equal(json_integer_value(json_object_get(list.json, "total")), 1);
    assert_string_equal(dm_json_c(row, "message"), "Zmlyc3Qgb2F0aA==");
    assert_int_equal(json_integer_value(json_object_get(row, "epoch")), 7);
    (void)snprintf(path, sizeof path, "/v1/attestations/%s", dm_json_c(row, "hash"));
    AUTO_GOT one = get(path);
    assert_int_equal(one.status, 200);
    assert_string_equal(dm_json_c(one.json, "message"), "Zmlyc3Qgb2F0aA==");
    AUTO_GOT theirs = get_as(DM_RIG_OTHER_KEY, path);
    assert_int_equal(theirs.status, 404);
}

/* Two pages' worth come by cursor, each once. */
static void attestations_come_by_cursor(void **state)
{
    (void)state;
    char path[300];
    add("Demo", 1, "first oath");
    dm_rig_sql(&rig, "SET session_replication_role = replica; INSERT INTO dm.statement_page SELECT account_no, "
                     "period_start, 2, body, sha256 FROM dm.statement_page; UPDATE dm.statement SET pages = 2, body = "
                     "b, sha256 = sha256(b) FROM (SELECT convert_to('{\"books\":[],\"attestations\":{\"count\":2}}', "
                     "'UTF8') AS b) x; SET session_replication_role = DEFAULT");
    target(path, "statements/1/attestations?limit=1");
    AUTO_GOT first = get(path);
    assert_int_equal(json_integer_value(json_object_get(first.json, "total")), 2);
    const char *next_page = dm_json_c(first.json, "next");
    assert_int_not_equal(strlen(next_page), 0);
    size_t n = strlen(path);
    (void)snprintf(path + n, sizeof path - n, "&cursor=%s", next_page);
    AUTO_GOT second = get(path);
    const json_t *row = json_array_get(json_object_get(second.json, "rows"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "page")), 2);
    assert_true(json_is_null(json_object_get(second.json, "next")));
}

/* Of its own plan an account sees the prices, of another's none. */
static void price_books(void **state)
{
    (void)state;
    char path[200];
    int64_t own = dm_rig_number(&rig, "SELECT min(book_id) FROM dm.price_book b WHERE tier IN (SELECT p.tier FROM "
                                      "dm.account_plan p JOIN dm.account a USING (account_no) WHERE a.legal_name = "
                                      "'Demo')");
    int64_t other =
            dm_rig_number(&rig, "SELECT min(book_id) FROM dm.price_book b WHERE tier NOT IN (SELECT p.tier FROM "
                                "dm.account_plan p JOIN dm.account a USING (account_no) WHERE a.legal_name = "
                                "'Demo')");
    (void)snprintf(path, sizeof path, "/v1/price-books/%lld", (long long)own);
    AUTO_GOT said = get(path);
    assert_int_equal(said.status, 200);
    const char *body = dm_json_c(said.json, "body");
    dm_digest hash;
    char hex[2 * DM_SHA256 + 1];
    assert_int_equal(dm_sha256(dm_str_c(body), &hash, NULL), 0);
    dm_hex(hash.b, sizeof hash.b, hex);
    assert_string_equal(dm_json_c(said.json, "sha256"), hex);
    (void)snprintf(path, sizeof path, "/v1/price-books/%lld", (long long)other);
    expect(path, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(one_and_many, &rig), DM_RIG_TEST(what_is_not_there, &rig),
            DM_RIG_TEST(statements_stand_below_the_account_too, &rig), DM_RIG_TEST(attestations, &rig),
            DM_RIG_TEST(attestations_come_by_cursor, &rig), DM_RIG_TEST(price_books, &rig)};
    dm_rig_start(&rig, 2);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
