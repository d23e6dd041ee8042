/* dormouse-print: one invoice or credit note, as its canonical JSON, from standard input; one document to standard
 * output. It knows no database, no network and no clock: the same document is the same bytes wherever it is printed. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "metering/export/confine.h"
#include "metering/export/format.h"

enum { FAILED = 1 };

static const char usage[] =
        "dormouse-print FORMAT [--lang en]\n"
        "\n"
        "Writes an invoice or credit note, whose signed JSON comes from standard input, to standard output.\n"
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

static int read_all(dm_buf *in, dm_err *err)
{
    enum { STEP = 64 << 10 };
    for (;;) {
        char *to = dm_buf_want(in, STEP);
        if (to == NULL)
            return dm_fail(err, DM_E_LIMIT, "a document has at most %d MiB", DM_INVOICE_BYTES_MAX >> 20);
        ssize_t n = read(STDIN_FILENO, to, STEP);
        if (n < 0 && errno != EINTR)
            return dm_fail_sys(err, errno, "read");
        if (n == 0)
            return 0;
        if (n > 0)
            dm_buf_grew(in, (size_t)n);
    }
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

static int print(const dm_export_format *f, dm_err *err)
{
    DM_AUTO_BUF in, out;
    DM_AUTO(dm_export_doc) doc = NULL;
    dm_buf_init(&in, DM_INVOICE_BYTES_MAX + (128 << 10));
    dm_buf_init(&out, DM_EXPORT_BYTES_MAX);
    int r = dm_confine(f->fonts, err);
    if (r == 0)
        r = read_all(&in, err);
    if (r == 0)
        r = dm_export_doc_read(dm_buf_view(&in), &doc, err);
    dm_buf_done(&in);
    if (r == 0)
        r = f->write(doc, &out, err);
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
