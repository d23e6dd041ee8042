/* A statement held to what was signed, and on paper; that validators call that PDF/A-3a and PDF/UA-1 is
 * tests/conformance/documents. */
/* Covers metering/export/statement.c, metering/export/stated.c, metering/export/sheet.c, metering/export/table.c,
 * metering/export/lines.c. */
#include <stdio.h>
#include <unistd.h>

#include "metering/export/format.h"
#include "metering/export/lines.h"
#include "tests/support/docrig.h"
#include "tests/unit/test.h"

/* As the program reads it. */
static int read_text(dm_str text, dm_export_statement **out, dm_err *err)
{
    dm_str line = {"", 0};
    (void)dm_str_split(&text, '\n', &line);
    int r = dm_export_statement_new(line, out, err);
    while (r == 0 && text.n > 0) {
        (void)dm_str_split(&text, '\n', &line);
        r = dm_export_statement_page(*out, line, err);
    }
    return r == 0 ? dm_export_statement_end(*out, err) : r;
}

static void make(size_t sandboxes, bool late, dm_buf *out)
{
    dm_buf_init(out, DOC_BODY_MAX);
    assert_true(doc_state(sandboxes, late, out));
}

static int64_t in_projects(const dm_export_statement *s, bool asleep)
{
    int64_t sum = (int64_t)(asleep ? s->rest.asleep_s : s->rest.running_s);
    for (size_t i = 0; i < s->nprojects; i++)
        sum += (int64_t)(asleep ? s->projects[i].asleep_s : s->projects[i].running_s);
    return sum;
}

static void all_is_in_the_sums_and_some_lines_are_kept(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 501, 3000};
    (void)state;
    for (size_t i = 0; i < DM_LEN(sizes); i++) {
        for (int late = 0; late < 2; late++) {
            DM_AUTO_BUF text;
            DM_AUTO(dm_export_statement) s = NULL;
            dm_err err = {0};
            make(sizes[i], late == 1, &text);
            if (read_text(dm_buf_view(&text), &s, &err) != 0)
                fail_msg("%zu: %s", sizes[i], err.msg);
            size_t all = 3 * sizes[i] + (late == 1 ? 3 : 0);
            assert_int_equal(s->all, all);
            assert_int_equal(s->nlines, all < DM_EXPORT_LINES ? all : DM_EXPORT_LINES);
            assert_true(s->nprojects <= DM_EXPORT_PROJECTS);
            assert_true((s->nrest > 0) == (sizes[i] > 700));
            dm_money sum = s->rest.amount;
            for (size_t p = 0; p < s->nprojects; p++)
                sum.v += s->projects[p].amount.v;
            assert_int_equal(dm_money_cmp(sum, s->total), 0);
            /* What a correction states again is not slept twice. */
            assert_int_equal(in_projects(s, false), s->running_s);
            assert_int_equal(in_projects(s, true), s->asleep_s);
        }
    }
}

/* Each digit of a figure, a page that is missing, twice, in another place, or of another statement. */
static void what_was_not_signed_is_refused(void **state)
{
    static const struct {
        const char *old, *new, *says;
    } edits[] = {{"\"amount\":\"0.0010", "\"amount\":\"0.0011", "not those that were signed"},
            {"\"qty\":\"47.", "\"qty\":\"48.", "not those that were signed"},
            {"\"page\":2", "\"page\":3", "page 2 is not of this statement"},
            {"\"number\":412,\"page\":1", "\"number\":413,\"page\":1", "page 1 is not of this statement"},
            {"\"total\":\"0.", "\"total\":\"1.", "do not come to its total"},
            {"\"sku\":\"vcpu-run\"", "\"sku\":\"vcpu-ran\"", "it is no statement"},
            {"\"kind\":\"usage\"", "\"kind\":\"usual\"", "it is no statement"},
            {"\"version\":2}\n{", "\"version\":6}\n{", "no version 6"},
            {"\"end\":\"2026-03-01T11:00:00Z\"", "\"end\":\"2026-03-01T11:00:00<\"", "it is no statement"}};
    DM_AUTO_BUF text;
    (void)state;
    make(501, false, &text);
    for (size_t i = 0; i < DM_LEN(edits); i++) {
        DM_AUTO(dm_export_statement) s = NULL;
        dm_err err = {0};
        char *at = strstr(text.p, edits[i].old);
        assert_non_null(at);
        size_t n = strlen(edits[i].new);
        assert_int_equal(n, strlen(edits[i].old));
        memcpy(at, edits[i].new, n);
        assert_int_equal(read_text(dm_buf_view(&text), &s, &err), DM_E_INVALID);
        assert_says(err, edits[i].says);
        memcpy(at, edits[i].old, n);
    }
    DM_AUTO(dm_export_statement) s = NULL;
    DM_AUTO(dm_export_statement) less = NULL;
    DM_AUTO(dm_export_statement) more = NULL;
    dm_str whole = dm_buf_view(&text);
    assert_int_equal(read_text(whole, &s, NULL), 0);
    const char *last = strstr(text.p, "\n{") + 1;
    last = strstr(last, "\n{") + 1;
    dm_str page = {last, (size_t)(text.p + text.len - 1 - last)};
    assert_int_equal(read_text((dm_str){whole.p, (size_t)(last - whole.p)}, &less, NULL), DM_E_INVALID);
    assert_int_equal(dm_export_statement_page(s, page, NULL), DM_E_INVALID); /* once more */
    assert_int_equal(dm_export_statement_new(page, &more, NULL), DM_E_INVALID);
}

static void a_head_is_told_from_an_invoice(void **state)
{
    DM_AUTO_BUF statement;
    DM_AUTO_BUF invoice;
    (void)state;
    make(1, false, &statement);
    dm_buf_init(&invoice, DOC_BODY_MAX);
    assert_true(doc_make("one", &invoice));
    assert_true(dm_export_is_statement(dm_buf_view(&statement)));
    assert_false(dm_export_is_statement(dm_buf_view(&invoice)));
    assert_false(dm_export_is_statement((dm_str){"", 0}));
    assert_null(dm_export_ubl.stated);
    assert_null(dm_export_cii.stated);
}

static void it_is_printed_and_twice_the_same(void **state)
{
    static const size_t sizes[] = {0, 7, 501};
    (void)state;
    for (size_t i = 0; i < DM_LEN(sizes); i++) {
        DM_AUTO_BUF text;
        DM_AUTO_BUF one;
        DM_AUTO_BUF two;
        DM_AUTO(dm_export_statement) s = NULL;
        dm_err err = {0};
        make(sizes[i], true, &text);
        dm_buf_init(&one, DM_EXPORT_BYTES_MAX);
        dm_buf_init(&two, DM_EXPORT_BYTES_MAX);
        assert_int_equal(read_text(dm_buf_view(&text), &s, NULL), 0);
        if (dm_export_pdf.stated(s, &one, &err) != 0)
            fail_msg("%zu: %s", sizes[i], err.msg);
        assert_int_equal(dm_export_pdf.stated(s, &two, NULL), 0);
        assert_true(dm_str_eq(dm_buf_view(&one), dm_buf_view(&two)));
        assert_memory_equal(one.p, "%PDF-1.", 7);
    }
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static void expect_lines(const char *text, size_t n, const char *const *want)
{
    int ends[2];
    dm_lines l;
    dm_str line;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
    assert_int_equal(close(ends[1]), 0);
    dm_lines_init(&l, ends[0], 8);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(dm_lines_next(&l, &line, NULL), 0);
        assert_true(dm_str_eq_c(line, want[i]));
    }
    assert_int_equal(dm_lines_next(&l, &line, NULL), DM_LINES_END);
    dm_lines_done(&l);
    assert_int_equal(close(ends[0]), 0);
}

static void lines_come_one_by_one(void **state)
{
    (void)state;
    expect_lines("", 0, NULL);
    expect_lines("a", 1, (const char *const[]){"a"});
    expect_lines("a\n", 1, (const char *const[]){"a"});
    expect_lines("\n\n", 2, (const char *const[]){"", ""});
    expect_lines("abc\n\nlast", 3, (const char *const[]){"abc", "", "last"});
}

static void a_line_has_an_end(void **state)
{
    static char much[1 << 20];
    FILE *f = tmpfile();
    dm_lines l;
    dm_str line;
    dm_err err = {0};
    (void)state;
    assert_non_null(f);
    memset(much, 'x', sizeof much);
    assert_int_equal(fwrite(much, 1, sizeof much, f), sizeof much);
    rewind(f);
    dm_lines_init(&l, fileno(f), 1 << 16);
    assert_int_equal(dm_lines_next(&l, &line, &err), DM_E_LIMIT);
    assert_says(err, "a line of it has at most");
    dm_lines_done(&l);
    (void)fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(all_is_in_the_sums_and_some_lines_are_kept),
            cmocka_unit_test(what_was_not_signed_is_refused),
            cmocka_unit_test(a_head_is_told_from_an_invoice),
            cmocka_unit_test(it_is_printed_and_twice_the_same),
            cmocka_unit_test(lines_come_one_by_one),
            cmocka_unit_test(a_line_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
