#include <stdio.h>

#include "base/parse.h"

#include "tenants/who/signing.h"

static const dm_pg_stmt find_all = {"signing_keys",
        "SELECT kid, sealed, public_pem, dm.us(signs_from) FROM dm.token_key"
        " WHERE valid_to IS NULL OR valid_to > now() ORDER BY signs_from DESC LIMIT 4",
        DM_PG_ROWS};
static const dm_pg_stmt lock = {"signing_lock", "SELECT pg_advisory_xact_lock(hashtext('dm.token_key'))", DM_PG_ONE};
/* How old the newest is, in seconds; none: null. */
static const dm_pg_stmt newest = {"signing_newest",
        "SELECT extract(epoch FROM now() - max(signs_from))::bigint FROM dm.token_key WHERE valid_to IS NULL",
        DM_PG_ONE};
static const dm_pg_stmt add = {"signing_add",
        "INSERT INTO dm.token_key (kid, sealed, public_pem, signs_from)"
        " VALUES ($1, $2, $3, now() + make_interval(secs => $4))",
        DM_PG_NONE};
static const dm_pg_stmt leave = {"signing_leave",
        "UPDATE dm.token_key SET valid_to = now() + make_interval(secs => $2) WHERE valid_to IS NULL AND kid <> $1",
        DM_PG_NONE};

enum {
    HEAR_S = 10, /* until a new key signs: a replica that hears nothing looks when it meets it */
    LATE_S = 90  /* a replica that heard nothing signs with the old one until its next look, a minute later */
};
_Static_assert(DM_SIGNING_KEYS == 4, "the statement's own bound");

static void bound_of(const char *kid, char out[64])
{
    (void)snprintf(out, 64, "token_key:%s", kid);
}

static int read_key(const dm_pg_rows *rows, size_t i, const dm_master *m, dm_signing_row *out, dm_err *err)
{
    char bound[64];
    DM_AUTO_BUF pem;
    dm_buf_init(&pem, sizeof out->key.private_pem);
    int r = dm_str_to_array(dm_pg_str(rows, i, 0), out->key.kid, sizeof out->key.kid, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, i, 2), out->key.public_pem, sizeof out->key.public_pem, err);
    bound_of(out->key.kid, bound);
    if (r == 0)
        r = dm_secret_open_as(m, bound, dm_pg_str(rows, i, 1), &pem, err);
    if (r == 0)
        r = dm_str_to_array(dm_buf_view(&pem), out->key.private_pem, sizeof out->key.private_pem, err);
    if (pem.p != NULL)
        explicit_bzero(pem.p, pem.len);
    out->signs_from_us = dm_pg_i64(rows, i, 3);
    return r < 0 ? dm_wrap(err, "token key %s", out->key.kid) : 0;
}

int dm_sql_signing_keys(dm_pg *c, const dm_master *m, dm_signing_row *out, size_t *n, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &find_all, NULL, 0, &rows, NULL, err);
    if (r < 0)
        return r;
    size_t count = dm_pg_count(rows);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = read_key(rows, i, m, &out[i], err);
    if (r == 0)
        *n = count;
    return r;
}

static int make(dm_pg *c, const dm_master *m, int64_t after_s, char kid[DM_TOKEN_KID], dm_err *err)
{
    uint8_t name[(DM_TOKEN_KID - 1) / 2];
    char bound[64];
    DM_AUTO_BUF private_pem;
    DM_AUTO_BUF public_pem;
    DM_AUTO_BUF sealed;
    dm_buf_init(&private_pem, 511);
    dm_buf_init(&public_pem, 511);
    dm_buf_init(&sealed, 1024);
    int r = dm_random(name, sizeof name, err);
    if (r == 0)
        r = dm_es256_new(&private_pem, &public_pem, err);
    if (r < 0)
        return r;
    dm_hex(name, sizeof name, kid);
    bound_of(kid, bound);
    r = dm_secret_seal_as(m, bound, dm_buf_view(&private_pem), &sealed, err);
    explicit_bzero(private_pem.p, private_pem.len);
    if (r < 0)
        return r;
    const dm_pg_arg args[] = {
            dm_pa_c(kid), dm_pa_bytes(sealed.p, sealed.len), dm_pa_text(dm_buf_view(&public_pem)), dm_pa_i64(after_s)};
    return dm_pg_exec(c, &add, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_signing_rotate(dm_pg *c, const dm_master *m, int64_t older_s, unsigned token_s, bool *made, dm_err *err)
{
    char kid[DM_TOKEN_KID];
    DM_AUTO(dm_pg_rows) held = NULL;
    DM_AUTO(dm_pg_rows) age = NULL;
    int r = dm_pg_exec(c, &lock, NULL, 0, &held, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &newest, NULL, 0, &age, NULL, err);
    if (r < 0)
        return r;
    bool first = dm_pg_is_null(age, 0, 0);
    *made = first || dm_pg_i64(age, 0, 0) >= older_s;
    if (!*made)
        return 0;
    int64_t after_s = first ? 0 : HEAR_S;
    r = make(c, m, after_s, kid, err);
    const dm_pg_arg args[] = {dm_pa_c(kid), dm_pa_i64(after_s + LATE_S + (int64_t)token_s)};
    return r < 0 ? r : dm_pg_exec(c, &leave, args, DM_LEN(args), NULL, NULL, err);
}
