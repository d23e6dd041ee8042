/* dormouse-print: one invoice, credit note or receipt, as its canonical JSON, or a statement, its head and its pages a
 * line each, from standard input; one document to standard output. It knows no database, no network and no clock: the
 * same document is the same bytes wherever it is printed. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "metering/export/confine.h"
#include "metering/export/format.h"
#include "metering/export/lines.h"

enum { FAILED = 1 };

static const char usage[] =
        "dormouse-print FORMAT [--lang en]\n"
        "\n"
        "Writes an invoice or credit note, whose signed JSON comes from standard input, to standard output; or, as\n"
        "pdf, a statement: its signed head and its pages, each a line.\n"
        "\n";

static void say_usage(FILE *to)
{
    (void)fputs(usage, to);
    for (size_t i = 0; dm_export_at(i) != NULL; i++)
        (void)fprintf(to, "  %-5s %s\n", dm_export_at(i)->name, dm_export_at(i)->media);
    (void)fputs("\nExit codes: 0 it is written; 1 it is not, and standard error says why.\n", to);
}

static int give_up(const char *why)
{
    (void)fprintf(stderr, "dormouse-print: %s\n", why);
    return FAILED;
}

/* Too much of something: what a library ends itself for, and the end of its time. */
static void on_signal(int sig)
{
    static const char slow[] = "dormouse-print: it took more than its time\n",
                      out[] = "dormouse-print: out of memory\n";
    const char *text = sig == SIGXCPU ? slow : out;
    ssize_t said = write(STDERR_FILENO, text, strlen(text));
    (void)said;
    _exit(FAILED);
}

static int write_all(dm_str out, dm_err *err)
{
    while (out.n > 0) {
        ssize_t n = write(STDOUT_FILENO, out.p, out.n);
        if (n < 0 && errno != EINTR)
            return dm_fail_sys(err, errno, "write");
        if (n > 0)
            out = (dm_str){out.p + n, out.n - (size_t)n};
    }
    return 0;
}

static int print_statement(const dm_export_format *f, dm_lines *in, dm_str head, dm_buf *out, dm_err *err)
{
    DM_AUTO(dm_export_statement) s = NULL;
    if (f->stated == NULL)
        return dm_fail(err, DM_E_INVALID, "a statement is not said as %s", f->name);
    dm_str page;
    int r = dm_export_statement_new(head, &s, err);
    while (r == 0) {
        r = dm_lines_next(in, &page, err);
        if (r == 0)
            r = dm_export_statement_page(s, page, err);
    }
    if (r == DM_LINES_END)
        r = dm_export_statement_end(s, err);
    return r == 0 ? f->stated(s, out, err) : r;
}

/* That nothing comes behind a document that is one line. */
static int is_all(dm_lines *in, dm_err *err)
{
    dm_str more;
    int r = dm_lines_next(in, &more, err);
    if (r == DM_LINES_END)
        return 0;
    return r < 0 ? r : dm_fail(err, DM_E_INVALID, "this document is one line, and there is more behind it");
}

static int print_receipt(const dm_export_format *f, dm_lines *in, dm_str body, dm_buf *out, dm_err *err)
{
    DM_AUTO(dm_export_receipt) receipt = NULL;
    if (f->received == NULL)
        return dm_fail(err, DM_E_INVALID, "a receipt is not said as %s", f->name);
    int r = dm_export_receipt_read(body, &receipt, err);
    if (r == 0)
        r = is_all(in, err);
    return r == 0 ? f->received(receipt, out, err) : r;
}

static int print_invoice(const dm_export_format *f, dm_lines *in, dm_str body, dm_buf *out, dm_err *err)
{
    DM_AUTO(dm_export_doc) doc = NULL;
    int r = dm_export_doc_read(body, &doc, err);
    if (r == 0)
        r = is_all(in, err);
    return r == 0 ? f->write(doc, out, err) : r;
}

static int print(const dm_export_format *f, dm_err *err)
{
    DM_AUTO_BUF out;
    dm_lines in;
    dm_str first = {"", 0};
    dm_lines_init(&in, STDIN_FILENO, DM_INVOICE_BYTES_MAX);
    dm_buf_init(&out, DM_EXPORT_BYTES_MAX);
    int r = dm_confine(f->fonts, err);
    if (r == 0)
        r = dm_lines_next(&in, &first, err);
    if (r >= 0)
        r = dm_export_is_statement(first) ? print_statement(f, &in, first, &out, err)
            : dm_export_is_receipt(first) ? print_receipt(f, &in, first, &out, err)
                                          : print_invoice(f, &in, first, &out, err);
    dm_lines_done(&in);
    return r == 0 ? write_all(dm_buf_view(&out), err) : r;
}

int main(int argc, char **argv)
{
    dm_err err = {0};
    const struct sigaction act = {.sa_handler = on_signal};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        say_usage(stdout);
        return 0;
    }
    const dm_export_format *f = argc > 1 ? dm_export_find(dm_str_c(argv[1])) : NULL;
    if (f == NULL || (argc != 2 && argc != 4))
        return give_up("which format? (--help lists them)");
    if (argc == 4 && (strcmp(argv[2], "--lang") != 0 || strcmp(argv[3], "en") != 0))
        return give_up("the one language there is so far is --lang en");
    if (clearenv() != 0) /* no language, zone or folder of a machine may say how it looks */
        return give_up("out of memory");
    if (sigaction(SIGABRT, &act, NULL) < 0 || sigaction(SIGXCPU, &act, NULL) < 0)
        return give_up("its signals cannot be caught");
    return print(f, &err) == 0 ? 0 : give_up(err.msg);
}
