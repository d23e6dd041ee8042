#include "metering/export/data/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#include "metering/export/data/manifest.h"
#include "metering/export/data/print.h"
#include "metering/export/data/rows.h"
#include "metering/export/data/sql_job.h"
#include "metering/rules/invoice.h"

enum { BEAT_MS = 1000, MANIFEST_MAX = 1 << 20, PATH_MAX_ = 400 };
enum { STOPPING = 100 }; /* of a beat, beside what sql_job.h says */

typedef struct work {
    dm_hand *h;
    const struct document *document; /* NULL: rows */
    dm_job job;
    int64_t beat_ms;
    bool told_all;
    int fd, paper; /* paper: what the printer reads */
    uint64_t paper_bytes;
    char file[DM_UUID_TEXT + 32], part[PATH_MAX_], path[PATH_MAX_], account[DM_UUID_TEXT];
    dm_sink *sink;
    dm_sums sums;
    dm_buf text; /* the manifest, or a document */
    dm_job_made made;
} work;

static const dm_pg_scope nobody = {.read_only = false};

/* --- a transaction of one statement ------------------------------------------------------------------------- */

typedef struct saying {
    work *w;
    int64_t done, all;
    const char *why;
} saying;

static int beat_tx(dm_pg *c, void *arg, dm_err *err)
{
    const saying *s = arg;
    return dm_sql_job_beat(c, &s->w->job, s->done, s->all, err);
}

static int ready_tx(dm_pg *c, void *arg, dm_err *err)
{
    const saying *s = arg;
    return dm_sql_job_ready(c, &s->w->job, &s->w->made, err);
}

static int failed_tx(dm_pg *c, void *arg, dm_err *err)
{
    const saying *s = arg;
    return dm_sql_job_failed(c, &s->w->job, s->why, err);
}

static int cancelled_tx(dm_pg *c, void *arg, dm_err *err)
{
    const saying *s = arg;
    return dm_sql_job_cancelled(c, &s->w->job, err);
}

static int back_tx(dm_pg *c, void *arg, dm_err *err)
{
    const saying *s = arg;
    return dm_sql_job_back(c, &s->w->job, err);
}

static int say(work *w, dm_pg_fn fn, saying s, dm_err *err)
{
    s.w = w;
    return dm_pg_tx_on(w->h->say, &nobody, fn, &s, err);
}

/* --- while it goes on --------------------------------------------------------------------------------------- */

static int beat(void *arg, int64_t done, int64_t all, dm_err *err)
{
    work *w = arg;
    int64_t now = dm_mono_ms(w->h->clock);
    if (atomic_load(w->h->stop))
        return STOPPING;
    if (w->told_all && now - w->beat_ms < BEAT_MS)
        return 0;
    w->beat_ms = now;
    w->told_all = true;
    return say(w, beat_tx, (saying){.done = done, .all = all}, err);
}

static int beat_print(void *arg, dm_err *err)
{
    return beat(arg, 0, -1, err);
}

/* --- what is written ---------------------------------------------------------------------------------------- */

/* Anew: a transaction may be run again. */
static int empty(work *w, dm_err *err)
{
    dm_sink_free(w->sink);
    w->sink = NULL;
    dm_sums_done(&w->sums);
    if (ftruncate(w->fd, 0) < 0 || lseek(w->fd, 0, SEEK_SET) < 0)
        return dm_fail_sys(err, errno, "empty a file");
    return dm_sink_new(w->fd, w->h->file_max, &w->sink, err);
}

static dm_data_range range_of(const work *w)
{
    return (dm_data_range){w->job.entity_no != 0 ? w->job.entity_no : w->job.account_no, w->job.from, w->job.to};
}

static int rows_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_rows_asked asked = {.set = dm_data_set_find(dm_str_c(w->job.dataset)),
            .format = dm_data_format_find(dm_str_c(w->job.format)),
            .range = range_of(w),
            .folder = w->h->folder,
            .beat = beat,
            .arg = w};
    if (asked.set == NULL || asked.format == NULL || asked.set->entity != (w->job.entity_no != 0))
        return dm_fail(err, DM_E_INVALID, "this version has no %s as %s", w->job.dataset, w->job.format);
    int r = empty(w, err);
    if (r == 0 && !asked.set->entity)
        r = dm_sql_job_account(c, w->job.account_no, w->account, err);
    return r < 0 ? r : dm_data_rows(c, &asked, w->sink, &w->sums, err);
}

static int write_rows(work *w, dm_err *err)
{
    const dm_pg_scope scope = {.account_no = w->job.account_no, .snapshot = true, .read_only = true};
    int r = dm_pg_tx_on(w->h->read, &scope, rows_tx, w, err);
    if (r == 0)
        r = dm_sink_end(w->sink, &w->made.bytes, &w->made.digest, err);
    if (r != 0)
        return r;
    const dm_data_range range = range_of(w);
    const dm_manifest m = {.account = w->job.entity_no == 0 ? w->account : NULL,
            .format = w->job.format,
            .set = dm_data_set_find(dm_str_c(w->job.dataset)),
            .range = &range,
            .sums = &w->sums,
            .bytes = w->made.bytes,
            .digest = w->made.digest};
    r = dm_manifest_write(&m, &w->text, err);
    w->made.manifest = dm_buf_view(&w->text);
    w->made.rows = w->sums.rows;
    return r;
}

/* What the printer reads is put down in a file first: a statement may be long. */
static int put_down(work *w, dm_err *err)
{
    uint64_t at = w->text.len + 1; /* and a line's end */
    if (__builtin_add_overflow(at, w->paper_bytes, &w->paper_bytes) || w->paper_bytes > w->h->file_max)
        return dm_fail(
                err, DM_E_LIMIT, "this statement is too long to be printed: have it as an export, or its bundle");
    (void)dm_buf_ch(&w->text, '\n');
    int r = dm_buf_ok(&w->text, err);
    return r == 0 ? dm_write_all(w->paper, w->text.p, w->text.len, err) : r;
}

static int invoice_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_sql_job_document(c, w->job.account_no, w->job.number, &w->text, err);
    return r == 0 ? put_down(w, err) : r;
}

static int receipt_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_sql_job_receipt(c, w->job.account_no, w->job.number, &w->text, err);
    return r == 0 ? put_down(w, err) : r;
}

static int statement_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int64_t number, start = 0, pages = 0;
    if (dm_parse_i64(dm_str_c(w->job.number), 1, INT64_MAX, &number, NULL) < 0)
        return DM_JOB_NONE;
    int r = dm_sql_job_head(c, w->job.account_no, number, &w->text, &start, &pages, err);
    if (r == 0)
        r = put_down(w, err);
    for (int64_t i = 1; r == 0 && i <= pages; i++) {
        r = beat(w, i - 1, pages, err);
        if (r == 0)
            r = dm_sql_job_page(c, w->job.account_no, start, i, &w->text, err);
        if (r == 0)
            r = put_down(w, err);
    }
    return r;
}

/* What is printed, beside rows that are exported. */
static const struct document {
    const char *dataset;
    bool xml; /* also as e-invoice */
    dm_pg_fn put;
} documents[] = {{"document", true, invoice_tx}, {"receipt", false, receipt_tx}, {"statement", false, statement_tx}};

static const struct document *document_of(const work *w)
{
    for (size_t i = 0; i < DM_LEN(documents); i++) {
        if (strcmp(w->job.dataset, documents[i].dataset) == 0)
            return &documents[i];
    }
    return NULL;
}

static int document_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    w->paper_bytes = 0; /* a transaction may be run again */
    if (ftruncate(w->paper, 0) < 0 || lseek(w->paper, 0, SEEK_SET) < 0)
        return dm_fail_sys(err, errno, "empty a file");
    int r = w->document->put(c, w, err);
    return r == DM_JOB_NONE ? dm_fail(err, DM_E_INVALID, "there is no such document") : r;
}

/* What another program has written, once more, for its size and its hash. */
static int measure(work *w, dm_err *err)
{
    char piece[64 << 10];
    DM_AUTO(dm_sha256_sum) sum = NULL;
    uint64_t at = 0;
    size_t n = 1;
    int r = dm_sha256_sum_new(&sum, err);
    while (r == 0 && n > 0) {
        r = dm_pread_all(w->fd, piece, sizeof piece, (off_t)at, &n, err);
        if (r == 0)
            r = dm_sha256_sum_add(sum, (dm_str){piece, n}, err);
        at += n;
    }
    if (r == 0)
        r = dm_sha256_sum_end(sum, &w->made.digest, err);
    w->made.bytes = at;
    if (r == 0 && fsync(w->fd) < 0)
        r = dm_fail_sys(err, errno, "fsync");
    return r;
}

static int write_document(work *w, dm_err *err)
{
    const struct document *d = w->document;
    const dm_pg_scope scope = {.account_no = w->job.account_no, .read_only = true};
    const dm_print p = {.program = w->h->print, .folder = w->h->folder, .beat = beat_print, .arg = w};
    if (!dm_print_knows(dm_str_c(w->job.format)) || (!d->xml && strcmp(w->job.format, "pdf") != 0))
        return dm_fail(err, DM_E_INVALID, "there is no %s as %s", d->dataset, w->job.format);
    int r = dm_print_paper(w->h->folder, &w->paper, err);
    if (r == 0)
        r = dm_pg_tx_on(w->h->read, &scope, document_tx, w, err);
    if (r == 0)
        r = dm_print_run(&p, w->job.format, w->paper, w->fd, err);
    return r != 0 ? r : measure(w, err);
}

static int write_file(work *w, dm_err *err)
{
    int r = dm_path(w->part, sizeof w->part, err, "%s/%s.part", w->h->folder, w->file);
    if (r == 0)
        r = dm_path(w->path, sizeof w->path, err, "%s/%s", w->h->folder, w->file);
    if (r < 0)
        return r;
    w->fd = open(w->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (w->fd < 0)
        return dm_fail_sys(err, errno, "make a file");
    w->document = document_of(w);
    r = w->document != NULL ? write_document(w, err) : write_rows(w, err);
    if (r == 0 && rename(w->part, w->path) < 0)
        r = dm_fail_sys(err, errno, "rename");
    return r != 0 ? r : dm_sync_dir(w->h->folder, err);
}

/* --- its end ------------------------------------------------------------------------------------------------ */

/* What a customer reads of a failure: what is his, in its own words; of ours that there is one. */
static const char *words(int r, const dm_err *why)
{
    return r == DM_E_INVALID || r == DM_E_LIMIT ? why->msg
                                                : "it could not be made, through a fault of ours; it is looked into";
}

static int end(work *w, int r, const dm_err *why, dm_err *err)
{
    int said = 0;
    switch (r) {
    case 0:
        said = say(w, ready_tx, (saying){.done = 0}, err);
        if (said == 0)
            DM_LOG(w->h->log, DM_INFO, "export.ready", dm_fs("export", w->job.id), dm_fs("dataset", w->job.dataset),
                    dm_fs("format", w->job.format), dm_fu("rows", w->made.rows), dm_fu("bytes", w->made.bytes));
        return said;
    case DM_JOB_CANCELLED:
        return say(w, cancelled_tx, (saying){.done = 0}, err);
    case DM_JOB_NONE: /* another has it now */
        return 0;
    case STOPPING:
        return say(w, back_tx, (saying){.done = 0}, err);
    default:
        break;
    }
    dm_log_err(w->h->log, r == DM_E_INVALID || r == DM_E_LIMIT ? DM_WARN : DM_ERROR, "export.failed", why);
    bool again = (r == DM_E_UNAVAILABLE || r == DM_E_CONFLICT || r == DM_E_TIMEOUT) && w->job.tries < DM_JOB_TRIES;
    return say(w, again ? back_tx : failed_tx, (saying){.why = words(r, why)}, err);
}

static int do_it(work *w, dm_err *err)
{
    dm_err why = {0};
    int r = w->job.tries > DM_JOB_TRIES
                    ? dm_fail(&why, DM_E_INTERNAL, "it was begun %d times and ended none", DM_JOB_TRIES)
                    : write_file(w, &why);
    int said = end(w, r, &why, err);
    if (w->fd >= 0)
        (void)close(w->fd);
    if (w->paper >= 0)
        (void)close(w->paper);
    if (w->part[0] != '\0' && (r != 0 || said != 0)) {
        (void)unlink(w->part);
        (void)unlink(w->path);
    }
    return said == DM_JOB_NONE ? say(w, cancelled_tx, (saying){.done = 0}, err) : said;
}

typedef struct taking {
    char taker[DM_UUID_TEXT];
    dm_job *out;
} taking;

static int take_tx(dm_pg *c, void *arg, dm_err *err)
{
    taking *t = arg;
    return dm_sql_job_take(c, t->taker, t->out, err);
}

static int take(dm_hand *h, dm_job *out, dm_err *err)
{
    taking t = {.out = out};
    uint8_t random[16];
    int r = dm_random(random, sizeof random, err);
    if (r < 0)
        return r;
    dm_uuid made = dm_uuid_of_random(random);
    (void)snprintf(t.taker, sizeof t.taker, "%s", made.s);
    r = dm_pg_tx_on(h->say, &nobody, take_tx, &t, err);
    /* Two of one account at the same moment: one of them waits. */
    return r == DM_E_EXISTS || r == DM_JOB_NONE ? DM_JOB_IDLE : r;
}

int dm_job_next(dm_hand *h, dm_err *err)
{
    work w = {.h = h, .fd = -1, .paper = -1, .made = {.keep_s = h->keep_s}};
    int r = take(h, &w.job, err);
    if (r != 0)
        return r;
    (void)snprintf(w.file, sizeof w.file, "%s-%.8s.%.16s", w.job.id, w.job.taker, w.job.format);
    w.made.file = w.file;
    dm_buf_init(&w.text, w.job.number[0] != '\0' ? DM_INVOICE_BYTES_MAX + 1 : MANIFEST_MAX);
    r = do_it(&w, err);
    dm_sink_free(w.sink);
    dm_sums_done(&w.sums);
    dm_buf_done(&w.text);
    return r == DM_JOB_NONE ? 0 : r;
}
