#include "metering/bill/day.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metering/bill/sql_bill.h"

typedef struct row {
    dm_day_key key;
    dm_day_sum sum;
} row;

void dm_day_init(dm_day *d)
{
    dm_map_init(&d->rows, offsetof(row, key), sizeof(dm_day_key), 2 * DM_DAY_ROWS_MAX + DM_SKU_COUNT + 1);
}

void dm_day_done(dm_day *d)
{
    dm_map_walk walk = dm_map_begin(&d->rows);
    for (row *one; (one = dm_map_next(&walk)) != NULL;)
        free(one);
    dm_map_done(&d->rows);
}

/* --- gathering ---------------------------------------------------------------------------------------------- */

/* A row of this key; of one that is coarser, where there are too many: a statement waits for no rollup. */
static int get(dm_day *d, const dm_day_key *key, row **out, dm_err *err)
{
    dm_day_key of = *key;
    for (size_t most = DM_DAY_ROWS_MAX; (*out = dm_map_find(&d->rows, &of)) == NULL && d->rows.n >= most; most *= 2) {
        memset(of.template_id, 0, sizeof of.template_id);
        of.key_no = 0;
        if (most > DM_DAY_ROWS_MAX)
            of.project_no = 0;
        if (most > 2 * DM_DAY_ROWS_MAX)
            break;
    }
    if (*out != NULL)
        return 0;
    int r = dm_map_reserve(&d->rows, "rows of a day", err);
    if (r < 0)
        return r;
    row *one = calloc(1, sizeof(*one));
    if (one == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a day");
    one->key = of;
    dm_map_add(&d->rows, one);
    *out = one;
    return 0;
}

static dm_day_key key_of(const dm_stated *s)
{
    dm_day_key key;
    memset(&key, 0, sizeof key); /* compared as bytes */
    key.project_no = s->project_no.v;
    key.sku = DM_DAY_TIME;
    if (s->has_row) {
        key.key_no = s->key_no.v;
        (void)snprintf(key.template_id, sizeof key.template_id, "%s", s->template_id);
    }
    return key;
}

static int add_line(row *one, const dm_rate_line *l, dm_err *err)
{
    if (!l->measured)               /* the account's line has it, too */
        one->sum.qty.v += l->qty.v; /* of a line's range, and a statement has few millions */
    return dm_money_add(one->sum.amount, l->amount, &one->sum.amount, err);
}

/* A corrected sandbox is stated with all that is billed of it in its period now; what that changes stands on its lines.
 * Of plans by minutes none of a sandbox says it: their time stays as it was stated first. */
static void add_changed_time(row *one, const dm_rate_line *l)
{
    if (l->sku == DM_SKU_VCPU_RUN)
        one->sum.running_s += l->seconds;
    else if (l->sku == DM_SKU_DISK_HIB)
        one->sum.hibernated_s += l->seconds;
}

int dm_day_page(dm_day *d, const dm_stated_page *p, dm_err *err)
{
    size_t line = 0;
    for (size_t i = 0; i < p->nsandboxes; i++) {
        const dm_stated *s = &p->sandboxes[i];
        dm_day_key key = key_of(s);
        row *one;
        int r = get(d, &key, &one, err);
        if (r < 0)
            return r;
        if (p->corrects == NULL) {
            one->sum.running_s += (int64_t)s->running_s;
            one->sum.hibernated_s += (int64_t)s->hibernated_s;
        }
        for (size_t k = 0; k < s->nlines; k++, line++) {
            if (p->corrects != NULL)
                add_changed_time(one, &p->lines[line]);
            row *of;
            key.sku = (int64_t)p->lines[line].sku;
            r = get(d, &key, &of, err);
            if (r == 0)
                r = add_line(of, &p->lines[line], err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static int put_lines(dm_many *m, const dm_rate_line *lines, size_t n, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        dm_day_key key;
        memset(&key, 0, sizeof key);
        key.sku = (int64_t)lines[i].sku;
        dm_day_sum sum = {.qty = lines[i].qty, .amount = lines[i].amount};
        r = dm_sql_bill_day_add(m, &key, &sum, err);
    }
    return r;
}

int dm_day_put(const dm_day *d, dm_pg *c, dm_account_no account_no, const dm_statement *s, dm_err *err)
{
    DM_AUTO_MANY m;
    int r = 0;
    dm_sql_bill_days(&m, c, account_no, s->period_start);
    dm_map_walk walk = dm_map_begin(&d->rows);
    for (const row *one; r == 0 && (one = dm_map_next(&walk)) != NULL;)
        r = dm_sql_bill_day_add(&m, &one->key, &one->sum, err);
    if (r == 0)
        r = put_lines(&m, s->lines, s->nlines, err);
    for (size_t i = 0; r == 0 && i < s->ncorrections; i++)
        r = put_lines(&m, s->corrections[i].lines, s->corrections[i].nlines, err);
    return r == 0 ? dm_many_flush(&m, err) : r;
}
