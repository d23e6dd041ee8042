/* What operators order of invoices. An order is done, or refused, in the one transaction that says so on its row: it is
 * done once, and whoever dies in the middle has done nothing. One that the database will not take is refused in a
 * transaction of its own, so that it does not stand before those behind it for ever. */
#include <stdio.h>

#include "base/json.h"
#include "base/parse.h"

#include "metering/invoice/after.h"
#include "metering/invoice/invoice.h"
#include "metering/invoice/make.h"
#include "metering/invoice/sql_month.h"
#include "metering/invoice/sql_order.h"

enum { DETAIL_MAX = 1 << 20, LINES_MAX = 1000, ORDERS_A_ROUND = 1000, NONE_LEFT = 16 };

typedef struct ordered {
    const dm_chore_config *c;
    int64_t after, order_no, now_s;
    dm_account_no account_no;
    int64_t invoice_no, from_s, to_s;
    char kind[24], who[200], why[2048], idem_key[240];
    dm_money amount;
    json_t *detail;
    dm_buf outcome; /* JSON */
    char refused[200];
} ordered;

/* --- the row ------------------------------------------------------------------------------------------------ */

static int read_row(ordered *o, const dm_pg_rows *rows, dm_err *err)
{
    o->order_no = dm_pg_i64(rows, 0, 0);
    o->account_no.v = dm_pg_i64(rows, 0, 1);
    o->invoice_no = dm_pg_i64(rows, 0, 3);
    o->from_s = dm_pg_i64(rows, 0, 4);
    o->to_s = dm_pg_i64(rows, 0, 5);
    int r = dm_str_to_array(dm_pg_str(rows, 0, 2), o->kind, sizeof o->kind, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 8), o->who, sizeof o->who, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 9), o->why, sizeof o->why, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 10), o->idem_key, sizeof o->idem_key, err);
    if (r == 0 && !dm_pg_is_null(rows, 0, 6))
        r = dm_money_parse(dm_pg_str(rows, 0, 6), &o->amount, err);
    json_decref(o->detail);
    o->detail = NULL;
    return r < 0 ? r : dm_json_load(dm_pg_str(rows, 0, 7), DETAIL_MAX, &o->detail, err);
}

/* What has come of it, as an object: up to three members. */
static void say(ordered *o, const char *name, const char *value, const char *more, const char *with)
{
    dm_jw w;
    dm_buf_reset(&o->outcome);
    dm_jw_init(&w, &o->outcome);
    dm_jw_obj(&w);
    dm_jw_kc(&w, name, value);
    if (more != NULL)
        dm_jw_kc(&w, more, with);
    dm_jw_end(&w);
}

static int refuse(ordered *o, const char *why)
{
    (void)snprintf(o->refused, sizeof o->refused, "%s", why);
    say(o, "why", o->refused, NULL, NULL);
    return 0;
}

/* --- acts --------------------------------------------------------------------------------------------------- */

/* A month that was said to be nothing, or was voided, is then invoiced. */
static int issue(dm_pg *pg, ordered *o, dm_err *err)
{
    bool done;
    dm_make m = {.account_no = o->account_no,
            .from_s = o->from_s,
            .to_s = o->to_s,
            .again = true,
            .now_s = o->now_s,
            .who = o->who};
    int r = dm_sql_month_begin(pg, o->account_no, o->from_s, &done, &m.from_s, err);
    if (r == 0)
        r = dm_make_invoice(pg, o->c->key, &m, err);
    if (r > 0)
        return refuse(o, m.why);
    say(o, "number", m.number, NULL, NULL);
    /* Of a month that is not over the rest comes with it: then nothing is said of it yet. */
    return r == 0 && done
                   ? dm_sql_month_end(pg, o->account_no, o->from_s, "invoiced", m.invoice_no, m.number, o->now_s, err)
                   : r;
}

static int draft(dm_pg *pg, ordered *o, dm_err *err)
{
    bool done;
    dm_make m = {.account_no = o->account_no,
            .from_s = o->from_s,
            .to_s = o->to_s,
            .again = true,
            .over = o->to_s <= o->now_s,
            .now_s = o->now_s,
            .who = o->who};
    DM_AUTO_BUF body;
    dm_buf_init(&body, 16 << 20);
    int r = dm_sql_month_begin(pg, o->account_no, o->from_s, &done, &m.from_s, err);
    if (r == 0)
        r = dm_make_draft(pg, &m, &body, err);
    if (r != 0)
        return r < 0 ? r : refuse(o, m.why);
    dm_jw w;
    dm_buf_reset(&o->outcome);
    dm_jw_init(&w, &o->outcome);
    dm_jw_obj(&w);
    dm_jw_key(&w, "draft");
    dm_jw_raw(&w, dm_buf_view(&body));
    dm_jw_end(&w);
    return 0;
}

static int credit(dm_pg *pg, ordered *o, dm_after *a, dm_err *err)
{
    const json_t *list = json_object_get(o->detail, "lines");
    size_t n = json_array_size(list);
    if (n > LINES_MAX || (list != NULL && n == 0)) /* all is what is credited where none are named */
        return refuse(o, n > 0 ? "too many lines" : "no lines");
    DM_AUTO_MEM dm_credit_line *lines = calloc(n + 1, sizeof *lines);
    if (lines == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a credit note");
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        int64_t line = 0;
        if (dm_json_i64(one, "line", 1, DM_INVOICE_LINES_MAX, &line, NULL) != 0 ||
                dm_money_parse(dm_str_c(dm_json_c(one, "net")), &lines[i].net, NULL) < 0)
            return refuse(o, "a line has a number and a net amount");
        lines[i].line = (uint32_t)line;
    }
    int r = dm_after_credit(pg, o->c->key, a, lines, n, err);
    if (r == 0)
        say(o, "number", a->number, "to_wallet", a->to_wallet);
    return r;
}

static int pay(dm_pg *pg, ordered *o, dm_after *a, dm_err *err)
{
    char day[48];
    int64_t us = 0;
    unsigned decimals;
    (void)snprintf(day, sizeof day, "%.10sT00:00:00Z",
            dm_json_c(o->detail, "received_on") != NULL ? dm_json_c(o->detail, "received_on") : "");
    if (dm_parse_rfc3339(dm_str_c(day), &us, NULL) < 0)
        return refuse(o, "received_on is a day");
    int r = dm_minor_of(a->f.currency, &decimals, err);
    if (r == 0 && !dm_minor_whole(o->amount, decimals))
        return refuse(o, "an amount of parts of a minor unit");
    const char *reference = dm_json_c(o->detail, "reference");
    const dm_paid p = {.amount = o->amount,
            .received_s = us / 1000000,
            .how = "operator",
            .reference = reference != NULL ? reference : "",
            .idem_key = o->idem_key};
    if (r == 0)
        r = dm_after_pay(pg, a, &p, err);
    if (r == 0)
        say(o, "number", a->f.number, "to_wallet", a->to_wallet);
    return r;
}

static int on_invoice(dm_pg *pg, ordered *o, dm_err *err)
{
    dm_after a = {.now_s = o->now_s, .who = o->who, .reason = o->why};
    int r = dm_state_load(pg, o->invoice_no, &a.f, err);
    if (r == DM_STATE_NONE || (r == 0 && a.f.account_no.v != o->account_no.v))
        return refuse(o, "there is no such invoice");
    say(o, "number", a.f.number, NULL, NULL);
    if (r == 0) {
        dm_str kind = dm_str_c(o->kind);
        r = dm_str_eq_c(kind, "void")             ? dm_after_void(pg, &a, err)
            : dm_str_eq_c(kind, "credit")         ? credit(pg, o, &a, err)
            : dm_str_eq_c(kind, "pay")            ? pay(pg, o, &a, err)
            : dm_str_eq_c(kind, "dispute")        ? dm_after_dispute(pg, &a, true, err)
            : dm_str_eq_c(kind, "settle_dispute") ? dm_after_dispute(pg, &a, false, err)
                                                  : dm_after_give_up(pg, &a, err);
    }
    return r == DM_AFTER_NO ? refuse(o, a.why) : r;
}

/* --- one order ---------------------------------------------------------------------------------------------- */

static int put(dm_pg *pg, const ordered *o, dm_err *err)
{
    int r = dm_buf_ok(&o->outcome, err);
    return r < 0 ? r
                 : dm_sql_order_put(pg, o->order_no, o->refused[0] != '\0' ? "refused" : "done",
                           dm_buf_view(&o->outcome), o->now_s, err);
}

static int order_tx(dm_pg *pg, void *arg, dm_err *err)
{
    ordered *o = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    o->refused[0] = '\0';
    o->order_no = 0;
    int r = dm_chore_may(o->c, pg, err);
    if (r != 0)
        return r;
    r = dm_sql_order_take(pg, o->after, &rows, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return NONE_LEFT;
    if (r == 0)
        r = read_row(o, rows, err);
    if (r == 0)
        r = dm_invoice_turn(pg, o->account_no, err);
    if (r == 0)
        r = strcmp(o->kind, "issue") == 0   ? issue(pg, o, err)
            : strcmp(o->kind, "draft") == 0 ? draft(pg, o, err)
                                            : on_invoice(pg, o, err);
    return r < 0 ? r : put(pg, o, err);
}

static int refuse_tx(dm_pg *pg, void *arg, dm_err *err)
{
    const ordered *o = arg;
    int r = dm_chore_may(o->c, pg, err);
    return r != 0 ? r : put(pg, o, err);
}

/* What it asks for cannot be, however often it is tried. */
static bool for_good(int code)
{
    return code == DM_E_INVALID || code == DM_E_LIMIT || code == DM_E_EXISTS;
}

static int next(ordered *o, dm_err *err)
{
    dm_err why = {0};
    int r = dm_pg_tx_on(o->c->pg, &(dm_pg_scope){0}, order_tx, o, &why);
    if (r < 0 && for_good(r) && o->order_no != 0) {
        (void)refuse(o, why.msg);
        r = dm_pg_tx_on(o->c->pg, &(dm_pg_scope){0}, refuse_tx, o, err);
    } else if (r < 0) {
        return dm_fail(err, r, "order %lld: %.200s", (long long)o->order_no, why.msg);
    }
    o->after = o->order_no;
    return r;
}

int dm_invoice_orders(const dm_chore_config *c, dm_err *err)
{
    ordered *o = calloc(1, sizeof *o);
    if (o == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for orders");
    o->c = c;
    o->now_s = dm_second_of(dm_wall_us(c->clock));
    dm_buf_init(&o->outcome, 17 << 20);
    int r = 0;
    for (int i = 0; r == 0 && i < ORDERS_A_ROUND; i++)
        r = next(o, err);
    json_decref(o->detail);
    dm_buf_done(&o->outcome);
    free(o);
    return r == NONE_LEFT ? 0 : r;
}
