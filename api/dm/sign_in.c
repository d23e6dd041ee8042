/* POST /v1/auth/sign-in and /v1/ops/auth/sign-in: address and password, and .../second: the second factor, for who has
 * one. Nothing tells whether an address is anybody's: a hash is reckoned for nobody too, and attempts at nobody are
 * counted. */
#include <stdio.h>

#include "base/parse.h"

#include "api/dm/proof.h"
#include "api/dm/routes.h"
#include "api/kit/request.h"

enum { TICKET_S = 300, TICKET_MAX = 512 };

typedef struct ask {
    char *email, *password;
} ask;

static const dm_json_field fields[] = {{"email", DM_JSON_STR, offsetof(ask, email), DM_JSON_NEED, 3, DM_EMAIL_MAX},
        {"password", DM_JSON_STR, offsetof(ask, password), DM_JSON_NEED, 1, DM_PASSWORD_MAX}};

/* --- between the two ---------------------------------------------------------------------------------------- */

/* What the first step has shown, sealed, for five minutes; worth nothing once the password is another. */
static int ticket_of(dm_api *api, const dm_login *l, char out[TICKET_MAX], dm_err *err)
{
    char said[160], pw[2 * DM_SHA256 + 1];
    dm_digest d;
    DM_AUTO_BUF sealed;
    dm_buf_init(&sealed, TICKET_MAX / 2 - 1);
    int r = dm_sha256(dm_str_c(l->password), &d, err);
    if (r < 0)
        return r;
    dm_hex(d.b, sizeof d.b, pw);
    (void)snprintf(said, sizeof said, "%d %lld %lld %s", l->ops, (long long)l->no,
            (long long)(dm_second_of(dm_wall_us(api->clock)) + TICKET_S), pw);
    r = dm_secret_seal_as(api->master, "ticket", dm_str_c(said), &sealed, err);
    if (r == 0)
        dm_hex(sealed.p, sealed.len, out);
    return r;
}

/* *no 0: it is none of ours, or over. */
static int ticket_read(dm_api *api, bool ops, const char *text, int64_t *no, char pw[2 * DM_SHA256 + 1], dm_err *err)
{
    uint8_t raw[TICKET_MAX / 2];
    size_t n = strlen(text) / 2;
    DM_AUTO_BUF plain;
    dm_buf_init(&plain, TICKET_MAX);
    *no = 0;
    if (n > sizeof raw || dm_parse_hex(dm_str_c(text), raw, n, NULL) < 0 ||
            dm_secret_open_as(api->master, "ticket", (dm_str){(const char *)raw, n}, &plain, NULL) < 0)
        return 0;
    dm_str rest = dm_buf_view(&plain), kind, who, until;
    int64_t w, u;
    if (!dm_str_split(&rest, ' ', &kind) || !dm_str_split(&rest, ' ', &who) || !dm_str_split(&rest, ' ', &until) ||
            dm_parse_i64(who, 1, INT64_MAX, &w, err) < 0 || dm_parse_i64(until, 0, INT64_MAX, &u, err) < 0)
        return dm_fail(err, DM_E_INTERNAL, "a ticket of ours cannot be read");
    if (dm_str_eq_c(kind, ops ? "1" : "0") && u > dm_second_of(dm_wall_us(api->clock))) {
        *no = w;
        return dm_str_to_array(rest, pw, 2 * DM_SHA256 + 1, err);
    }
    return 0;
}

/* --- the first ---------------------------------------------------------------------------------------------- */

typedef struct renewal {
    const dm_login *l;
    char encoded[DM_PASSWORD_TEXT];
} renewal;

static int renew(dm_pg *c, void *arg, dm_err *err)
{
    const renewal *n = arg;
    return dm_login_set_password(c, n->l, n->encoded, err);
}

/* Settings ask for another cost than it was made with. A one-time password stays what it is. */
static int rehash(dm_api *api, const dm_login *l, const char *password, dm_err *err)
{
    const dm_password_cost cost = dm_api_password_cost(api);
    renewal n = {.l = l};
    if (l->one_time || !dm_password_stale(l->password, &cost))
        return 0;
    int r = dm_password_hash(&cost, dm_str_c(password), n.encoded, err);
    return r < 0 ? r : dm_api_tx_who(api, l->ops, l->no, renew, &n, err);
}

static int ask_second(dm_req *req, dm_api *api, const dm_login *l, dm_err *err)
{
    char ticket[TICKET_MAX];
    int r = ticket_of(api, l, ticket, err);
    if (r < 0)
        return r;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_kbool(&w, "second_factor", true);
    dm_jw_kc(&w, "ticket", ticket);
    dm_jw_end(&w);
    return 0;
}

static int sign_in(dm_req *req, dm_api *api, const ask *a, dm_err *err)
{
    char email[DM_EMAIL_MAX + 1];
    dm_proof_tries tries;
    dm_login l;
    int64_t no = 0;
    int r = dm_email_read(dm_str_c(a->email), email, err);
    if (r == 0)
        r = dm_proof_tries_of(req, api, email, &tries, err);
    if (r == 0)
        r = dm_proof_take(req, api, &tries, email, &no, err);
    if (r != 0)
        return r == DM_PROOF_WAIT ? 0 : r;
    r = dm_proof_read(api, dm_proof_ops(req), no, &l, err);
    if (r == 0)
        r = dm_proof_password(api, &l, a->password, err);
    if (r < 0)
        return r;
    if (r == DM_PASSWORD_WRONG || !l.confirmed)
        return dm_deny(
                req, DM_NO_AUTH_CREDENTIALS, "auth.sign_in", "the address or the password is wrong, or not confirmed");
    r = dm_proof_give_back(api, &tries, err);
    if (r == 0 && l.has_totp)
        return ask_second(req, api, &l, err);
    if (r == 0)
        r = rehash(api, &l, a->password, err);
    return r < 0 ? r : dm_proof_give(req, api, &l, false, err);
}

static int sign_in_now(dm_req *req, void *ctx, dm_err *err)
{
    ask a;
    int r = dm_body_read(req, fields, DM_LEN(fields), &a, err);
    if (r < 0)
        return r;
    r = sign_in(req, ctx, &a, err);
    explicit_bzero(a.password, strlen(a.password));
    dm_json_done(fields, DM_LEN(fields), &a);
    return r;
}

int dm_route_sign_in(dm_req *req, void *ctx, dm_err *err)
{
    return dm_proof_hop(req, ctx, sign_in_now, err);
}

/* --- the second --------------------------------------------------------------------------------------------- */

typedef struct second {
    char *ticket, *code, *recovery;
} second;

static const dm_json_field second_fields[] = {
        {"ticket", DM_JSON_STR, offsetof(second, ticket), DM_JSON_NEED, 1, TICKET_MAX - 1},
        {"code", DM_JSON_STR, offsetof(second, code), DM_JSON_OPT, 0, 64},
        {"recovery", DM_JSON_STR, offsetof(second, recovery), DM_JSON_OPT, 0, 64}};

static int take_second(dm_req *req, dm_api *api, const second *s, dm_err *err)
{
    char pw[2 * DM_SHA256 + 1] = "", is[2 * DM_SHA256 + 1];
    bool ops = dm_proof_ops(req);
    dm_login l;
    dm_digest d;
    int64_t no;
    if ((s->code != NULL) == (s->recovery != NULL))
        return dm_fail(err, DM_E_INVALID, "send code or recovery");
    int r = ticket_read(api, ops, s->ticket, &no, pw, err);
    if (r == 0)
        r = dm_proof_read(api, ops, no, &l, err);
    if (r == 0)
        r = dm_sha256(dm_str_c(l.password), &d, err);
    if (r < 0)
        return r;
    dm_hex(d.b, sizeof d.b, is);
    if (l.no == 0 || !l.has_totp || strcmp(pw, is) != 0)
        return dm_deny(req, DM_NO_AUTH_CREDENTIALS, "auth.second", "the ticket is over: sign in again");
    r = dm_proof_second(req, api, &l, s->code, s->recovery, "auth.second", err);
    if (r == DM_PROOF_WAIT)
        return 0;
    return r < 0 ? r : dm_proof_give(req, api, &l, true, err);
}

int dm_route_second(dm_req *req, void *ctx, dm_err *err)
{
    second s;
    int r = dm_proof_own(req, err);
    if (r == 0)
        r = dm_body_read(req, second_fields, DM_LEN(second_fields), &s, err);
    if (r < 0)
        return r;
    r = take_second(req, ctx, &s, err);
    dm_json_done(second_fields, DM_LEN(second_fields), &s);
    return r;
}
