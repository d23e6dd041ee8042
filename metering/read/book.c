#include "metering/read/book.h"

#include <stdio.h>

#include "base/parse.h"

#include "metering/read/sql_books.h"

int dm_read_books(
        dm_pg *c, dm_str status, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    int r = dm_sql_books_list(c, status, before, limit, out, err);
    return r < 0 ? r : dm_sql_books_count(c, status, total, err);
}

int dm_read_book_find(dm_pg *c, int64_t id, dm_pg_rows **out, dm_err *err)
{
    int r = dm_sql_book_find(c, id, out, err);
    return r == 0 && dm_pg_count(*out) == 0 ? DM_READ_BOOK_NONE : r;
}

int64_t dm_read_book_id(const dm_pg_rows *rows, size_t row)
{
    return dm_pg_i64(rows, row, DM_BOOKS_ID);
}

size_t dm_read_book_end(const dm_pg_rows *rows, size_t from)
{
    size_t to = from + 1;
    while (to < dm_pg_count(rows) && dm_read_book_id(rows, to) == dm_read_book_id(rows, from))
        to++;
    return to;
}

/* --- written ------------------------------------------------------------------------------------------------ */

int dm_read_book_body(
        const dm_pg_rows *rows, size_t from, size_t to, dm_book_made *made, dm_book_body *out, dm_err *err)
{
    int r = 0;
    *made = (dm_book_made){.n = 0};
    for (size_t i = from; r == 0 && i < to && !dm_pg_is_null(rows, i, DM_BOOKS_SKU); i++) {
        dm_book_text t = {.sku = dm_pg_str(rows, i, DM_BOOKS_SKU),
                .unit = dm_pg_str(rows, i, DM_BOOKS_UNIT),
                .per_unit = dm_pg_str(rows, i, DM_BOOKS_PER_UNIT),
                .list_per_unit = dm_pg_str(rows, i, DM_BOOKS_LIST),
                .discount_bp = dm_pg_str(rows, i, DM_BOOKS_DISCOUNT),
                .mode = dm_pg_str(rows, i, DM_BOOKS_MODE),
                .tiers = dm_pg_str(rows, i, DM_BOOKS_TIERS)};
        r = dm_book_add(made, &t, err);
    }
    *out = (dm_book_body){.currency = dm_pg_str(rows, from, DM_BOOKS_CURRENCY),
            .group = dm_pg_str(rows, from, DM_BOOKS_GROUP),
            .rated_by = dm_pg_str(rows, from, DM_BOOKS_RATED_BY),
            .tier = dm_pg_str(rows, from, DM_BOOKS_TIER),
            .compute_type = dm_pg_str(rows, from, DM_BOOKS_TYPE),
            .compute_quality = dm_pg_str(rows, from, DM_BOOKS_QUALITY),
            .contract = dm_pg_str(rows, from, DM_BOOKS_CONTRACT),
            .valid_from_s = dm_pg_i64(rows, from, DM_BOOKS_FROM) / 1000000,
            .prices = made->prices,
            .terms = made->terms,
            .n = made->n};
    return r;
}

static void write_price(dm_jw *w, dm_price price, const dm_book_discount *d)
{
    char text[DM_MONEY_TEXT];
    dm_price_print(price, text);
    dm_jw_kc(w, "per_unit", text);
    dm_jw_key(w, "list_per_unit");
    if (d->has)
        dm_price_print(d->list, text);
    dm_jw_c(w, d->has ? text : NULL);
    dm_jw_key(w, "discount_bp");
    if (d->has)
        dm_jw_u64(w, d->basis_points);
    else
        dm_jw_null(w);
}

static void write_terms(dm_jw *w, const dm_book_terms *t)
{
    static const char *const modes[] = {
            [DM_TIER_NONE] = NULL, [DM_TIER_GRADUATED] = "graduated", [DM_TIER_VOLUME] = "volume"};
    char text[DM_MONEY_TEXT];
    dm_jw_kc(w, "mode", modes[t->tiers.mode]);
    dm_jw_key(w, "tiers");
    dm_jw_arr(w);
    for (size_t i = 0; i < t->tiers.n; i++) {
        dm_jw_obj(w);
        dm_qty_print(t->tiers.from[i], text);
        dm_jw_kc(w, "from", text);
        write_price(w, t->tiers.per_unit[i], &t->tier_discount[i]);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

static void write_prices(dm_jw *w, const dm_pg_rows *rows, size_t from, const dm_book_made *made)
{
    dm_jw_key(w, "prices");
    dm_jw_arr(w);
    for (size_t i = 0; i < made->n; i++) {
        dm_jw_obj(w);
        dm_jw_kstr(w, "sku", made->prices[i].sku);
        dm_jw_kstr(w, "unit", made->prices[i].unit);
        write_price(w, made->prices[i].per_unit, &made->terms[i].discount);
        dm_jw_kstr(w, "label", dm_pg_str(rows, from + i, DM_BOOKS_LABEL));
        write_terms(w, &made->terms[i]);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

static void write_act(dm_jw *w, const char *name, const dm_pg_rows *rows, size_t row, unsigned col)
{
    dm_jw_key(w, name);
    if (dm_pg_is_null(rows, row, col)) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_jw_kstr(w, "by", dm_pg_str(rows, row, col));
    dm_jw_ktime(w, "at", dm_pg_i64(rows, row, col + 1));
    dm_jw_kmaybe(w, "reason", dm_pg_str(rows, row, col + 2));
    dm_jw_end(w);
}

/* Whether what it is now was tried before it was approved, or before it may be. Books of the house never were: null. */
static void write_tried(dm_jw *w, const dm_pg_rows *rows, size_t row, const char *sha256)
{
    bool same = dm_str_eq_c(dm_pg_str(rows, row, DM_BOOKS_SIMULATED), sha256);
    bool approved = dm_str_eq_c(dm_pg_str(rows, row, DM_BOOKS_STATUS), "approved");
    dm_jw_key(w, "simulation");
    if (same)
        dm_jw_i64(w, dm_pg_i64(rows, row, DM_BOOKS_SIMULATION));
    else
        dm_jw_null(w);
    dm_jw_kc(w, "tried",
            dm_pg_is_null(rows, row, DM_BOOKS_DRAFTED) ? NULL
            : same                                     ? "yes"
            : approved                                 ? "needless"
                                                       : "no");
}

static void write_people(dm_jw *w, const dm_pg_rows *rows, size_t row)
{
    dm_jw_key(w, "authors");
    dm_jw_raw(w, dm_pg_str(rows, row, DM_BOOKS_AUTHORS));
    write_act(w, "drafted", rows, row, DM_BOOKS_DRAFTED);
    write_act(w, "approved", rows, row, DM_BOOKS_APPROVED);
    write_act(w, "withdrawn", rows, row, DM_BOOKS_WITHDRAWN);
}

int dm_read_book_write(dm_jw *w, const dm_pg_rows *rows, size_t from, size_t to, bool people, dm_err *err)
{
    static const struct {
        const char *name;
        enum dm_books_col col;
    } texts[] = {{"status", DM_BOOKS_STATUS}, {"price_group", DM_BOOKS_GROUP}, {"tier", DM_BOOKS_TIER},
            {"currency", DM_BOOKS_CURRENCY}, {"rated_by", DM_BOOKS_RATED_BY}, {"compute_type", DM_BOOKS_TYPE},
            {"compute_quality", DM_BOOKS_QUALITY}};
    dm_book_made made;
    dm_book_body body;
    dm_digest sha256;
    char hex[2 * DM_SHA256 + 1];
    int r = dm_read_book_body(rows, from, to, &made, &body, err);
    if (r == 0)
        r = dm_book_hash(&body, &sha256, err);
    if (r < 0)
        return dm_wrap(err, "price book %lld", (long long)dm_read_book_id(rows, from));
    dm_hex(sha256.b, sizeof sha256.b, hex);
    dm_jw_obj(w);
    dm_jw_ki64(w, "id", dm_read_book_id(rows, from));
    for (size_t i = 0; i < DM_LEN(texts); i++)
        dm_jw_kstr(w, texts[i].name, dm_pg_str(rows, from, texts[i].col));
    dm_jw_kmaybe(w, "contract", dm_pg_str(rows, from, DM_BOOKS_CONTRACT));
    dm_jw_ktime(w, "valid_from", dm_pg_i64(rows, from, DM_BOOKS_FROM));
    dm_jw_ktime(w, "valid_to", dm_pg_i64(rows, from, DM_BOOKS_TO));
    dm_jw_kc(w, "sha256", hex);
    write_prices(w, rows, from, &made);
    if (people) {
        write_people(w, rows, from);
        write_tried(w, rows, from, hex);
    }
    dm_jw_end(w);
    return 0;
}
