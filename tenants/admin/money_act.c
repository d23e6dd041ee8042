/* Acts on money, each as the API does it: what one may and what needs another person is the act's own to say. */
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#include "metering/ask/bank.h"
#include "metering/ask/contract.h"
#include "metering/ask/credit.h"
#include "metering/ask/orders.h"
#include "metering/ask/seller.h"
#include "metering/ask/tax_rule.h"
#include "tenants/admin/act.h"
#include "tenants/admin/money.h"

enum { LINES_BYTES = 256 << 10, LINES_MAX = 1000, DETAIL_BYTES = LINES_BYTES + 4096 };

/* --- rules of tax, and sellers ------------------------------------------------------------------------------ */

static const dm_admin_said tax_says[DM_DRAFT_OUTCOMES] = {[DM_DRAFT_NONE] = {DM_E_NOTFOUND, "no such rule of tax"},
        [DM_DRAFT_STATE] = {DM_E_CONFLICT, "it is no draft any more"},
        [DM_DRAFT_OWN] = {DM_E_CONFLICT, "who has drafted a rule of tax does not approve it"},
        [DM_DRAFT_LATE] = {DM_E_CONFLICT, "a rule of tax begins a minute after its approval at the earliest"},
        [DM_DRAFT_SAME] = {DM_E_CONFLICT, "another rule for the same begins in that second"}};
static const dm_admin_said seller_says[DM_DRAFT_OUTCOMES] = {[DM_DRAFT_NONE] = {DM_E_NOTFOUND, "no such seller"},
        [DM_DRAFT_STATE] = {DM_E_CONFLICT, "it is no draft any more"},
        [DM_DRAFT_OWN] = {DM_E_CONFLICT, "who has drafted a seller does not approve it"},
        [DM_DRAFT_LATE] = {DM_E_CONFLICT, "a seller begins a minute after its approval at the earliest"},
        [DM_DRAFT_SAME] = {DM_E_CONFLICT, "another seller of that entity begins in that second"}};

/* The verb is the name of what it is about, and approve or withdraw. */
static int draft(dm_pg *c, dm_admin_act *w, const dm_draft_kind *kind, const dm_admin_said *says, dm_err *err)
{
    const char *act = strchr(w->verb, '.') + 1;
    (void)snprintf(w->object, sizeof w->object, "%.*s:%lld", (int)(act - 1 - w->verb), w->verb, (long long)w->no);
    int r = (strcmp(act, "approve") == 0 ? dm_draft_approve : dm_draft_withdraw)(
            c, kind, w->a->who, w->a->reason, w->no, err);
    return dm_admin_told(says, DM_DRAFT_OUTCOMES, r, err);
}

static int tax(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    return draft(c, w, &dm_ask_tax, tax_says, err);
}

static int seller(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    return draft(c, w, &dm_ask_seller, seller_says, err);
}

static int numbered(dm_pg *c, const dm_admin_args *a, const char *verb,
        int (*act)(dm_pg *c, dm_admin_act *w, dm_err *err), dm_err *err)
{
    dm_admin_act w = {.a = a, .verb = verb, .act = act};
    int r = dm_admin_no(&w, err);
    return r < 0 ? r : dm_admin_do(c, &w, err);
}

static int tax_approve(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return numbered(c, a, "tax_rule.approve", tax, err);
}

static int tax_withdraw(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return numbered(c, a, "tax_rule.withdraw", tax, err);
}

static int seller_approve(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return numbered(c, a, "seller.approve", seller, err);
}

static int seller_withdraw(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return numbered(c, a, "seller.withdraw", seller, err);
}

/* --- contracts ---------------------------------------------------------------------------------------------- */

static const dm_admin_said contract_says[] = {[DM_ASK_CONTRACT_NONE] = {DM_E_NOTFOUND, "no such contract"},
        [DM_ASK_CONTRACT_STATE] = {DM_E_CONFLICT, "it is past that: what was approved stays as it is"},
        [DM_ASK_CONTRACT_OWN] = {DM_E_CONFLICT, "who drafts a contract or orders its end does not approve it"},
        [DM_ASK_CONTRACT_LATE] = {DM_E_CONFLICT, "a contract begins, and ends early, with a month of UTC to come"},
        [DM_ASK_CONTRACT_WRONG] = {DM_E_CONFLICT, "not whole months, or another contract holds then"}};

static const struct contract_act {
    const char *verb;
    dm_ask_contract_what what;
} contract_acts[] = {{"contract.approve", DM_CONTRACT_APPROVE}, {"contract.withdraw", DM_CONTRACT_WITHDRAW},
        {"contract.end", DM_CONTRACT_END}, {"contract.end_approve", DM_CONTRACT_END_APPROVE},
        {"contract.end_withdraw", DM_CONTRACT_END_WITHDRAW}};

static int contract(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    const struct contract_act *act = &contract_acts[w->no];
    int64_t ends_us = 0;
    if (act->what == DM_CONTRACT_END &&
            (dm_parse_rfc3339(dm_str_c(w->a->until), &ends_us, err) < 0 || ends_us % 1000000 != 0))
        return dm_fail(err, DM_E_INVALID, "--until is when it ends: a month's first second, as RFC 3339");
    (void)snprintf(w->object, sizeof w->object, "contract:%.40s", w->a->id);
    int r = dm_ask_contract_act(c, act->what, w->a->id, w->a->who, w->a->reason, ends_us / 1000000, &w->owner, err);
    return dm_admin_told(contract_says, DM_LEN(contract_says), r, err);
}

static int on_contract(dm_pg *c, const dm_admin_args *a, size_t which, dm_err *err)
{
    dm_admin_act w = {.a = a, .verb = contract_acts[which].verb, .act = contract, .no = (int64_t)which};
    int r = dm_admin_id(a->id, "id", err);
    return r < 0 ? r : dm_admin_do(c, &w, err);
}

static int contract_approve(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_contract(c, a, 0, err);
}

static int contract_withdraw(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_contract(c, a, 1, err);
}

static int contract_end(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_contract(c, a, 2, err);
}

static int contract_end_approve(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_contract(c, a, 3, err);
}

static int contract_end_withdraw(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_contract(c, a, 4, err);
}

/* --- credits ------------------------------------------------------------------------------------------------ */

static const dm_admin_said credit_says[] = {[DM_CREDIT_NO_ACCOUNT] = {DM_E_NOTFOUND, "no such account"},
        [DM_CREDIT_CURRENCY] = {DM_E_INVALID, "the account is billed in another currency"},
        [DM_CREDIT_NONE] = {DM_E_NOTFOUND, "the account has no such credit"},
        [DM_CREDIT_SAME] = {DM_E_CONFLICT, "whoever ordered a credit does not approve it"},
        [DM_CREDIT_DECIDED] = {DM_E_CONFLICT, "it is booked, refused or withdrawn"}};

/* As it stands after the act: whose it is, and what of it the audit has. */
static int credit_stands(dm_pg *c, dm_admin_act *w, const char *id, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_credit k;
    dm_jw j;
    int r = dm_admin_told(credit_says, DM_LEN(credit_says), dm_credit_find(c, w->a->account, id, &rows, err), err);
    if (r < 0)
        return r;
    dm_credit_read(rows, 0, &k);
    w->owner = (dm_account_no){k.account_no};
    dm_buf_reset(&w->detail);
    dm_jw_init(&j, &w->detail);
    dm_jw_obj(&j);
    dm_jw_kstr(&j, "kind", k.kind);
    dm_jw_kstr(&j, "currency", k.currency);
    dm_jw_kstr(&j, "amount", k.amount);
    dm_jw_end(&j);
    (void)snprintf(w->object, sizeof w->object, "credit:%.40s", id);
    (void)snprintf(w->printed, sizeof w->printed, "DORMOUSE_CREDIT=%.40s\nDORMOUSE_STATE=%.*s\n", id, (int)k.state.n,
            k.state.p);
    return dm_buf_ok(&w->detail, err);
}

static int credit_step(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    bool approve = strcmp(w->verb, "credit.approve") == 0;
    int r = approve ? dm_credit_approve(c, w->a->account, w->a->id, w->a->who, err)
                    : dm_credit_withdraw(c, w->a->account, w->a->id, w->a->who, err);
    w->again = r == DM_CREDIT_AGAIN;
    r = w->again ? 0 : dm_admin_told(credit_says, DM_LEN(credit_says), r, err);
    return r < 0 ? r : credit_stands(c, w, w->a->id, err);
}

static int on_credit(dm_pg *c, const dm_admin_args *a, const char *verb, dm_err *err)
{
    dm_admin_act w = {.a = a, .verb = verb, .act = credit_step};
    int r = dm_admin_id(a->account, "account", err);
    if (r == 0)
        r = dm_admin_id(a->id, "id", err);
    return r < 0 ? r : dm_admin_do(c, &w, err);
}

static int credit_approve(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_credit(c, a, "credit.approve", err);
}

static int credit_withdraw(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_credit(c, a, "credit.withdraw", err);
}

static int credit_kind(const dm_admin_args *a, dm_err *err)
{
    bool paid = a->kind != NULL && strcmp(a->kind, "paid") == 0;
    if (!paid && (a->kind == NULL || (strcmp(a->kind, "promo") != 0 && strcmp(a->kind, "operator") != 0)))
        return dm_fail(err, DM_E_INVALID, "--kind is paid (money that came), promo or operator (given)");
    if (paid && dm_str_trim(dm_str_c(a->reference)).n == 0)
        return dm_fail(err, DM_E_INVALID, "--reference: money that came has the bank's word for it");
    return paid && a->until != NULL ? dm_fail(err, DM_E_INVALID, "--until: money that came does not expire") : 0;
}

static int credit_new(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    const dm_admin_args *a = w->a;
    char id[DM_UUID_TEXT];
    dm_credit_new fresh = {.account_id = a->account,
            .who = a->who,
            .kind = a->kind,
            .currency = a->currency,
            .reference = a->reference,
            .reason = a->reason};
    if (a->currency == NULL)
        return dm_fail(err, DM_E_INVALID, "--currency is missing");
    if (dm_money_parse(dm_str_c(a->value), &fresh.amount, err) < 0 || fresh.amount.v <= 0)
        return dm_fail(err, DM_E_INVALID, "--value is an amount above 0, as 12.50");
    if (a->until != NULL && (dm_parse_rfc3339(dm_str_c(a->until), &fresh.expires_us, err) < 0 ||
                                    fresh.expires_us % 1000000 != 0 || fresh.expires_us <= dm_wall_us(&dm_clock_real)))
        return dm_fail(err, DM_E_INVALID, "--until is a time to come, on a whole second");
    int r = dm_admin_told(credit_says, DM_LEN(credit_says), dm_credit_order(c, &fresh, id, err), err);
    return r < 0 ? r : credit_stands(c, w, id, err);
}

static int credit_order(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_act w = {.a = a, .verb = "credit.order", .act = credit_new};
    int r = dm_admin_id(a->account, "account", err);
    if (r == 0)
        r = credit_kind(a, err);
    return r < 0 ? r : dm_admin_do(c, &w, err);
}

/* --- invoices, and the bank --------------------------------------------------------------------------------- */

static const dm_admin_said order_says[] = {[DM_ASK_NONE] = {DM_E_NOTFOUND, "no such account, invoice or order"},
        [DM_ASK_OTHER] = {DM_E_CONFLICT, "the key is of another order"},
        [DM_ASK_SELF] = {DM_E_CONFLICT, "who ordered it does not approve it"},
        [DM_ASK_NOT] = {DM_E_CONFLICT, "the order waits for nobody"}};

static void ordered(dm_admin_act *w, const dm_asked *asked)
{
    w->owner = asked->account_no;
    (void)snprintf(w->printed, sizeof w->printed, "DORMOUSE_ORDER=%lld\nDORMOUSE_STATE=%s\n",
            (long long)asked->order_no, asked->state);
}

static int order_ok(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    dm_asked asked;
    (void)snprintf(w->object, sizeof w->object, "order:%lld", (long long)w->no);
    int r = dm_admin_told(order_says, DM_LEN(order_says), dm_ask_approve(c, w->no, w->a->who, &asked, err), err);
    if (r == 0)
        ordered(w, &asked);
    return r;
}

static int order_approve(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return numbered(c, a, "invoice.approve", order_ok, err);
}

/* What an order says beside what it is of. */
typedef struct ordering {
    const char *kind, *month;
    dm_str detail;
} ordering;

static int invoice(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    const dm_admin_args *a = w->a;
    const ordering *it = w->of;
    uint8_t random[16];
    dm_asked asked;
    int r = dm_random(random, sizeof random, err);
    if (r < 0)
        return r;
    dm_uuid key = dm_uuid_of_random(random);
    const dm_ask_order o = {.account = a->account,
            .kind = it->kind,
            .number = it->month != NULL ? (dm_str){NULL, 0} : dm_str_c(a->number),
            .month = it->month,
            .amount = strcmp(it->kind, "pay") == 0 ? a->value : NULL,
            .detail = it->detail,
            .who = a->who,
            .why = a->reason,
            .idem_key = key.s};
    r = dm_admin_told(order_says, DM_LEN(order_says), dm_ask_invoice(c, &o, &asked, err), err);
    if (r < 0)
        return r;
    ordered(w, &asked);
    (void)snprintf(w->object, sizeof w->object, "%s%.40s",
            it->month != NULL ? "month:" : "invoice:", it->month != NULL ? it->month : a->number);
    dm_buf_reset(&w->detail);
    (void)dm_buf_str(&w->detail, it->detail);
    return dm_buf_ok(&w->detail, err);
}

static int order_it(dm_pg *c, const dm_admin_args *a, const char *verb, const ordering *it, dm_err *err)
{
    dm_admin_act w = {.a = a, .verb = verb, .act = invoice, .of = it};
    int r = dm_admin_id(a->account, "account", err);
    if (r == 0 && it->month == NULL && a->number == NULL)
        r = dm_fail(err, DM_E_INVALID, "--number is missing: the invoice's, as INV-2026-000042");
    return r < 0 ? r : dm_admin_do(c, &w, err);
}

/* The kind is the verb's. */
static int on_invoice(dm_pg *c, const dm_admin_args *a, const char *verb, dm_err *err)
{
    const ordering it = {.kind = strchr(verb, '.') + 1, .detail = DM_STR("{}")};
    return order_it(c, a, verb, &it, err);
}

static int of_month(dm_pg *c, const dm_admin_args *a, const char *kind, dm_err *err)
{
    char month[16];
    const ordering it = {.kind = kind, .month = month, .detail = DM_STR("{}")};
    int r = dm_admin_month(a, month, err);
    return r < 0 ? r : order_it(c, a, "invoice.issue", &it, err);
}

static int invoice_issue(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return of_month(c, a, "issue", err);
}

static int invoice_draft(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return of_month(c, a, "draft", err);
}

static int payment(const dm_admin_args *a, dm_buf *detail, dm_err *err)
{
    dm_money amount;
    int64_t us;
    char day[32];
    dm_jw w;
    (void)snprintf(day, sizeof day, "%.10sT00:00:00Z", a->on != NULL ? a->on : "");
    if (a->value == NULL || dm_money_parse(dm_str_c(a->value), &amount, NULL) < 0 || amount.v <= 0)
        return dm_fail(err, DM_E_INVALID, "--value is an amount above 0, as 12.50");
    if (a->on == NULL || strlen(a->on) != 10 || dm_parse_rfc3339(dm_str_c(day), &us, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "--on is the day the money came, as 2026-03-31");
    dm_jw_init(&w, detail);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "received_on", a->on);
    dm_jw_kc(&w, "reference", a->reference != NULL ? a->reference : "");
    dm_jw_end(&w);
    return dm_buf_ok(detail, err);
}

static int invoice_pay(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    DM_AUTO_BUF detail;
    dm_buf_init(&detail, DETAIL_BYTES);
    int r = payment(a, &detail, err);
    const ordering it = {.kind = "pay", .detail = dm_buf_view(&detail)};
    return r < 0 ? r : order_it(c, a, "invoice.pay", &it, err);
}

/* Without a file all of it. */
static int credited(const dm_admin_args *a, dm_buf *detail, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) lines = NULL;
    dm_jw w;
    int64_t line;
    dm_money net;
    dm_buf_init(&text, LINES_BYTES);
    int r = a->file != NULL ? dm_file_read(a->file, &text, err) : 0;
    if (r == 0 && a->file != NULL)
        r = dm_json_load(dm_buf_view(&text), LINES_BYTES, &lines, err);
    size_t n = json_array_size(lines);
    if (r == 0 && a->file != NULL && (n == 0 || n > LINES_MAX))
        r = dm_fail(err, DM_E_INVALID, "--file: 1 to %d lines, as [{\"line\": 1, \"net\": \"2.50\"}]", LINES_MAX);
    for (size_t i = 0; r == 0 && i < n; i++) {
        const json_t *one = json_array_get(lines, i);
        if (dm_json_i64(one, "line", 1, INT32_MAX, &line, NULL) != 0 ||
                dm_money_parse(dm_str_c(dm_json_c(one, "net")), &net, NULL) < 0 || net.v <= 0)
            r = dm_fail(err, DM_E_INVALID, "--file: each line has a line and a net above 0, as a string");
    }
    if (r < 0)
        return r;
    dm_jw_init(&w, detail);
    dm_jw_obj(&w);
    if (lines != NULL) {
        dm_jw_key(&w, "lines");
        dm_jw_node(&w, lines);
    }
    dm_jw_end(&w);
    return dm_buf_ok(detail, err);
}

static int invoice_credit(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    DM_AUTO_BUF detail;
    dm_buf_init(&detail, DETAIL_BYTES);
    int r = credited(a, &detail, err);
    const ordering it = {.kind = "credit", .detail = dm_buf_view(&detail)};
    return r < 0 ? r : order_it(c, a, "invoice.credit", &it, err);
}

static int invoice_void(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_invoice(c, a, "invoice.void", err);
}

static int invoice_dispute(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_invoice(c, a, "invoice.dispute", err);
}

static int invoice_settle(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_invoice(c, a, "invoice.settle_dispute", err);
}

static int invoice_give_up(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_invoice(c, a, "invoice.uncollectible", err);
}

typedef struct handing {
    const dm_admin_args *a;
    dm_buf file;
    dm_digest digest;
    dm_bank_handed handed;
} handing;

static int hand_in(dm_pg *c, void *arg, dm_err *err)
{
    handing *h = arg;
    return dm_ask_bank_file(c, dm_buf_view(&h->file), &h->digest, h->a->who, h->a->reason, &h->handed, err);
}

static int bank_import(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    handing h = {.a = a};
    if (a->file == NULL)
        return dm_fail(err, DM_E_INVALID, "--file is missing: a bank's statement (camt.053)");
    dm_buf_init(&h.file, DM_BANK_FILE_MAX);
    int r = dm_admin_reason(a, err);
    if (r == 0)
        r = dm_file_read(a->file, &h.file, err);
    if (r == 0)
        r = dm_sha256(dm_buf_view(&h.file), &h.digest, err);
    if (r == 0)
        r = dm_pg_tx_on(c, &(dm_pg_scope){0}, hand_in, &h, err);
    if (r == 0)
        (void)printf("DORMOUSE_FILE=%lld\nDORMOUSE_STATE=%s\n", (long long)h.handed.file_no, h.handed.state);
    dm_buf_done(&h.file);
    return r;
}

const dm_admin_command *dm_admin_money_act(const char *name)
{
    static const dm_admin_command acts[] = {{"tax-approve", tax_approve}, {"tax-withdraw", tax_withdraw},
            {"seller-approve", seller_approve}, {"seller-withdraw", seller_withdraw},
            {"contract-approve", contract_approve}, {"contract-withdraw", contract_withdraw},
            {"contract-end", contract_end}, {"contract-end-approve", contract_end_approve},
            {"contract-end-withdraw", contract_end_withdraw}, {"credit-order", credit_order},
            {"credit-approve", credit_approve}, {"credit-withdraw", credit_withdraw}, {"order-approve", order_approve},
            {"invoice-void", invoice_void}, {"invoice-dispute", invoice_dispute},
            {"invoice-settle-dispute", invoice_settle}, {"invoice-uncollectible", invoice_give_up},
            {"invoice-issue", invoice_issue}, {"invoice-draft", invoice_draft}, {"invoice-pay", invoice_pay},
            {"invoice-credit", invoice_credit}, {"bank-import", bank_import}};
    for (size_t i = 0; i < DM_LEN(acts); i++)
        if (strcmp(acts[i].name, name) == 0)
            return &acts[i];
    return NULL;
}
