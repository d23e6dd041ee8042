/* What is on paper; that validators call it PDF/A-3a and PDF/UA-1 is tests/conformance/documents. */
/* Covers metering/export/pdf.c, metering/export/paper.c, metering/export/finish.c. */
#include <stdio.h>
#include <unistd.h>

#include "metering/export/finish.h"
#include "metering/export/format.h"
#include "metering/export/paper.h"
#include "tests/support/docrig.h"
#include "tests/unit/test.h"

static int print(const char *name, dm_buf *out, dm_err *err)
{
    DM_AUTO_BUF body;
    DM_AUTO(dm_export_doc) doc = NULL;
    dm_buf_init(&body, DOC_BODY_MAX);
    dm_buf_init(out, DM_EXPORT_BYTES_MAX);
    assert_true(doc_make(name, &body));
    assert_int_equal(dm_export_doc_read(dm_buf_view(&body), &doc, NULL), 0);
    return dm_export_pdf.write(doc, out, err);
}

static bool has(const dm_buf *b, const char *words)
{
    return memmem(b->p, b->len, words, strlen(words)) != NULL;
}

static void every_kind_is_printed_and_twice_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; doc_name(i) != NULL; i++) {
        DM_AUTO_BUF one, two;
        dm_err err = {0};
        if (strcmp(doc_name(i), "thai") == 0 || strstr(doc_name(i), "thousand") != NULL)
            continue;
        if (print(doc_name(i), &one, &err) != 0)
            fail_msg("%s: %s", doc_name(i), err.msg);
        assert_int_equal(print(doc_name(i), &two, NULL), 0);
        assert_true(dm_str_eq(dm_buf_view(&one), dm_buf_view(&two)));
        assert_memory_equal(one.p, "%PDF-1.", 7);
    }
}

static void a_character_without_a_font_is_refused(void **state)
{
    DM_AUTO_BUF out;
    dm_err err = {0};
    (void)state;
    assert_int_equal(print("thai", &out, &err), DM_E_INVALID);
    assert_says(err, "there is no font for a character of \"");
    assert_int_equal(out.len, 0);
}

/* Streams are squeezed, but for metadata, which PDF/A wants plain. */
static void it_carries_the_e_invoice_where_there_can_be_one(void **state)
{
    DM_AUTO_BUF one, dinar;
    (void)state;
    assert_int_equal(print("one", &one, NULL), 0);
    assert_true(has(&one, "factur-x.xml"));
    assert_int_equal(print("dinar", &dinar, NULL), 0);
    assert_false(has(&dinar, "factur-x.xml"));
}

static void lines_are_as_many_as_a_text_takes(void **state)
{
    static const dm_paper_style s = {DM_PAPER_TEXT, DM_PAPER_INK, 1000, 1200};
    DM_AUTO(dm_paper) p = NULL;
    DM_AUTO_BUF out;
    dm_err err = {0};
    (void)state;
    dm_buf_init(&out, 1 << 20);
    assert_int_equal(dm_paper_new("t", "2026-03-02T22:00:00Z", &p, &err), 0);
    assert_int_equal(dm_paper_wrapped(p, &s, 0, 1200, 20000, DM_STR("short"), true), 1);
    assert_int_equal(dm_paper_wrapped(p, &s, 0, 1200, 20000, DM_STR(""), true), 1);
    int broken = dm_paper_wrapped(p, &s, 0, 1200, 5000, DM_STR("withoutasingleblankbutlongasitcomes"), false);
    assert_true(broken >= 3); /* it is broken, and nothing is cut */
    int w = dm_paper_left(p, &s, 0, 1200, DM_STR("mmmm"));
    assert_true(w > 2500 && w < 5000);
    assert_int_equal(dm_paper_right(p, &s, 9000, 1200, DM_STR("mmmm")), w);
    dm_paper_page_end(p);
    assert_int_equal(dm_paper_end(p, &out, &err), 0);
    assert_true(out.len > 100);
}

static void what_is_no_pdf_is_not_finished(void **state)
{
    DM_AUTO_BUF out;
    dm_err err = {0};
    const dm_finish f = {.pages = DM_STR("nothing"), .title = "t", .day = "2026-03-02T22:00:00Z"};
    (void)state;
    dm_buf_init(&out, 1 << 20);
    assert_int_equal(dm_finish_pdf(&f, &out, &err), DM_E_INTERNAL);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_kind_is_printed_and_twice_the_same),
            cmocka_unit_test(a_character_without_a_font_is_refused),
            cmocka_unit_test(it_carries_the_e_invoice_where_there_can_be_one),
            cmocka_unit_test(lines_are_as_many_as_a_text_takes),
            cmocka_unit_test(what_is_no_pdf_is_not_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
