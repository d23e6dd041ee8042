/* metering/bill/sql_bill.h: the ledger's statements for statements. Inside a transaction of role dm_meter, that of the
 * head SERIALIZABLE; times are seconds of UTC. */
#ifndef DM_METERING_BILL_SQL_BILL_H
#define DM_METERING_BILL_SQL_BILL_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/number.h"

#include "metering/kit/many.h"
#include "metering/rules/statement.h"

/* Running seconds of a sandbox that go into the pool. */
typedef struct dm_pooled {
    dm_sandbox_id sandbox;
    int64_t of_start;  /* the period they are of */
    uint32_t from, to; /* its part in which one price and one plan hold */
    char group[DM_NAME_TEXT];
    int64_t book_id;
    uint64_t included_s;
    int64_t seconds; /* of a correction: what it adds */
} dm_pooled;

/* (account_no, period_start, period_s) without a statement yet, oldest first: those after the given pair whose account
 * leaves part when divided by parts. */
int dm_sql_owed_after(dm_pg *c, int64_t start, dm_account_no account_no, uint64_t part, uint64_t parts, int64_t limit,
        dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* Closes every written period in which nothing is owed any more. */
int dm_sql_periods_close(dm_pg *c, dm_err *err) DM_NODISCARD;

/* Whether this account's period is open; locks the row. */
int dm_sql_bill_open(dm_pg *c, dm_account_no account_no, int64_t start, bool *open, dm_err *err) DM_NODISCARD;
/* id, currency */
int dm_sql_bill_account(dm_pg *c, dm_account_no account_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* The plans that hold in [start, end), in their order, cut to it: tier, included seconds a month, from, to. */
int dm_sql_bill_plans(
        dm_pg *c, dm_account_no account_no, int64_t start, int64_t end, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* One row a price, books by group, what is sold, when they hold and id, prices by SKU: those of the account's contract,
 * and everybody's where it has none. instead: a book that is tried in the place of those it would follow; 0: none. */
enum dm_book_col {
    DM_BOOK_ID,
    DM_BOOK_GROUP,
    DM_BOOK_RATED_BY,
    DM_BOOK_FROM,       /* when it begins, */
    DM_BOOK_HOLDS_FROM, /* and in what part of what was asked for it holds */
    DM_BOOK_HOLDS_TO,
    DM_BOOK_TYPE,
    DM_BOOK_QUALITY,
    DM_BOOK_CONTRACT,
    DM_BOOK_SKU,
    DM_BOOK_PER_UNIT,
    DM_BOOK_UNIT,
    DM_BOOK_LIST,
    DM_BOOK_DISCOUNT,
    DM_BOOK_MODE,
    DM_BOOK_TIERS
};
/* Of dm.price p, from DM_BOOK_SKU to DM_BOOK_TIERS. */
#define DM_SQL_PRICE                                                                                                   \
    "p.sku, p.per_unit, p.unit, p.list_per_unit, p.discount_bp, p.mode, (SELECT string_agg(concat(t.from_qty, ',', "   \
    "t.per_unit, ',', t.list_per_unit, ',', t.discount_bp), ';' ORDER BY t.tier_no) FROM dm.price_tier t "             \
    "WHERE t.book_id = p.book_id AND t.sku = p.sku)"
int dm_sql_bill_books(dm_pg *c, dm_account_no account_no, dm_str tier, dm_str currency, int64_t start, int64_t end,
        int64_t instead, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* The last of the next `limit` sandboxes after one that have any evidence; *any false: there is none. */
int dm_sql_bill_page(dm_pg *c, dm_account_no account_no, int64_t start, const dm_sandbox_id *after, int64_t limit,
        dm_sandbox_id *last, bool *any, dm_err *err) DM_NODISCARD;

/* Frames and attestations side by side, of the sandboxes after one up to and with another, by sandbox. Two ranges of
 * two indexes: a page costs the same wherever it stands. */
enum dm_evidence_col {
    DM_EV_PROJECT,
    DM_EV_SANDBOX,
    DM_EV_EPOCH,
    DM_EV_SPEC_TABLE,
    DM_EV_SPEC,
    DM_EV_WORKER,
    DM_EV_REGION,
    DM_EV_SWORN_REGION,
    DM_EV_RUN,
    DM_EV_HIB,
    DM_EV_DISK,
    DM_EV_MESSAGE,
    DM_EV_PROJECT_ID,
    DM_EV_REGION_NAME,
    DM_EV_GROUP,
    DM_EV_VCPUS,
    DM_EV_MEM,
    DM_EV_ATTESTED,
    DM_EV_ROW_PROJECT,
    DM_EV_ROW_EPOCH,
    DM_EV_ROW_SPEC_TABLE,
    DM_EV_ROW_SPEC,
    DM_EV_ROW_REGION,
    DM_EV_ENDED,
    DM_EV_KEY,
    DM_EV_TEMPLATE,
    DM_EV_BUILD,
    DM_EV_TYPE,
    DM_EV_QUALITY,
    DM_EV_ROW_WORKER, /* that had it in this epoch; null: nobody */
    DM_EV_BEGAN,      /* of this epoch: when it was ordered, when it fell asleep; null */
    DM_EV_SLEPT,
    DM_EV_PARENT,      /* whose memory it began with; null: nobody's */
    DM_EV_SWORN_BEFORE /* where nobody swore: the hash of the sandbox's newest attestation of an earlier period; null */
};
int dm_sql_bill_evidence(dm_pg *c, dm_account_no account_no, int64_t start, const dm_sandbox_id *after,
        const dm_sandbox_id *last, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* Of the account's newest statement; number 0 and a zero hash when there is none. */
int dm_sql_bill_previous(
        dm_pg *c, dm_account_no account_no, dm_statement_no *number, dm_digest *sha256, dm_err *err) DM_NODISCARD;
/* The pool's seconds in the UTC month of start, by the statements before it. */
int dm_sql_bill_pool(dm_pg *c, dm_account_no account_no, int64_t start, int64_t *out, dm_err *err) DM_NODISCARD;
/* Where the counts of the month of start stand, by the statements before it: book, SKU, quantity. */
int dm_sql_bill_tiers(dm_pg *c, dm_account_no account_no, int64_t start, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* Where they stand after this one. */
int dm_sql_bill_statement_tiers(dm_pg *c, dm_account_no account_no, const dm_statement *s, dm_err *err) DM_NODISCARD;
typedef struct dm_signed {
    dm_str body;
    dm_digest sha256;
    dm_public_key key;
    dm_signature signature;
} dm_signed;
int dm_sql_bill_statement(
        dm_pg *c, dm_account_no account_no, const dm_statement *s, const dm_signed *sig, dm_err *err) DM_NODISCARD;

/* Throws away what is written of a statement that has no head. */
int dm_sql_bill_drop_draft(dm_pg *c, dm_account_no account_no, int64_t start, dm_err *err) DM_NODISCARD;
/* How many pages are there. */
int dm_sql_bill_pages(dm_pg *c, dm_account_no account_no, int64_t start, int64_t *out, dm_err *err) DM_NODISCARD;
int dm_sql_bill_page_add(dm_pg *c, dm_account_no account_no, const dm_stated_page *p, dm_str body,
        const dm_digest *sha256, dm_err *err) DM_NODISCARD;
/* A page's lines as rows; `before`: how many stand on the pages before it. The account's come behind those of all
 * pages. */
int dm_sql_bill_page_lines(
        dm_pg *c, dm_account_no account_no, const dm_stated_page *p, uint64_t before, dm_err *err) DM_NODISCARD;
int dm_sql_bill_account_lines(dm_pg *c, dm_account_no account_no, const dm_statement *s, dm_err *err) DM_NODISCARD;
/* Seconds that go into the pool with the statement of this period. */
int dm_sql_bill_pooled(
        dm_pg *c, dm_account_no account_no, int64_t start, const dm_pooled *v, size_t n, dm_err *err) DM_NODISCARD;
/* A row of dm.usage_day, compared as bytes, and what is added to it. */
enum { DM_DAY_TIME = -1 }; /* for a SKU: how long sandboxes ran and slept */
typedef struct dm_day_key {
    int64_t project_no, key_no, sku;
    char template_id[(DM_TEMPLATE_ID_TEXT + 7) / 8 * 8];
} dm_day_key;
typedef struct dm_day_sum {
    int64_t running_s, hibernated_s; /* of corrections: more or less */
    dm_qty qty;
    dm_money amount;
} dm_day_sum;
void dm_sql_bill_days(dm_many *m, dm_pg *c, dm_account_no account_no, int64_t start);
int dm_sql_bill_day_add(dm_many *m, const dm_day_key *key, const dm_day_sum *sum, dm_err *err) DM_NODISCARD;
/* state: "closed" or "empty" */
int dm_sql_bill_state(dm_pg *c, dm_account_no account_no, int64_t start, const char *state, dm_err *err) DM_NODISCARD;

#endif
