#include "metering/export/data/manifest.h"

#include "base/json.h"
#include "base/parse.h"

#include "metering/rules/statement.h"

static const char *const types[] = {
        [DM_DATA_TEXT] = "text", [DM_DATA_INT] = "int", [DM_DATA_TIME] = "time", [DM_DATA_DECIMAL] = "decimal"};

static void number_or_null(dm_jw *j, const char *name, bool is, unsigned v)
{
    if (is)
        dm_jw_ki64(j, name, v);
    else
        dm_jw_kc(j, name, NULL);
}

static void columns(dm_jw *j, const dm_data_set *set)
{
    dm_jw_key(j, "columns");
    dm_jw_arr(j);
    for (size_t i = 0; i < set->ncolumns; i++) {
        const dm_data_column *c = &set->columns[i];
        dm_jw_obj(j);
        dm_jw_kc(j, "name", c->name);
        number_or_null(j, "precision", c->type == DM_DATA_DECIMAL, c->precision);
        dm_jw_kbool(j, "required", c->required);
        number_or_null(j, "scale", c->type == DM_DATA_DECIMAL, c->scale);
        dm_jw_kc(j, "type", types[c->type]);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static void money(dm_jw *j, const char *name, dm_money m)
{
    char text[DM_MONEY_TEXT];
    dm_money_print(m, text);
    dm_jw_kc(j, name, text);
}

static void documents(dm_jw *j, const dm_sums *s)
{
    dm_jw_key(j, "documents");
    dm_jw_arr(j);
    for (size_t i = 0; i < s->ndocuments; i++) {
        const dm_sum *d = &s->documents[i];
        dm_jw_obj(j);
        money(j, "amount", d->amount);
        dm_jw_kc(j, "number", d->name);
        dm_jw_ku64(j, "rows", d->rows);
        if (d->known)
            money(j, "total", d->total);
        else
            dm_jw_kc(j, "total", NULL);
        dm_jw_kbool(j, "whole", d->whole);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static void sums(dm_jw *j, const dm_sums *s)
{
    dm_jw_key(j, "sums");
    dm_jw_arr(j);
    for (size_t i = 0; i < s->ncurrencies; i++) {
        dm_jw_obj(j);
        money(j, "amount", s->currencies[i].amount);
        dm_jw_kc(j, "currency", s->currencies[i].name);
        dm_jw_ku64(j, "rows", s->currencies[i].rows);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

int dm_manifest_write(const dm_manifest *m, dm_buf *out, dm_err *err)
{
    char hex[2 * DM_SHA256 + 1], from[32], to[32];
    dm_jw j;
    dm_hex(m->digest.b, sizeof m->digest.b, hex);
    dm_time_text(m->range->from, from);
    dm_time_text(m->range->to, to);
    dm_jw_init(&j, out);
    dm_jw_obj(&j);
    if (m->account != NULL)
        dm_jw_kc(&j, "account", m->account);
    columns(&j, m->set);
    dm_jw_kc(&j, "dataset", m->set->name);
    documents(&j, m->sums);
    if (m->account == NULL)
        dm_jw_ki64(&j, "entity", m->range->no);
    dm_jw_key(&j, "file");
    dm_jw_obj(&j);
    dm_jw_ku64(&j, "bytes", m->bytes);
    dm_jw_kc(&j, "format", m->format);
    dm_jw_kc(&j, "sha256", hex);
    dm_jw_end(&j);
    dm_jw_kc(&j, "from", from);
    dm_jw_ku64(&j, "rows", m->sums->rows);
    sums(&j, m->sums);
    dm_jw_kc(&j, "to", to);
    dm_jw_ki64(&j, "version", 1);
    dm_jw_end(&j);
    return dm_buf_ok(out, err);
}
