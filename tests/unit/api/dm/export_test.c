/* Exports as an account's people order, look at, cancel and fetch them. What makes the files is tried in
 * metering/export/data/job_test.c. */
/* Covers api/dm/document.c, api/dm/download.c, api/dm/export.c, api/export/download.c, api/export/shown.c,
 * api/kit/file.c, base/month.c, metering/ask/export.c, metering/ask/sql_export.c. */
#include <stdio.h>

#include "base/file.h"
#include "base/month.h"
#include "base/parse.h"

#include "api/kit/file.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define FILE_BYTES "kind,amount\nusage,1.50\n"

static const char *at(const char *rest)
{
    static char text[2][300];
    static unsigned next;
    char *out = text[next++ % 2];
    (void)snprintf(out, sizeof text[0], "/v1/accounts/%s/exports%s", rig.tenants.demo.project.account_id, rest);
    return out;
}

static dm_rig_in somebody(const char *role)
{
    static unsigned n;
    char email[60];
    (void)snprintf(email, sizeof email, "%s%u@demo.test", role, n++);
    return dm_rig_person(&rig, email, role, true);
}

static dm_said ask_as(const char *role, const char *method, const char *rest, const char *body)
{
    dm_rig_in in = somebody(role);
    return dm_rig_call_in(&rig, &in, method, at(rest), body);
}

static dm_said order(const char *body)
{
    return ask_as("billing", "POST", "", body);
}

/* What dormouse-export would have made of it. */
static void make(const char *id)
{
    char path[400], sql[900];
    dm_err err;
    (void)snprintf(path, sizeof path, "%s/made.csv", rig.config.export_folder);
    if (dm_file_write(path, DM_STR(FILE_BYTES), 0640, &err) < 0)
        fail_msg("%s", err.msg);
    (void)snprintf(sql, sizeof sql,
            "UPDATE dm.export SET state = 'ready', file = 'made.csv', bytes = %d, rows_done = 1, rows_all = 1, digest "
            "= sha256('%s'), manifest = '{\"rows\":1}', ended_at = now(), expires_at = now() + interval '1 d' WHERE "
            "id = '%s'",
            (int)sizeof FILE_BYTES - 1, "kind", id);
    dm_rig_sql(&rig, sql);
}

static void forget(void)
{
    dm_rig_sql(&rig, "DELETE FROM dm.export");
}

static void months(void **state)
{
    (void)state;
    int64_t from, to;
    assert_int_equal(dm_month_read(DM_STR("2026-03"), &from, &to), 0);
    assert_int_equal(from, 1772323200);
    assert_int_equal(to, 1775001600);
    assert_int_equal(dm_month_read(DM_STR("2026-12"), &from, &to), 0);
    assert_int_equal(to - from, 31 * 86400);
    dm_month_around(1772323200 - 1, &from, &to);
    assert_int_equal(from, 1772323200 - 28 * 86400);
    assert_int_equal(to, 1772323200);
    dm_month_around(1798761600 - 1, &from, &to); /* the last second of 2026 */
    assert_int_equal(to, 1798761600);
    assert_int_equal(to - from, 31 * 86400);
    static const char *const none[] = {"2026-13", "2026-00", "2026-3", "202603", "", "9999-01", "abcd-ef"};
    for (size_t i = 0; i < DM_LEN(none); i++)
        assert_int_equal(dm_month_read(dm_str_c(none[i]), &from, &to), DM_E_INVALID);
}

static void ranges(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint64_t size;
        dm_range is;
        uint64_t at, n;
    } cases[] = {
            {"bytes=0-0", 10, DM_RANGE_PART, 0, 1},
            {"bytes=2-5", 10, DM_RANGE_PART, 2, 4},
            {"bytes=2-", 10, DM_RANGE_PART, 2, 8},
            {"bytes=2-99999999999999999999", 10, DM_RANGE_ALL, 0, 0}, /* no number of ours */
            {"bytes=2-18446744073709551615", 10, DM_RANGE_PART, 2, 8},
            {"bytes=9-9", 10, DM_RANGE_PART, 9, 1},
            {"bytes=10-", 10, DM_RANGE_NONE, 0, 0},
            {"bytes=0-", 0, DM_RANGE_NONE, 0, 0},
            {"bytes=-3", 10, DM_RANGE_PART, 7, 3},
            {"bytes=-30", 10, DM_RANGE_PART, 0, 10},
            {"bytes=-0", 10, DM_RANGE_NONE, 0, 0},
            {"bytes=5-2", 10, DM_RANGE_ALL, 0, 0},
            {"bytes=0-1,4-5", 10, DM_RANGE_ALL, 0, 0},
            {"bytes=", 10, DM_RANGE_ALL, 0, 0},
            {"bytes=-", 10, DM_RANGE_ALL, 0, 0},
            {"bytes=+1-2", 10, DM_RANGE_ALL, 0, 0},
            {"lines=0-1", 10, DM_RANGE_ALL, 0, 0},
            {"", 10, DM_RANGE_ALL, 0, 0},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        uint64_t from = 0, n = 0;
        dm_range is = dm_range_read(dm_str_c(cases[i].header), cases[i].size, &from, &n);
        if (is != cases[i].is || (is == DM_RANGE_PART && (from != cases[i].at || n != cases[i].n)))
            fail_msg("%s of %d: %d, %d bytes at %d", cases[i].header, (int)cases[i].size, (int)is, (int)n, (int)from);
    }
}

static void ordered_looked_at_and_cancelled(void **state)
{
    (void)state;
    DM_AUTO_SAID none = ask_as("billing", "GET", "", NULL);
    assert_int_equal(none.status, 200);
    assert_int_equal(json_array_size(json_object_get(none.body, "rows")), 0);
    DM_AUTO_SAID said = order("{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-03\"}");
    assert_int_equal(said.status, 202);
    assert_string_equal(dm_said_str(&said, "state"), "queued");
    assert_string_equal(dm_said_str(&said, "from"), "2026-03-01T00:00:00.000000Z");
    assert_string_equal(dm_said_str(&said, "to"), "2026-04-01T00:00:00.000000Z");
    assert_true(json_is_null(json_object_get(said.body, "download")));
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'export.add'"), 1);
    char rest[80];
    (void)snprintf(rest, sizeof rest, "/%s", dm_said_str(&said, "id"));
    DM_AUTO_SAID one = ask_as("admin", "GET", rest, NULL);
    assert_int_equal(one.status, 200);
    assert_string_equal(dm_said_str(&one, "id"), dm_said_str(&said, "id"));
    (void)snprintf(rest, sizeof rest, "/%s/cancel", dm_said_str(&said, "id"));
    DM_AUTO_SAID gone = ask_as("owner", "POST", rest, NULL);
    assert_int_equal(gone.status, 200);
    assert_string_equal(dm_said_str(&gone, "state"), "cancelled");
    DM_AUTO_SAID again = ask_as("owner", "POST", rest, NULL);
    assert_int_equal(again.status, 200);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'export.cancel'"), 1);
    DM_AUTO_SAID list = ask_as("billing", "GET", "?limit=1", NULL);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 1);
    forget();
}

static void refused_orders(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{\"dataset\":\"cost\",\"format\":\"csv\"}",
            "{\"dataset\":\"costs\",\"format\":\"csv\",\"from\":\"2026-03\"}",
            "{\"dataset\":\"document\",\"format\":\"pdf\",\"from\":\"2026-03\"}",
            "{\"dataset\":\"journal\",\"format\":\"csv\",\"from\":\"2026-03\"}",
            "{\"dataset\":\"cost\",\"format\":\"exe\",\"from\":\"2026-03\"}",
            "{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-13\"}",
            "{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-03\",\"to\":\"2026-02\"}",
            "{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-03\",\"to\":\"2027-04\"}"};
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        DM_AUTO_SAID said = order(wrong[i]);
        if (said.status != 400)
            fail_msg("%s: %d", wrong[i], said.status);
    }
    /* Who may: owner, admin, billing. */
    static const char *const others[] = {"viewer", "developer"};
    for (size_t i = 0; i < DM_LEN(others); i++) {
        DM_AUTO_SAID said =
                ask_as(others[i], "POST", "", "{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-03\"}");
        assert_int_equal(said.status, 403);
        DM_AUTO_SAID seen = ask_as(others[i], "GET", "", NULL);
        assert_int_equal(seen.status, 403);
    }
    DM_AUTO_SAID unknown = ask_as("billing", "GET", "/00000000-0000-4000-8000-000000000001", NULL);
    assert_int_equal(unknown.status, 404);
    DM_AUTO_SAID no_id = ask_as("billing", "POST", "/none/cancel", NULL);
    assert_int_equal(no_id.status, 404);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.export"), 0);
}

static void a_key_orders_once(void **state)
{
    (void)state;
    static const char body[] = "{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-03\"}";
    dm_rig_in in = somebody("billing");
    dm_pair headers[] = {{DM_STR("Cookie"), dm_str_c(in.cookie)}, {DM_STR("Dormouse-Csrf"), DM_STR("1")},
            {DM_STR("Sec-Fetch-Site"), DM_STR("same-origin")}, {DM_STR("Idempotency-Key"), DM_STR("march")}};
    DM_AUTO_SAID one = dm_rig_call_on(&rig.table, "POST", at(""), headers, DM_LEN(headers), body);
    DM_AUTO_SAID two = dm_rig_call_on(&rig.table, "POST", at(""), headers, DM_LEN(headers), body);
    assert_int_equal(one.status, 202);
    assert_int_equal(two.status, 202);
    assert_string_equal(dm_said_str(&one, "id"), dm_said_str(&two, "id"));
    DM_AUTO_SAID other = dm_rig_call_on(&rig.table, "POST", at(""), headers, DM_LEN(headers),
            "{\"dataset\":\"cost\",\"format\":\"jsonl\",\"from\":\"2026-03\"}");
    assert_int_equal(other.status, 422);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.export"), 1);
    /* And no more than so many that are not done. */
    dm_rig_sql(&rig, "INSERT INTO dm.export (account_no, dataset, format, from_at, to_at, who, idem_key) SELECT "
                     "e.account_no, 'cost', 'csv', e.from_at, e.to_at, 'x', 'k' || n FROM dm.export e, "
                     "generate_series(1, 19) n");
    DM_AUTO_SAID many = order(body);
    assert_int_equal(many.status, 429);
    forget();
}

static void anothers_is_unknown(void **state)
{
    (void)state;
    dm_rig_other(&rig);
    dm_rig_sql(&rig, "INSERT INTO dm.export (account_no, dataset, format, from_at, to_at, who, idem_key) SELECT "
                     "account_no, 'cost', 'csv', '2026-03-01Z', '2026-04-01Z', 'x', 'k' FROM dm.account WHERE "
                     "legal_name = 'Other'");
    char rest[80], id[256];
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.export", id);
    (void)snprintf(rest, sizeof rest, "/%.36s", id);
    DM_AUTO_SAID one = ask_as("owner", "GET", rest, NULL);
    assert_int_equal(one.status, 404);
    (void)snprintf(rest, sizeof rest, "/%.36s/cancel", id);
    DM_AUTO_SAID gone = ask_as("owner", "POST", rest, NULL);
    assert_int_equal(gone.status, 404);
    forget();
}

/* --- fetching ----------------------------------------------------------------------------------------------- */

static dm_said fetch(const char *path, const dm_pair *headers, size_t n)
{
    return dm_rig_call_on(&rig.table, "GET", path, headers, n, NULL);
}

static void assert_part(const dm_said *said, const char *want)
{
    char text[200] = "";
    size_t n = 0;
    assert_true(said->req->reply.file.on);
    assert_int_equal(said->req->reply.file.n, strlen(want));
    assert_int_equal(dm_pread_all(said->req->reply.file.fd, text, said->req->reply.file.n,
                             (off_t)said->req->reply.file.at, &n, NULL),
            0);
    assert_string_equal(text, want);
}

static void fetched_by_a_link(void **state)
{
    (void)state;
    DM_AUTO_SAID said = order("{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-03\",\"to\":\"2026-04\"}");
    char rest[80], link[600];
    (void)snprintf(rest, sizeof rest, "/%s", dm_said_str(&said, "id"));
    make(dm_said_str(&said, "id"));
    DM_AUTO_SAID one = ask_as("billing", "GET", rest, NULL);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(one.body, "manifest"), "rows")), 1);
    const char *url = dm_json_c(json_object_get(one.body, "download"), "url");
    assert_non_null(url);
    (void)snprintf(link, sizeof link, "%s", url + strlen("http://c.test:3000"));
    DM_AUTO_SAID all = fetch(link, NULL, 0); /* no key, no cookie */
    assert_int_equal(all.status, 200);
    assert_part(&all, FILE_BYTES);
    assert_string_equal(
            dm_said_header(&all, "Content-Disposition"), "attachment; filename=\"dormouse-cost-2026-03-2026-04.csv\"");
    const char *tag = dm_said_header(&all, "ETag");
    assert_int_equal(strlen(tag), 66);
    /* It goes on where it broke off, while it is the same file. */
    const dm_pair part[] = {{DM_STR("Range"), DM_STR("bytes=12-")}, {DM_STR("If-Range"), dm_str_c(tag)}};
    DM_AUTO_SAID more = fetch(link, part, 2);
    assert_int_equal(more.status, 206);
    assert_part(&more, "usage,1.50\n");
    assert_string_equal(dm_said_header(&more, "Content-Range"), "bytes 12-22/23");
    const dm_pair stale[] = {{DM_STR("Range"), DM_STR("bytes=12-")}, {DM_STR("If-Range"), DM_STR("\"other\"")}};
    DM_AUTO_SAID whole = fetch(link, stale, 2);
    assert_int_equal(whole.status, 200);
    assert_part(&whole, FILE_BYTES);
    const dm_pair past[] = {{DM_STR("Range"), DM_STR("bytes=23-")}};
    DM_AUTO_SAID none = fetch(link, past, 1);
    assert_int_equal(none.status, 416);
    assert_string_equal(dm_said_header(&none, "Content-Range"), "bytes */23");
    const dm_pair same[] = {{DM_STR("If-None-Match"), dm_str_c(tag)}};
    DM_AUTO_SAID kept = fetch(link, same, 1);
    assert_int_equal(kept.status, 304);
    /* One letter of it changed, anywhere. */
    for (size_t i = strlen("/v1/downloads/"); i < strlen(link); i += 7) {
        char forged[600];
        (void)snprintf(forged, sizeof forged, "%s", link);
        forged[i] = forged[i] == '1' ? '2' : '1';
        DM_AUTO_SAID no = fetch(forged, NULL, 0);
        if (no.status != 403)
            fail_msg("%s: %d", forged, no.status);
    }
    /* Who writes the row names nothing outside the folder. */
    static const char *const outside[] = {"/etc/passwd", "../../../../../../etc/passwd", "link.csv", "."};
    char to[400], sql[200];
    (void)snprintf(to, sizeof to, "%s/link.csv", rig.config.export_folder);
    (void)unlink(to);
    assert_int_equal(symlink("/etc/passwd", to), 0);
    for (size_t i = 0; i < DM_LEN(outside); i++) {
        (void)snprintf(sql, sizeof sql, "UPDATE dm.export SET file = '%s'", outside[i]);
        dm_rig_sql(&rig, sql);
        DM_AUTO_SAID no = fetch(link, NULL, 0);
        assert_int_equal(no.status, 500);
        assert_null(strstr(no.text, "root:"));
    }
    dm_rig_sql(&rig, "UPDATE dm.export SET state = 'removed'");
    DM_AUTO_SAID removed = fetch(link, NULL, 0);
    assert_int_equal(removed.status, 409);
    forget();
}

static void a_link_has_its_time(void **state)
{
    (void)state;
    DM_AUTO_SAID said = order("{\"dataset\":\"cost\",\"format\":\"csv\",\"from\":\"2026-03\"}");
    char rest[80], link[600];
    (void)snprintf(rest, sizeof rest, "/%s", dm_said_str(&said, "id"));
    make(dm_said_str(&said, "id"));
    DM_AUTO_SAID one = ask_as("billing", "GET", rest, NULL);
    (void)snprintf(link, sizeof link, "%s",
            dm_json_c(json_object_get(one.body, "download"), "url") + strlen("http://c.test:3000"));
    DM_AUTO_SAID good = fetch(link, NULL, 0);
    assert_int_equal(good.status, 200);
    dm_clock_fake later = {0};
    dm_clock_fake_init(&later, dm_wall_us(&dm_clock_real) + 901 * 1000000LL);
    rig.api.clock = &later.base;
    DM_AUTO_SAID over = fetch(link, NULL, 0);
    rig.api.clock = &dm_clock_real;
    assert_int_equal(over.status, 403);
    forget();
}

/* What is behind the number is asked of the exporter by the format's name, and comes as what it is. */
static void each_form_of_it(dm_rig_in *in, const char *path)
{
    static const struct {
        const char *end, *format, *media;
    } forms[] = {{".pdf", "pdf", "application/pdf"}, {".ubl.xml", "ubl", "application/xml"},
            {".cii.xml", "cii", "application/xml"}};
    for (size_t i = 0; i < DM_LEN(forms); i++) {
        char target[420], id[256], format[256], name[100];
        (void)snprintf(target, sizeof target, "%s1%s", path, forms[i].end);
        DM_AUTO_SAID later = dm_rig_call_in(&rig, in, "GET", target, NULL);
        assert_int_equal(later.status, 503);
        dm_tenantrig_text(&rig.tenants, "SELECT format FROM dm.export", format);
        assert_string_equal(format, forms[i].format);
        dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.export", id);
        make(id);
        DM_AUTO_SAID made = dm_rig_call_in(&rig, in, "GET", target, NULL);
        assert_int_equal(made.status, 200);
        assert_part(&made, FILE_BYTES);
        (void)snprintf(name, sizeof name, "attachment; filename=\"INV-2026-000001%s\"", forms[i].end);
        assert_string_equal(dm_said_header(&made, "Content-Disposition"), name);
        assert_string_equal(made.req->reply.content_type, forms[i].media);
        forget();
    }
}

/* A statement's, by a person and by whoever has a key; in no other form, and of none that is not there. */
static void a_statement_is_printed(void **state)
{
    (void)state;
    char path[400], pdf[420], id[256];
    dm_rig_sql(&rig,
            "INSERT INTO dm.service_key (public_key) VALUES (decode(repeat('ab', 32), 'hex')) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.period VALUES ('2026-01-01T00:01Z', 60, now(), now()) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.statement SELECT account_no, '2026-01-01T00:01Z', 60, 1, 'CNY', 0, 0, 0, NULL, 0, 'x', "
            "sha256('x'), decode(repeat('00', 32), 'hex'), decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 64), "
            "'hex'), now() FROM dm.account WHERE legal_name = 'Demo'");
    dm_rig_in in = somebody("billing");
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/statements/", rig.tenants.demo.project.account_id);
    static const char *const none[] = {"2.pdf", "1.ubl.xml", "1.cii.xml", "0.pdf", "x.pdf", ".pdf"};
    for (size_t i = 0; i < DM_LEN(none); i++) {
        (void)snprintf(pdf, sizeof pdf, "%s%s", path, none[i]);
        DM_AUTO_SAID unknown = dm_rig_call_in(&rig, &in, "GET", pdf, NULL);
        if (unknown.status != 404)
            fail_msg("%s: %d", none[i], unknown.status);
    }
    (void)snprintf(pdf, sizeof pdf, "%s1.pdf", path);
    DM_AUTO_SAID later = dm_rig_call_in(&rig, &in, "GET", pdf, NULL);
    assert_int_equal(later.status, 503);
    dm_tenantrig_text(&rig.tenants, "SELECT dataset || ' ' || format || ' ' || number FROM dm.export", id);
    assert_string_equal(id, "statement pdf 1");
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.export", id);
    make(id);
    DM_AUTO_SAID made = dm_rig_call_in(&rig, &in, "GET", pdf, NULL);
    assert_int_equal(made.status, 200);
    assert_string_equal(dm_said_header(&made, "Content-Disposition"), "attachment; filename=\"statement-1.pdf\"");
    assert_string_equal(made.req->reply.content_type, "application/pdf");
    DM_AUTO_SAID by_key = dm_rig_call(&rig, "GET", "/v1/statements/1.pdf", NULL);
    assert_int_equal(by_key.status, 200);
    forget();
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.statement; SET session_replication_role = "
                     "DEFAULT");
}

static void a_document_is_made_once(void **state)
{
    (void)state;
    char path[400];
    dm_rig_sql(&rig,
            "INSERT INTO dm.service_key (public_key) VALUES (decode(repeat('ab', 32), 'hex')) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.invoice (account_no, kind, number, entity_no, chain, currency, period_start, period_end, "
            "issued_at, due_on, exact_total, discount, net, tax, total, prepaid, rounding, frozen, body, sha256, "
            "previous_sha256, public_key, signature) SELECT account_no, 'invoice', 'INV-2026-000001', 1, 1, currency, "
            "'2026-03-01Z', '2026-04-01Z', '2026-04-02Z', '2026-04-16', 5, 0, 5, 1, 6, 0, 0, '{}', 'x', sha256('x'), "
            "decode(repeat('00', 32), 'hex'), decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 64), 'hex') FROM "
            "dm.account WHERE legal_name = 'Demo'");
    dm_rig_in in = somebody("billing");
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/invoices/INV-2026-00000", rig.tenants.demo.project.account_id);
    char none[420], pdf[420];
    (void)snprintf(none, sizeof none, "%s2.pdf", path);
    (void)snprintf(pdf, sizeof pdf, "%s1.pdf", path);
    DM_AUTO_SAID unknown = dm_rig_call_in(&rig, &in, "GET", none, NULL);
    assert_int_equal(unknown.status, 404);
    DM_AUTO_SAID later = dm_rig_call_in(&rig, &in, "GET", pdf, NULL);
    assert_int_equal(later.status, 503);
    DM_AUTO_SAID again = dm_rig_call_in(&rig, &in, "GET", pdf, NULL);
    assert_int_equal(again.status, 503);
    char id[256];
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.export", id); /* the only one */
    make(id);
    DM_AUTO_SAID made = dm_rig_call_in(&rig, &in, "GET", pdf, NULL);
    assert_int_equal(made.status, 200);
    assert_part(&made, FILE_BYTES);
    assert_string_equal(dm_said_header(&made, "Content-Disposition"), "attachment; filename=\"INV-2026-000001.pdf\"");
    dm_rig_sql(&rig, "UPDATE dm.export SET state = 'failed', why = 'too long'");
    DM_AUTO_SAID failed = dm_rig_call_in(&rig, &in, "GET", pdf, NULL);
    assert_int_equal(failed.status, 409);
    /* It is no export that anybody ordered. */
    DM_AUTO_SAID list = ask_as("billing", "GET", "", NULL);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 0);
    forget();
    each_form_of_it(&in, path);
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.invoice; SET session_replication_role = "
                     "DEFAULT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(months),
            cmocka_unit_test(ranges),
            DM_RIG_TEST(ordered_looked_at_and_cancelled, &rig),
            DM_RIG_TEST(refused_orders, &rig),
            DM_RIG_TEST(a_key_orders_once, &rig),
            DM_RIG_TEST(anothers_is_unknown, &rig),
            DM_RIG_TEST(fetched_by_a_link, &rig),
            DM_RIG_TEST(a_link_has_its_time, &rig),
            DM_RIG_TEST(a_document_is_made_once, &rig),
            DM_RIG_TEST(a_statement_is_printed, &rig),
    };
    dm_rig_start(&rig, 0);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return r;
}
