#include "tenants/who/session.h"

static const dm_pg_stmt find_one = {"session_find",
        "SELECT coalesce(person_no, 0), coalesce(operator_no, 0), id, name, ready, coalesce(proven_ago_us, -1)"
        " FROM dm.find_session($1::uuid)",
        DM_PG_MAYBE};
static const dm_pg_stmt begin = {"session_begin",
        "INSERT INTO dm.session (person_no, operator_no, proven_at, agent, address, expires_at)"
        " VALUES (nullif($1::bigint, 0), nullif($2::bigint, 0), CASE WHEN $3::boolean THEN now() END, $4, $5,"
        "  now() + make_interval(secs => least($6::bigint, $7::bigint)))"
        " RETURNING id",
        DM_PG_ONE};
static const dm_pg_stmt prove = {"session_prove",
        "UPDATE dm.session SET proven_at = now() WHERE id = $1::uuid AND ended_at IS NULL AND expires_at > now()"
        " RETURNING dm.us(proven_at)",
        DM_PG_MAYBE};
static const dm_pg_stmt turn_on = {"session_turn",
        "UPDATE dm.session SET turn = turn + 1, used_at = now(),"
        " expires_at = least(now() + make_interval(secs => $3::bigint), begun_at + make_interval(secs => $4::bigint))"
        " WHERE id = $1::uuid AND turn = $2 AND ended_at IS NULL AND expires_at > now() RETURNING turn",
        DM_PG_MAYBE};
static const dm_pg_stmt end_one = {"session_end",
        "UPDATE dm.session SET ended_at = now(), ended_why = $2 WHERE id = $1::uuid AND ended_at IS NULL"
        " AND expires_at > now() RETURNING id",
        DM_PG_MAYBE};
/* With the turn it had: only a token of before is a reuse. */
static const dm_pg_stmt end_reused = {"session_end_reused",
        "UPDATE dm.session SET ended_at = now(), ended_why = 'reused' WHERE id = $1::uuid AND turn > $2"
        " AND ended_at IS NULL AND expires_at > now() RETURNING id",
        DM_PG_MAYBE};
static const dm_pg_stmt end_many = {"session_end_all",
        "UPDATE dm.session SET ended_at = now(), ended_why = $2 WHERE ended_at IS NULL AND id <> $1::uuid", DM_PG_NONE};
static const dm_pg_stmt list = {"session_list",
        "SELECT id, dm.us(begun_at), dm.us(used_at), dm.us(expires_at), agent, address FROM dm.session"
        " WHERE ended_at IS NULL AND expires_at > now() ORDER BY used_at DESC LIMIT 100",
        DM_PG_ROWS};
_Static_assert(DM_SESSIONS_MAX == 100, "the statement's own bound");

static const char nobodys[] = "00000000-0000-0000-0000-000000000000";

int dm_session_find(dm_pg *c, const char *id, dm_signed_in *out, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_c(id);
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &find_one, &arg, 1, &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_SESSION_NONE;
    dm_signed_in in = {.person = {dm_pg_i64(rows, 0, 0)},
            .operator_ = {dm_pg_i64(rows, 0, 1)},
            .ready = dm_pg_bool(rows, 0, 4),
            .proven_ago_us = dm_pg_i64(rows, 0, 5),
            .proven_mono_us = INT64_MIN};
    r = dm_str_to_array(dm_str_c(id), in.session, sizeof in.session, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 2), in.id, sizeof in.id, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 3), in.name, sizeof in.name, err);
    if (r == 0)
        *out = in;
    return r;
}

/* Its first so many bytes, and no half of a character. */
static dm_str cut(dm_str s, size_t max)
{
    if (s.p == NULL)
        return DM_STR("");
    if (s.n > max)
        for (s.n = max; s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80;)
            s.n--;
    return s;
}

int dm_session_begin(dm_pg *c, const dm_session_new *n, char id[DM_UUID_TEXT], dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(n->person.v), dm_pa_i64(n->operator_.v), dm_pa_bool(n->proven),
            dm_pa_text(cut(n->agent, 200)), dm_pa_text(cut(n->address, 64)), dm_pa_i64(n->life.idle_s),
            dm_pa_i64(n->life.max_s)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &begin, args, DM_LEN(args), &rows, NULL, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 0), id, DM_UUID_TEXT, err);
}

int dm_session_prove(dm_pg *c, const char *id, int64_t *at_us, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_c(id);
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &prove, &arg, 1, &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_SESSION_NONE;
    *at_us = dm_pg_i64(rows, 0, 0);
    return 0;
}

int dm_session_turn(dm_pg *c, const char *id, dm_session_life life, int64_t *turn, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(id), dm_pa_i64(*turn), dm_pa_i64(life.idle_s), dm_pa_i64(life.max_s)};
    DM_AUTO(dm_pg_rows) turned = NULL;
    DM_AUTO(dm_pg_rows) ended = NULL;
    int r = dm_pg_exec(c, &turn_on, args, DM_LEN(args), &turned, NULL, err);
    if (r == 0 && dm_pg_count(turned) == 1) {
        *turn = dm_pg_i64(turned, 0, 0);
        return 0;
    }
    if (r == 0)
        r = dm_pg_exec(c, &end_reused, args, 2, &ended, NULL, err);
    if (r < 0)
        return r;
    return dm_pg_count(ended) == 1 ? DM_SESSION_REUSED : DM_SESSION_NONE;
}

int dm_session_end(dm_pg *c, const char *id, const char *why, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(id), dm_pa_c(why)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &end_one, args, DM_LEN(args), &rows, NULL, err);
    return r < 0 || dm_pg_count(rows) == 1 ? r : DM_SESSION_NONE;
}

int dm_session_end_all(dm_pg *c, const char *but, const char *why, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(but != NULL ? but : nobodys), dm_pa_c(why)};
    return dm_pg_exec(c, &end_many, args, DM_LEN(args), NULL, NULL, err);
}

int dm_session_list(dm_pg *c, dm_session_row out[DM_SESSIONS_MAX], size_t *n, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &list, NULL, 0, &rows, NULL, err);
    size_t count = r == 0 ? dm_pg_count(rows) : 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        out[i] = (dm_session_row){.begun_at_us = dm_pg_i64(rows, i, 1),
                .used_at_us = dm_pg_i64(rows, i, 2),
                .expires_at_us = dm_pg_i64(rows, i, 3)};
        r = dm_str_to_array(dm_pg_str(rows, i, 0), out[i].id, sizeof out[i].id, err);
        if (r == 0)
            r = dm_str_to_array(dm_pg_str(rows, i, 4), out[i].agent, sizeof out[i].agent, err);
        if (r == 0)
            r = dm_str_to_array(dm_pg_str(rows, i, 5), out[i].address, sizeof out[i].address, err);
    }
    if (r == 0)
        *n = count;
    return r;
}
