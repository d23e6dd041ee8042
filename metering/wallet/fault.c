/* What ended (not: slept) by our fault or by an operator's hand is given back: all that this sandbox was charged for
 * running, in all its lives, in the period in which it was lost and the one before. Looked at when both are closed,
 * once for a (sandbox, epoch): the row that says so is written with the grant.
 *
 * Of pooled minutes its part of what they came to is given back, by seconds, marked as a split: minutes are the
 * account's, and what a pool has been filled with stands in signed statements, whose chain no credit changes. What it
 * ran within an allowance was charged nothing. */
#include <stdio.h>

#include "metering/kit/sql_journal.h"
#include "metering/wallet/chores.h"
#include "metering/wallet/sql_fault.h"
#include "metering/wallet/turn.h"
#include "metering/wallet/wallet.h"

enum { BACK_S = 62 * 86400 /* what nobody could judge in two months is for people */ };

typedef struct one {
    dm_fault f;
    int64_t now_s;
} one;

typedef struct charged {
    dm_money amount;
    bool split;
    char currency[4], statements[64];
} charged;

/* A statement's part of it. */
static int add_statement(const dm_pg_rows *rows, size_t i, charged *out, dm_err *err)
{
    dm_money own, pooled, share = {0};
    int64_t resources_s = dm_pg_i64(rows, i, 3), pool_s = dm_pg_i64(rows, i, 5), ran_s = dm_pg_i64(rows, i, 6);
    int r = dm_str_to_array(dm_pg_str(rows, i, 1), out->currency, sizeof(out->currency), err);
    if (r == 0)
        r = dm_money_parse(dm_pg_str(rows, i, 2), &own, err);
    if (r == 0)
        r = dm_money_parse(dm_pg_str(rows, i, 4), &pooled, err);
    int64_t part = ran_s - resources_s; /* what was rated by resources was not pooled */
    if (r == 0 && pooled.v > 0 && pool_s > 0 && part > 0) {
        out->split = true;
        r = dm_burn_share(pooled, (uint64_t)(part < pool_s ? part : pool_s), (uint64_t)pool_s, &share, err);
    }
    if (r == 0)
        r = dm_money_add(out->amount, own, &out->amount, err);
    return r < 0 ? r : dm_money_add(out->amount, share, &out->amount, err);
}

static int read_charged(dm_pg *c, const dm_fault *f, charged *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    *out = (charged){.amount = {0}, .statements = "{"};
    size_t len = 1;
    int r = dm_sql_fault_charged(c, f, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        r = add_statement(rows, i, out, err);
        len += (size_t)snprintf(out->statements + len, sizeof(out->statements) - len, "%s%lld", i > 0 ? "," : "",
                (long long)dm_pg_i64(rows, i, 0));
        if (len >= sizeof(out->statements) - 1)
            return dm_fail(err, DM_E_INTERNAL, "more statements than two of a sandbox");
    }
    memcpy(out->statements + len, "}", 2);
    return r;
}

static int give(dm_pg *c, const one *o, const charged *k, int64_t *grant_no, dm_err *err)
{
    char key[96], reference[64], why[160];
    dm_sandbox_name name = dm_sandbox_name_of(&o->f.sandbox);
    (void)snprintf(
            key, sizeof(key), "fault:%lld:%s:%lld", (long long)o->f.owner.account.v, name.s, (long long)o->f.epoch);
    (void)snprintf(reference, sizeof(reference), "sandbox:%s", name.s);
    (void)snprintf(why, sizeof(why), "%s: what sandbox %s was charged for running", o->f.cause, name.s);
    const dm_wallet_grant g = {.account_no = o->f.owner.account,
            .kind = "our_fault",
            .currency = k->currency,
            .amount = k->amount,
            .expires_s = DM_BURN_NEVER,
            .idem_key = key,
            .cause = o->f.cause,
            .reference = reference,
            .who = "policy:our_fault",
            .why = why,
            .at_s = o->now_s};
    return dm_wallet_give(c, &g, grant_no, err);
}

static int judge(dm_pg *c, void *arg, dm_err *err)
{
    const one *o = arg;
    charged k;
    bool judged = false;
    int64_t grant_no = 0;
    int r = dm_sql_journal_turn(c, o->f.owner.account, err);
    if (r == 0)
        r = dm_sql_fault_judged(c, &o->f, &judged, err);
    if (r < 0 || judged)
        return r;
    r = read_charged(c, &o->f, &k, err);
    if (r == 0 && k.amount.v > 0)
        r = give(c, o, &k, &grant_no, err);
    return r < 0 ? r
                 : dm_sql_fault_add(
                           c, &o->f, k.currency, k.amount, k.split && grant_no != 0, k.statements, grant_no, err);
}

/* No page needs to know where the one before ended: what was judged is no longer owed. */
static int list(dm_pg *c, const dm_wallet_turn *t, dm_pg_rows **out, dm_err *err)
{
    return dm_sql_faults(c, t->now_s - BACK_S, DM_WALLET_PAGE, out, err);
}

static int each(dm_wallet_turn *t, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    one o = {.now_s = t->now_s};
    int r = dm_sql_fault_read(rows, i, &o.f, err);
    return r < 0 ? r : dm_wallet_step(t->conf, judge, &o, err);
}

int dm_wallet_chore_faults(const dm_chore_config *c, dm_err *err)
{
    dm_wallet_turn t = {.conf = c, .list = list, .each = each};
    return dm_wallet_each(&t, err);
}
