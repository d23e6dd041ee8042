/* metering/ask/credit.h: what operators order of money for an account: a credit, or their word that money has come. An
 * order is a row; the meter makes a grant of it within seconds and writes what came of it there. Above a threshold (a
 * row, which the database looks at) it waits for a second operator. In the caller's transaction of role dm_ops, whose
 * mouth writes the audit. */
#ifndef DM_METERING_ASK_CREDIT_H
#define DM_METERING_ASK_CREDIT_H

#include "base/json.h"
#include "base/pg.h"
#include "base/wire/id.h"

#include "metering/rules/money.h"

enum {
    DM_CREDIT_NO_ACCOUNT = 1,
    DM_CREDIT_CURRENCY, /* the account is billed in another one */
    DM_CREDIT_OTHER,    /* the key came with another order before */
    DM_CREDIT_NONE,     /* the account has no such order */
    DM_CREDIT_SAME,     /* whoever ordered it does not approve it */
    DM_CREDIT_DECIDED,  /* it is booked, refused or withdrawn */
    DM_CREDIT_AGAIN,    /* the key has ordered this before; of an act: it was done before. Nothing was changed */
};

typedef struct dm_credit_new {
    const char *account_id, *who, *kind, *currency, *reference, *reason; /* kind: "paid", "promo", "operator" */
    dm_money amount;                                                     /* > 0 */
    int64_t expires_us;                                                  /* whole seconds; 0: never */
    dm_str key;                                                          /* .p NULL: it comes once */
} dm_credit_new;

/* 0 or DM_CREDIT_AGAIN, with the order's id; DM_CREDIT_NO_ACCOUNT, _CURRENCY, _OTHER. */
int dm_credit_order(dm_pg *c, const dm_credit_new *o, char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;

/* 0, DM_CREDIT_AGAIN, _NONE, _SAME, _DECIDED. */
int dm_credit_approve(dm_pg *c, const char *account_id, const char *id, const char *who, dm_err *err) DM_NODISCARD;
int dm_credit_withdraw(dm_pg *c, const char *account_id, const char *id, const char *who, dm_err *err) DM_NODISCARD;

/* Strings are borrowed of the rows; .p NULL: there is none. */
typedef struct dm_credit {
    int64_t no, account_no, expires_us, ordered_us, approved_us, withdrawn_us, booked_us;
    dm_str id, kind, currency, amount, reference, ordered_by, reason, approved_by, withdrawn_by, refused, state;
    bool needs_second;
} dm_credit;

/* 0 or DM_CREDIT_NONE. */
int dm_credit_find(dm_pg *c, const char *account_id, const char *id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* The newest first, those below `before`; state .n 0: of any. DM_CREDIT_NO_ACCOUNT. */
int dm_credit_list(dm_pg *c, const char *account_id, dm_str state, int64_t before, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_credit_read(const dm_pg_rows *rows, size_t i, dm_credit *out);
void dm_credit_write(dm_jw *w, const dm_credit *credit); /* an object */

#endif
