/* The end of a statement: the lines of the account as a whole, the head with its signature, the journal entries and the
 * message, all in the transaction that closes the account's period. It may run twice: what it changes it makes from the
 * pages anew. */
#include <assert.h>
#include <stdio.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/point.h"
#include "base/wire/topic.h"

#include "metering/bill/own.h"
#include "metering/kit/journal.h"
#include "metering/kit/sql_kit.h"

/* --- the head ----------------------------------------------------------------------------------------------- */

static void list_book(dm_making *m, const dm_book *k)
{
    size_t at = m->st.nbooks;
    while (at > 0 && m->st.books[at - 1].id >= k->rate.id) {
        if (m->st.books[--at].id == k->rate.id)
            return; /* it corrects and is applied, too */
    }
    for (size_t i = m->st.nbooks++; i > at; i--)
        m->st.books[i] = m->st.books[i - 1];
    m->st.books[at] = (dm_stated_book){k->rate.id, k->sha256};
}

static int list_books(dm_making *m, dm_err *err)
{
    free(m->st.books);
    m->st.nbooks = 0;
    m->st.books = calloc(m->books->nbooks + m->nold + 1, sizeof(*m->st.books));
    if (m->st.books == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for price books");
    for (size_t i = 0; i < m->books->nbooks; i++) {
        if (m->books->books[i].used)
            list_book(m, &m->books->books[i]);
    }
    for (size_t i = 0; i < m->nold; i++) {
        if (m->old[i].book.used)
            list_book(m, &m->old[i].book);
    }
    return 0;
}

static int sum_corrections(dm_making *m, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < m->st.ncorrections; i++) {
        const dm_stated_correction *k = &m->st.corrections[i];
        for (size_t n = 0; r == 0 && n < k->nlines; n++)
            r = dm_stated_sum_line(&m->st.sum, &k->lines[n], err);
    }
    return r;
}

/* The pages are there, all of them and no others, and name the number that comes next. */
static int check_pages(const dm_making *m, dm_pg *c, dm_statement_no *number, dm_digest *previous, dm_err *err)
{
    int64_t there;
    int r = dm_sql_bill_pages(c, m->account_no, m->start, &there, err);
    if (r == 0)
        r = dm_sql_bill_previous(c, m->account_no, number, previous, err);
    if (r < 0)
        return r;
    number->v++;
    if (there != (int64_t)m->paged.pages.n || number->v != m->st.number.v)
        return dm_fail(err, DM_E_INTERNAL, "%lld pages of statement %lld are there, of %llu of %lld", (long long)there,
                (long long)number->v, (unsigned long long)m->paged.pages.n, (long long)m->st.number.v);
    return 0;
}

static int sign(dm_making *m, dm_signed *sig, dm_err *err)
{
    dm_buf_reset(&m->body);
    int r = dm_statement_head(&m->st, &m->body, err);
    sig->body = dm_buf_view(&m->body);
    if (r == 0)
        r = dm_sha256(sig->body, &sig->sha256, err);
    if (r == 0)
        r = dm_sign(m->conf->key, sig->body, &sig->signature, err);
    dm_sign_key_public(m->conf->key, &sig->key);
    return r;
}

/* --- booking ------------------------------------------------------------------------------------------------ */

/* What is owed for services given and not yet invoiced goes up, revenue too. */
static int post(const dm_making *m, dm_journal *j, dm_err *err)
{
    static const char *const families[] = {"revenue:compute", "revenue:storage"};
    const dm_stated_sum *s = &m->st.sum;
    dm_money sums[2] = {{0}, {0}};
    int r = 0;
    for (size_t sku = 0; r == 0 && sku < DM_SKU_COUNT; sku++) {
        bool compute = sku == DM_SKU_VCPU_RUN || sku == DM_SKU_MEM_RUN || sku == DM_SKU_MINUTES;
        r = dm_money_add(sums[compute ? 0 : 1], s->amount[sku], &sums[compute ? 0 : 1], err);
    }
    if (r == 0)
        r = dm_journal_add(j, m->account_no, "unbilled", s->total, err);
    for (size_t i = 0; r == 0 && i < DM_LEN(sums); i++) {
        dm_money credit;
        r = dm_money_negate(sums[i], &credit, err);
        if (r == 0)
            r = dm_journal_add(j, (dm_account_no){0}, families[i], credit, err);
    }
    return r < 0 ? r : dm_journal_end(j, err);
}

static int book(const dm_making *m, dm_pg *c, const dm_digest *statement, dm_err *err)
{
    char key[96], start[32];
    dm_journal j;
    dm_time_text(m->start, start);
    (void)snprintf(key, sizeof(key), "close:%s:%s", m->st.account, start);
    dm_journal_head head = {.account_no = m->account_no,
            .currency = m->st.currency,
            .idem_key = key,
            .kind = "close",
            .effective_s = m->start + m->period_s,
            .about = statement};
    int r = dm_journal_begin(c, &head, &j, err);
    return r < 0 ? r : post(m, &j, err);
}

static int tell(const dm_making *m, dm_pg *c, const dm_digest *sha256, dm_err *err)
{
    char text[96];
    DM_AUTO_BUF json;
    dm_buf_init(&json, 4096);
    dm_jw w;
    dm_jw_init(&w, &json);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "account", m->st.account);
    dm_jw_kc(&w, "currency", m->st.currency);
    dm_jw_ki64(&w, "number", m->st.number.v);
    dm_time_text(m->start, text);
    dm_jw_kc(&w, "period_start", text);
    dm_jw_ku64(&w, "period_s", m->period_s);
    dm_hex(sha256->b, sizeof(sha256->b), text);
    dm_jw_kc(&w, "sha256", text);
    dm_money_print(m->st.sum.total, text);
    dm_jw_kc(&w, "total", text);
    dm_jw_end(&w);
    int r = dm_buf_ok(&json, err);
    return r < 0 ? r : dm_sql_outbox_add(c, DM_TOPIC_STATEMENT, dm_str_c(m->st.account), dm_buf_view(&json), err);
}

int dm_head(dm_making *m, dm_pg *c, dm_err *err)
{
    dm_signed sig;
    dm_statement_no number;
    m->st.sum = m->paged;
    int r = check_pages(m, c, &number, &m->st.previous, err);
    if (r == 0)
        r = dm_account_before(m, c, err);
    if (r == 0)
        r = dm_account_lines(m, err);
    if (r == 0)
        r = sum_corrections(m, err);
    if (r == 0)
        r = list_books(m, err);
    if (r == 0)
        r = sign(m, &sig, err);
    DM_POINT(BILL_SIGNED);
    if (r == 0)
        r = dm_sql_bill_account_lines(c, m->account_no, &m->st, err);
    if (r == 0)
        r = dm_sql_bill_statement_tiers(c, m->account_no, &m->st, err);
    if (r == 0)
        r = dm_sql_bill_statement(c, m->account_no, &m->st, &sig, err);
    if (r == 0)
        r = dm_day_put(&m->day, c, m->account_no, &m->st, err);
    if (r == 0)
        r = book(m, c, &sig.sha256, err);
    DM_POINT(BILL_BOOKED);
    return r < 0 ? r : tell(m, c, &sig.sha256, err);
}
