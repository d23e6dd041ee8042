/* POST .../auth/totp, .../totp/confirm, .../totp/remove: the second factor. It is asked for from the moment on at which
 * a code has shown that the app has it; with that come the recovery codes, which are told once. An operator cannot be
 * without, nor set another while he has one (an operator's colleague disables him and makes him anew). */
#include <stdio.h>

#include "api/dm/proof.h"
#include "api/dm/routes.h"
#include "api/kit/request.h"

typedef struct ask {
    char *password, *code;
} ask;

static const dm_json_field with_password[] = {
        {"password", DM_JSON_STR, offsetof(ask, password), DM_JSON_NEED, 1, DM_PASSWORD_MAX}};
static const dm_json_field with_code[] = {{"code", DM_JSON_STR, offsetof(ask, code), DM_JSON_NEED, 1, 64}};

/* --- set ---------------------------------------------------------------------------------------------------- */

typedef struct setting {
    const dm_login *l;
    dm_buf sealed;
} setting;

static int set(dm_pg *c, void *arg, dm_err *err)
{
    const setting *s = arg;
    return dm_login_set_totp(c, s->l, dm_buf_view(&s->sealed), err);
}

static void write_secret(dm_req *req, const dm_login *l, const uint8_t secret[DM_TOTP_SECRET])
{
    char text[DM_TOTP_SECRET_TEXT], uri[512];
    dm_totp_text(secret, text);
    (void)snprintf(uri, sizeof uri, "otpauth://totp/Dormouse:%s?secret=%s&issuer=Dormouse", l->email, text);
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "secret", text);
    dm_jw_kc(&w, "uri", uri);
    dm_jw_end(&w);
    explicit_bzero(text, sizeof text);
    explicit_bzero(uri, sizeof uri);
}

static int set_new(dm_req *req, dm_api *api, const dm_login *l, dm_err *err)
{
    uint8_t secret[DM_TOTP_SECRET];
    setting s = {.l = l};
    dm_buf_init(&s.sealed, sizeof l->totp_sealed);
    int r = dm_random(secret, sizeof secret, err);
    if (r == 0)
        r = dm_proof_totp_seal(api, l, secret, &s.sealed, err);
    if (r == 0)
        r = dm_api_tx_who(api, l->ops, l->no, set, &s, err);
    if (r == 0)
        write_secret(req, l, secret);
    explicit_bzero(secret, sizeof secret);
    dm_buf_done(&s.sealed);
    return r;
}

static int forget(dm_req *req, dm_api *api, const dm_login *l, dm_err *err)
{
    setting s = {.l = l};
    dm_buf_init(&s.sealed, 1);
    int r = dm_api_tx_who(api, l->ops, l->no, set, &s, err);
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}

typedef int then_fn(dm_req *req, dm_api *api, const dm_login *l, dm_err *err);

static int with(dm_req *req, dm_api *api, const ask *a, then_fn *then, dm_err *err)
{
    dm_login l;
    int r = dm_proof_me(req, api, &l, err);
    if (r == 0)
        r = dm_proof_again(req, api, &l, a->password, err);
    if (r != 0)
        return r == DM_PROOF_WAIT ? 0 : r;
    if (then == set_new && l.has_totp)
        return dm_fail(err, DM_E_CONFLICT, "there is a second factor: remove it first");
    return then(req, api, &l, err);
}

static int asked(dm_req *req, dm_api *api, then_fn *then, dm_err *err)
{
    ask a = {.code = NULL};
    int r = dm_body_read(req, with_password, DM_LEN(with_password), &a, err);
    if (r < 0)
        return r;
    r = with(req, api, &a, then, err);
    explicit_bzero(a.password, strlen(a.password));
    dm_json_done(with_password, DM_LEN(with_password), &a);
    return r;
}

static int set_now(dm_req *req, void *ctx, dm_err *err)
{
    return asked(req, ctx, set_new, err);
}

static int remove_now(dm_req *req, void *ctx, dm_err *err)
{
    return asked(req, ctx, forget, err);
}

int dm_route_totp_set(dm_req *req, void *ctx, dm_err *err)
{
    return dm_proof_hop(req, ctx, set_now, err);
}

int dm_route_totp_remove(dm_req *req, void *ctx, dm_err *err)
{
    return dm_proof_hop(req, ctx, remove_now, err);
}

/* --- confirm ------------------------------------------------------------------------------------------------ */

typedef struct starting {
    const dm_login *l;
    const char *session;
    int64_t step;
    char codes[DM_RECOVERY_CODES][DM_RECOVERY_TEXT];
    dm_digest hashes[DM_RECOVERY_CODES];
} starting;

static int start(dm_pg *c, void *arg, dm_err *err)
{
    const starting *s = arg;
    int64_t at_us;
    int r = dm_login_start_totp(c, s->l, s->step, s->hashes, err);
    if (r == 0)
        r = dm_session_prove(c, s->session, &at_us, err);
    return r == DM_SESSION_NONE ? dm_fail(err, DM_E_CONFLICT, "the session has ended") : r;
}

static int make_codes(starting *s, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < DM_RECOVERY_CODES; i++) {
        r = dm_recovery_new(s->codes[i], err);
        if (r == 0)
            r = dm_recovery_hash(dm_str_c(s->codes[i]), &s->hashes[i], err);
    }
    return r;
}

static int confirm(dm_req *req, dm_api *api, const char *code, dm_err *err)
{
    dm_login l;
    uint8_t secret[DM_TOTP_SECRET];
    starting s = {.l = &l, .session = dm_session_of(req)->in.session};
    int r = dm_proof_me(req, api, &l, err);
    if (r < 0)
        return r;
    if (l.has_totp || l.totp_n == 0)
        return dm_fail(err, DM_E_CONFLICT, "no second factor waits to be confirmed");
    s.step = l.totp_step;
    r = dm_proof_totp(api, &l, secret, err);
    if (r == 0)
        r = dm_totp_check(secret, dm_str_c(code), dm_second_of(dm_wall_us(api->clock)), &s.step, err);
    explicit_bzero(secret, sizeof secret);
    if (r == DM_TOTP_WRONG)
        return dm_deny(req, DM_NO_AUTH_CODE, "auth.totp", "the code is wrong");
    if (r == 0)
        r = make_codes(&s, err);
    if (r == 0)
        r = dm_api_tx_who(api, l.ops, l.no, start, &s, err);
    if (r < 0)
        return r;
    dm_sessions_forget(api->sessions, dm_str_c(s.session)); /* the next request may be here before the word of it */
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_key(&w, "recovery_codes");
    dm_jw_arr(&w);
    for (size_t i = 0; i < DM_RECOVERY_CODES; i++)
        dm_jw_c(&w, s.codes[i]);
    dm_jw_arr_end(&w);
    dm_jw_end(&w);
    explicit_bzero(&s, sizeof s);
    return 0;
}

int dm_route_totp_confirm(dm_req *req, void *ctx, dm_err *err)
{
    ask a = {.password = NULL};
    int r = dm_body_read(req, with_code, DM_LEN(with_code), &a, err);
    if (r < 0)
        return r;
    r = confirm(req, ctx, a.code, err);
    dm_json_done(with_code, DM_LEN(with_code), &a);
    return r;
}
