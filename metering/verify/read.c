/* Members of JSON as a bundle writes them, and in no other form. */
#include <time.h>

#include "base/parse.h"

#include "metering/verify/own.h"

int dm_v_text(const json_t *obj, const char *name, char *out, size_t cap, dm_err *err)
{
    dm_str s;
    int r = dm_json_str(obj, name, &s, err);
    if (r == DM_JSON_ABSENT)
        return dm_fail(err, DM_E_INVALID, "\"%s\" is missing", name);
    return r < 0 ? r : dm_str_to_array(s, out, cap, err);
}

int dm_v_end(const json_t *obj, const char *name, int64_t *out, dm_err *err)
{
    *out = INT64_MAX;
    return json_is_null(json_object_get(obj, name)) ? 0 : dm_said_time(obj, name, out, err);
}

bool dm_v_sum_ok(dm_str text)
{
    static const char before[] = ",\"sum\":\"";
    enum { TAIL = sizeof(before) - 1 + 2 * DM_SHA256 + 2 };
    dm_digest sum;
    char hex[2 * DM_SHA256 + 1];
    if (text.n <= TAIL || memcmp(text.p + text.n - TAIL, before, sizeof(before) - 1) != 0 ||
            memcmp(text.p + text.n - 2, "\"}", 2) != 0 || dm_sha256((dm_str){text.p, text.n - TAIL}, &sum, NULL) < 0)
        return false;
    dm_hex(sum.b, sizeof(sum.b), hex);
    return memcmp(hex, text.p + text.n - 2 - 2 * DM_SHA256, 2 * DM_SHA256) == 0;
}

/* --- of statements ------------------------------------------------------------------------------------------ */

int dm_v_period(const json_t *obj, int64_t *start, int64_t *end, dm_err *err)
{
    int r = dm_said_time(obj, "start", start, err);
    if (r == 0)
        r = dm_said_time(obj, "end", end, err);
    if (r < 0)
        return r;
    int64_t length = *end - *start;
    if (length < DM_PERIOD_S_MIN || length > DM_PERIOD_S_MAX || length % 60 != 0 || *start % length != 0)
        return dm_fail(err, DM_E_INVALID, "there is no such period");
    return 0;
}

static int sku_and_money(const json_t *j, dm_rate_line *out, dm_err *err)
{
    dm_str sku, qty, per_unit, amount;
    int r = dm_json_str(j, "sku", &sku, err);
    if (r == 0)
        r = dm_json_str(j, "qty", &qty, err);
    if (r == 0)
        r = dm_json_str(j, "per_unit", &per_unit, err);
    if (r == 0)
        r = dm_json_str(j, "amount", &amount, err);
    if (r == 0)
        r = dm_sku_parse(sku, &out->sku, err);
    if (r == 0)
        r = dm_qty_parse(qty, &out->qty, err);
    if (r == 0)
        r = dm_price_parse(per_unit, &out->per_unit, err);
    return r == 0 ? dm_money_parse(amount, &out->amount, err) : DM_E_INVALID;
}

/* What it may be is seen where the bytes are built anew. */
static int read_kind(const json_t *j, dm_rate_line *out, dm_err *err)
{
    const char *kind = dm_json_c(j, "kind");
    if (kind == NULL ||
            (strcmp(kind, "usage") != 0 && strcmp(kind, "measured") != 0 && strcmp(kind, "correction") != 0))
        return dm_fail(err, DM_E_INVALID, "\"kind\"");
    out->measured = strcmp(kind, "measured") == 0;
    return 0;
}

int dm_v_line(const json_t *j, int64_t start, uint32_t period_s, dm_rate_line *out, dm_err *err)
{
    int64_t from, to, seconds, tier;
    *out = (dm_rate_line){0};
    int r = sku_and_money(j, out, err);
    if (r == 0)
        r = read_kind(j, out, err);
    if (r == 0)
        r = dm_json_i64(j, "book", 1, INT64_MAX, &out->book_id, err);
    if (r == 0)
        r = dm_said_time(j, "from", &from, err);
    if (r == 0)
        r = dm_said_time(j, "to", &to, err);
    if (r == 0)
        r = dm_json_i64(j, "seconds", INT64_MIN, INT64_MAX, &seconds, err);
    if (r == 0)
        r = dm_json_i64(j, "tier", 0, UINT8_MAX, &tier, err);
    if (r != 0 || from < start || to < from || to > start + period_s)
        return dm_fail(err, DM_E_INVALID, "a line");
    out->from = (uint32_t)(from - start);
    out->to = (uint32_t)(to - start);
    out->seconds = seconds;
    out->tier = (uint8_t)tier;
    return 0;
}

int dm_v_month_of(int64_t second)
{
    time_t t = (time_t)second;
    struct tm tm;
    return gmtime_r(&t, &tm) != NULL ? (tm.tm_year + 1900) * 12 + tm.tm_mon + 1 : 1;
}
