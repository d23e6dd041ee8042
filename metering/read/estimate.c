#include "metering/read/estimate.h"

#include "base/parse.h"

#include "metering/read/book.h"
#include "metering/read/sql_books.h"
#include "metering/read/sql_estimate.h"
#include "metering/rules/estimate.h"

typedef struct work {
    const dm_read_estimate *e;
    dm_pg_rows *terms, *rows;
    dm_book_made made;
    dm_digest sha256;
    dm_estimate_month month;
    dm_estimate out;
} work;

/* --- what it is rated by ------------------------------------------------------------------------------------ */

static int load_book(work *w, dm_pg *c, dm_err *err)
{
    dm_book_body body;
    int r = dm_sql_book_at(c, w->e->account_no, dm_pg_str(w->terms, 0, DM_TERMS_TIER),
            dm_pg_str(w->terms, 0, DM_TERMS_CURRENCY), dm_pg_str(w->terms, 0, DM_TERMS_GROUP), w->e->at_us, &w->rows,
            err);
    if (r == 0 && dm_pg_count(w->rows) == 0)
        return DM_READ_ESTIMATE_NO_PRICE;
    if (r == 0)
        r = dm_read_book_body(w->rows, 0, dm_pg_count(w->rows), &w->made, &body, err);
    if (r == 0)
        r = dm_book_hash(&body, &w->sha256, err);
    if (r < 0)
        return r;
    w->made.rate.id = dm_read_book_id(w->rows, 0);
    w->made.rate.minutes = dm_str_eq_c(body.rated_by, "minutes");
    return 0;
}

static int load_counts(work *w, dm_pg *c, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_terms_counts(c, w->e->account_no, w->made.rate.id, w->e->at_us, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        dm_sku sku;
        r = dm_sku_parse(dm_pg_str(rows, i, 0), &sku, err);
        if (r == 0)
            r = dm_qty_parse(dm_pg_str(rows, i, 1), &w->month.counts[sku], err);
    }
    return r;
}

static int load(work *w, dm_pg *c, dm_err *err)
{
    int r = dm_sql_terms(c, w->e->account_no, w->e->region, w->e->at_us, &w->terms, err);
    if (r == 0 && dm_pg_is_null(w->terms, 0, DM_TERMS_REGION))
        return DM_READ_ESTIMATE_NO_REGION;
    if (r == 0)
        r = load_book(w, c, err);
    if (r != 0)
        return r;
    w->month = (dm_estimate_month){.included_s = (uint64_t)dm_pg_i64(w->terms, 0, DM_TERMS_INCLUDED)};
    if (!w->e->on_top)
        return 0;
    w->month.pool_s = (uint64_t)dm_pg_i64(w->terms, 0, DM_TERMS_POOL);
    return load_counts(w, c, err);
}

/* --- written ------------------------------------------------------------------------------------------------ */

static dm_estimate_use use_of(const dm_read_estimate *e, uint64_t running_s, uint64_t asleep_s, uint32_t count)
{
    return (dm_estimate_use){.each = {.vcpus = e->vcpus,
                                     .mem_mib = e->mem_mib,
                                     .disk_16mib = (e->disk_mib + DM_RATE_GRAIN_MIB - 1) / DM_RATE_GRAIN_MIB,
                                     .running_s = running_s,
                                     .asleep_s = asleep_s},
            .count = count};
}

/* What an hour of one is worth beyond what is included, at the first tier's price. */
static int write_hour(work *w, const char *name, uint64_t running_s, uint64_t asleep_s, dm_jw *j, dm_err *err)
{
    static const dm_estimate_month none = {.pool_s = 0};
    dm_estimate_use one = use_of(w->e, running_s, asleep_s, 1);
    char text[DM_MONEY_TEXT];
    int r = dm_estimate_of(&one, &w->made.rate, &none, &w->out, err);
    if (r < 0)
        return r;
    dm_money_print(w->out.total, text);
    dm_jw_kc(j, name, text);
    return 0;
}

static void write_line(dm_jw *j, const dm_rate_line *l)
{
    char text[DM_MONEY_TEXT];
    dm_jw_obj(j);
    dm_jw_kc(j, "sku", dm_sku_name(l->sku));
    dm_jw_ku64(j, "tier", l->tier);
    dm_qty_print(l->qty, text);
    dm_jw_kc(j, "qty", text);
    dm_price_print(l->per_unit, text);
    dm_jw_kc(j, "per_unit", text);
    dm_money_print(l->amount, text);
    dm_jw_kc(j, "amount", text);
    dm_jw_end(j);
}

static int write_choice(work *w, const dm_read_choice *k, dm_jw *j, dm_err *err)
{
    dm_estimate_use all = use_of(w->e, k->running_s, k->asleep_s, w->e->count);
    char text[DM_MONEY_TEXT];
    int r = dm_estimate_of(&all, &w->made.rate, &w->month, &w->out, err);
    if (r < 0)
        return r;
    dm_jw_obj(j);
    dm_jw_kc(j, "name", k->name);
    dm_jw_ku64(j, "running_s", k->running_s);
    dm_jw_ku64(j, "asleep_s", k->asleep_s);
    dm_money_print(w->out.total, text);
    dm_jw_kc(j, "amount", text);
    dm_jw_key(j, "lines");
    dm_jw_arr(j);
    for (size_t i = 0; i < w->out.n; i++)
        write_line(j, &w->out.lines[i]);
    dm_jw_arr_end(j);
    dm_jw_end(j);
    return 0;
}

static void write_prices(const work *w, dm_jw *j)
{
    char text[DM_MONEY_TEXT];
    dm_jw_key(j, "prices");
    dm_jw_arr(j);
    for (size_t i = 0; i < w->made.n; i++) {
        dm_jw_obj(j);
        dm_jw_kstr(j, "sku", w->made.prices[i].sku);
        dm_jw_kstr(j, "unit", w->made.prices[i].unit);
        dm_price_print(w->made.prices[i].per_unit, text);
        dm_jw_kc(j, "per_unit", text);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static void write_terms(const work *w, dm_jw *j)
{
    char hex[2 * DM_SHA256 + 1];
    bool minutes = w->made.rate.minutes;
    dm_jw_kstr(j, "currency", dm_pg_str(w->terms, 0, DM_TERMS_CURRENCY));
    dm_jw_kstr(j, "plan", dm_pg_str(w->terms, 0, DM_TERMS_TIER));
    dm_jw_kc(j, "rated_by", minutes ? "minutes" : "resources");
    dm_jw_kstr(j, "region", dm_pg_str(w->terms, 0, DM_TERMS_REGION));
    dm_jw_kstr(j, "price_group", dm_pg_str(w->terms, 0, DM_TERMS_GROUP));
    dm_hex(w->sha256.b, sizeof w->sha256.b, hex);
    dm_jw_key(j, "price_book");
    dm_jw_obj(j);
    dm_jw_ki64(j, "id", w->made.rate.id);
    dm_jw_kc(j, "sha256", hex);
    dm_jw_end(j);
    dm_jw_kc(j, "formula",
            minutes ? "cost = whole minutes of pooled running time above the included ones x minute price; then the "
                      "storage lines"
                    : "cost = (number of vCPUs x vCPU price + memory size x memory price) x billed duration; then the "
                      "storage lines");
    write_prices(w, j);
    dm_jw_key(j, "minutes");
    if (!minutes) {
        dm_jw_null(j);
        return;
    }
    dm_jw_obj(j);
    dm_jw_ku64(j, "included_seconds", w->month.included_s);
    dm_jw_ku64(j, "used_seconds", w->month.pool_s);
    dm_jw_end(j);
}

static int write_all(work *w, dm_jw *j, dm_err *err)
{
    write_terms(w, j);
    dm_jw_key(j, "hour");
    dm_jw_obj(j);
    int r = write_hour(w, "running", 3600, 0, j, err);
    if (r == 0)
        r = write_hour(w, "asleep", 0, 3600, j, err);
    dm_jw_end(j);
    dm_jw_key(j, "choices");
    dm_jw_arr(j);
    for (size_t i = 0; r == 0 && i < w->e->n; i++)
        r = write_choice(w, &w->e->choices[i], j, err);
    dm_jw_arr_end(j);
    return r;
}

int dm_read_estimate_write(dm_pg *c, const dm_read_estimate *e, dm_jw *j, dm_err *err)
{
    DM_AUTO_MEM work *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an estimate");
    w->e = e;
    int r = load(w, c, err);
    if (r == 0)
        r = write_all(w, j, err);
    dm_pg_rows_free(w->terms);
    dm_pg_rows_free(w->rows);
    return r;
}

int dm_read_used_by(dm_pg *c, dm_account_no account_no, const dm_sandbox_id *id, int64_t from_s, int64_t to_s,
        dm_read_used *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_used_by(c, account_no, id, from_s, to_s, &rows, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_READ_ESTIMATE_NO_SANDBOX;
    *out = (dm_read_used){.vcpus = dm_pg_i64(rows, 0, 0),
            .mem_mib = dm_pg_i64(rows, 0, 1),
            .disk_mib = dm_pg_i64(rows, 0, 2) * DM_RATE_GRAIN_MIB,
            .run_s = dm_pg_i64(rows, 0, 3),
            .hib_s = dm_pg_i64(rows, 0, 4)};
    out->disk_mib = out->disk_mib < 0 ? 0 : out->disk_mib; /* nobody has measured it */
    r = dm_str_to_array(dm_pg_str(rows, 0, 5), out->region, sizeof out->region, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 6), out->charged, sizeof out->charged, err);
}
