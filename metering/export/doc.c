#include "metering/export/doc.h"

#include "base/crypto.h"

static int read_members(dm_export_doc *d, dm_err *err)
{
    int r = dm_invoice_read(d->json, &d->v, &d->names, err);
    if (r == 0)
        r = dm_invoice_read_books(d->json, &d->books, &d->v.nbooks, err);
    if (r == 0)
        r = dm_invoice_read_plans(d->json, &d->plans, &d->v.nplans, err);
    d->v.books = d->books;
    d->v.plans = d->plans;
    return r;
}

static int same_bytes(dm_export_doc *d, dm_str bytes, dm_err *err)
{
    DM_AUTO_BUF own;
    dm_buf_init(&own, 2 * (size_t)DM_INVOICE_BYTES_MAX);
    int r = dm_invoice_body(&d->v, &own, err);
    if (r == DM_E_NOMEM)
        return r;
    if (r < 0 || !dm_str_eq(dm_buf_view(&own), bytes))
        return dm_fail(err, DM_E_INVALID, "its sums or its form are not what follows from its lines");
    return dm_sha256(bytes, &d->hash, err);
}

int dm_export_doc_read(dm_str bytes, dm_export_doc **out, dm_err *err)
{
    DM_AUTO(dm_export_doc) d = calloc(1, sizeof *d);
    if (d == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an invoice");
    dm_buf_init(&d->names, DM_INVOICE_BYTES_MAX);
    if (bytes.n > 0 && bytes.p[bytes.n - 1] == '\n')
        bytes.n--;
    int r = dm_json_load(bytes, DM_INVOICE_BYTES_MAX, &d->json, err);
    if (r < 0)
        return r;
    r = read_members(d, err);
    if (r == DM_E_NOMEM)
        return r;
    if (r < 0)
        return dm_fail(err, DM_E_INVALID, "it is no invoice and no credit note, or not as they are written");
    r = d->v.credit_note ? dm_invoice_reckon_alone(&d->v, err) : dm_invoice_reckon(&d->v, err);
    if (r == 0)
        r = same_bytes(d, bytes, err);
    if (r == 0)
        *out = dm_steal(&d);
    return r;
}

void dm_export_doc_free(dm_export_doc *d)
{
    if (d == NULL)
        return;
    json_decref(d->json);
    free(d->v.lines);
    free(d->v.taxes);
    free(d->v.commitments);
    dm_buf_done(&d->names);
    free(d->books);
    free(d->plans);
    free(d);
}
