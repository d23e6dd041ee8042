#include "metering/read/usage.h"

#include "base/parse.h"

#include "metering/read/sql_usage.h"

enum { IDS_MAX = 100 };

void dm_usage_done(dm_usage *u)
{
    free(u->seconds);
    free(u->disk_16mib);
    *u = (dm_usage){.seconds = NULL};
}

static int list_ids(const dm_sandbox_id *ids, size_t n, dm_buf *out, dm_err *err)
{
    char hex[2 * DM_SANDBOX_ID_BYTES + 1];
    if (n == 0 || n > IDS_MAX)
        return dm_fail(err, DM_E_INVALID, "usage of %zu sandboxes", n);
    for (size_t i = 0; i < n; i++) {
        dm_hex(ids[i].b, sizeof ids[i].b, hex);
        (void)dm_buf_fmt(out, "%s\"\\\\x%s\"", i > 0 ? "," : "{", hex);
    }
    (void)dm_buf_c(out, "}");
    return dm_buf_ok(out, err);
}

/* Whose row it is: n when it is nobody's. */
static size_t whose(const dm_pg_rows *rows, size_t i, const dm_sandbox_id *ids, size_t n)
{
    dm_sandbox_id id;
    size_t at = 0;
    if (dm_pg_bytes(rows, i, 0, id.b, sizeof id.b, NULL) < 0)
        return n;
    while (at < n && !dm_sandbox_id_eq(&ids[at], &id))
        at++;
    return at;
}

int dm_read_closed_through(dm_pg *c, int64_t *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_closed_through(c, &rows, err);
    if (r == 0)
        *out = dm_pg_count(rows) == 1 ? dm_pg_i64(rows, 0, 0) : 0;
    return r;
}

/* --- seconds ------------------------------------------------------------------------------------------------ */

static int make_room(dm_usage *u, int64_t from, int64_t end, dm_err *err)
{
    u->from = from;
    u->closed_through = end > from ? end : from;
    size_t seconds = (size_t)(u->closed_through - from);
    u->minutes = (seconds + 59) / 60;
    u->seconds = calloc(seconds > 0 ? seconds : 1, 1);
    u->disk_16mib = calloc(u->minutes > 0 ? u->minutes : 1, sizeof u->disk_16mib[0]);
    if (u->seconds == NULL || u->disk_16mib == NULL)
        return dm_fail(err, DM_E_NOMEM, "usage of %zu seconds", seconds);
    for (size_t i = 0; i < u->minutes; i++)
        u->disk_16mib[i] = -1;
    return 0;
}

/* Four bytes say how many bits follow, the first in the highest place. RUN wins over all, HIB over a gap. */
static void set_bits(dm_usage *u, int64_t start, dm_str sent, dm_spent what)
{
    const uint8_t *p = (const uint8_t *)sent.p;
    if (sent.n < 4)
        return;
    size_t bits = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (bits > (sent.n - 4) * 8)
        bits = (sent.n - 4) * 8;
    for (size_t i = 0; i < bits; i++) {
        int64_t at = start + (int64_t)i - u->from;
        if ((p[4 + i / 8] >> (7 - i % 8) & 1) == 0 || at < 0 || at >= u->closed_through - u->from)
            continue;
        if (what == DM_SPENT_RUN || u->seconds[at] != DM_SPENT_RUN)
            u->seconds[at] = (uint8_t)what;
    }
}

/* "{1,2,-1}", a minute each. A later life's figure of the same minute is the newer one. */
static void set_disk(dm_usage *u, int64_t start, dm_str list)
{
    int64_t at = (start - u->from) / 60;
    dm_str rest = list, one;
    if (rest.n < 2 || start % 60 != 0)
        return;
    rest = (dm_str){rest.p + 1, rest.n - 2};
    for (; dm_str_split(&rest, ',', &one); at++) {
        int64_t v;
        if (at >= 0 && at < (int64_t)u->minutes && dm_parse_i64(one, 0, INT32_MAX, &v, NULL) == 0)
            u->disk_16mib[at] = (int32_t)v;
    }
}

static int read_gaps(dm_pg *c, dm_owner owner, const dm_sandbox_id *ids, size_t n, dm_str list, int64_t from,
        int64_t to, dm_usage *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_usage_gaps(c, owner, list, from, to, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        size_t at = whose(rows, i, ids, n);
        if (at == n)
            continue;
        dm_usage *u = &out[at];
        for (int64_t s = dm_pg_i64(rows, i, 1); s < dm_pg_i64(rows, i, 2) && s < u->closed_through; s++)
            if (s >= u->from)
                u->seconds[s - u->from] = DM_SPENT_GAP;
    }
    return r;
}

int dm_read_usage(dm_pg *c, dm_owner owner, const dm_sandbox_id *ids, size_t n, int64_t from, int64_t to, dm_usage *out,
        dm_err *err)
{
    DM_AUTO_BUF list;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int64_t closed = 0;
    dm_buf_init(&list, IDS_MAX * 40);
    if (from < 0 || from % 60 != 0 || to < from || to - from > DM_USAGE_SECONDS_MAX)
        return dm_fail(err, DM_E_INVALID, "usage from %lld to %lld", (long long)from, (long long)to);
    int r = list_ids(ids, n, &list, err);
    if (r == 0)
        r = dm_read_closed_through(c, &closed, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        dm_usage_done(&out[i]); /* the transaction may run again */
        r = make_room(&out[i], from, closed < to ? closed : to, err);
    }
    if (r == 0)
        r = read_gaps(c, owner, ids, n, dm_buf_view(&list), from, to, out, err);
    if (r == 0)
        r = dm_sql_usage(c, owner, dm_buf_view(&list), from, to, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        size_t at = whose(rows, i, ids, n);
        if (at == n)
            continue;
        int64_t start = dm_pg_i64(rows, i, 1);
        set_bits(&out[at], start, dm_pg_str(rows, i, 3), DM_SPENT_HIB);
        set_bits(&out[at], start, dm_pg_str(rows, i, 2), DM_SPENT_RUN);
        set_disk(&out[at], start, dm_pg_str(rows, i, 4));
    }
    return r;
}

/* --- a month ------------------------------------------------------------------------------------------------ */

int dm_read_months(
        dm_pg *c, dm_owner owner, const dm_sandbox_id *ids, size_t n, int64_t from, dm_read_month *out, dm_err *err)
{
    DM_AUTO_BUF list;
    DM_AUTO(dm_pg_rows) seconds = NULL;
    DM_AUTO(dm_pg_rows) amounts = NULL;
    dm_buf_init(&list, IDS_MAX * 40);
    int r = list_ids(ids, n, &list, err);
    if (r == 0)
        r = dm_sql_month_seconds(c, owner, dm_buf_view(&list), from, &seconds, err);
    if (r == 0)
        r = dm_sql_month_amounts(c, owner, dm_buf_view(&list), from, &amounts, err);
    if (r < 0)
        return r;
    memset(out, 0, n * sizeof out[0]);
    for (size_t i = 0; i < dm_pg_count(seconds); i++) {
        size_t at = whose(seconds, i, ids, n);
        if (at < n) {
            out[at].run_s = (uint64_t)dm_pg_i64(seconds, i, 1);
            out[at].hib_s = (uint64_t)dm_pg_i64(seconds, i, 2);
        }
    }
    for (size_t i = 0; r == 0 && i < dm_pg_count(amounts); i++) {
        size_t at = whose(amounts, i, ids, n);
        if (at == n)
            continue;
        out[at].charged = true;
        r = dm_str_to_array(dm_pg_str(amounts, i, 1), out[at].amount, sizeof out[at].amount, err);
        if (r == 0)
            r = dm_str_to_array(dm_pg_str(amounts, i, 2), out[at].currency, sizeof out[at].currency, err);
    }
    return r;
}

int dm_read_attested_of(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, int64_t from, int64_t to, size_t max,
        dm_read_attested *out, size_t *n, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_attested(c, owner, id, from, to, max, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        out[i] = (dm_read_attested){.period_start = dm_pg_i64(rows, i, 0), .epoch = dm_pg_i64(rows, i, 1)};
        r = dm_str_to_array(dm_pg_str(rows, i, 2), out[i].hash, sizeof out[i].hash, err);
    }
    if (r == 0)
        *n = dm_pg_count(rows);
    return r;
}
