/* From the first file of a bundle to its last. */
#include "metering/verify/own.h"

/* --- statements --------------------------------------------------------------------------------------------- */

static void begin_statement(dm_v *v)
{
    v->pooled = v->pool_split = v->any_row = false;
    v->pooled_sum = 0;
    v->rows_before = v->lines_before = 0;
    v->page.no = 0;
}

static int end_statement(dm_v *v, bool paged, dm_err *err)
{
    dm_verdict *o = v->out;
    dm_money total;
    int r = paged ? dm_v_head_check(v, err) : 0;
    if (r != 0)
        return r;
    char text[DM_MONEY_TEXT];
    if (dm_v_text(v->head.json, "total", text, sizeof(text), NULL) == 0 &&
            dm_money_parse(dm_str_c(text), &total, NULL) == 0)
        r = dm_money_add(o->total, total, &o->total, err);
    memcpy(o->currency, v->head.st.currency, sizeof(o->currency));
    o->statements++;
    v->has_previous = true;
    v->previous_end = v->head.end;
    if (r == 0)
        r = dm_sha256(dm_buf_view(&v->head_text), &v->previous, err);
    return r < 0 || v->nnumbers == 0 ? r : dm_v_sums_end(&v->sums, &v->head.st, &v->previous, paged, err);
}

static int walk_statement(dm_v *v, int64_t number, dm_verify_progress progress, void *of, dm_err *err)
{
    begin_statement(v);
    int64_t unpaged = v->out->unpaged;
    int r = dm_v_head_read(v, number, err);
    if (r == 0)
        r = dm_v_links_begin(&v->links, err);
    for (uint32_t p = 1; r == 0 && p <= v->head.npages; p++) {
        r = dm_v_page_check(v, p, err);
        if (r == 0 && progress != NULL)
            progress(of, number, p, v->head.npages);
    }
    v->page.no = 0;
    if (r == 0)
        r = dm_v_links_end(&v->links, number, err);
    return r != 0 ? r : end_statement(v, v->out->unpaged == unpaged, err);
}

static int walk(dm_v *v, dm_verify_progress progress, void *of, dm_err *err)
{
    int r = dm_v_manifest(v, err);
    if (r == 0)
        r = dm_v_want(v, "keys/0.json", err);
    if (r == 0)
        r = dm_v_keys_of(v, err);
    for (size_t i = 0; r == 0 && i < v->nbooks; i++)
        r = dm_v_book_of(v, &v->books[i], err);
    for (int64_t n = v->out->first; r == 0 && n <= v->out->last; n++)
        r = walk_statement(v, n, progress, of, err);
    v->head.number = 0;
    v->page.no = 0;
    for (size_t k = 0; r == 0 && k < v->nnumbers; k++)
        r = dm_v_invoice(v, k, err);
    return r != 0 ? r : dm_v_want_end(v, err);
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static void done(dm_v *v)
{
    for (size_t i = 0; i < v->nkeys; i++)
        free(v->keys[i].v);
    free(v->keys);
    free(v->books);
    free(v->regions);
    free(v->page.rows);
    free(v->page.lines);
    free(v->lives);
    free(v->life_lines);
    free(v->attest);
    dm_v_head_done(&v->head);
    dm_v_links_done(&v->links);
    dm_v_said_done(&v->said);
    dm_v_sums_done(&v->sums);
    dm_v_invoices_done(v);
    free(v->parts);
    free(v->was.v);
    free(v->now.v);
    free(v->want.v);
    dm_buf_done(&v->body);
    dm_buf_done(&v->text);
    dm_buf_done(&v->head_text);
    dm_buf_done(&v->oaths);
    dm_buf_done(&v->messages);
    dm_unpack_free(v->in);
    free(v);
}

int dm_verify_bundle(
        dm_unpack_source source, void *arg, dm_verify_progress progress, void *of, dm_verdict *out, dm_err *err)
{
    dm_v *v = calloc(1, sizeof(*v));
    memset(out, 0, sizeof(*out));
    if (v == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory");
    v->out = out;
    dm_buf_init(&v->body, DM_BUNDLE_ENTRY_MAX);
    dm_buf_init(&v->text, DM_BUNDLE_ENTRY_MAX);
    dm_buf_init(&v->head_text, DM_BUNDLE_ENTRY_MAX);
    dm_buf_init(&v->oaths, DM_BUNDLE_ENTRY_MAX);
    dm_buf_init(&v->messages, DM_VERIFY_LIVES_BYTES);
    v->attest = calloc(1, sizeof(*v->attest));
    int r = v->attest != NULL ? dm_unpack_new(source, arg, &v->in, err) : dm_fail(err, DM_E_NOMEM, "no memory");
    if (r == 0)
        r = walk(v, progress, of, err);
    done(v);
    return r;
}
