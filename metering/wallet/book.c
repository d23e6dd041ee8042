#include <stdio.h>
#include <stdlib.h>

#include "metering/kit/journal.h"
#include "metering/wallet/own.h"

enum { KEY_MAX = 400 };

static int key_of(const dm_wallet_booking *b, const char *what, size_t n, char out[KEY_MAX], dm_err *err)
{
    int len = n == 0 ? snprintf(out, KEY_MAX, "wallet:%s:%s", b->kind, b->key)
                     : snprintf(out, KEY_MAX, "wallet:%s:%s:%s:%zu", b->kind, what, b->key, n);
    return len < KEY_MAX ? 0 : dm_fail(err, DM_E_LIMIT, "a key of more than %d bytes", KEY_MAX);
}

/* What goes into the chain: the key and every amount. */
static int digest_of(const char *key, const dm_wallet_move *moves, size_t n, dm_digest *out, dm_err *err)
{
    char amount[DM_MONEY_TEXT];
    DM_AUTO_BUF text;
    dm_buf_init(&text, 64 << 10);
    (void)dm_buf_fmt(&text, "%s\n", key);
    for (size_t i = 0; i < n; i++) {
        dm_money_print(moves[i].amount, amount);
        (void)dm_buf_fmt(&text, "%s %s %s\n", moves[i].from, moves[i].to, amount);
    }
    int r = dm_buf_ok(&text, err);
    return r < 0 ? r : dm_sha256(dm_buf_view(&text), out, err);
}

static int add(dm_journal *j, dm_account_no account_no, const char *name, dm_money amount, dm_err *err)
{
    return name[0] == '=' ? dm_journal_add(j, (dm_account_no){0}, name + 1, amount, err)
                          : dm_journal_add(j, account_no, name, amount, err);
}

static int book(dm_pg *c, const dm_wallet_booking *b, const char *what, size_t number, int64_t effective_s,
        const dm_wallet_move *moves, size_t n, dm_err *err)
{
    char key[KEY_MAX];
    dm_digest about;
    dm_journal j;
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || moves[i].amount.v != 0;
    if (!any)
        return 0;
    int r = key_of(b, what, number, key, err);
    if (r == 0)
        r = digest_of(key, moves, n, &about, err);
    const dm_journal_head head = {.account_no = b->account_no,
            .currency = b->currency,
            .idem_key = key,
            .kind = what,
            .effective_s = effective_s,
            .about = &about};
    if (r == 0)
        r = dm_journal_begin(c, &head, &j, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        dm_money other;
        r = dm_money_negate(moves[i].amount, &other, err);
        if (r == 0)
            r = add(&j, b->account_no, moves[i].from, moves[i].amount, err);
        if (r == 0)
            r = add(&j, b->account_no, moves[i].to, other, err);
    }
    return r < 0 ? r : dm_journal_end(&j, err);
}

int dm_wallet_book(dm_pg *c, const dm_wallet_booking *b, const dm_wallet_move *moves, size_t n, dm_err *err)
{
    return book(c, b, b->kind, 0, b->at_s, moves, n, err);
}

/* Those of one expiry stand side by side where they are of one priority: a booking each. */
int dm_wallet_expiries(dm_pg *c, const dm_wallet_booking *b, const dm_wallet_parts *p, bool back, dm_err *err)
{
    int r = 0;
    for (size_t i = 0, number = 1; r == 0 && i < p->n;) {
        int64_t at = p->parts[i].expires_s;
        dm_wallet_move move = {.from = "wallet_promo", .to = "=breakage"};
        for (; r == 0 && i < p->n && p->parts[i].expires_s == at; i++)
            r = dm_money_add(move.amount, p->parts[i].amount, &move.amount, err);
        if (r == 0 && back)
            r = dm_money_negate(move.amount, &move.amount, err);
        if (r == 0 && at != DM_BURN_NEVER)
            r = book(c, b, back ? "expiry-back" : "expiry", number++, at > b->at_s ? at : b->at_s, &move, 1, err);
    }
    return r;
}

/* --- parts -------------------------------------------------------------------------------------------------- */

void dm_wallet_parts_done(dm_wallet_parts *p)
{
    free(p->parts);
    free(p->numbers);
    *p = (dm_wallet_parts){.n = 0};
}

int dm_wallet_total(const dm_burn_sum *sum, dm_money *out, dm_err *err)
{
    return dm_money_add(sum->promo, sum->paid, out, err);
}

int dm_wallet_recorded(const dm_pg_rows *rows, dm_wallet_parts *out, dm_err *err)
{
    size_t n = dm_pg_count(rows);
    *out = (dm_wallet_parts){
            .parts = calloc(n + 1, sizeof(*out->parts)), .numbers = calloc(n + 1, sizeof(*out->numbers))};
    if (out->parts == NULL || out->numbers == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for parts of a burn");
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        dm_burn_part *p = &out->parts[out->n];
        *p = (dm_burn_part){.no = dm_pg_i64(rows, i, 1),
                .expires_s = dm_pg_is_null(rows, i, 2) ? DM_BURN_NEVER : dm_pg_i64(rows, i, 2),
                .paid = dm_pg_bool(rows, i, 3)};
        r = dm_money_parse(dm_pg_str(rows, i, 4), &p->amount, err);
        if (r == 0 && p->amount.v != 0)
            out->numbers[out->n++] = dm_pg_i64(rows, i, 0);
    }
    return r;
}
