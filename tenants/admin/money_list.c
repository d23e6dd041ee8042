/* Lists of money: a row is what the API says of it, as JSON; a line of a list is some of its members. */
#include <stdio.h>

#include "base/parse.h"

#include "metering/ask/bank.h"
#include "metering/ask/credit.h"
#include "metering/ask/orders.h"
#include "metering/ask/seller.h"
#include "metering/ask/simulation.h"
#include "metering/ask/tax_rule.h"
#include "metering/read/contract.h"
#include "metering/read/invoices.h"
#include "tenants/admin/list.h"
#include "tenants/admin/money.h"

enum { ROW_MAX = 1 << 20, HEAD_MAX = 512 };

typedef struct column {
    const char *name; /* of the member */
    int width;
} column;

typedef int (*json_fn)(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err);

static void put(const json_t *row, const column *c)
{
    const json_t *v = json_object_get(row, c->name);
    if (json_is_string(v))
        (void)printf("%-*s ", c->width, json_string_value(v));
    else if (json_is_integer(v))
        (void)printf("%*lld ", c->width, (long long)json_integer_value(v));
    else
        (void)printf("%-*s ", c->width, json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "-");
}

static int line(json_fn json, const column *columns, size_t n, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) row = NULL;
    dm_jw w;
    dm_buf_init(&text, ROW_MAX);
    dm_jw_init(&w, &text);
    int r = json(&w, rows, i, err);
    if (r == 0)
        r = dm_buf_ok(&text, err);
    if (r == 0)
        r = dm_json_load(dm_buf_view(&text), ROW_MAX, &row, err);
    for (size_t k = 0; r == 0 && k < n; k++)
        put(row, &columns[k]);
    if (r == 0)
        (void)printf("\n");
    return r;
}

static int show(dm_pg *c, dm_admin_listing *l, const column *columns, size_t n, dm_err *err)
{
    char head[HEAD_MAX] = "";
    size_t at = 0;
    for (size_t k = 0; k < n && at < sizeof head; k++)
        at += (size_t)snprintf(head + at, sizeof head - at, "%-*s ", columns[k].width, columns[k].name);
    return dm_admin_show(c, l, head, err);
}

/* Of a noun: query_NOUN and json_NOUN are there; NOUN_columns is what its lines have. */
#define LIST(noun, function)                                                                                           \
    static int line_##noun(const dm_pg_rows *rows, size_t i, dm_err *err)                                              \
    {                                                                                                                  \
        return line(json_##noun, noun##_columns, DM_LEN(noun##_columns), rows, i, err);                                \
    }                                                                                                                  \
    static int function(dm_pg *c, const dm_admin_args *a, dm_err *err)                                                 \
    {                                                                                                                  \
        dm_admin_listing l = {.a = a, .query = query_##noun, .json = json_##noun, .line = line_##noun};                \
        return show(c, &l, noun##_columns, DM_LEN(noun##_columns), err);                                               \
    }

/* .p NULL: it is not given. */
static dm_str given(const char *option)
{
    return option != NULL ? dm_str_c(option) : (dm_str){NULL, 0};
}

/* --- credits ------------------------------------------------------------------------------------------------ */

static const column credits_columns[] = {{"id", 36}, {"state", 9}, {"kind", 8}, {"amount", 28}, {"currency", 8},
        {"ordered_by", 20}, {"approved_by", 20}, {"reason", 0}};

static int query_credits(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    if (l->a->account == NULL || !dm_uuid_ok(dm_str_c(l->a->account)))
        return dm_fail(err, DM_E_INVALID, "--account is an account's UUID");
    int r = dm_credit_list(c, l->a->account, given(l->a->state), INT64_MAX, DM_ADMIN_SHOWN_MAX, rows, NULL, err);
    return r == DM_CREDIT_NO_ACCOUNT ? dm_fail(err, DM_E_NOTFOUND, "no account %s", l->a->account) : r;
}

static int json_credits(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_credit k;
    (void)err;
    dm_credit_read(rows, i, &k);
    dm_credit_write(w, &k);
    return 0;
}
LIST(credits, credit_list)

/* --- invoices, what is ordered of them, and the bank -------------------------------------------------------- */

static const column invoices_columns[] = {{"number", 18}, {"kind", 11}, {"status", 14}, {"account", 36}, {"total", 28},
        {"open", 28}, {"currency", 8}, {"due_on", 10}};

static int query_invoices(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    const dm_invoices_find f = {.status = given(l->a->state), .before = INT64_MAX, .limit = DM_ADMIN_SHOWN_MAX};
    if (dm_invoices_status_ok(f.status, err) < 0)
        return dm_wrap(err, "--state");
    return dm_read_invoices(c, &f, rows, NULL, err);
}

static int json_invoices(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_invoices_row row;
    (void)err;
    dm_invoices_row_read(rows, i, &row);
    dm_jw_obj(w);
    dm_jw_kstr(w, "account", row.account);
    dm_invoices_row_write(w, &row);
    dm_jw_end(w);
    return 0;
}
LIST(invoices, invoice_list)

static const column orders_columns[] = {{"order", 7}, {"state", 8}, {"kind", 14}, {"number", 18}, {"month", 10},
        {"amount", 28}, {"currency", 8}, {"who", 20}, {"approved_by", 20}, {"why", 0}};

static int query_orders(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    return dm_ask_orders(c, given(l->a->state), 0, INT64_MAX, DM_ADMIN_SHOWN_MAX, rows, NULL, err);
}

static int json_orders(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_orders_row row;
    (void)err;
    dm_orders_row_read(rows, i, &row);
    dm_orders_row_write(w, &row);
    return 0;
}
LIST(orders, order_list)

static const column bank_columns[] = {{"entry", 7}, {"booked_on", 10}, {"amount", 28}, {"currency", 8}, {"outcome", 10},
        {"number", 18}, {"reference", 20}, {"words", 0}};

static int query_bank(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    return dm_ask_bank_entries(c, given(l->a->state), INT64_MAX, DM_ADMIN_SHOWN_MAX, rows, NULL, err);
}

static int json_bank(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_bank_row row;
    (void)err;
    dm_bank_row_read(rows, i, &row);
    dm_bank_row_write(w, &row);
    return 0;
}
LIST(bank, bank_list)

/* --- what two people make ----------------------------------------------------------------------------------- */

static const column contracts_columns[] = {{"id", 36}, {"status", 9}, {"account", 36}, {"currency", 8},
        {"least_monthly", 28}, {"valid_from", 20}, {"valid_to", 20}, {"name", 0}};

static int query_contracts(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    const dm_contract_find f = {.account = given(l->a->account),
            .status = given(l->a->state),
            .before = INT64_MAX,
            .limit = DM_ADMIN_SHOWN_MAX};
    return dm_read_contracts(c, &f, rows, NULL, err);
}

static int json_contracts(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_contract_row row;
    (void)err;
    dm_contract_row_read(rows, i, &row);
    dm_contract_row_write(w, &row, true);
    return 0;
}
LIST(contracts, contract_list)

static const column taxes_columns[] = {{"number", 6}, {"status", 9}, {"seller", 6}, {"buyer", 5}, {"business", 8},
        {"category", 8}, {"rate", 8}, {"valid_from", 20}, {"valid_to", 20}, {"drafted_by", 20}, {"approved_by", 20}};

static int query_taxes(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    const dm_tax_which all = {.status = given(l->a->state), .before = INT64_MAX};
    return dm_tax_rows(c, &all, DM_ADMIN_SHOWN_MAX, rows, NULL, err);
}

static int json_taxes(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_tax_row t;
    (void)err;
    dm_tax_row_read(rows, i, &t);
    dm_tax_row_write(w, &t);
    return 0;
}
LIST(taxes, tax_list)

static const column sellers_columns[] = {{"number", 6}, {"status", 9}, {"entity", 6}, {"country", 7}, {"tax_id", 18},
        {"iban", 34}, {"valid_from", 20}, {"valid_to", 20}, {"drafted_by", 20}, {"approved_by", 20}, {"name", 0}};

static int query_sellers(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    const dm_seller_which all = {.status = given(l->a->state), .before = INT64_MAX};
    return dm_seller_rows(c, &all, DM_ADMIN_SHOWN_MAX, rows, NULL, err);
}

static int json_sellers(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_seller_row s;
    (void)err;
    dm_seller_row_read(rows, i, &s);
    dm_seller_row_write(w, &s);
    return 0;
}
LIST(sellers, seller_list)

/* --- price books tried over a month ------------------------------------------------------------------------- */

static const column simulations_columns[] = {{"number", 6}, {"price_book", 10}, {"month", 10}, {"state", 9},
        {"currency", 8}, {"charged", 28}, {"simulated", 28}, {"difference", 28}, {"ordered_by", 20}, {"outcome", 0}};

/* --no: of a book. */
static int query_simulations(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    int64_t book = 0;
    dm_pg_total total;
    if (l->a->no != NULL && dm_parse_i64(dm_str_c(l->a->no), 1, INT64_MAX, &book, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "--no is a price book's number");
    return dm_simulation_list(c, book, 0, INT64_MAX, DM_ADMIN_SHOWN_MAX, rows, &total, err);
}

static int json_simulations(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_simulation_row s;
    (void)err;
    dm_simulation_row_read(rows, i, &s);
    dm_simulation_row_write(w, &s);
    return 0;
}
LIST(simulations, simulation_list)

static const column simulated_columns[] = {
        {"account", 36}, {"charged", 28}, {"simulated", 28}, {"difference", 28}, {"failed", 12}, {"name", 0}};

static int query_simulated(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    int64_t no;
    dm_pg_total total;
    if (l->a->no == NULL || dm_parse_i64(dm_str_c(l->a->no), 1, INT64_MAX, &no, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "--no is a simulation's number");
    return dm_simulation_accounts(c, no, NULL, 0, DM_ADMIN_SHOWN_MAX, rows, &total, err);
}

static int json_simulated(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_simulated_row a;
    (void)err;
    dm_simulated_row_read(rows, i, &a);
    dm_simulated_row_write(w, &a);
    return 0;
}
LIST(simulated, simulation_show)

const dm_admin_command *dm_admin_money_list(const char *name)
{
    static const dm_admin_command lists[] = {{"credit-list", credit_list}, {"invoice-list", invoice_list},
            {"order-list", order_list}, {"bank-list", bank_list}, {"contract-list", contract_list},
            {"tax-list", tax_list}, {"seller-list", seller_list}, {"simulation-list", simulation_list},
            {"simulation-show", simulation_show}};
    for (size_t i = 0; i < DM_LEN(lists); i++)
        if (strcmp(lists[i].name, name) == 0)
            return &lists[i];
    return NULL;
}
