#include "metering/invoice/issue.h"

#include <stdio.h>

#include "base/parse.h"
#include "base/wire/topic.h"

#include "metering/invoice/sql_issue.h"
#include "metering/invoice/sql_state.h"
#include "metering/kit/sql_kit.h"
#include "metering/rules/statement.h"

/* --- its number --------------------------------------------------------------------------------------------- */

int dm_issue_number(dm_pg *c, dm_doc *d, dm_err *err)
{
    char day[32], series[16];
    int64_t last, number;
    int r = dm_sql_issue_chain(c, d->entity_no, &last, &d->v.previous, err);
    d->v.chain = last + 1;
    dm_day_text(d->v.issued_s, day);
    (void)snprintf(series, sizeof series, "%s-%.4s", d->v.credit_note ? "CN" : "INV", day);
    if (r == 0)
        r = dm_sql_issue_next(c, d->entity_no, series, &number, err);
    if (r < 0)
        return r;
    (void)snprintf(d->number, sizeof d->number, "%s-%06lld", series, (long long)number);
    d->v.number = dm_str_c(d->number);
    return 0;
}

/* --- its bytes and rows ------------------------------------------------------------------------------------- */

int dm_issue_write(dm_pg *c, const dm_sign_key *key, dm_doc *d, dm_digest *sha256, dm_err *err)
{
    DM_AUTO_BUF body;
    dm_issued s;
    int64_t listed = 0;
    dm_buf_init(&body, DM_INVOICE_BYTES_MAX);
    int r = dm_invoice_body(&d->v, &body, err);
    s.body = dm_buf_view(&body);
    if (r == 0)
        r = dm_sha256(s.body, &s.sha256, err);
    if (r == 0)
        r = dm_sign(key, s.body, &s.signature, err);
    dm_sign_key_public(key, &s.key);
    if (r == 0)
        r = dm_sql_issue_doc(c, d, &s, &d->invoice_no, err);
    if (r == 0)
        r = dm_sql_issue_lines(c, d, err);
    if (r == 0)
        r = dm_sql_issue_commitments(c, d, err);
    if (r == 0)
        r = dm_sql_issue_taxes(c, d, err);
    if (r == 0 && d->v.statements > 0)
        r = dm_sql_issue_statements(c, d, &listed, err);
    if (r == 0 && listed != d->v.statements)
        return dm_fail(err, DM_E_INTERNAL, "%lld statements are listed, of %lld", (long long)listed,
                (long long)d->v.statements);
    if (r == 0)
        r = dm_sql_issue_chain_on(c, d->entity_no, d->v.chain, &s.sha256, err);
    if (r == 0)
        *sha256 = s.sha256;
    return r;
}

/* --- who is told -------------------------------------------------------------------------------------------- */

static int sum_text(const dm_invoice *v, dm_money m, char out[DM_MONEY_TEXT], dm_err *err)
{
    return dm_minor_print(m, v->decimals, out, err);
}

static int tell(dm_pg *c, const dm_doc *d, const dm_digest *sha256, dm_err *err)
{
    const dm_invoice *v = &d->v;
    char text[96];
    DM_AUTO_BUF json;
    dm_buf_init(&json, 4096);
    dm_jw w;
    dm_jw_init(&w, &json);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "account", v->account);
    dm_jw_kc(&w, "currency", v->currency);
    int r = sum_text(v, v->due, text, err);
    dm_jw_kc(&w, "due", text);
    dm_time_text(v->issued_s, text);
    dm_jw_kc(&w, "issued", text);
    dm_jw_kc(&w, "kind", v->credit_note ? "credit_note" : "invoice");
    dm_jw_kstr(&w, "number", v->number);
    dm_jw_kmaybe(&w, "refers_to", v->refers_to);
    dm_hex(sha256->b, sizeof(sha256->b), text);
    dm_jw_kc(&w, "sha256", text);
    if (r == 0)
        r = sum_text(v, v->total, text, err);
    dm_jw_kc(&w, "total", text);
    dm_jw_end(&w);
    if (r == 0)
        r = dm_buf_ok(&json, err);
    return r < 0 ? r : dm_sql_outbox_add(c, DM_TOPIC_INVOICE, dm_str_c(v->account), dm_buf_view(&json), err);
}

/* One letter of a cause, with the link, if there is anything that it could begin with. */
static int post(dm_pg *c, const dm_doc *d, const char *cause, const char *subject, const char *words, dm_err *err)
{
    DM_AUTO_BUF body;
    dm_buf_init(&body, 8192);
    (void)dm_buf_fmt(&body, "%s\n", words);
    if (d->url.n > 0)
        (void)dm_buf_fmt(&body, "\n%.*s/console/a/%s/invoices/%s\n", (int)d->url.n, d->url.p, d->v.account, d->number);
    (void)dm_buf_fmt(&body, "\n%.*s\n", (int)d->v.seller.name.n, d->v.seller.name.p);
    int r = dm_buf_ok(&body, err);
    return r < 0 ? r : dm_sql_invoice_mail(c, cause, d->email, subject, dm_buf_view(&body), err);
}

int dm_issue_tell(dm_pg *c, const dm_doc *d, const dm_digest *sha256, dm_err *err)
{
    const dm_invoice *v = &d->v;
    char cause[80], subject[200], words[400], sum[DM_MONEY_TEXT], day[32];
    int r = tell(c, d, sha256, err);
    if (r < 0 || d->email.n == 0)
        return r;
    r = sum_text(v, v->credit_note ? v->total : v->due, sum, err);
    dm_day_text(v->due_s, day);
    (void)snprintf(cause, sizeof cause, "invoice:%lld:%s", (long long)d->entity_no, d->number);
    if (v->credit_note) {
        (void)snprintf(subject, sizeof subject, "Credit note %s: %s %s", d->number, v->currency, sum);
        (void)snprintf(words, sizeof words, "Credit note %s of %s %s to invoice %.*s is there.", d->number, v->currency,
                sum, (int)v->refers_to.n, v->refers_to.p);
    } else if (v->due.v == 0) {
        r = sum_text(v, v->total, sum, err);
        (void)snprintf(subject, sizeof subject, "Invoice %s: %s %s, paid", d->number, v->currency, sum);
        (void)snprintf(words, sizeof words, "Invoice %s of %s %s is there. It is paid.", d->number, v->currency, sum);
    } else {
        (void)snprintf(subject, sizeof subject, "Invoice %s: %s %s, due %s", d->number, v->currency, sum, day);
        (void)snprintf(
                words, sizeof words, "Invoice %s is there. To be paid by %s: %s %s.", d->number, day, v->currency, sum);
    }
    return r < 0 ? r : post(c, d, cause, subject, words, err);
}

int dm_issue_remind(dm_pg *c, const dm_doc *d, dm_err *err)
{
    char cause[80], subject[200], words[400], day[32];
    if (d->email.n == 0)
        return 0;
    dm_day_text(d->v.due_s, day);
    (void)snprintf(cause, sizeof cause, "overdue:%lld:%s", (long long)d->entity_no, d->number);
    (void)snprintf(subject, sizeof subject, "Invoice %s was due on %s", d->number, day);
    (void)snprintf(words, sizeof words, "Invoice %s was due on %s, and is not paid in full.", d->number, day);
    return post(c, d, cause, subject, words, err);
}
