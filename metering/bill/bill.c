/* From evidence to statements. Close has written which rows a period has, and made one open row for each account that
 * has any; here each of those becomes a statement, or is found empty, in a transaction of its own.
 *
 * What must hold. A statement is made once, has the number after the one before and names its hash, stands beside the
 * journal entries that balance it and the message that tells of it, and says nothing that evidence and price books do
 * not. All of it is one SERIALIZABLE transaction that locks the account's row of the period and finds it open: a second
 * run finds it closed and leaves. The fence is asked before that, under a lock that a takeover waits for, so a zombie
 * either commits before its successor has begun or writes nothing. Without the fence a statement would still be single,
 * but it could be a zombie's: made by an older program, or signed with a key that is no longer meant to sign.
 *
 * The body is signed inside the transaction, because its number and the hash before it are known only there, and the
 * transaction may run twice. So everything in `bill` is made anew by begin(), nothing is counted in a metric and
 * nothing leaves the process before the commit, and a signature whose transaction failed has been seen by nobody.
 *
 * Order. Periods are taken oldest first, since the pool of minutes and the chain run through them. An account whose
 * evidence has no price, or whose statement would be larger than one may be, waits with all its later periods and an
 * anomaly says so, once; the others go on. Half a statement, or one at a guessed price, is never made: a price book
 * that comes late is applied to the period it was missing in.
 *
 * The plan. Tier and allowance are those that held in the second that is rated, whatever the account has now
 * (dm.account_plan): a change in the middle of a period cuts it, as a change of prices does, into segments with the
 * books of either plan. Lines of both stand on one statement, and the pool of the month goes through both.
 *
 * Where the worker could not swear, the service signs what the frames say, as an attestation written in the same
 * transaction: whoever verifies the statement finds one for every sandbox in it. Evidence is read without these
 * (by_service), so that our own word is never taken for a worker's.
 *
 * Bounds. Evidence is read by pages of sandboxes, and a sandbox never stands on two: the judge must see all who claim
 * its seconds. A first query finds where a page ends, a second reads up to there, as two ranges of two indexes. One
 * query did both once, and looked each sandbox of its page up in a list: what that costs depends on how the planner
 * takes the list, a range costs the same wherever the page stands. What grows with the account are sandboxes and lines,
 * and they have bounds (SANDBOXES_MAX, LINES_MAX, DM_STATEMENT_BYTES_MAX). */
#include "metering/bill/bill.h"

#include <assert.h>
#include <stdio.h>

#include "base/grow.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/wire/frame.h"
#include "base/wire/topic.h"

#include "metering/bill/books.h"
#include "metering/bill/evidence.h"
#include "metering/bill/sql_bill.h"
#include "metering/kit/meters.h"
#include "metering/kit/notes.h"
#include "metering/kit/sql_kit.h"

enum { SANDBOX_PAGE = 256, OWED_PAGE = 256, WAITING_MAX = 4096, LINES_MAX = 8 << 20, SANDBOXES_MAX = 2 << 20 };

/* One statement in the making. Everything in it is made anew by each run of the transaction. */
typedef struct bill {
    const dm_bill_config *conf;
    dm_attest *attest; /* too large for a stack */
    dm_account_no account_no;
    int64_t start;
    uint32_t period_s;
    dm_statement st;
    size_t sandboxes_room, lines_room;
    dm_books *books;
    dm_claim *claims;
    size_t claims_room;
    dm_anomalies anomalies;
    dm_buf body;
    bool stated;
} bill;

static void bill_done(bill *b)
{
    assert(b->st.nsandboxes <= b->sandboxes_room && b->st.nlines <= b->lines_room);
    free(b->st.sandboxes);
    free(b->st.lines);
    free(b->st.books);
    free(b->books);
    free(b->claims);
    dm_anomalies_done(&b->anomalies);
    dm_buf_done(&b->body);
}

/* --- gathering ---------------------------------------------------------------------------------------------- */

static int add_stated(bill *b, const dm_stated *s, size_t *index, dm_err *err)
{
    int r = dm_grow(&b->st.sandboxes, &b->sandboxes_room, b->st.nsandboxes, SANDBOXES_MAX, "sandboxes", err);
    if (r < 0)
        return r;
    *index = b->st.nsandboxes;
    b->st.sandboxes[b->st.nsandboxes++] = *s;
    return 0;
}

static int add_line(bill *b, size_t of, const dm_rate_line *rate, dm_err *err)
{
    int r = dm_grow(&b->st.lines, &b->lines_room, b->st.nlines, LINES_MAX, "lines", err);
    if (r < 0)
        return r;
    assert(of == DM_OF_ACCOUNT || of < b->st.nsandboxes);
    b->st.lines[b->st.nlines++] = (dm_stated_line){of, *rate};
    dm_books_use(b->books, rate->book_id);
    return 0;
}

/* The service signs what the frames say, where the worker could not. */
static int sign_for_worker(bill *b, dm_pg *c, const dm_claim *claim, dm_digest *hash, dm_err *err)
{
    dm_attest *a = b->attest;
    *a = (dm_attest){
            .worker_no = claim->worker_no.v,
            .project_no = (uint32_t)claim->project_no.v,
            .sandbox = claim->sandbox,
            .epoch = claim->epoch,
            .spec_table = claim->spec_table,
            .spec = claim->spec,
            .region_no = claim->region_no,
            .period_start = b->start,
            .period_s = b->period_s,
    };
    memcpy(a->state, claim->billed->state, b->period_s);
    for (size_t m = 0; m < DM_ATTEST_MINUTES_MAX; m++)
        a->disk_16mib[m] = m < b->period_s / 60 ? claim->billed->disk_16mib[m] : DM_DISK_UNKNOWN;
    DM_AUTO_BUF message;
    dm_buf_init(&message, DM_ATTEST_BYTES_MAX);
    int r = dm_sql_bill_sworn_before(c, &claim->sandbox, b->start, &a->previous, err);
    if (r == 0)
        r = dm_attest_write(&message, a, b->conf->key, hash, err);
    return r < 0 ? r : dm_sql_attest_add(c, a, dm_buf_view(&message), hash, false, true, err);
}

static int rate(bill *b, const dm_claim *claim, dm_group *group, size_t of, dm_err *err)
{
    dm_rate_line lines[DM_RATE_LINES_MAX];
    size_t n;
    dm_rate_use use = dm_claim_use(claim, b->period_s);
    int r = dm_rate_use_lines(&use, claim->segments, claim->nsegments, lines, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_line(b, of, &lines[i], err);
    for (size_t i = 0; r == 0 && group != NULL && i < group->n; i++) {
        if (group->segments[i].book->minutes) {
            group->pooled_s[i] += dm_rate_count(&use, DM_SAMPLE_RUN, group->segments[i].from, group->segments[i].to);
            dm_books_use(b->books, group->segments[i].book->id);
            b->st.pooled = true;
        }
    }
    return r;
}

static int state_claim(bill *b, dm_pg *c, const dm_pg_rows *rows, size_t i, const dm_claim *claim, dm_err *err)
{
    dm_stated s;
    size_t of = DM_OF_ACCOUNT;
    int r = dm_evidence_stated(rows, i, claim, b->period_s, &s, err);
    if (r == 0 && claim->unattested)
        r = sign_for_worker(b, c, claim, &s.attestation, err);
    if (r == 0)
        r = add_stated(b, &s, &of, err);
    if (r < 0 || claim->billed == NULL || s.running_s + s.hibernated_s == 0)
        return r;
    b->stated = true;
    r = rate(b, claim, dm_books_group(b->books, dm_pg_str(rows, i, DM_EV_GROUP)), of, err);
    dm_sandbox_name name = dm_sandbox_name_of(&claim->sandbox);
    return r < 0 ? dm_wrap(err, "sandbox %s", name.s) : 0;
}

/* Rows [from, to) are one sandbox's; claims[i] is row i's. */
static int judge_sandbox(bill *b, dm_pg *c, const dm_pg_rows *rows, size_t from, size_t to, dm_err *err)
{
    size_t n = to - from;
    assert(n > 0 && n <= b->claims_room);
    DM_AUTO_MEM dm_claim **list = calloc(n, sizeof(*list));
    if (list == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu claims", n);
    for (size_t i = 0; i < n; i++)
        list[i] = &b->claims[i];
    int r = dm_judge(list, n, b->start, b->period_s, &b->anomalies, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (b->claims[i].counted)
            r = state_claim(b, c, rows, from + i, &b->claims[i], err);
    }
    return r;
}

static int load_sandbox(bill *b, const dm_pg_rows *rows, size_t from, size_t to, dm_err *err)
{
    if (to - from > b->claims_room) {
        dm_claim *grown = realloc(b->claims, (to - from) * sizeof(*grown));
        if (grown == NULL)
            return dm_fail(err, DM_E_NOMEM, "no memory for %zu claims", to - from);
        b->claims = grown;
        b->claims_room = to - from;
    }
    int r = 0;
    for (size_t i = from; r == 0 && i < to; i++) {
        dm_claim *claim = &b->claims[i - from];
        r = dm_evidence_claim(rows, i, b->account_no, b->period_s, b->attest, claim, err);
        const dm_group *g = r == 0 ? dm_books_group(b->books, dm_pg_str(rows, i, DM_EV_GROUP)) : NULL;
        if (g != NULL) {
            claim->segments = g->segments;
            claim->nsegments = g->n;
        }
    }
    return r;
}

static int gather_page(bill *b, dm_pg *c, const dm_sandbox_id *after, const dm_sandbox_id *last, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_bill_evidence(c, b->account_no, b->start, after, last, &rows, err);
    size_t n = r == 0 ? dm_pg_count(rows) : 0;
    for (size_t from = 0, to; r == 0 && from < n; from = to) {
        dm_str id = dm_pg_str(rows, from, DM_EV_SANDBOX);
        for (to = from + 1; to < n && dm_str_eq(dm_pg_str(rows, to, DM_EV_SANDBOX), id);)
            to++;
        r = load_sandbox(b, rows, from, to, err);
        if (r == 0)
            r = judge_sandbox(b, c, rows, from, to, err);
    }
    return r;
}

static int gather(bill *b, dm_pg *c, dm_err *err)
{
    dm_sandbox_id after = {0};
    for (;;) {
        dm_sandbox_id last;
        bool any;
        int r = dm_sql_bill_page(c, b->account_no, b->start, &after, SANDBOX_PAGE, &last, &any, err);
        if (r < 0 || !any)
            return r;
        r = gather_page(b, c, &after, &last, err);
        if (r < 0)
            return r;
        after = last;
    }
}

/* --- the pool ----------------------------------------------------------------------------------------------- */

/* What the group's i-th segment adds to the pool, which stands at *at; the allowance is that of its plan. */
static int pool_segment(bill *b, const dm_group *group, size_t i, uint64_t *at, dm_err *err)
{
    dm_rate_line lines[2];
    size_t n;
    int r = dm_rate_minutes(*at, group->pooled_s[i], group->included_s[i], &group->segments[i], lines, &n, err);
    for (size_t k = 0; r == 0 && k < n; k++)
        r = add_line(b, DM_OF_ACCOUNT, &lines[k], err);
    *at += group->pooled_s[i];
    b->st.included_s = group->included_s[i];
    return r;
}

/* The pool fills in the order of time, and of price groups where they share it. */
static int pool_lines(bill *b, dm_pg *c, dm_err *err)
{
    int64_t before;
    int r = dm_sql_bill_pool(c, b->account_no, b->start, &before, err);
    if (r < 0)
        return r;
    b->st.pool_before_s = (uint64_t)before;
    uint64_t at = b->st.pool_before_s;
    for (uint32_t second = 0; second < b->period_s; second++) {
        for (size_t g = 0; g < b->books->ngroups; g++) {
            const dm_group *group = &b->books->groups[g];
            for (size_t i = 0; i < group->n; i++) {
                if (group->segments[i].from == second && group->segments[i].book->minutes)
                    r = pool_segment(b, group, i, &at, err);
                if (r < 0)
                    return r;
            }
        }
    }
    assert(at >= b->st.pool_before_s);
    b->st.pool_after_s = at;
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static int list_books(bill *b, dm_err *err)
{
    free(b->st.books);
    b->st.nbooks = 0;
    b->st.books = calloc(b->books->nbooks + 1, sizeof(*b->st.books));
    if (b->st.books == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for price books");
    for (size_t i = 0; i < b->books->nbooks; i++) {
        const dm_book *k = &b->books->books[i];
        if (!k->used)
            continue;
        size_t at = b->st.nbooks++;
        for (; at > 0 && b->st.books[at - 1].id > k->rate.id; at--)
            b->st.books[at] = b->st.books[at - 1];
        b->st.books[at] = (dm_stated_book){k->rate.id, k->sha256};
    }
    return 0;
}

/* What is owed for services given and not yet invoiced goes up, revenue too. */
static int post(bill *b, dm_pg *c, const dm_uuid *txn, dm_err *err)
{
    static const char *const families[] = {"revenue:compute", "revenue:storage"};
    dm_money sums[2] = {{0}, {0}};
    int64_t ledger_no;
    int n = 0, r = 0;
    for (size_t i = 0; r == 0 && i < b->st.nlines; i++) {
        const dm_rate_line *l = &b->st.lines[i].rate;
        bool compute = l->sku == DM_SKU_VCPU_RUN || l->sku == DM_SKU_MEM_RUN || l->sku == DM_SKU_MINUTES;
        r = dm_money_add(sums[compute ? 0 : 1], l->amount, &sums[compute ? 0 : 1], err);
    }
    if (r < 0)
        return r;
    assert(sums[0].v + sums[1].v == b->st.total.v); /* what is posted balances */
    if (b->st.total.v == 0)
        return 0;
    r = dm_sql_ledger_account(c, b->account_no, "unbilled", b->st.currency, &ledger_no, err);
    if (r == 0)
        r = dm_sql_journal_entry(c, txn, ++n, ledger_no, b->st.currency, b->st.total, err);
    for (size_t i = 0; r == 0 && i < DM_LEN(sums); i++) {
        dm_money credit;
        if (sums[i].v == 0)
            continue;
        r = dm_sql_ledger_account(c, (dm_account_no){0}, families[i], b->st.currency, &ledger_no, err);
        if (r == 0)
            r = dm_money_negate(sums[i], &credit, err);
        if (r == 0)
            r = dm_sql_journal_entry(c, txn, ++n, ledger_no, b->st.currency, credit, err);
    }
    return r;
}

static int book(bill *b, dm_pg *c, const dm_digest *statement, dm_err *err)
{
    char key[96], start[32];
    int64_t number;
    dm_digest prev, hash;
    dm_uuid txn;
    dm_time_text(b->start, start);
    (void)snprintf(key, sizeof(key), "close:%s:%s", b->st.account, start);
    int r = dm_sql_journal_last(c, b->account_no, &number, &prev, err);
    dm_str parts[] = {{(const char *)prev.b, DM_SHA256}, {(const char *)statement->b, DM_SHA256}};
    if (r == 0)
        r = dm_sha256_parts(parts, DM_LEN(parts), &hash, err);
    if (r == 0)
        r = dm_sql_journal_txn(
                c, b->account_no, number + 1, key, "close", b->start + b->period_s, &prev, &hash, &txn, err);
    return r < 0 ? r : post(b, c, &txn, err);
}

static int tell(const bill *b, dm_pg *c, const dm_digest *sha256, dm_err *err)
{
    char text[96];
    DM_AUTO_BUF json;
    dm_buf_init(&json, 4096);
    dm_jw w;
    dm_jw_init(&w, &json);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "account", b->st.account);
    dm_jw_kc(&w, "currency", b->st.currency);
    dm_jw_ki64(&w, "number", b->st.number.v);
    dm_time_text(b->start, text);
    dm_jw_kc(&w, "period_start", text);
    dm_jw_ku64(&w, "period_s", b->period_s);
    dm_hex(sha256->b, sizeof(sha256->b), text);
    dm_jw_kc(&w, "sha256", text);
    dm_money_print(b->st.total, text);
    dm_jw_kc(&w, "total", text);
    dm_jw_end(&w);
    int r = dm_buf_ok(&json, err);
    return r < 0 ? r : dm_sql_outbox_add(c, DM_TOPIC_STATEMENT, dm_str_c(b->st.account), dm_buf_view(&json), err);
}

static int state_account(bill *b, dm_pg *c, dm_err *err)
{
    dm_signed sig;
    int r = dm_sql_bill_previous(c, b->account_no, &b->st.number, &b->st.previous, err);
    b->st.number.v++;
    if (r == 0)
        r = list_books(b, err);
    if (r == 0)
        r = dm_statement_finish(&b->st, err);
    if (r == 0)
        r = dm_statement_body(&b->st, &b->body, err);
    sig.body = dm_buf_view(&b->body);
    if (r == 0)
        r = dm_sha256(sig.body, &sig.sha256, err);
    if (r == 0)
        r = dm_sign(b->conf->key, sig.body, &sig.signature, err);
    dm_sign_key_public(b->conf->key, &sig.key);
    if (r == 0)
        r = dm_sql_bill_statement(c, b->account_no, &b->st, &sig, err);
    for (size_t i = 0; r == 0 && i < b->st.nlines; i++)
        r = dm_sql_bill_line(c, b->account_no, &b->st, i, err);
    if (r == 0)
        r = book(b, c, &sig.sha256, err);
    return r < 0 ? r : tell(b, c, &sig.sha256, err);
}

/* --- one account -------------------------------------------------------------------------------------------- */

static int load_plan(bill *b, dm_pg *c, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    DM_AUTO(dm_pg_rows) prices = NULL;
    if (b->st.nplans == DM_STATED_PLANS_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d plans hold in the period", DM_STATED_PLANS_MAX);
    dm_stated_plan *p = &b->st.plans[b->st.nplans++];
    int64_t from = dm_pg_i64(rows, i, 2), to = dm_pg_i64(rows, i, 3);
    assert(from >= b->start && from < to && to <= b->start + b->period_s);
    p->included_s = (uint64_t)dm_pg_i64(rows, i, 1);
    p->from = (uint32_t)(from - b->start);
    p->to = (uint32_t)(to - b->start);
    dm_str currency = dm_str_c(b->st.currency);
    int r = dm_str_to_array(dm_pg_str(rows, i, 0), p->tier, sizeof(p->tier), err);
    if (r == 0)
        r = dm_sql_bill_books(c, dm_str_c(p->tier), currency, from, to, &prices, err);
    return r < 0 ? r : dm_books_add(b->books, prices, currency, p, b->start, err);
}

static int load_account(bill *b, dm_pg *c, dm_err *err)
{
    DM_AUTO(dm_pg_rows) account = NULL;
    DM_AUTO(dm_pg_rows) plans = NULL;
    int r = dm_sql_bill_account(c, b->account_no, &account, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(account, 0, 0), b->st.account, sizeof(b->st.account), err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(account, 0, 1), b->st.currency, sizeof(b->st.currency), err);
    if (r == 0)
        r = dm_sql_bill_plans(c, b->account_no, b->start, b->start + b->period_s, &plans, err);
    dm_books_begin(b->books);
    for (size_t i = 0; r == 0 && i < dm_pg_count(plans); i++)
        r = load_plan(b, c, plans, i, err);
    return r;
}

static void begin(bill *b)
{
    b->st.period_start = b->start;
    b->st.period_s = b->period_s;
    b->st.nsandboxes = b->st.nlines = b->st.nbooks = b->st.nplans = 0;
    b->st.included_s = 0;
    b->st.pooled = false;
    b->stated = false;
    dm_anomalies_clear(&b->anomalies);
    dm_buf_reset(&b->body);
}

static int bill_tx(dm_pg *c, void *arg, dm_err *err)
{
    bill *b = arg;
    bool held, open = false;
    begin(b);
    int r = b->conf->held(b->conf->held_arg, c, &held, err);
    if (r == 0 && !held)
        return DM_BILL_ZOMBIE;
    if (r == 0)
        r = dm_sql_bill_open(c, b->account_no, b->start, &open, err);
    if (r < 0 || !open)
        return r;
    r = load_account(b, c, err);
    if (r == 0)
        r = gather(b, c, err);
    if (r == 0 && b->stated && b->st.pooled)
        r = pool_lines(b, c, err);
    if (r == 0 && b->stated)
        r = state_account(b, c, err);
    if (r == 0)
        r = dm_sql_bill_state(c, b->account_no, b->start, b->stated ? "closed" : "empty", err);
    return r == 0 ? dm_notes_put(c, &b->anomalies, err) : r;
}

typedef struct owed {
    const dm_bill_config *conf;
    dm_attest attest; /* scratch */
    int64_t start;    /* where the page before ended */
    dm_account_no account_no;
    dm_pg_rows *rows;
    dm_account_no waiting[WAITING_MAX]; /* accounts that cannot be stated yet */
    size_t nwaiting;
    dm_anomaly note;
} owed;

static int bill_account(owed *o, dm_account_no account_no, int64_t start, uint32_t period_s, dm_err *err)
{
    bill b = {.conf = o->conf, .attest = &o->attest, .account_no = account_no, .start = start, .period_s = period_s};
    dm_buf_init(&b.body, DM_STATEMENT_BYTES_MAX);
    b.books = calloc(1, sizeof(*b.books));
    int r = b.books == NULL ? dm_fail(err, DM_E_NOMEM, "no memory for price books")
                            : dm_pg_tx_on(o->conf->pg, &(dm_pg_scope){.serializable = true}, bill_tx, &b, err);
    if (r == 0) {
        dm_notes_count(o->conf->metrics, &b.anomalies);
        dm_metric_add(o->conf->metrics, &dm_m_statements, NULL, b.stated);
    }
    bill_done(&b);
    return r;
}

/* --- all accounts ------------------------------------------------------------------------------------------- */

static int read_owed(dm_pg *c, void *arg, dm_err *err)
{
    owed *o = arg;
    dm_pg_rows_free(o->rows);
    o->rows = NULL;
    return dm_sql_owed_after(c, o->start, o->account_no, OWED_PAGE, &o->rows, err);
}

static int note_waiting(dm_pg *c, void *arg, dm_err *err)
{
    owed *o = arg;
    return dm_sql_anomaly_once(c, &o->note, err);
}

static bool is_waiting(const owed *o, dm_account_no account_no)
{
    for (size_t i = 0; i < o->nwaiting; i++) {
        if (o->waiting[i].v == account_no.v)
            return true;
    }
    return false;
}

static int put_off(owed *o, dm_account_no account_no, int64_t start, int code, const dm_err *why, dm_err *err)
{
    if (o->nwaiting == WAITING_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d accounts cannot be stated", WAITING_MAX);
    o->waiting[o->nwaiting++] = account_no;
    o->note = (dm_anomaly){.kind = code == DM_E_NOTFOUND ? DM_ANOMALY_NO_PRICE : DM_ANOMALY_TOO_LARGE,
            .account_no = account_no,
            .period_start = start};
    (void)snprintf(o->note.detail, sizeof(o->note.detail), "%.150s", why->msg);
    return dm_pg_tx_on(o->conf->pg, &(dm_pg_scope){0}, note_waiting, o, err);
}

static int bill_page(owed *o, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = dm_steal(&o->rows);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        o->account_no.v = dm_pg_i64(rows, i, 0);
        o->start = dm_pg_i64(rows, i, 1);
        if (is_waiting(o, o->account_no))
            continue;
        dm_err why;
        int r = bill_account(o, o->account_no, o->start, (uint32_t)dm_pg_i64(rows, i, 2), &why);
        if (r == DM_E_NOTFOUND || r == DM_E_LIMIT)
            r = put_off(o, o->account_no, o->start, r, &why, err);
        else if (r < 0)
            r = dm_fail(err, r, "statement of account %lld: %.200s", (long long)o->account_no.v, why.msg);
        if (r != 0)
            return r;
    }
    return 0;
}

static int close_periods(dm_pg *c, void *arg, dm_err *err)
{
    (void)arg;
    return dm_sql_periods_close(c, err);
}

int dm_bill_owed(const dm_bill_config *config, dm_err *err)
{
    DM_AUTO_MEM owed *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for statements");
    o->conf = config;
    size_t n = OWED_PAGE;
    int r = 0;
    while (r == 0 && n == OWED_PAGE) {
        r = dm_pg_tx_on(config->pg, &(dm_pg_scope){.read_only = true}, read_owed, o, err);
        n = r == 0 ? dm_pg_count(o->rows) : 0;
        if (n > 0)
            r = bill_page(o, err);
    }
    dm_pg_rows_free(o->rows);
    if (r == 0)
        r = dm_pg_tx_on(config->pg, &(dm_pg_scope){0}, close_periods, NULL, err);
    return r;
}
