#include "metering/bill/books.h"

#include "metering/bill/sql_bill.h"

enum { PRICES_MAX = 64 };

dm_group *dm_books_group(dm_books *b, dm_str name)
{
    for (size_t i = 0; i < b->ngroups; i++) {
        if (dm_str_eq_c(name, b->groups[i].name))
            return &b->groups[i];
    }
    return NULL;
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
    dm_book_price prices[PRICES_MAX];
    size_t n = 0;
    *out = (dm_book){.rate = {.id = dm_pg_i64(rows, from, DM_BOOK_ID),
                             .minutes = dm_str_eq_c(dm_pg_str(rows, from, DM_BOOK_RATED_BY), "minutes")}};
    for (size_t i = from; i < to; i++) {
        dm_sku sku;
        if (n == PRICES_MAX)
            return dm_fail(
                    err, DM_E_LIMIT, "price book %lld has more than %d prices", (long long)out->rate.id, PRICES_MAX);
        prices[n].sku = dm_pg_str(rows, i, DM_BOOK_SKU);
        prices[n].unit = dm_pg_str(rows, i, DM_BOOK_UNIT);
        int r = dm_price_parse(dm_pg_str(rows, i, DM_BOOK_PER_UNIT), &prices[n].per_unit, err);
        if (r == 0)
            r = dm_sku_parse(prices[n].sku, &sku, err);
        if (r < 0)
            return dm_wrap(err, "price book %lld", (long long)out->rate.id);
        out->rate.has[sku] = true;
        out->rate.per_unit[sku] = prices[n].per_unit;
        n++;
    }
    return dm_book_sha256(currency, dm_pg_str(rows, from, DM_BOOK_GROUP), dm_pg_str(rows, from, DM_BOOK_RATED_BY), tier,
            dm_pg_i64(rows, from, DM_BOOK_FROM), prices, n, &out->sha256, err);
}

static int add_segment(dm_books *b, const dm_pg_rows *rows, size_t row, const dm_book *book, const dm_stated_plan *plan,
        int64_t start, dm_err *err)
{
    dm_str name = dm_pg_str(rows, row, DM_BOOK_GROUP);
    dm_group *g = dm_books_group(b, name);
    if (g == NULL) {
        if (b->ngroups == DM_GROUPS_MAX)
            return dm_fail(err, DM_E_LIMIT, "more than %d price groups", DM_GROUPS_MAX);
        g = &b->groups[b->ngroups++];
        g->n = 0;
        int r = dm_str_to_array(name, g->name, sizeof(g->name), err);
        if (r < 0)
            return dm_wrap(err, "price group");
    }
    if (g->n == DM_RATE_SEGMENTS_MAX)
        return dm_fail(
                err, DM_E_LIMIT, "prices of %s change more than %d times in a period", g->name, DM_RATE_SEGMENTS_MAX);
    int64_t from = dm_pg_i64(rows, row, DM_BOOK_FROM) - start, to = plan->to;
    if (!dm_pg_is_null(rows, row, DM_BOOK_TO) && dm_pg_i64(rows, row, DM_BOOK_TO) - start < to)
        to = dm_pg_i64(rows, row, DM_BOOK_TO) - start;
    if (from < plan->from)
        from = plan->from;
    if (from < to) {
        g->pooled_s[g->n] = 0;
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
        for (to = from + 1; to < n && dm_pg_i64(rows, to, DM_BOOK_ID) == id;)
            to++;
        dm_book *book = book_of(b, id); /* the plan came back */
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
