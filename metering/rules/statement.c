#include "metering/rules/statement.h"

#include <assert.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/parse.h"

void dm_time_text(int64_t second, char out[32])
{
    dm_rfc3339(second * 1000000, out);
    char *point = strchr(out, '.');
    if (point != NULL)
        memcpy(point, "Z", 2);
}

/* --- order -------------------------------------------------------------------------------------------------- */

static int cmp(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int dm_stated_cmp(const void *x, const void *y)
{
    const dm_stated *a = x, *b = y;
    int c = dm_sandbox_id_cmp(&a->sandbox, &b->sandbox);
    if (c == 0)
        c = cmp((uint64_t)a->project_no.v, (uint64_t)b->project_no.v);
    if (c == 0)
        c = cmp(a->epoch, b->epoch);
    if (c == 0)
        c = cmp(a->spec_table, b->spec_table);
    if (c == 0)
        c = cmp(a->spec, b->spec);
    if (c == 0)
        c = cmp(a->region_no, b->region_no);
    return c != 0 ? c : cmp(a->worker_no.v, b->worker_no.v);
}

int dm_stated_line_cmp(const void *x, const void *y)
{
    const dm_rate_line *a = x, *b = y;
    int c = cmp(a->sku, b->sku);
    return c != 0 ? c : cmp(a->from, b->from);
}

int dm_stated_account_line_cmp(const void *x, const void *y)
{
    const dm_rate_line *a = x, *b = y;
    int c = cmp(a->from, b->from);
    if (c == 0)
        c = cmp((uint64_t)a->book_id, (uint64_t)b->book_id);
    if (c == 0)
        c = cmp(a->sku, b->sku);
    return c != 0 ? c : cmp(a->tier, b->tier);
}

int dm_stated_tier_cmp(const void *x, const void *y)
{
    const dm_stated_tier *a = x, *b = y;
    int c = cmp((uint64_t)a->book_id, (uint64_t)b->book_id);
    return c != 0 ? c : cmp(a->sku, b->sku);
}

/* --- pages and sums ----------------------------------------------------------------------------------------- */

size_t dm_stated_full(const dm_stated *sandboxes, size_t n, size_t *lines)
{
    size_t i = 0;
    *lines = 0;
    while (i < n && i < DM_STATED_PAGE && *lines + sandboxes[i].nlines <= DM_STATED_PAGE_LINES)
        *lines += sandboxes[i++].nlines;
    assert(n == 0 || i > 0); /* a sandbox has fewer lines than a page has room for */
    return i;
}

int dm_stated_sum_line(dm_stated_sum *s, const dm_rate_line *line, dm_err *err)
{
    int r = dm_money_add(s->total, line->amount, &s->total, err);
    return r < 0 ? r : dm_money_add(s->amount[line->sku], line->amount, &s->amount[line->sku], err);
}

int dm_stated_sum_page(dm_stated_sum *s, const dm_stated_page *p, const dm_digest *sha256, dm_err *err)
{
    int r = 0;
    assert(p->page == s->pages.n + 1);
    for (size_t i = 0; r == 0 && i < p->nsandboxes; i++) {
        s->running_s += p->corrects == NULL ? p->sandboxes[i].running_s : 0;
        s->hibernated_s += p->corrects == NULL ? p->sandboxes[i].hibernated_s : 0;
        s->forked += p->sandboxes[i].forked;
        if (p->sandboxes[i].bare)
            continue;
        s->unattested += !p->sandboxes[i].attested;
        r = dm_merkle_add(&s->attestations, &p->sandboxes[i].attestation, err);
    }
    for (size_t i = 0; r == 0 && i < p->nlines; i++)
        r = dm_stated_sum_line(s, &p->lines[i], err);
    s->lines += p->nlines;
    return r < 0 ? r : dm_merkle_add(&s->pages, sha256, err);
}

/* --- the body ----------------------------------------------------------------------------------------------- */

static void put_digest(dm_jw *w, const char *name, const dm_digest *d)
{
    char hex[2 * DM_SHA256 + 1];
    dm_hex(d->b, sizeof(d->b), hex);
    dm_jw_kc(w, name, hex);
}

static void put_time(dm_jw *w, const char *name, int64_t second)
{
    char text[32];
    dm_time_text(second, text);
    dm_jw_kc(w, name, text);
}

static void put_id(dm_jw *w, const char *member, const dm_sandbox_id *id)
{
    dm_sandbox_name name = dm_sandbox_name_of(id);
    dm_jw_kc(w, member, name.s);
}

static void put_sandbox_id(dm_jw *w, const dm_sandbox_id *id)
{
    put_id(w, "sandbox", id);
}

static void put_null(dm_jw *w, const char *name)
{
    dm_jw_key(w, name);
    dm_jw_null(w);
}

/* of NULL: of the account as a whole. kind NULL: what the line itself is. */
static void put_line(dm_jw *w, int64_t period_start, const char *kind, const dm_stated *of, const dm_rate_line *r)
{
    char text[DM_MONEY_TEXT];
    dm_jw_obj(w);
    dm_money_print(r->amount, text);
    dm_jw_kc(w, "amount", text);
    dm_jw_ki64(w, "book", r->book_id);
    if (of != NULL)
        dm_jw_ku64(w, "epoch", of->epoch);
    else
        put_null(w, "epoch");
    put_time(w, "from", period_start + r->from);
    dm_jw_kc(w, "kind", kind != NULL ? kind : r->measured ? "measured" : "usage");
    dm_price_print(r->per_unit, text);
    dm_jw_kc(w, "per_unit", text);
    if (of != NULL) {
        dm_jw_kc(w, "project", of->project);
        dm_jw_ki64(w, "project_no", of->project_no.v);
    } else {
        put_null(w, "project");
        put_null(w, "project_no");
    }
    dm_qty_print(r->qty, text);
    dm_jw_kc(w, "qty", text);
    if (of != NULL) {
        dm_jw_kc(w, "region", of->region);
        put_sandbox_id(w, &of->sandbox);
    } else {
        put_null(w, "region");
        put_null(w, "sandbox");
    }
    dm_jw_ki64(w, "seconds", r->seconds);
    dm_jw_kc(w, "sku", dm_sku_name(r->sku));
    if (of != NULL) {
        dm_jw_ku64(w, "spec", of->spec);
        dm_jw_ku64(w, "spec_table", of->spec_table);
    } else {
        put_null(w, "spec");
        put_null(w, "spec_table");
    }
    dm_jw_ku64(w, "tier", r->tier);
    put_time(w, "to", period_start + r->to);
    dm_jw_end(w);
}

static void put_sandbox(dm_jw *w, const dm_stated *s)
{
    static const char *const basis[] = {
            [DM_BASIS_NOTHING] = "nothing", [DM_BASIS_FRAMES] = "frames", [DM_BASIS_ATTESTATION] = "attestation"};
    dm_jw_obj(w);
    if (s->bare)
        put_null(w, "attestation");
    else
        put_digest(w, "attestation", &s->attestation);
    dm_jw_kbool(w, "attested", s->attested);
    dm_jw_kc(w, "basis", basis[s->basis]);
    dm_jw_ku64(w, "epoch", s->epoch);
    dm_jw_ku64(w, "hibernated_s", s->hibernated_s);
    dm_jw_ku64(w, "mem_mib", s->mem_mib);
    if (s->forked)
        put_id(w, "parent", &s->parent);
    dm_jw_kc(w, "project", s->project);
    dm_jw_ki64(w, "project_no", s->project_no.v);
    dm_jw_kc(w, "region", s->region);
    dm_jw_ku64(w, "running_s", s->running_s);
    put_sandbox_id(w, &s->sandbox);
    dm_jw_ku64(w, "spec", s->spec);
    dm_jw_ku64(w, "spec_table", s->spec_table);
    dm_jw_ku64(w, "vcpus", s->vcpus);
    dm_jw_end(w);
}

static void put_root(dm_jw *w, const dm_merkle *m)
{
    dm_digest root;
    if (dm_merkle_root(m, &root, NULL) < 0) /* no memory */
        dm_buf_fail(w->b, DM_E_NOMEM);
    else
        put_digest(w, "root", &root);
}

static void put_attestations(dm_jw *w, const dm_stated_sum *s)
{
    dm_jw_key(w, "attestations");
    dm_jw_obj(w);
    dm_jw_ku64(w, "count", s->attestations.n);
    put_root(w, &s->attestations);
    dm_jw_ku64(w, "unattested", s->unattested);
    dm_jw_end(w);
}

static void put_pages(dm_jw *w, const dm_stated_sum *s)
{
    dm_jw_key(w, "pages");
    dm_jw_obj(w);
    dm_jw_ku64(w, "count", s->pages.n);
    dm_jw_ku64(w, "lines", s->lines);
    put_root(w, &s->pages);
    dm_jw_end(w);
}

static void put_books(dm_jw *w, const dm_statement *s)
{
    dm_jw_key(w, "books");
    dm_jw_arr(w);
    for (size_t i = 0; i < s->nbooks; i++) {
        dm_jw_obj(w);
        dm_jw_ki64(w, "id", s->books[i].id);
        put_digest(w, "sha256", &s->books[i].sha256);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

static void put_period(dm_jw *w, int64_t start, int64_t end)
{
    dm_jw_key(w, "period");
    dm_jw_obj(w);
    put_time(w, "end", end);
    put_time(w, "start", start);
    dm_jw_end(w);
}

static void put_correction(dm_jw *w, const dm_stated_correction *c, bool pool)
{
    dm_jw_obj(w);
    if (c->number.v != 0)
        dm_jw_ki64(w, "number", c->number.v);
    else
        put_null(w, "number");
    put_period(w, c->start, c->end);
    if (pool)
        dm_jw_ki64(w, "pool_s", c->pool_s);
    dm_jw_end(w);
}

static void put_corrections(dm_jw *w, const dm_statement *s)
{
    if (s->ncorrections == 0)
        return;
    dm_jw_key(w, "corrects");
    dm_jw_arr(w);
    for (size_t i = 0; i < s->ncorrections; i++)
        put_correction(w, &s->corrections[i], true);
    dm_jw_arr_end(w);
}

static int version(bool corrects, bool forked)
{
    return (corrects ? DM_STATEMENT_CORRECTING : DM_STATEMENT_VERSION) + (forked ? DM_STATEMENT_FORKED : 0);
}

int dm_statement_version(const dm_statement *s)
{
    return version(s->ncorrections > 0, s->sum.forked > 0);
}

static void put_plans(dm_jw *w, const dm_statement *s)
{
    dm_jw_key(w, "plans");
    dm_jw_arr(w);
    for (size_t i = 0; i < s->nplans; i++) {
        const dm_stated_plan *p = &s->plans[i];
        dm_jw_obj(w);
        put_time(w, "from", s->period_start + p->from);
        dm_jw_ku64(w, "included_s", p->included_s);
        dm_jw_kc(w, "tier", p->tier);
        put_time(w, "to", s->period_start + p->to);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

static void put_pool(dm_jw *w, const dm_statement *s)
{
    if (!s->pooled) {
        put_null(w, "pool");
        return;
    }
    dm_jw_key(w, "pool");
    dm_jw_obj(w);
    dm_jw_ku64(w, "after_s", s->pool_after_s);
    dm_jw_ku64(w, "before_s", s->pool_before_s);
    dm_jw_ku64(w, "included_s", s->included_s);
    dm_jw_end(w);
}

static void put_qty(dm_jw *w, const char *name, dm_qty qty)
{
    char text[DM_MONEY_TEXT];
    dm_qty_print(qty, text);
    dm_jw_kc(w, name, text);
}

static void put_tiers(dm_jw *w, const dm_statement *s)
{
    if (s->ntiers == 0)
        return;
    dm_jw_key(w, "tiers");
    dm_jw_arr(w);
    for (size_t i = 0; i < s->ntiers; i++) {
        const dm_stated_tier *t = &s->tiers[i];
        dm_jw_obj(w);
        put_qty(w, "after", t->after);
        put_qty(w, "before", t->before);
        dm_jw_ki64(w, "book", t->book_id);
        dm_jw_kc(w, "sku", dm_sku_name(t->sku));
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

int dm_statement_head(const dm_statement *s, dm_buf *b, dm_err *err)
{
    char text[DM_MONEY_TEXT];
    dm_jw writer, *w = &writer;
    dm_jw_init(w, b);
    dm_jw_obj(w);
    dm_jw_kc(w, "account", s->account);
    put_attestations(w, &s->sum);
    put_books(w, s);
    put_corrections(w, s);
    dm_jw_kc(w, "currency", s->currency);
    dm_jw_ku64(w, "hibernated_s", s->sum.hibernated_s);
    dm_jw_key(w, "lines");
    dm_jw_arr(w);
    for (size_t i = 0; i < s->nlines; i++)
        put_line(w, s->period_start, NULL, NULL, &s->lines[i]);
    for (size_t i = 0; i < s->ncorrections; i++) {
        for (size_t k = 0; k < s->corrections[i].nlines; k++)
            put_line(w, s->corrections[i].start, "correction", NULL, &s->corrections[i].lines[k]);
    }
    dm_jw_arr_end(w);
    dm_jw_ki64(w, "number", s->number.v);
    put_pages(w, &s->sum);
    put_period(w, s->period_start, s->period_start + s->period_s);
    put_plans(w, s);
    put_pool(w, s);
    put_digest(w, "previous", &s->previous);
    dm_jw_ku64(w, "running_s", s->sum.running_s);
    put_tiers(w, s);
    dm_money_print(s->sum.total, text);
    dm_jw_kc(w, "total", text);
    dm_jw_ki64(w, "version", dm_statement_version(s));
    dm_jw_end(w);
    return dm_buf_ok(b, err);
}

int dm_stated_page_body(const dm_stated_page *p, dm_buf *b, dm_err *err)
{
    dm_jw writer, *w = &writer;
    dm_jw_init(w, b);
    dm_jw_obj(w);
    dm_jw_kc(w, "account", p->account);
    if (p->corrects != NULL) {
        dm_jw_key(w, "corrects");
        put_correction(w, p->corrects, false);
    }
    dm_jw_key(w, "lines");
    dm_jw_arr(w);
    size_t line = 0;
    const char *kind = p->corrects != NULL ? "correction" : NULL;
    int64_t start = p->corrects != NULL ? p->corrects->start : p->period_start;
    for (size_t i = 0; i < p->nsandboxes; i++) {
        for (size_t k = 0; k < p->sandboxes[i].nlines; k++)
            put_line(w, start, kind, &p->sandboxes[i], &p->lines[line++]);
    }
    assert(line == p->nlines);
    dm_jw_arr_end(w);
    dm_jw_ki64(w, "number", p->number.v);
    dm_jw_ku64(w, "page", p->page);
    dm_jw_key(w, "sandboxes");
    dm_jw_arr(w);
    bool forked = false;
    for (size_t i = 0; i < p->nsandboxes; i++) {
        forked = forked || p->sandboxes[i].forked;
        put_sandbox(w, &p->sandboxes[i]);
    }
    dm_jw_arr_end(w);
    dm_jw_ki64(w, "version", version(p->corrects != NULL, forked));
    dm_jw_end(w);
    return dm_buf_ok(b, err);
}

/* --- a price book ------------------------------------------------------------------------------------------- */

enum { BOOK_BYTES_MAX = 256 << 10 };

static void put_price(dm_jw *w, const char *name, dm_price price)
{
    char text[DM_MONEY_TEXT];
    dm_price_print(price, text);
    dm_jw_kc(w, name, text);
}

static void put_discount_bp(dm_jw *w, const dm_book_discount *d)
{
    if (d->has)
        dm_jw_ku64(w, "discount_bp", d->basis_points);
}

static void put_list(dm_jw *w, const dm_book_discount *d)
{
    if (d->has)
        put_price(w, "list_per_unit", d->list);
}

static void put_book_tiers(dm_jw *w, const dm_book_terms *t)
{
    dm_jw_key(w, "tiers");
    dm_jw_arr(w);
    for (size_t i = 0; i < t->tiers.n; i++) {
        dm_jw_obj(w);
        put_discount_bp(w, &t->tier_discount[i]);
        put_qty(w, "from", t->tiers.from[i]);
        put_list(w, &t->tier_discount[i]);
        put_price(w, "per_unit", t->tiers.per_unit[i]);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

static void put_book_price(dm_jw *w, const dm_book_price *p, const dm_book_terms *t)
{
    dm_jw_obj(w);
    put_discount_bp(w, &t->discount);
    put_list(w, &t->discount);
    if (t->tiers.mode != DM_TIER_NONE)
        dm_jw_kc(w, "mode", t->tiers.mode == DM_TIER_VOLUME ? "volume" : "graduated");
    put_price(w, "per_unit", p->per_unit);
    dm_jw_kstr(w, "sku", p->sku);
    if (t->tiers.mode != DM_TIER_NONE)
        put_book_tiers(w, t);
    dm_jw_kstr(w, "unit", p->unit);
    dm_jw_end(w);
}

static void put_unless(dm_jw *w, const char *name, dm_str text, const char *usual)
{
    if (text.p != NULL && !dm_str_eq_c(text, usual))
        dm_jw_kstr(w, name, text);
}

int dm_book_canonical(const dm_book_body *book, dm_buf *b, dm_err *err)
{
    static const dm_book_terms none;
    dm_jw writer, *w = &writer;
    dm_jw_init(w, b);
    dm_jw_obj(w);
    put_unless(w, "compute_quality", book->compute_quality, DM_COMPUTE_QUALITY);
    put_unless(w, "compute_type", book->compute_type, DM_COMPUTE_TYPE);
    put_unless(w, "contract", book->contract, "");
    dm_jw_kstr(w, "currency", book->currency);
    dm_jw_kstr(w, "group", book->group);
    dm_jw_key(w, "prices");
    dm_jw_arr(w);
    for (size_t i = 0; i < book->n; i++)
        put_book_price(w, &book->prices[i], book->terms != NULL ? &book->terms[i] : &none);
    dm_jw_arr_end(w);
    dm_jw_kstr(w, "rated_by", book->rated_by);
    dm_jw_kstr(w, "tier", book->tier);
    put_time(w, "valid_from", book->valid_from_s);
    dm_jw_end(w);
    return dm_buf_ok(b, err);
}

int dm_book_hash(const dm_book_body *book, dm_digest *out, dm_err *err)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, BOOK_BYTES_MAX);
    int r = dm_book_canonical(book, &b, err);
    return r < 0 ? r : dm_sha256(dm_buf_view(&b), out, err);
}

int dm_book_sha256(dm_str currency, dm_str group, dm_str rated_by, dm_str tier, int64_t valid_from_s,
        const dm_book_price *prices, size_t n, dm_digest *out, dm_err *err)
{
    dm_book_body book = {.currency = currency,
            .group = group,
            .rated_by = rated_by,
            .tier = tier,
            .valid_from_s = valid_from_s,
            .prices = prices,
            .n = n};
    return dm_book_hash(&book, out, err);
}
