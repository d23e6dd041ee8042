#include "metering/ask/export.h"

#include <stdio.h>

#include "base/month.h"

enum { MONTHS_MAX_S = 400 * 86400 };

/* --- what is offered ---------------------------------------------------------------------------------------- */

const char *const dm_export_datasets[] = {"cost", "focus-1.2", "focus-1.3", "focus-1.4", "usage", NULL};
const char *const dm_export_entity_datasets[] = {"journal", "tax", "ageing", "revenue", NULL};
const char *const dm_export_formats[] = {"csv", "jsonl", "parquet", "xlsx", NULL};

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

bool dm_export_offered(bool entity, const char *dataset, const char *format)
{
    return is_one_of(dataset, entity ? dm_export_entity_datasets : dm_export_datasets) &&
           is_one_of(format, dm_export_formats);
}

bool dm_export_ends(const char *dataset)
{
    return strcmp(dataset, "ageing") == 0;
}

/* --- what is asked for -------------------------------------------------------------------------------------- */

static void add_names(dm_buf *b, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++)
        (void)dm_buf_fmt(b, "%s%s", i > 0 ? ", " : "", names[i]);
}

int dm_export_not_offered(bool entity, dm_err *err)
{
    DM_AUTO_BUF words;
    dm_buf_init(&words, 200);
    add_names(&words, entity ? dm_export_entity_datasets : dm_export_datasets);
    (void)dm_buf_c(&words, ", each as ");
    add_names(&words, dm_export_formats);
    return dm_fail(err, DM_E_INVALID, "there is no such dataset in that format: %s", words.p != NULL ? words.p : "");
}

int dm_export_asked_read(const dm_export_asked *b, dm_export_new *out, dm_err *err)
{
    int64_t skipped;
    if (!dm_export_offered(b->entity, b->dataset, b->format))
        return dm_export_not_offered(b->entity, err);
    if (dm_month_read(dm_str_c(b->from), &out->from, &skipped) < 0 ||
            dm_month_read(dm_str_c(b->to != NULL ? b->to : b->from), &skipped, &out->to) < 0 || out->from >= out->to ||
            out->to - out->from > MONTHS_MAX_S)
        return dm_fail(err, DM_E_INVALID, "\"from\" and \"to\" are months (2026-03), in order, 13 of them at most");
    if (dm_export_ends(b->dataset) && out->to > b->now_s)
        return dm_fail(err, DM_E_INVALID, "%s is of a month's end: the last month must be over", b->dataset);
    out->dataset = b->dataset;
    out->format = b->format;
    return 0;
}

void dm_export_detail(const dm_export_new *o, char out[300])
{
    (void)snprintf(out, 300, "{\"dataset\":\"%s\",\"format\":\"%s\",\"from\":%lld,\"to\":%lld}", o->dataset, o->format,
            (long long)o->from, (long long)o->to);
}

/* --- shown -------------------------------------------------------------------------------------------------- */

static void write_count(dm_jw *j, const char *name, int64_t v)
{
    if (v < 0)
        dm_jw_kc(j, name, NULL);
    else
        dm_jw_ki64(j, name, v);
}

void dm_export_write(dm_jw *j, const dm_export *e)
{
    bool made = e->sha256.p != NULL;
    dm_jw_kstr(j, "id", e->id);
    if (e->entity != 0)
        dm_jw_ki64(j, "entity", e->entity);
    dm_jw_kstr(j, "dataset", e->dataset);
    dm_jw_kstr(j, "format", e->format);
    dm_jw_ktime(j, "from", e->from_us);
    dm_jw_ktime(j, "to", e->to_us);
    dm_jw_kstr(j, "state", e->state);
    dm_jw_kmaybe(j, "why", e->why);
    dm_jw_kstr(j, "asked_by", e->who);
    dm_jw_ktime(j, "asked_at", e->asked_us);
    dm_jw_ktime(j, "ended_at", e->ended_us);
    dm_jw_ktime(j, "expires_at", e->expires_us);
    dm_jw_ki64(j, "rows_done", e->rows_done);
    write_count(j, "rows_total", e->rows_all);
    write_count(j, "bytes", made ? e->bytes : -1);
    dm_jw_kmaybe(j, "sha256", e->sha256);
    if (e->delivery.p == NULL)
        return;
    dm_jw_key(j, "delivery");
    dm_jw_raw(j, e->delivery);
}
