#include "metering/bill/books.h"

#include <assert.h>

#include "metering/bill/sql_bill.h"
#include "metering/rules/book.h"

static dm_str or_usual(dm_str s, const char *usual)
{
    return s.n > 0 ? s : dm_str_c(usual);
}

dm_group *dm_books_group(dm_books *b, dm_str name, dm_str compute_type, dm_str compute_quality)
{
    dm_str type = or_usual(compute_type, DM_COMPUTE_TYPE), quality = or_usual(compute_quality, DM_COMPUTE_QUALITY);
    for (size_t i = 0; i < b->ngroups; i++) {
        dm_group *g = &b->groups[i];
        if (dm_str_eq_c(name, g->name) && dm_str_eq_c(type, g->compute_type) &&
                dm_str_eq_c(quality, g->compute_quality))
            return g;
    }
    return NULL;
}

int dm_group_measure(dm_group *g, const dm_rate_line *line, dm_err *err)
{
    size_t i = 0;
    while (i < g->n && g->segments[i].from != line->from)
        i++;
    assert(i < g->n && line->measured);
    dm_rate_line *sum = &g->measured[i][line->sku];
    dm_qty had = sum->qty;
    int64_t seconds = sum->seconds;
    *sum = *line;
    sum->seconds += seconds;
    return dm_qty_add(had, line->qty, &sum->qty, err);
}

void dm_books_use(dm_books *b, int64_t id)
{
    for (size_t i = 0; i < b->nbooks; i++)
        b->books[i].used = b->books[i].used || b->books[i].rate.id == id;
}

/* Rows [from, to) are one book's prices. */
static int read_book(
        dm_book *out, const dm_pg_rows *rows, size_t from, size_t to, dm_str currency, dm_str tier, dm_err *err)
{
    dm_book_made made = {.n = 0};
    int r = 0;
    for (size_t i = from; r == 0 && i < to; i++) {
        dm_book_text t = {.sku = dm_pg_str(rows, i, DM_BOOK_SKU),
                .unit = dm_pg_str(rows, i, DM_BOOK_UNIT),
                .per_unit = dm_pg_str(rows, i, DM_BOOK_PER_UNIT),
                .list_per_unit = dm_pg_str(rows, i, DM_BOOK_LIST),
                .discount_bp = dm_pg_str(rows, i, DM_BOOK_DISCOUNT),
                .mode = dm_pg_str(rows, i, DM_BOOK_MODE),
                .tiers = dm_pg_str(rows, i, DM_BOOK_TIERS)};
        r = dm_book_add(&made, &t, err);
    }
    if (r < 0)
        return dm_wrap(err, "price book %lld", (long long)dm_pg_i64(rows, from, DM_BOOK_ID));
    dm_book_body body = {.currency = currency,
            .group = dm_pg_str(rows, from, DM_BOOK_GROUP),
            .rated_by = dm_pg_str(rows, from, DM_BOOK_RATED_BY),
            .tier = tier,
            .compute_type = dm_pg_str(rows, from, DM_BOOK_TYPE),
            .compute_quality = dm_pg_str(rows, from, DM_BOOK_QUALITY),
            .contract = dm_pg_str(rows, from, DM_BOOK_CONTRACT),
            .valid_from_s = dm_pg_i64(rows, from, DM_BOOK_FROM),
            .prices = made.prices,
            .terms = made.terms,
            .n = made.n};
    *out = (dm_book){.rate = made.rate};
    out->rate.id = dm_pg_i64(rows, from, DM_BOOK_ID);
    out->rate.minutes = dm_str_eq_c(body.rated_by, "minutes");
    return dm_book_hash(&body, &out->sha256, err);
}

/* The group of a row, made where it is the first of it. */
static int group_of(dm_books *b, const dm_pg_rows *rows, size_t row, dm_group **out, dm_err *err)
{
    dm_str name = dm_pg_str(rows, row, DM_BOOK_GROUP), type = dm_pg_str(rows, row, DM_BOOK_TYPE),
           quality = dm_pg_str(rows, row, DM_BOOK_QUALITY);
    *out = dm_books_group(b, name, type, quality);
    if (*out != NULL)
        return 0;
    if (b->ngroups == DM_GROUPS_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d price groups", DM_GROUPS_MAX);
    dm_group *g = &b->groups[b->ngroups++];
    memset(g, 0, sizeof *g);
    int r = dm_str_to_array(name, g->name, sizeof(g->name), err);
    if (r == 0)
        r = dm_str_to_array(type, g->compute_type, sizeof(g->compute_type), err);
    if (r == 0)
        r = dm_str_to_array(quality, g->compute_quality, sizeof(g->compute_quality), err);
    *out = g;
    return r < 0 ? dm_wrap(err, "price group") : 0;
}

static int add_segment(dm_books *b, const dm_pg_rows *rows, size_t row, const dm_book *book, const dm_stated_plan *plan,
        int64_t start, dm_err *err)
{
    dm_group *g;
    int r = group_of(b, rows, row, &g, err);
    if (r < 0)
        return r;
    if (g->n == DM_RATE_SEGMENTS_MAX)
        return dm_fail(
                err, DM_E_LIMIT, "prices of %s change more than %d times in a period", g->name, DM_RATE_SEGMENTS_MAX);
    int64_t from = dm_pg_i64(rows, row, DM_BOOK_HOLDS_FROM) - start,
            to = dm_pg_i64(rows, row, DM_BOOK_HOLDS_TO) - start;
    from = from > plan->from ? from : plan->from;
    to = to < plan->to ? to : plan->to;
    if (from < to) {
        g->included_s[g->n] = plan->included_s;
        g->segments[g->n++] = (dm_rate_segment){(uint32_t)from, (uint32_t)to, &book->rate};
    }
    return 0;
}

void dm_books_begin(dm_books *b)
{
    b->nbooks = b->ngroups = 0;
}

static dm_book *book_of(dm_books *b, int64_t id)
{
    for (size_t i = 0; i < b->nbooks; i++) {
        if (b->books[i].rate.id == id)
            return &b->books[i];
    }
    return NULL;
}

int dm_books_add(
        dm_books *b, const dm_pg_rows *rows, dm_str currency, const dm_stated_plan *plan, int64_t start, dm_err *err)
{
    size_t n = dm_pg_count(rows);
    int r = 0;
    for (size_t from = 0, to; r == 0 && from < n; from = to) {
        int64_t id = dm_pg_i64(rows, from, DM_BOOK_ID);
        int64_t holds = dm_pg_i64(rows, from, DM_BOOK_HOLDS_FROM);
        for (to = from + 1;
                to < n && dm_pg_i64(rows, to, DM_BOOK_ID) == id && dm_pg_i64(rows, to, DM_BOOK_HOLDS_FROM) == holds;)
            to++;
        dm_book *book = book_of(b, id); /* the plan came back, or a contract ended */
        if (book == NULL && b->nbooks == DM_BOOKS_MAX)
            return dm_fail(err, DM_E_LIMIT, "more than %d price books hold", DM_BOOKS_MAX);
        if (book == NULL) {
            book = &b->books[b->nbooks++];
            r = read_book(book, rows, from, to, currency, dm_str_c(plan->tier), err);
        }
        if (r == 0)
            r = add_segment(b, rows, from, book, plan, start, err);
    }
    return r;
}
