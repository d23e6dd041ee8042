/* One order after the other, in it one account after the other, and of that a few periods at a time: what they come to
 * is kept with where the month's pool and counts stand by then, so that whoever goes on begins there, and ends with the
 * same rows. A step is kept only where the one before it is the last: two meters cannot both have done it. */
#include "metering/bill/simulate.h"

#include "base/json.h"

#include "metering/bill/own.h"
#include "metering/bill/sql_simulate.h"

enum { PERIODS = 64, COUNTS_BYTES = 64 << 10 };

typedef struct work {
    const dm_chore_config *c;
    int64_t until_ms;
    dm_simulation sim;
    bool account; /* there is one to go on with */
    dm_pg_rows *rows, *periods;
    dm_trying try;
    dm_simulated done;
    dm_buf counts;
    char why[200];
    const char *over; /* why all of it ends */
} work;

/* --- where it stands ---------------------------------------------------------------------------------------- */

static int read_counts(work *w, dm_str text, dm_err *err)
{
    DM_AUTO(json_t) list = NULL;
    int r = dm_json_load(text, COUNTS_BYTES, &list, err);
    if (r == 0 && (!json_is_array(list) || json_array_size(list) > DM_LEN(w->try.counts)))
        r = dm_fail(err, DM_E_CORRUPT, "counts of a simulation");
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        dm_count *k = &w->try.counts[w->try.ncounts++];
        k->book_id = json_integer_value(json_array_get(one, 0));
        r = dm_sku_parse(dm_str_c(json_string_value(json_array_get(one, 1))), &k->sku, err);
        if (r == 0)
            r = dm_qty_parse(dm_str_c(json_string_value(json_array_get(one, 2))), &k->qty, err);
    }
    return r;
}

static int write_counts(work *w, dm_err *err)
{
    dm_jw j;
    dm_buf_reset(&w->counts);
    dm_jw_init(&j, &w->counts);
    dm_jw_arr(&j);
    for (size_t i = 0; i < w->try.ncounts; i++) {
        char text[DM_MONEY_TEXT];
        dm_qty_print(w->try.counts[i].qty, text);
        dm_jw_arr(&j);
        dm_jw_i64(&j, w->try.counts[i].book_id);
        dm_jw_c(&j, dm_sku_name(w->try.counts[i].sku));
        dm_jw_c(&j, text);
        dm_jw_arr_end(&j);
    }
    dm_jw_arr_end(&j);
    return dm_buf_ok(&w->counts, err);
}

/* The order, begun, and the account it goes on with; or its end, where none is left. */
static int begin_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    w->account = false;
    int r = dm_chore_may(w->c, c, err);
    if (r == 0)
        r = dm_sql_simulation_next(c, &w->sim, err);
    if (r != 0 || w->sim.no == 0)
        return r;
    if (!w->sim.begun) {
        r = dm_sql_simulation_forget(c, DM_SIMULATE_KEPT_DAYS, err);
        if (r == 0)
            r = dm_sql_simulation_begin(c, &w->sim, err);
    }
    if (r == 0)
        r = dm_sql_simulation_account(c, w->sim.no, &w->rows, err);
    w->account = dm_pg_count(w->rows) == 1;
    return r == 0 && !w->account ? dm_sql_simulation_end(c, w->sim.no, NULL, err) : r;
}

/* --- an account --------------------------------------------------------------------------------------------- */

static int periods_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->periods);
    w->periods = NULL;
    return dm_sql_simulation_charged(
            c, w->done.account_no, w->sim.from_s, w->done.through, w->sim.to_s, PERIODS, &w->periods, err);
}

static int one_period(work *w, size_t i, dm_err *err)
{
    const dm_bill_config conf = {.pg = w->c->pg, .key = w->c->key, .held = w->c->held, .held_arg = w->c->held_arg};
    int64_t start = dm_pg_i64(w->periods, i, DM_CHARGED_START),
            period_s = dm_pg_i64(w->periods, i, DM_CHARGED_PERIOD_S),
            pool_s = dm_pg_i64(w->periods, i, DM_CHARGED_POOL);
    dm_money charged;
    int r = dm_money_parse(dm_pg_str(w->periods, i, DM_CHARGED_AMOUNT), &charged, err);
    if (r == 0)
        r = dm_money_add(w->done.charged, charged, &w->done.charged, err);
    if (r < 0)
        return r;
    if (pool_s < 0 && w->try.pool_s < (uint64_t)-pool_s)
        return dm_fail(err, DM_E_INTERNAL, "more is taken out of a pool than was put into it");
    w->try.pool_s += (uint64_t)pool_s; /* what that statement corrected stood in the pool before it */
    r = dm_bill_try(&conf, w->done.account_no, start, (uint32_t)period_s, &w->try, err);
    if (r == 0) {
        w->done.periods++;
        w->done.now = start + period_s;
    }
    return r;
}

static int some_periods(work *w, dm_err *err)
{
    int r = dm_pg_tx_on(w->c->pg, &(dm_pg_scope){.read_only = true}, periods_tx, w, err);
    size_t n = dm_pg_count(w->periods), i = 0;
    while (r == 0 && i < n && (i == 0 || dm_mono_ms(w->c->clock) < w->until_ms))
        r = one_period(w, i++, err);
    w->done.done = r == 0 && i == n && n < PERIODS;
    return r;
}

static int keep_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    bool kept = true;
    int r = dm_chore_may(w->c, c, err);
    if (r != 0)
        return r;
    if (w->over != NULL)
        return dm_sql_simulation_end(c, w->sim.no, w->over, err);
    r = dm_sql_simulation_keep(c, w->sim.no, &w->done, &kept, err);
    return r; /* what was not kept is somebody else's, or was cancelled */
}

static int start_account(work *w, dm_err *err)
{
    w->try = (dm_trying){
            .instead = w->sim.book_id, .sha256 = w->sim.sha256, .pool_s = (uint64_t)dm_pg_i64(w->rows, 0, DM_SIM_POOL)};
    w->done = (dm_simulated){.account_no = {dm_pg_i64(w->rows, 0, DM_SIM_ACCOUNT)},
            .through = dm_pg_i64(w->rows, 0, DM_SIM_THROUGH),
            .now = dm_pg_i64(w->rows, 0, DM_SIM_THROUGH)};
    return read_counts(w, dm_pg_str(w->rows, 0, DM_SIM_COUNTS), err);
}

/* Of an account that has no price by this book, or more than fits, that is said; the others go on. */
static int go_on(work *w, dm_err *err)
{
    dm_err why = {0};
    int r = start_account(w, err);
    if (r < 0)
        return r;
    w->over = NULL;
    r = some_periods(w, &why);
    if (r == DM_TRY_OTHER)
        w->over = "the price book was written anew meanwhile";
    if (r == DM_E_NOTFOUND || r == DM_E_LIMIT) {
        (void)snprintf(w->why, sizeof w->why, "%.190s", why.msg);
        w->done.failed = w->why;
        w->done.done = true;
    } else if (r < 0) {
        return dm_fail(err, r, "simulation %lld of account %lld: %.180s", (long long)w->sim.no,
                (long long)w->done.account_no.v, why.msg);
    }
    w->done.tried = w->try.sum;
    w->done.pool_s = (int64_t)w->try.pool_s;
    r = write_counts(w, err);
    w->done.counts = dm_buf_view(&w->counts);
    return r == 0 ? dm_pg_tx_on(w->c->pg, &(dm_pg_scope){0}, keep_tx, w, err) : r;
}

int dm_simulate(const dm_chore_config *c, dm_err *err)
{
    DM_AUTO_MEM work *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a simulation");
    w->c = c;
    w->until_ms = dm_mono_ms(c->clock) + DM_SIMULATE_MS;
    dm_buf_init(&w->counts, COUNTS_BYTES);
    int r = 0;
    do {
        r = dm_pg_tx_on(c->pg, &(dm_pg_scope){0}, begin_tx, w, err);
        if (r == 0 && w->account)
            r = go_on(w, err);
    } while (r == 0 && w->sim.no != 0 && dm_mono_ms(c->clock) < w->until_ms);
    dm_pg_rows_free(w->rows);
    dm_pg_rows_free(w->periods);
    dm_buf_done(&w->counts);
    return r;
}
