/* A document is an export of one invoice, statement or receipt: made when it is first asked for, by the program that
 * makes exports, and kept like one. So no renderer runs in this program, and a second request finds a file. The first
 * one waits for it, on a thread of those that hand over files, for as long as it may; it mostly takes less than a
 * second. */
#include "api/dm/document.h"

#include <stdio.h>
#include <time.h>

#include "base/parse.h"

#include "api/export/download.h"
#include "api/kit/answer.h"
#include "metering/read/invoices.h"
#include "metering/read/receipt.h"

enum { LOOK_MS = 50 };

const char *dm_document_format(dm_str *number)
{
    static const struct {
        dm_str end;
        const char *format;
    } ends[] = {{DM_STR_INIT(".pdf"), "pdf"}, {DM_STR_INIT(".ubl.xml"), "ubl"}, {DM_STR_INIT(".cii.xml"), "cii"}};
    for (size_t i = 0; i < DM_LEN(ends); i++) {
        dm_str end = ends[i].end;
        if (number->n <= end.n || memcmp(number->p + number->n - end.n, end.p, end.n) != 0)
            continue;
        number->n -= end.n;
        return ends[i].format;
    }
    return NULL;
}

typedef struct asking {
    const struct kind *kind;
    dm_account_no account;
    dm_export_new order;
    char id[DM_UUID_TEXT];
    dm_pg_rows *rows;
} asking;

static int invoice_is(dm_pg *c, const asking *a, dm_err *err)
{
    dm_pg_rows *invoice = NULL, *events = NULL;
    int r = dm_read_invoice(c, a->account, a->order.number, &invoice, &events, err);
    dm_pg_rows_free(invoice);
    dm_pg_rows_free(events);
    return r;
}

static int statement_is(dm_pg *c, const asking *a, dm_err *err)
{
    dm_statement_no number;
    if (dm_parse_i64(a->order.number, 1, INT64_MAX, &number.v, NULL) < 0)
        return DM_READ_NONE;
    return dm_read_statement_is(c, a->account, number, err);
}

static int receipt_is(dm_pg *c, const asking *a, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    return dm_read_receipt(c, a->account, a->order.number, &rows, err);
}

static const struct kind {
    const char *what, *dataset;
    int (*is)(dm_pg *c, const asking *a, dm_err *err);
    dm_no none;
    const char *unknown;
} kinds[] = {[DM_DOCUMENT_INVOICE] = {"invoice.get", DM_EXPORT_DOCUMENT, invoice_is, DM_NO_INVOICE_UNKNOWN,
                     "invoice not found"},
        [DM_DOCUMENT_STATEMENT] = {"statement.get", DM_EXPORT_STATEMENT, statement_is, DM_NO_STATEMENT_UNKNOWN,
                "statement not found"},
        [DM_DOCUMENT_RECEIPT] = {
                "receipt.get", DM_EXPORT_RECEIPT, receipt_is, DM_NO_RECEIPT_UNKNOWN, "receipt not found"}};

/* Once: what fails is not ordered again by who waits for it. */
static int order(dm_pg *c, asking *a, dm_err *err)
{
    int r = a->kind->is(c, a, err);
    if (r == 0)
        r = dm_export_order(c, dm_export_of(a->account), &a->order, a->id, err);
    else if (r == DM_READ_NONE)
        r = DM_EXPORT_NONE;
    return r == DM_EXPORT_AGAIN ? 0 : r;
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    asking *a = arg;
    dm_pg_rows_free(a->rows);
    a->rows = NULL;
    int r = a->id[0] == '\0' ? order(c, a, err) : 0;
    return r != 0 ? r : dm_export_find(c, dm_export_of(a->account), dm_str_c(a->id), &a->rows, err);
}

static bool ended(const asking *a)
{
    dm_export e;
    dm_export_read(a->rows, 0, &e);
    return !dm_str_eq_c(e.state, "queued") && !dm_str_eq_c(e.state, "running");
}

static int answer(dm_req *req, dm_api *api, const asking *a, dm_err *err)
{
    dm_export e;
    dm_export_read(a->rows, 0, &e);
    if (!ended(a))
        return dm_deny(req, DM_NO_DOCUMENT_LATER, a->kind->what, "it is being made");
    if (!dm_str_eq_c(e.state, "ready"))
        return dm_deny(req, DM_NO_DOCUMENT_FAILED, a->kind->what, "there is none in that form: %.*s", (int)e.why.n,
                e.why.n > 0 ? e.why.p : "");
    return dm_download_answer(req, api, &e, err);
}

int dm_document_answer(dm_req *req, dm_api *api, const dm_document *d, dm_err *err)
{
    const dm_caller *by = &dm_session_of(req)->caller;
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t until = dm_mono_ms(&dm_clock_real) + (int64_t)api->config->document_s * 1000;
    const struct kind *kind = &kinds[d->of];
    char key[100];
    (void)snprintf(key, sizeof key, "%s:%.*s:%s", kind->dataset, (int)d->number.n, d->number.p, d->format);
    asking a = {.kind = kind,
            .account = by->owner.account,
            .order = {.dataset = kind->dataset,
                    .format = d->format,
                    .number = d->number,
                    .who = by->who,
                    .key = dm_str_c(key)}};
    int r = dm_api_tx(api, by, query, &a, err);
    while (r == 0 && !ended(&a) && dm_mono_ms(&dm_clock_real) < until && !dm_req_gone(req)) {
        (void)nanosleep(&pause, NULL);
        r = dm_api_tx(api, by, query, &a, err);
    }
    if (r == DM_EXPORT_NONE)
        r = dm_deny(req, kind->none, kind->what, "%s", kind->unknown);
    else if (r == DM_EXPORT_MANY)
        r = dm_deny(req, DM_NO_EXPORT_MANY, kind->what, "%d exports are not done yet", DM_EXPORT_WAITING_MAX);
    else if (r == DM_EXPORT_OTHER)
        r = dm_fail(err, DM_E_INTERNAL, "a document's key is another order's");
    else if (r == 0)
        r = answer(req, api, &a, err);
    dm_pg_rows_free(a.rows);
    return r;
}
