#include "metering/export/data/sums.h"

#include "base/grow.h"

void dm_sums_done(dm_sums *s)
{
    free(s->documents);
    *s = (dm_sums){.rows = 0};
}

static int count(dm_sum *sum, dm_str amount, dm_err *err)
{
    dm_money m;
    int r = dm_money_parse(amount, &m, err);
    if (r == 0)
        r = dm_money_add(sum->amount, m, &sum->amount, err);
    if (r == 0)
        sum->rows++;
    return r;
}

/* By the currency's name; a new one where it is the first of it. */
static int currency_of(dm_sums *s, dm_str name, dm_sum **out, dm_err *err)
{
    for (size_t i = 0; i < s->ncurrencies; i++)
        if (dm_str_eq_c(name, s->currencies[i].name)) {
            *out = &s->currencies[i];
            return 0;
        }
    if (s->ncurrencies == DM_SUMS_CURRENCIES_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d currencies", DM_SUMS_CURRENCIES_MAX);
    *out = &s->currencies[s->ncurrencies];
    int r = dm_str_to_array(name, (*out)->name, sizeof(*out)->name, err);
    if (r == 0)
        s->ncurrencies++;
    return r;
}

/* Rows of a document stand together, so the last one is mostly it. */
static int document_of(dm_sums *s, dm_str name, dm_sum **out, dm_err *err)
{
    if (s->ndocuments > 0 && dm_str_eq_c(name, s->documents[s->last].name)) {
        *out = &s->documents[s->last];
        return 0;
    }
    size_t i = 0;
    while (i < s->ndocuments && !dm_str_eq_c(name, s->documents[i].name))
        i++;
    if (i == s->ndocuments) {
        int r = dm_grow(&s->documents, &s->room, s->ndocuments, DM_SUMS_DOCUMENTS_MAX, "documents", err);
        if (r < 0)
            return r;
        s->documents[i] = (dm_sum){.rows = 0};
        r = dm_str_to_array(name, s->documents[i].name, sizeof s->documents[i].name, err);
        if (r < 0)
            return r;
        s->ndocuments++;
    }
    s->last = i;
    *out = &s->documents[i];
    return 0;
}

int dm_sums_add(dm_sums *s, const dm_data_row *row, dm_err *err)
{
    dm_sum *of;
    s->rows++;
    if (row->amount.p == NULL)
        return 0;
    int r = currency_of(s, row->currency, &of, err);
    if (r == 0)
        r = count(of, row->amount, err);
    if (r < 0 || row->invoice.p == NULL)
        return r;
    r = document_of(s, row->invoice, &of, err);
    return r < 0 ? r : count(of, row->amount, err);
}

int dm_sums_total(dm_sums *s, dm_str number, dm_str total, bool whole, dm_err *err)
{
    dm_sum *of;
    int r = document_of(s, number, &of, err);
    if (r == 0)
        r = dm_money_parse(total, &of->total, err);
    if (r < 0)
        return r;
    of->known = true;
    of->whole = whole;
    return 0;
}

int dm_sums_agree(const dm_sums *s, dm_err *err)
{
    for (size_t i = 0; i < s->ndocuments; i++) {
        const dm_sum *d = &s->documents[i];
        char rows[DM_MONEY_TEXT], total[DM_MONEY_TEXT];
        if (!d->whole || dm_money_cmp(d->amount, d->total) == 0)
            continue;
        dm_money_print(d->amount, rows);
        dm_money_print(d->total, total);
        return dm_fail(err, DM_E_INTERNAL, "the rows of %s come to %s, and it says %s", d->name, rows, total);
    }
    return 0;
}
