/* Covers metering/export/doc.c, metering/rules/read.c, metering/rules/said.c. */
#include <stdio.h>

#include "base/crypto.h"

#include "metering/export/doc.h"
#include "metering/rules/said.h"
#include "tests/support/docrig.h"
#include "tests/unit/test.h"

static int read_bytes(dm_str bytes, dm_err *err)
{
    DM_AUTO(dm_export_doc) doc = NULL;
    int r = dm_export_doc_read(bytes, &doc, err);
    assert_true((r == 0) == (doc != NULL));
    return r;
}

static void every_kind_is_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; doc_name(i) != NULL; i++) {
        DM_AUTO_BUF body;
        DM_AUTO(dm_export_doc) doc = NULL;
        dm_digest hash;
        dm_err err;
        dm_buf_init(&body, DOC_BODY_MAX);
        assert_true(doc_make(doc_name(i), &body));
        if (dm_export_doc_read(dm_buf_view(&body), &doc, &err) != 0)
            fail_msg("%s: %s", doc_name(i), err.msg);
        assert_int_equal(dm_sha256(dm_buf_view(&body), &hash, NULL), 0);
        assert_memory_equal(&hash, &doc->hash, sizeof hash);
    }
}

static void a_line_end_behind_it_is_not_its_own(void **state)
{
    DM_AUTO_BUF body;
    (void)state;
    dm_buf_init(&body, DOC_BODY_MAX);
    assert_true(doc_make("one", &body));
    assert_int_equal(dm_buf_ch(&body, '\n'), 0);
    assert_int_equal(read_bytes(dm_buf_view(&body), NULL), 0);
    assert_int_equal(dm_buf_ch(&body, '\n'), 0);
    assert_int_equal(read_bytes(dm_buf_view(&body), NULL), DM_E_INVALID);
}

/* A digit of each figure, made another. */
static void what_does_not_follow_from_its_lines_is_refused(void **state)
{
    static const char *const figures[] = {"\"due\":\"35", "\"total\":\"", "\"rate\":\"", "\"exact\":\"",
            "\"amount\":\"", "\"rounding\":\"", "\"net\":\"", "\"lines\":\"", "\"base\":\"", "\"tax\":\""};
    DM_AUTO_BUF body;
    dm_err err;
    size_t tried = 0;
    (void)state;
    dm_buf_init(&body, DOC_BODY_MAX);
    assert_true(doc_make("twelve", &body));
    for (size_t i = 0; i < DM_LEN(figures); i++) {
        for (char *at = body.p; (at = strstr(at, figures[i])) != NULL; at++) {
            char *digit = at + strlen(figures[i]);
            digit += *digit == '-' || *digit == '.';
            char was = *digit;
            *digit = was == '9' ? '8' : (char)(was + 1);
            assert_int_equal(read_bytes(dm_buf_view(&body), &err), DM_E_INVALID);
            assert_true(err.msg[0] != '\0');
            *digit = was;
            tried++;
        }
    }
    assert_true(tried >= DM_LEN(figures));
    assert_int_equal(read_bytes(dm_buf_view(&body), NULL), 0);
}

static void other_bytes_of_the_same_are_refused(void **state)
{
    static const struct {
        const char *bytes, *says;
    } bad[] = {{"", "ends too early"}, {"{}", "no invoice"}, {"[]", "no invoice"},
            {"{\"account\":\"a\",\"currency\":\"XXX\",\"kind\":\"invoice\",\"number\":\"1\"}", "no invoice"}};
    DM_AUTO_BUF body;
    dm_err err;
    (void)state;
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        assert_int_equal(read_bytes(dm_str_c(bad[i].bytes), &err), DM_E_INVALID);
        assert_says(err, bad[i].says);
    }
    dm_buf_init(&body, DOC_BODY_MAX);
    assert_int_equal(dm_buf_ch(&body, ' '), 0);
    assert_true(doc_make("one", &body));
    assert_int_equal(read_bytes(dm_buf_view(&body), &err), DM_E_INVALID);
    assert_says(err, "its form");
    dm_buf_eat(&body, 1);
    assert_int_equal(read_bytes(dm_buf_view(&body), NULL), 0);
    assert_int_equal(read_bytes((dm_str){body.p, body.len - 1}, NULL), DM_E_INVALID);
}

static void a_credit_note_is_read_without_its_invoice(void **state)
{
    DM_AUTO_BUF body;
    DM_AUTO(dm_export_doc) doc = NULL;
    (void)state;
    dm_buf_init(&body, DOC_BODY_MAX);
    assert_true(doc_make("credit", &body));
    assert_int_equal(dm_export_doc_read(dm_buf_view(&body), &doc, NULL), 0);
    assert_true(doc->v.credit_note && doc->v.nlines == 2 && doc->v.due.v == doc->v.total.v && doc->v.total.v > 0);
    char *amount = strstr(body.p, "\"taxes\":[{\"allowance\":\"0.00\",\"amount\":\"");
    assert_non_null(amount);
    amount += strlen("\"taxes\":[{\"allowance\":\"0.00\",\"amount\":\"");
    *amount = (char)(*amount + 1); /* its tax is believed, but the totals are of it */
    assert_int_equal(read_bytes(dm_buf_view(&body), NULL), DM_E_INVALID);
    *amount = '-';
    assert_int_equal(read_bytes(dm_buf_view(&body), NULL), DM_E_INVALID);
}

static void times_and_hashes_have_one_form(void **state)
{
    static const char *const bad[] = {"{\"at\":\"2026-03-02T22:00:00.000000Z\"}",
            "{\"at\":\"2026-03-02T22:00:00+00:00\"}", "{\"at\":\"2026-03-02 22:00:00Z\"}",
            "{\"at\":\"2026-02-30T22:00:00Z\"}", "{\"at\":1}", "{\"at\":null}", "{}"};
    DM_AUTO(json_t) good = NULL;
    int64_t at = 0;
    uint8_t hash[2];
    (void)state;
    assert_int_equal(dm_json_load(DM_STR("{\"at\":\"2026-03-02T22:00:00Z\",\"hash\":\"0aff\"}"), 4096, &good, NULL), 0);
    assert_int_equal(dm_said_time(good, "at", &at, NULL), 0);
    assert_int_equal(at, 1772488800);
    assert_int_equal(dm_said_hex(good, "hash", hash, sizeof hash, NULL), 0);
    assert_true(hash[0] == 0x0a && hash[1] == 0xff);
    assert_int_equal(dm_said_hex(good, "hash", hash, 1, NULL), DM_E_INVALID);
    assert_int_equal(dm_said_hex(good, "none", hash, 1, NULL), DM_E_INVALID);
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        DM_AUTO(json_t) j = NULL;
        assert_int_equal(dm_json_load(dm_str_c(bad[i]), 4096, &j, NULL), 0);
        assert_int_equal(dm_said_time(j, "at", &at, NULL), DM_E_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_kind_is_read_back),
            cmocka_unit_test(a_line_end_behind_it_is_not_its_own),
            cmocka_unit_test(what_does_not_follow_from_its_lines_is_refused),
            cmocka_unit_test(other_bytes_of_the_same_are_refused),
            cmocka_unit_test(a_credit_note_is_read_without_its_invoice),
            cmocka_unit_test(times_and_hashes_have_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
