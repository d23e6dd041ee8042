#include <stdio.h>

#include "metering/export/format.h"
#include "tests/support/docrig.h"
#include "tests/unit/test.h"

static void it_is_printed_and_twice_the_same(void **state)
{
    (void)state;
    for (int top_up = 0; top_up < 2; top_up++) {
        DM_AUTO_BUF body;
        DM_AUTO_BUF one;
        DM_AUTO_BUF two;
        DM_AUTO(dm_export_receipt) r = NULL;
        dm_err err = {0};
        dm_buf_init(&body, DOC_BODY_MAX);
        dm_buf_init(&one, DM_EXPORT_BYTES_MAX);
        dm_buf_init(&two, DM_EXPORT_BYTES_MAX);
        assert_true(doc_receive(top_up == 1, &body));
        assert_true(dm_export_is_receipt(dm_buf_view(&body)));
        assert_false(dm_export_is_statement(dm_buf_view(&body)));
        assert_int_equal(dm_export_receipt_read(dm_buf_view(&body), &r, &err), 0);
        if (dm_export_pdf.received(r, &one, &err) != 0)
            fail_msg("%s", err.msg);
        assert_int_equal(dm_export_pdf.received(r, &two, NULL), 0);
        assert_true(dm_str_eq(dm_buf_view(&one), dm_buf_view(&two)));
        assert_memory_equal(one.p, "%PDF-1.", 7);
    }
}

static void other_bytes_are_refused(void **state)
{
    static const struct {
        const char *old, *new, *says;
    } edits[] = {{"\"of\":\"payment\"", "\"of\":\"top_ups\"", "not what follows"},
            {"\"version\":1", "\"version\":2", "not what follows"}, {"\"EUR\"", "\"eur\"", "currency"},
            {"\"received\":\"2026", "\"received\":\"x026", "it is no receipt"},
            {"\"amount\":\"120.", "\"amount\":\"12O.", "it is no receipt"}};
    DM_AUTO_BUF body;
    DM_AUTO_BUF invoice;
    (void)state;
    dm_buf_init(&body, DOC_BODY_MAX);
    dm_buf_init(&invoice, DOC_BODY_MAX);
    assert_true(doc_receive(false, &body));
    for (size_t i = 0; i < DM_LEN(edits); i++) {
        DM_AUTO(dm_export_receipt) r = NULL;
        dm_err err = {0};
        char *at = strstr(body.p, edits[i].old);
        assert_non_null(at);
        memcpy(at, edits[i].new, strlen(edits[i].new));
        assert_true(dm_export_receipt_read(dm_buf_view(&body), &r, &err) < 0);
        assert_says(err, edits[i].says);
        memcpy(at, edits[i].old, strlen(edits[i].old));
    }
    assert_true(doc_make("one", &invoice));
    assert_false(dm_export_is_receipt(dm_buf_view(&invoice)));
    assert_null(dm_export_ubl.received);
    assert_null(dm_export_cii.received);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_is_printed_and_twice_the_same),
            cmocka_unit_test(other_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
