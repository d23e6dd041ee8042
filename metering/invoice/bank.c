/* Files of a bank become payments. Each entry is a transaction of its own: it is there with what it paid, or not at
 * all, so a file that was read in part is read again from its beginning. An entry is matched by the one number of an
 * invoice that stands in what the payer gave, and by its currency; how much it is of what is open is no matter (parts
 * are payments, and what is too much goes to the wallet). What names no invoice, or two, is kept for people. */
#include <stdio.h>

#include "base/parse.h"

#include "metering/invoice/after.h"
#include "metering/invoice/invoice.h"
#include "metering/invoice/sql_bank.h"

enum { FILES_A_ROUND = 100, NO_FILE = 16, ZOMBIE = 17 };

typedef struct file {
    const dm_chore_config *c;
    int64_t file_no, now_s;
    dm_pg_rows *rows;
    char who[200], outcome[200];
    const char *state;
    const dm_camt_entry *e;
    bool added;
    uint64_t fresh, seen;
} file;

static int may_write(const file *f, dm_pg *pg, dm_err *err)
{
    int r = dm_chore_may(f->c, pg, err);
    return r > 0 ? ZOMBIE : r;
}

/* --- which invoice ------------------------------------------------------------------------------------------ */

static bool digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
    }
    return true;
}

/* "INV-2026-000042" among the words; false: none, or two that differ. */
static bool number_in(const char *words, char out[40])
{
    out[0] = '\0';
    for (const char *p = strstr(words, "INV-"); p != NULL; p = strstr(p + 4, "INV-")) {
        size_t n = strlen(p);
        if (n < 15 || !digits(p + 4, 4) || p[8] != '-' || !digits(p + 9, 6) || (n > 15 && digits(p + 15, 1)))
            continue;
        if (out[0] != '\0' && strncmp(out, p, 15) != 0)
            return false;
        (void)snprintf(out, 40, "%.15s", p);
    }
    return out[0] != '\0';
}

/* --- one entry ---------------------------------------------------------------------------------------------- */

static int pay(dm_pg *pg, const file *f, const char *number, dm_after *a, bool *paid, dm_err *err)
{
    char key[300], day[32];
    int64_t us;
    unsigned decimals;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_bank_invoice(pg, number, f->e->currency, &rows, err);
    if (r < 0 || dm_pg_count(rows) == 0) {
        (void)snprintf(a->why, sizeof a->why, "there is no such invoice in %s", f->e->currency);
        return r;
    }
    (void)snprintf(key, sizeof key, "bank:%s:%s", f->e->account, f->e->reference);
    (void)snprintf(day, sizeof day, "%sT00:00:00Z", f->e->day);
    r = dm_parse_rfc3339(dm_str_c(day), &us, err);
    if (r == 0)
        r = dm_invoice_turn(pg, (dm_account_no){dm_pg_i64(rows, 0, 0)}, err);
    if (r == 0)
        r = dm_state_load(pg, dm_pg_i64(rows, 0, 1), &a->f, err);
    if (r == 0)
        r = dm_minor_of(f->e->currency, &decimals, err);
    if (r == 0 && (f->e->amount.v == 0 || !dm_minor_whole(f->e->amount, decimals))) {
        (void)snprintf(a->why, sizeof a->why, "an amount that cannot be paid");
        return 0;
    }
    const dm_paid p = {.amount = f->e->amount,
            .received_s = us / 1000000,
            .how = "bank",
            .reference = f->e->reference,
            .idem_key = key};
    if (r == 0)
        r = dm_after_pay(pg, a, &p, err);
    *paid = r == 0;
    return r < 0 ? r : 0; /* or it is voided: a->why says so */
}

static int entry_tx(dm_pg *pg, void *arg, dm_err *err)
{
    file *f = arg;
    char number[40];
    bool seen = false, paid = false, in = !f->e->debit && !f->e->reversal;
    dm_after a = {.now_s = f->now_s, .who = f->who};
    f->added = false;
    int r = may_write(f, pg, err);
    if (r == 0)
        r = dm_sql_bank_seen(pg, f->e, &seen, err);
    if (r != 0 || seen)
        return r;
    bool named = number_in(f->e->text, number);
    (void)snprintf(a.why, sizeof a.why, "%s", in ? "it names no invoice, or several" : "it went out");
    if (in && named)
        r = pay(pg, f, number, &a, &paid, err);
    return r < 0 ? r
                 : dm_sql_bank_entry(pg, f->file_no, f->e, named ? number : NULL,
                           paid ? "paid"
                           : in ? "unmatched"
                                : "out",
                           paid ? "payment" : a.why, &f->added, err);
}

static int take_entry(void *arg, const dm_camt_entry *e, dm_err *err)
{
    file *f = arg;
    if (!e->booked) /* it comes again when it is */
        return 0;
    f->e = e;
    int r = dm_pg_tx_on(f->c->pg, &(dm_pg_scope){0}, entry_tx, f, err);
    f->fresh += r == 0 && f->added;
    f->seen += r == 0 && !f->added;
    return r;
}

/* --- one file ----------------------------------------------------------------------------------------------- */

static int read_file(dm_pg *pg, void *arg, dm_err *err)
{
    file *f = arg;
    dm_pg_rows_free(f->rows);
    f->rows = NULL;
    int r = dm_sql_bank_file(pg, &f->rows, err);
    if (r < 0 || dm_pg_count(f->rows) == 0)
        return r < 0 ? r : NO_FILE;
    f->file_no = dm_pg_i64(f->rows, 0, 0);
    return dm_str_to_array(dm_pg_str(f->rows, 0, 2), f->who, sizeof f->who, err);
}

static int put_file(dm_pg *pg, void *arg, dm_err *err)
{
    const file *f = arg;
    int r = may_write(f, pg, err);
    return r != 0 ? r : dm_sql_bank_file_put(pg, f->file_no, f->state, f->outcome, f->now_s, err);
}

static int nothing(void *arg, const dm_camt_entry *e, dm_err *err)
{
    int64_t us;
    char day[32];
    (void)arg;
    (void)snprintf(day, sizeof day, "%sT00:00:00Z", e->day);
    return dm_parse_rfc3339(dm_str_c(day), &us, err);
}

/* It is read through once before anything of it is booked: half of a broken file pays nothing. */
static int do_file(file *f, dm_err *err)
{
    dm_err why = {0};
    dm_str body = dm_pg_str(f->rows, 0, 1);
    f->state = "done";
    f->fresh = f->seen = 0;
    int r = dm_camt_read(body, nothing, NULL, &why);
    if (r == DM_E_INVALID || r == DM_E_LIMIT) {
        f->state = "refused";
        (void)snprintf(f->outcome, sizeof f->outcome, "%.190s", why.msg);
    } else {
        r = dm_camt_read(body, take_entry, f, err);
        (void)snprintf(f->outcome, sizeof f->outcome, "%llu new entries, %llu that were there",
                (unsigned long long)f->fresh, (unsigned long long)f->seen);
        if (r != 0)
            return r;
    }
    return dm_pg_tx_on(f->c->pg, &(dm_pg_scope){0}, put_file, f, err);
}

int dm_invoice_bank(const dm_chore_config *c, dm_err *err)
{
    file f = {.c = c, .now_s = dm_second_of(dm_wall_us(c->clock))};
    int r = 0;
    for (int i = 0; r == 0 && i < FILES_A_ROUND; i++) {
        r = dm_pg_tx_on(c->pg, &(dm_pg_scope){.read_only = true}, read_file, &f, err);
        if (r == 0)
            r = do_file(&f, err);
    }
    dm_pg_rows_free(f.rows);
    return r == NO_FILE ? 0 : r == ZOMBIE ? DM_CHORE_ZOMBIE : r;
}
