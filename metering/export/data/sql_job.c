#include "metering/export/data/sql_job.h"

#include <stddef.h>
#include <stdio.h>

#include "metering/rules/receipt.h"

/* Whoever asks for a document again once there is none asks anew. */
#define ASKED_ANEW "idem_key = CASE WHEN number IS NULL THEN idem_key ELSE 'gone:' || id END"
#define MINE "WHERE export_no = $1::bigint AND taker = $2::uuid AND state = 'running' "

static int text_of(const dm_pg_rows *rows, unsigned column, char *out, size_t room, dm_err *err)
{
    return dm_str_to_array(dm_pg_str(rows, 0, column), out, room, err);
}

int dm_sql_job_take(dm_pg *c, const char *taker, dm_job *out, dm_err *err)
{
    static const dm_pg_stmt st = {"job_take",
            "UPDATE dm.export e SET state = 'running', taker = $1::uuid, taken_at = now(), beat_at = now(), tries = "
            "tries + 1, rows_done = 0 WHERE e.export_no = (SELECT q.export_no FROM dm.export q WHERE (q.state = "
            "'running' AND q.beat_at < now() - $2::bigint * interval '1 s' OR q.state = 'queued' AND q.cancel_at IS "
            "NULL AND NOT EXISTS (SELECT FROM dm.export o WHERE o.whose = q.whose AND o.state = 'running')) ORDER BY "
            "q.state <> 'running', (SELECT max(t.taken_at) FROM dm.export t WHERE t.whose = q.whose) NULLS FIRST, "
            "q.export_no LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING coalesce(e.account_no, 0), e.export_no, "
            "coalesce(dm.s(e.from_at), 0), coalesce(dm.s(e.to_at), 0), e.tries, e.id, e.dataset, e.format, "
            "coalesce(e.number, ''), coalesce(e.entity_no, 0)",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(taker), dm_pa_i64(DM_JOB_DEAD_S)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_JOB_NONE;
    dm_job j = {.account_no = dm_pg_i64(rows, 0, 0),
            .no = dm_pg_i64(rows, 0, 1),
            .from = dm_pg_i64(rows, 0, 2),
            .to = dm_pg_i64(rows, 0, 3),
            .tries = dm_pg_i64(rows, 0, 4),
            .entity_no = dm_pg_i64(rows, 0, 9)};
    (void)snprintf(j.taker, sizeof j.taker, "%s", taker);
    r = text_of(rows, 5, j.id, sizeof j.id, err);
    if (r == 0)
        r = text_of(rows, 6, j.dataset, sizeof j.dataset, err);
    if (r == 0)
        r = text_of(rows, 7, j.format, sizeof j.format, err);
    if (r == 0)
        r = text_of(rows, 8, j.number, sizeof j.number, err);
    if (r == 0)
        *out = j;
    return r;
}

/* Touches the row, if it is still this taker's. */
static int touch(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_err *err)
{
    int64_t changed = 0;
    int r = dm_pg_exec(c, st, args, n, NULL, &changed, err);
    return r < 0 ? r : changed == 1 ? 0 : DM_JOB_NONE;
}

#define JOB(job) dm_pa_i64((job)->no), dm_pa_c((job)->taker)

int dm_sql_job_beat(dm_pg *c, const dm_job *job, int64_t rows_done, int64_t rows_all, dm_err *err)
{
    static const dm_pg_stmt st = {"job_beat",
            "UPDATE dm.export SET beat_at = now(), rows_done = $3::bigint, rows_all = coalesce($4::bigint, "
            "rows_all) " MINE "RETURNING cancel_at IS NOT NULL",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {JOB(job), dm_pa_i64(rows_done), rows_all < 0 ? dm_pa_null() : dm_pa_i64(rows_all)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_JOB_NONE;
    return dm_pg_bool(rows, 0, 0) ? DM_JOB_CANCELLED : 0;
}

int dm_sql_job_ready(dm_pg *c, const dm_job *job, const dm_job_made *made, dm_err *err)
{
    static const dm_pg_stmt st = {"job_ready",
            "UPDATE dm.export SET state = 'ready', taker = NULL, file = $3, bytes = $4::bigint, rows_done = "
            "$5::bigint, rows_all = $5::bigint, digest = $6::bytea, manifest = $7, ended_at = now(), expires_at = "
            "now() + $8::bigint * interval '1 s' " MINE "AND cancel_at IS NULL",
            DM_PG_NONE};
    const dm_pg_arg args[] = {JOB(job), dm_pa_c(made->file), dm_pa_i64((int64_t)made->bytes),
            dm_pa_i64((int64_t)made->rows), dm_pa_bytes(made->digest.b, sizeof made->digest.b),
            dm_pa_text(made->manifest), dm_pa_i64(made->keep_s)};
    return touch(c, &st, args, DM_LEN(args), err);
}

int dm_sql_job_failed(dm_pg *c, const dm_job *job, const char *why, dm_err *err)
{
    static const dm_pg_stmt st = {"job_failed",
            "UPDATE dm.export SET state = 'failed', taker = NULL, why = $3, ended_at = now(), " ASKED_ANEW " " MINE,
            DM_PG_NONE};
    const dm_pg_arg args[] = {JOB(job), dm_pa_c(why)};
    return touch(c, &st, args, DM_LEN(args), err);
}

int dm_sql_job_cancelled(dm_pg *c, const dm_job *job, dm_err *err)
{
    static const dm_pg_stmt st = {"job_cancelled",
            "UPDATE dm.export SET state = 'cancelled', taker = NULL, ended_at = now(), " ASKED_ANEW " " MINE,
            DM_PG_NONE};
    const dm_pg_arg args[] = {JOB(job)};
    return touch(c, &st, args, DM_LEN(args), err);
}

int dm_sql_job_back(dm_pg *c, const dm_job *job, dm_err *err)
{
    static const dm_pg_stmt st = {
            "job_back", "UPDATE dm.export SET state = 'queued', taker = NULL, tries = tries - 1 " MINE, DM_PG_NONE};
    const dm_pg_arg args[] = {JOB(job)};
    return touch(c, &st, args, DM_LEN(args), err);
}

int dm_sql_job_due(dm_pg *c, int64_t *ordered, dm_err *err)
{
    static const dm_pg_stmt st = {"job_due", "SELECT dm.export_schedules_due()", DM_PG_ONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, NULL, 0, &rows, NULL, err);
    if (r == 0)
        *ordered = dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_sql_job_dropped(dm_pg *c, dm_err *err)
{
    static const dm_pg_stmt st = {"job_dropped",
            "UPDATE dm.export SET state = 'cancelled', ended_at = now(), " ASKED_ANEW
            " WHERE state = 'queued' AND cancel_at IS NOT NULL",
            DM_PG_NONE};
    return dm_pg_exec(c, &st, NULL, 0, NULL, NULL, err);
}

/* --- what is kept no longer --------------------------------------------------------------------------------- */

int dm_sql_job_over(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"job_over",
            "SELECT export_no, file FROM dm.export WHERE state = 'ready' AND expires_at < now() ORDER BY expires_at "
            "LIMIT 100",
            DM_PG_ROWS};
    return dm_pg_exec(c, &st, NULL, 0, out, NULL, err);
}

int dm_sql_job_removed(dm_pg *c, int64_t no, dm_err *err)
{
    static const dm_pg_stmt st = {"job_removed",
            "UPDATE dm.export SET state = 'removed', idem_key = 'gone:' || id WHERE export_no = $1::bigint AND state = "
            "'ready'",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(no)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_job_has_file(dm_pg *c, dm_str name, bool *out, dm_err *err)
{
    static const dm_pg_stmt st = {
            "job_has_file", "SELECT EXISTS (SELECT FROM dm.export WHERE state = 'ready' AND file = $1)", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_text(name)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_bool(rows, 0, 0);
    return r;
}

/* --- in the account's scope --------------------------------------------------------------------------------- */

int dm_sql_job_account(dm_pg *c, int64_t account_no, char id[DM_UUID_TEXT], dm_err *err)
{
    static const dm_pg_stmt st = {"job_account", "SELECT id FROM dm.account WHERE account_no = $1::bigint", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    return r < 0 ? r : text_of(rows, 0, id, DM_UUID_TEXT, err);
}

/* The bytes in the first column of the only row, into out. */
static int body_of(
        dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_buf *out, dm_pg_rows **rows, dm_err *err)
{
    int r = dm_pg_exec(c, st, args, n, rows, NULL, err);
    if (r < 0 || dm_pg_count(*rows) == 0)
        return r < 0 ? r : DM_JOB_NONE;
    dm_buf_reset(out);
    (void)dm_buf_str(out, dm_pg_str(*rows, 0, 0));
    return dm_buf_ok(out, err);
}

int dm_sql_job_document(dm_pg *c, int64_t account_no, const char *number, dm_buf *out, dm_err *err)
{
    static const dm_pg_stmt st = {
            "job_document", "SELECT body FROM dm.invoice WHERE account_no = $1::bigint AND number = $2", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_c(number)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    return body_of(c, &st, args, DM_LEN(args), out, &rows, err);
}

int dm_sql_job_receipt(dm_pg *c, int64_t account_no, const char *number, dm_buf *out, dm_err *err)
{
    static const dm_pg_stmt st = {"job_receipt",
            "SELECT a.id, r.currency, r.number, r.reference, r.amount, r.to_wallet, r.seller, r.buyer, r.invoice, "
            "dm.s(r.at), (r.received_on - DATE '1970-01-01')::bigint * 86400 FROM dm.receipt r JOIN dm.account a USING "
            "(account_no) WHERE r.account_no = $1::bigint AND r.number = $2",
            DM_PG_MAYBE};
    static const dm_pg_field fields[] = {{DM_COL_STR, offsetof(dm_receipt_kept, account)},
            {DM_COL_STR, offsetof(dm_receipt_kept, currency)}, {DM_COL_STR, offsetof(dm_receipt_kept, number)},
            {DM_COL_STR, offsetof(dm_receipt_kept, reference)}, {DM_COL_STR, offsetof(dm_receipt_kept, amount)},
            {DM_COL_STR, offsetof(dm_receipt_kept, to_wallet)}, {DM_COL_STR, offsetof(dm_receipt_kept, seller)},
            {DM_COL_STR, offsetof(dm_receipt_kept, buyer)}, {DM_COL_MAYBE, offsetof(dm_receipt_kept, invoice)},
            {DM_COL_I64, offsetof(dm_receipt_kept, booked_s)}, {DM_COL_I64, offsetof(dm_receipt_kept, received_s)}};
    const dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_c(number)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_receipt_kept k;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_JOB_NONE;
    dm_pg_read(rows, 0, 0, fields, DM_LEN(fields), &k);
    dm_buf_reset(out);
    return dm_receipt_kept_body(&k, out, err);
}

int dm_sql_job_head(
        dm_pg *c, int64_t account_no, int64_t number, dm_buf *out, int64_t *start, int64_t *pages, dm_err *err)
{
    static const dm_pg_stmt st = {"job_head",
            "SELECT body, dm.s(period_start), pages::bigint FROM dm.statement WHERE account_no = $1::bigint AND number "
            "= $2::bigint",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_i64(number)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = body_of(c, &st, args, DM_LEN(args), out, &rows, err);
    if (r == 0) {
        *start = dm_pg_i64(rows, 0, 1);
        *pages = dm_pg_i64(rows, 0, 2);
    }
    return r;
}

int dm_sql_job_page(dm_pg *c, int64_t account_no, int64_t start, int64_t page, dm_buf *out, dm_err *err)
{
    static const dm_pg_stmt st = {"job_page",
            "SELECT body FROM dm.statement_page WHERE account_no = $1::bigint AND period_start = "
            "to_timestamp($2::bigint) AND page_no = $3::bigint",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_i64(start), dm_pa_i64(page)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    return body_of(c, &st, args, DM_LEN(args), out, &rows, err);
}
