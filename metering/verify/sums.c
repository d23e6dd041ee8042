/* What the lines of a statement come to, as an invoice adds them up: by project, kind, SKU, book, tier and price. Those
 * of each statement lie in a file without a name until an invoice of it comes. */
#include <errno.h>
#include <unistd.h>

#include "base/grow.h"

#include "metering/verify/own.h"

enum { SUMS_MAX = 1 << 20, SOON = 1 << 12 };

/* What one statement has in the file. */
struct dm_v_of {
    int64_t start, end;
    dm_digest hash;
    uint64_t at;
    uint32_t nsums, nbooks, nplans;
    bool known;
};

static int broken(dm_err *err)
{
    return dm_fail_sys(err, errno, "a temporary file");
}

static int cmp(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* The order of an invoice's lines. */
int dm_v_sum_cmp(const void *x, const void *y)
{
    const dm_v_sum *a = x, *b = y;
    int c = cmp(a->project_no, b->project_no);
    if (c == 0)
        c = (int)b->correction - (int)a->correction;
    if (c == 0)
        c = cmp(a->sku, b->sku);
    if (c == 0)
        c = cmp(a->book, b->book);
    if (c == 0)
        c = cmp(a->tier, b->tier);
    return c != 0 ? c : cmp(a->per_unit.v, b->per_unit.v);
}

/* Sorted, those of one key as one. */
static int settle(dm_v_sums *s, dm_err *err)
{
    size_t kept = 0;
    int r = 0;
    if (s->n > 1)
        qsort(s->v, s->n, sizeof(*s->v), dm_v_sum_cmp);
    for (size_t i = 0; r == 0 && i < s->n; i++) {
        dm_v_sum *to = kept > 0 ? &s->v[kept - 1] : NULL;
        if (to == NULL || dm_v_sum_cmp(to, &s->v[i]) != 0) {
            s->v[kept++] = s->v[i];
            continue;
        }
        to->seconds += s->v[i].seconds;
        r = dm_qty_add(to->qty, s->v[i].qty, &to->qty, err);
        if (r == 0)
            r = dm_money_add(to->amount, s->v[i].amount, &to->amount, err);
    }
    s->n = kept;
    s->settled = kept;
    return r;
}

static int add(dm_v_sums *s, const dm_v_sum *one, dm_err *err)
{
    int r = s->n - s->settled > SOON + s->settled ? settle(s, err) : 0;
    if (r == 0)
        r = dm_grow(&s->v, &s->room, s->n, SUMS_MAX, "kinds of lines", err);
    if (r == 0)
        s->v[s->n++] = *one;
    return r;
}

/* A statement has its own month, and those that it corrects: few, the newest last. */
static int add_charge(dm_v_sums *s, int month, dm_money amount, dm_err *err)
{
    size_t i = s->ncharges;
    while (i > 0 && s->charges[i - 1].of == s->nof && s->charges[i - 1].month != month)
        i--;
    if (i > 0 && s->charges[i - 1].of == s->nof)
        return dm_money_add(s->charges[i - 1].amount, amount, &s->charges[i - 1].amount, err);
    int r = dm_grow(&s->charges, &s->charges_room, s->ncharges, SUMS_MAX, "months", err);
    if (r == 0)
        s->charges[s->ncharges++] = (dm_v_charge){s->nof, month, amount};
    return r;
}

int dm_v_sums_line(
        dm_v_sums *s, const dm_stated *of, bool correction, int64_t start, const dm_rate_line *x, dm_err *err)
{
    dm_v_sum one = {.project_no = of != NULL ? of->project_no.v : 0,
            .correction = correction,
            .sku = x->sku,
            .tier = x->tier,
            .book = x->book_id,
            .per_unit = x->per_unit,
            .qty = x->qty,
            .seconds = x->seconds,
            .amount = x->amount};
    if (of != NULL)
        memcpy(one.project, of->project, sizeof(one.project));
    if (x->measured)
        return 0;
    int r = add_charge(s, dm_v_month_of(start), x->amount, err);
    return r < 0 ? r : add(s, &one, err);
}

/* --- the file ----------------------------------------------------------------------------------------------- */

static int put(dm_v_sums *s, const void *p, size_t n, dm_err *err)
{
    if (n > 0 && fwrite(p, n, 1, s->file) != 1)
        return broken(err);
    s->end += n;
    return 0;
}

int dm_v_sums_end(dm_v_sums *s, const dm_statement *st, const dm_digest *hash, bool known, dm_err *err)
{
    if (s->file == NULL && (s->file = tmpfile()) == NULL)
        return broken(err);
    int r = settle(s, err);
    if (r == 0)
        r = dm_grow(&s->of, &s->of_room, s->nof, DM_BUNDLE_STATEMENTS_MAX, "statements", err);
    if (r < 0)
        return r;
    s->of[s->nof++] = (dm_v_of){.start = st->period_start,
            .end = st->period_start + st->period_s,
            .hash = *hash,
            .at = s->end,
            .nsums = (uint32_t)s->n,
            .nbooks = (uint32_t)st->nbooks,
            .nplans = (uint32_t)st->nplans,
            .known = known};
    r = put(s, s->v, s->n * sizeof(*s->v), err);
    if (r == 0)
        r = put(s, st->books, st->nbooks * sizeof(*st->books), err);
    if (r == 0)
        r = put(s, st->plans, st->nplans * sizeof(*st->plans), err);
    s->n = s->settled = 0;
    return r;
}

bool dm_v_sums_known(const dm_v_sums *s, size_t i)
{
    return s->of[i].known;
}

static int get(const dm_v_sums *s, uint64_t *at, void *p, size_t n, dm_err *err)
{
    if (n > 0 && pread(fileno(s->file), p, n, (off_t)*at) != (ssize_t)n)
        return broken(err);
    *at += n;
    return 0;
}

static int add_book(dm_v_billed *b, const dm_stated_book *book, dm_err *err)
{
    size_t i = 0;
    while (i < b->nbooks && b->books[i].id < book->id)
        i++;
    if (i < b->nbooks && b->books[i].id == book->id)
        return 0;
    int r = dm_grow(&b->books, &b->books_room, b->nbooks, DM_BUNDLE_BOOKS_MAX, "price books", err);
    if (r < 0)
        return r;
    memmove(b->books + i + 1, b->books + i, (b->nbooks - i) * sizeof(*b->books));
    b->books[i] = (dm_invoice_book){book->id, book->sha256};
    b->nbooks++;
    return 0;
}

static int add_plan(dm_v_billed *b, const char *tier, dm_err *err)
{
    size_t i = 0;
    while (i < b->nplans && strcmp(b->plans[i].tier, tier) < 0)
        i++;
    if (i < b->nplans && strcmp(b->plans[i].tier, tier) == 0)
        return 0;
    int r = dm_grow(&b->plans, &b->plans_room, b->nplans, DM_BUNDLE_BOOKS_MAX, "plans", err);
    if (r < 0)
        return r;
    memmove(b->plans + i + 1, b->plans + i, (b->nplans - i) * sizeof(*b->plans));
    memset(&b->plans[i], 0, sizeof(b->plans[i]));
    (void)snprintf(b->plans[i].tier, sizeof(b->plans[i].tier), "%s", tier);
    b->nplans++;
    return 0;
}

int dm_v_sums_take(dm_v_sums *s, size_t i, dm_v_billed *b, dm_err *err)
{
    const dm_v_of *of = &s->of[i];
    uint64_t at = of->at;
    int r = fflush(s->file) == 0 ? dm_merkle_add(&b->tree, &of->hash, err) : broken(err);
    b->start = b->end == 0 || of->start < b->start ? of->start : b->start;
    b->end = of->end > b->end ? of->end : b->end;
    for (uint32_t k = 0; r == 0 && k < of->nsums; k++) {
        dm_v_sum one;
        r = get(s, &at, &one, sizeof(one), err);
        if (r == 0)
            r = add(s, &one, err);
    }
    for (uint32_t k = 0; r == 0 && k < of->nbooks; k++) {
        dm_stated_book book;
        r = get(s, &at, &book, sizeof(book), err);
        if (r == 0)
            r = add_book(b, &book, err);
    }
    for (uint32_t k = 0; r == 0 && k < of->nplans; k++) {
        dm_stated_plan plan;
        r = get(s, &at, &plan, sizeof(plan), err);
        if (r == 0)
            r = add_plan(b, plan.tier, err);
    }
    return r;
}

int dm_v_sums_settle(dm_v_sums *s, dm_err *err)
{
    return settle(s, err);
}

void dm_v_sums_done(dm_v_sums *s)
{
    if (s->file != NULL)
        (void)fclose(s->file);
    free(s->v);
    free(s->of);
    free(s->charges);
}

void dm_v_billed_done(dm_v_billed *b)
{
    free(b->books);
    free(b->plans);
    *b = (dm_v_billed){.nbooks = 0};
}
