#include "tenants/who/mail.h"

static const dm_pg_stmt add = {"mail_add",
        "INSERT INTO dm.mail (cause, recipient, subject, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        DM_PG_NONE};
static const dm_pg_stmt take = {"mail_take",
        "UPDATE dm.mail SET tries = tries + 1, next_at = now() + $1 * interval '1 s' WHERE mail_no ="
        " (SELECT mail_no FROM dm.mail WHERE sent_at IS NULL AND gave_up_at IS NULL AND next_at <= now()"
        "  ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " RETURNING mail_no, dm.us(made_at), tries, cause, recipient, subject, body",
        DM_PG_MAYBE};
static const dm_pg_field taken[] = {{DM_COL_I64, offsetof(dm_mail, no)}, {DM_COL_I64, offsetof(dm_mail, made_us)},
        {DM_COL_I64, offsetof(dm_mail, tries)}, {DM_COL_STR, offsetof(dm_mail, cause)},
        {DM_COL_STR, offsetof(dm_mail, recipient)}, {DM_COL_STR, offsetof(dm_mail, subject)},
        {DM_COL_STR, offsetof(dm_mail, body)}};
static const dm_pg_stmt sent = {"mail_sent",
        "UPDATE dm.mail SET sent_at = now(), body = '', last_error = NULL WHERE mail_no = $1 AND sent_at IS NULL",
        DM_PG_NONE};
static const dm_pg_stmt failed = {"mail_failed",
        "UPDATE dm.mail SET last_error = left($3, 500),"
        " next_at = now() + least(60 * 2 ^ least(tries - 1, 20), 21600) * interval '1 s',"
        " gave_up_at = CASE WHEN $4 OR made_at < now() - interval '1 day' THEN now() END,"
        " body = CASE WHEN $4 OR made_at < now() - interval '1 day' THEN '' ELSE body END"
        " WHERE mail_no = $1 AND tries = $2 AND sent_at IS NULL RETURNING gave_up_at IS NOT NULL",
        DM_PG_MAYBE};

int dm_mail_add(dm_pg *c, const char *cause, const char *to, const char *subject, const char *body, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(cause), dm_pa_c(to), dm_pa_c(subject), dm_pa_c(body)};
    return dm_pg_exec(c, &add, args, DM_LEN(args), NULL, NULL, err);
}

int dm_mail_take(dm_pg *c, int64_t lease_s, dm_pg_rows **rows, dm_mail *out, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_i64(lease_s);
    int r = dm_pg_exec(c, &take, &arg, 1, rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(*rows) == 0)
        return DM_MAIL_NONE;
    dm_pg_read(*rows, 0, 0, taken, DM_LEN(taken), out);
    return 0;
}

int dm_mail_sent(dm_pg *c, int64_t no, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_i64(no);
    return dm_pg_exec(c, &sent, &arg, 1, NULL, NULL, err);
}

int dm_mail_failed(dm_pg *c, int64_t no, int64_t tries, const char *why, bool last, bool *gave_up, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(no), dm_pa_i64(tries), dm_pa_c(why), dm_pa_bool(last)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &failed, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *gave_up = dm_pg_count(rows) > 0 && dm_pg_bool(rows, 0, 0);
    return r;
}
