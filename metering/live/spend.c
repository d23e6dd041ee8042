/* Why what is stated cannot count twice. A round lets go of a period's rows and asks what its account's statements come
 * to in one transaction, and of an account no statement is counted whose open row is still there: between a statement
 * and the round that hears of it the open row stands for it. If a round fails, whatever was committed of it, the next
 * writes every row again; so what was let go of unheard is let go of again, and heard. */
#include "metering/live/spend.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"

#include "metering/live/sql_live.h"
#include "metering/live/tally.h"

enum { REFRESH_MS = 10000, ASK_MAX = 4096, ASK_BYTES = 512 << 10, FORGET_MAX = 4096, UNKNOWN_MS = 10000 };

struct dm_spend {
    dm_spend_config c;
    dm_tally tally;
    dm_terms *terms;
    bool loaded, all_anew;
    int64_t refreshed_ms, now_ms, budgets_from_ms;
    dm_spend_row *asked[ASK_MAX];
    size_t nasked;
    dm_buf ask;
};

int dm_spend_new(const dm_spend_config *config, dm_spend **out, dm_err *err)
{
    DM_AUTO(dm_spend) s = calloc(1, sizeof(*s));
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for what is spent");
    s->c = *config;
    dm_tally_init(&s->tally, config->period_s);
    dm_buf_init(&s->ask, ASK_BYTES);
    int r = dm_terms_new(&s->terms, err);
    if (r == 0)
        *out = dm_steal(&s);
    return r;
}

void dm_spend_free(dm_spend *s)
{
    if (s == NULL)
        return;
    dm_tally_done(&s->tally);
    dm_terms_free(s->terms);
    dm_buf_done(&s->ask);
    free(s);
}

int dm_spend_take(dm_spend *s, const dm_counted *v, size_t n, int64_t newest, dm_err *err)
{
    return dm_tally_take(&s->tally, v, n, newest, err);
}

/* --- plans and prices --------------------------------------------------------------------------------------- */

static bool asks(const dm_spend *s, const dm_spend_row *row, bool refresh)
{
    if (row->account_no == 0)
        return row->asked_ms == 0 || s->now_ms - row->asked_ms >= UNKNOWN_MS;
    int64_t at = dm_tally_rated_at(&s->tally, row);
    return row->rated_at < at && (refresh || dm_tally_is_over(&s->tally, row));
}

static int64_t gather(dm_spend *s, bool refresh)
{
    int64_t oldest = s->tally.newest;
    dm_jw w;
    dm_buf_reset(&s->ask);
    dm_jw_init(&w, &s->ask);
    dm_jw_arr(&w);
    s->nasked = 0;
    dm_map_walk walk = dm_map_begin(&s->tally.rows);
    for (dm_spend_row *row; (row = dm_map_next(&walk)) != NULL;) {
        oldest = row->key.period_start < oldest ? row->key.period_start : oldest;
        if (s->nasked == ASK_MAX || !asks(s, row, refresh))
            continue;
        dm_jw_obj(&w);
        dm_jw_ku64(&w, "n", s->nasked);
        dm_jw_ku64(&w, "project_no", row->key.project_no);
        dm_jw_ki64(&w, "at", dm_tally_rated_at(&s->tally, row));
        dm_jw_end(&w);
        s->asked[s->nasked++] = row;
    }
    dm_jw_arr_end(&w);
    return oldest;
}

typedef struct looking {
    dm_spend *s;
    bool refresh;
    int64_t oldest;
    dm_pg_rows *rows;
} looking;

static int look_tx(dm_pg *c, void *arg, dm_err *err)
{
    looking *k = arg;
    dm_spend *s = k->s;
    dm_pg_rows_free(k->rows);
    k->rows = NULL;
    int r = k->refresh ? dm_terms_load(s->terms, c, k->oldest, s->tally.newest + 2, err) : 0;
    if (r < 0 || s->nasked == 0)
        return r;
    return dm_sql_live_terms(c, dm_buf_view(&s->ask), &k->rows, err);
}

static int apply_terms(dm_spend *s, const dm_pg_rows *rows, dm_err *err)
{
    for (size_t i = 0; i < s->nasked; i++)
        s->asked[i]->asked_ms = s->now_ms;
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        dm_spend_row *row = s->asked[dm_pg_i64(rows, i, 0)];
        char tier[DM_NAME_TEXT], currency[4];
        int r = dm_str_to_array(dm_pg_str(rows, i, 3), tier, sizeof tier, err);
        if (r == 0)
            r = dm_str_to_array(dm_pg_str(rows, i, 2), currency, sizeof currency, err);
        if (r == 0)
            r = dm_tally_terms(
                    &s->tally, row, dm_pg_i64(rows, i, 1), tier, currency, dm_tally_rated_at(&s->tally, row), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static void touch_all(dm_spend *s)
{
    dm_map_walk walk = dm_map_begin(&s->tally.rows);
    for (dm_spend_row *row; (row = dm_map_next(&walk)) != NULL;)
        row->touched = true;
}

static int look(dm_spend *s, dm_pg *pg, dm_err *err)
{
    looking k = {.s = s, .refresh = !s->loaded || s->now_ms - s->refreshed_ms >= REFRESH_MS};
    k.oldest = gather(s, k.refresh);
    int r = dm_buf_ok(&s->ask, err);
    if (r == 0 && (k.refresh || s->nasked > 0))
        r = dm_pg_tx_on(pg, &(dm_pg_scope){.read_only = true}, look_tx, &k, err);
    DM_AUTO(dm_pg_rows) rows = k.rows;
    if (r == 0)
        r = apply_terms(s, rows, err);
    if (r == 0 && k.refresh) {
        s->loaded = true;
        s->refreshed_ms = s->now_ms;
        touch_all(s);
    }
    return r;
}

/* --- what is spent ------------------------------------------------------------------------------------------ */

typedef struct telling {
    dm_spend *s;
    dm_pg_rows *gone, *stated;
} telling;

static int hold_on(const dm_spend *s, dm_pg *c, dm_err *err)
{
    bool held;
    int r = s->c.held(s->c.held_arg, c, &held, err);
    return r < 0 ? r : held ? 0 : DM_SPEND_ZOMBIE;
}

static int put_row(dm_many *m, const dm_spend_row *row, dm_err *err)
{
    char text[DM_MONEY_TEXT];
    dm_jw *w = dm_many_row(m);
    dm_jw_ki64(w, "account_no", row->account_no);
    dm_jw_ku64(w, "project_no", row->key.project_no);
    dm_jw_ki64(w, "period_start", row->key.period_start);
    dm_money_print(row->now.amount, text);
    dm_jw_kc(w, "amount", text);
    dm_jw_ku64(w, "running_s", row->now.running_s);
    dm_money_print(row->now.per_second, text);
    dm_jw_kc(w, "per_second", text);
    dm_jw_ku64(w, "running", row->now.running);
    dm_jw_ki64(w, "through", row->now.through);
    return dm_many_row_end(m, err);
}

static int put_rows(dm_spend *s, dm_pg *c, dm_err *err)
{
    DM_AUTO_MANY m;
    int r = 0;
    dm_sql_live_spent(&m, c);
    dm_map_walk walk = dm_map_begin(&s->tally.rows);
    for (const dm_spend_row *row; r == 0 && (row = dm_map_next(&walk)) != NULL;) {
        if (dm_tally_due(row))
            r = put_row(&m, row, err);
    }
    return r == 0 ? dm_many_flush(&m, err) : r;
}

/* Whose month has to be added up: whose statements have changed, and whom nobody has asked for yet. */
static int gather_months(dm_spend *s, const dm_pg_rows *gone, size_t *n, dm_err *err)
{
    dm_jw w;
    dm_buf_reset(&s->ask);
    dm_jw_init(&w, &s->ask);
    dm_jw_arr(&w);
    *n = 0;
    for (size_t i = 0; i < dm_pg_count(gone); i++) {
        dm_use_key key = {dm_pg_i64(gone, i, 0), dm_month_start(dm_pg_i64(gone, i, 1)), 0};
        dm_use *u = dm_map_find(&s->tally.uses, &key);
        if (u != NULL)
            u->based = false;
    }
    dm_map_walk walk = dm_map_begin(&s->tally.uses);
    for (const dm_use *u; *n < ASK_MAX && (u = dm_map_next(&walk)) != NULL;) {
        if (u->based || u->key.project_no != 0)
            continue;
        dm_jw_obj(&w);
        dm_jw_ki64(&w, "account_no", u->key.account_no);
        dm_jw_ki64(&w, "month", u->key.month);
        dm_jw_end(&w);
        ++*n;
    }
    dm_jw_arr_end(&w);
    return dm_buf_ok(&s->ask, err);
}

static int tell_tx(dm_pg *c, void *arg, dm_err *err)
{
    telling *k = arg;
    dm_spend *s = k->s;
    size_t months;
    dm_pg_rows_free(k->gone);
    dm_pg_rows_free(k->stated);
    k->gone = k->stated = NULL;
    int r = hold_on(s, c, err);
    if (r == 0)
        r = put_rows(s, c, err);
    if (r == 0)
        r = dm_sql_live_clock(c, s->tally.newest + 1, err);
    if (r == 0)
        r = dm_sql_live_forget(c, FORGET_MAX, &k->gone, err);
    if (r == 0)
        r = gather_months(s, k->gone, &months, err);
    if (r == 0 && months > 0)
        r = dm_sql_live_stated(c, dm_buf_view(&s->ask), &k->stated, err);
    return r;
}

static void told(dm_spend *s)
{
    dm_map_walk walk = dm_map_begin(&s->tally.rows);
    for (dm_spend_row *row; (row = dm_map_next(&walk)) != NULL;) {
        if (!dm_tally_due(row))
            continue;
        row->was = row->now;
        row->written = true;
    }
}

static bool is_gone(const dm_pg_rows *gone, const dm_spend_row *row)
{
    for (size_t i = 0; i < dm_pg_count(gone); i++) {
        if (dm_pg_i64(gone, i, 0) == row->account_no && dm_pg_i64(gone, i, 1) == row->key.period_start)
            return true;
    }
    return false;
}

static void forget(dm_spend *s, const dm_pg_rows *gone)
{
    if (dm_pg_count(gone) == 0)
        return;
    dm_map_walk walk = dm_map_begin(&s->tally.rows);
    for (dm_spend_row *row; (row = dm_map_next(&walk)) != NULL;) {
        if (row->account_no != 0 && row->written && is_gone(gone, row))
            dm_tally_forget(&s->tally, row);
    }
}

/* Of projects that no statement names there is no row: nothing, then. */
static int base(dm_spend *s, const dm_pg_rows *stated, dm_err *err)
{
    if (dm_pg_count(stated) == 0)
        return 0;
    dm_map_walk walk = dm_map_begin(&s->tally.uses);
    for (dm_use *u; (u = dm_map_next(&walk)) != NULL;) {
        const dm_use_key of = {u->key.account_no, u->key.month, 0};
        const dm_use *account = dm_map_find(&s->tally.uses, &of);
        if (u->key.project_no != 0 && (account == NULL || !account->based))
            dm_tally_base(&s->tally, &u->key, 0, (dm_money){0});
    }
    for (size_t i = 0; i < dm_pg_count(stated); i++) {
        dm_use_key key = {dm_pg_i64(stated, i, 0), dm_pg_i64(stated, i, 1), dm_pg_i64(stated, i, 2)};
        dm_money amount;
        int r = dm_money_parse(dm_pg_str(stated, i, 4), &amount, err);
        if (r < 0)
            return r;
        dm_tally_base(&s->tally, &key, (uint64_t)dm_pg_i64(stated, i, 3), amount);
    }
    return 0;
}

static int tell(dm_spend *s, dm_pg *pg, dm_err *err)
{
    telling k = {.s = s};
    int r = dm_pg_tx_on(pg, &(dm_pg_scope){0}, tell_tx, &k, err);
    DM_AUTO(dm_pg_rows) gone = k.gone;
    DM_AUTO(dm_pg_rows) stated = k.stated;
    if (r != 0)
        return r;
    told(s);
    forget(s, gone);
    return base(s, stated, err);
}

/* --- budgets ------------------------------------------------------------------------------------------------ */

static int put_budget(dm_many *m, const dm_use *u, uint64_t seconds, uint64_t micros, dm_err *err)
{
    dm_jw *w = dm_many_row(m);
    dm_jw_ki64(w, "account_no", u->key.account_no);
    dm_jw_ki64(w, "project_no", u->key.project_no);
    dm_jw_ki64(w, "month", u->key.month);
    dm_jw_ku64(w, "seconds", seconds);
    dm_jw_ku64(w, "spent_micros", micros);
    return dm_many_row_end(m, err);
}

static int budgets_tx(dm_pg *c, void *arg, dm_err *err)
{
    dm_spend *s = arg;
    DM_AUTO_MANY m;
    int r = hold_on(s, c, err);
    dm_sql_live_budgets(&m, c);
    dm_map_walk walk = dm_map_begin(&s->tally.uses);
    for (const dm_use *u; r == 0 && (u = dm_map_next(&walk)) != NULL;) {
        uint64_t seconds, micros;
        if (dm_use_now(u, &seconds, &micros))
            r = put_budget(&m, u, seconds, micros, err);
    }
    return r == 0 ? dm_many_flush(&m, err) : r;
}

static bool any_budget(const dm_spend *s)
{
    uint64_t seconds, micros;
    dm_map_walk walk = dm_map_begin(&s->tally.uses);
    for (const dm_use *u; (u = dm_map_next(&walk)) != NULL;) {
        if (dm_use_now(u, &seconds, &micros))
            return true;
    }
    return false;
}

static int budgets(dm_spend *s, dm_pg *pg, dm_err *err)
{
    int64_t began = dm_mono_ms(&dm_clock_real);
    if (began < s->budgets_from_ms)
        return 0;
    int r = any_budget(s) ? dm_pg_tx_on(pg, &(dm_pg_scope){0}, budgets_tx, s, err) : 0;
    dm_map_walk walk = dm_map_begin(&s->tally.uses);
    for (dm_use *u; r == 0 && (u = dm_map_next(&walk)) != NULL;) {
        uint64_t seconds, micros;
        if (!dm_use_now(u, &seconds, &micros))
            continue;
        u->written = true;
        u->seconds = seconds;
        u->micros = micros;
    }
    int64_t ended = dm_mono_ms(&dm_clock_real);
    s->budgets_from_ms = ended + (ended - began) * s->c.rest;
    return r;
}

/* --- a round ------------------------------------------------------------------------------------------------ */

static void begin_anew(dm_spend *s)
{
    dm_map_walk rows = dm_map_begin(&s->tally.rows), uses = dm_map_begin(&s->tally.uses);
    for (dm_spend_row *row; (row = dm_map_next(&rows)) != NULL;)
        row->written = false;
    for (dm_use *u; (u = dm_map_next(&uses)) != NULL;)
        u->based = u->written = false;
    s->all_anew = s->loaded = false;
}

int dm_spend_round(dm_spend *s, dm_pg *pg, int64_t now_ms, dm_err *err)
{
    s->now_ms = now_ms;
    if (s->all_anew)
        begin_anew(s);
    if (s->tally.newest < 0)
        return 0;
    int r = look(s, pg, err);
    if (r == 0)
        r = dm_tally_rate(&s->tally, s->terms, err);
    if (r == 0)
        r = tell(s, pg, err);
    if (r == 0)
        r = budgets(s, pg, err);
    s->all_anew = r < 0;
    dm_tally_clean(&s->tally);
    return r < 0 ? dm_wrap(err, "what is spent") : r;
}
