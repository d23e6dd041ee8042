#include "api/dm/proof.h"

#include <stdio.h>

#include "base/parse.h"

#include "tenants/who/refresh.h"

enum { DEVICE_BYTES = 16, DEVICE_DAYS = 400 };

bool dm_proof_ops(const dm_req *req)
{
    return dm_str_starts(dm_str_c(req->route->path), DM_STR("/v1/ops/"));
}

int dm_proof_own(dm_req *req, dm_err *err)
{
    if (dm_req_is_own(req, dm_req_over_tls(req)))
        return 0;
    req->reply.refused_by = dm_no_get(DM_NO_AUTH_CSRF)->rule;
    return dm_fail(err, DM_E_DENIED, "this must come from the console's own page: send Dormouse-Csrf: 1");
}

static dm_str address_of(const dm_req *req)
{
    dm_str a = dm_req_header(req, "X-Forwarded-For");
    return a.p != NULL ? a : DM_STR("local");
}

/* An IPv6 client is the network of 64 bits it is in, as far as it is spelt out. */
static dm_str network_of(const dm_req *req)
{
    dm_str a = address_of(req);
    unsigned colons = 0;
    for (size_t i = 0; i < a.n; i++)
        if (a.p[i] == ':' && ++colons == 4)
            return (dm_str){a.p, i};
    return a;
}

int dm_proof_hop(dm_req *req, void *ctx, dm_http_handler fn, dm_err *err)
{
    dm_digest d;
    int64_t party = 0;
    int r = dm_proof_own(req, err);
    if (r == 0)
        r = dm_sha256(network_of(req), &d, err);
    if (r < 0)
        return r;
    memcpy(&party, d.b, sizeof party);
    return dm_later_hop(
            ((dm_api *)ctx)->later, (dm_later_at){.line = DM_LATER_PROOFS, .project = {party}}, req, fn, ctx, err);
}

/* --- rows --------------------------------------------------------------------------------------------------- */

typedef struct reading {
    bool ops;
    int64_t no;
    dm_login *out;
} reading;

static int read_login(dm_pg *c, void *arg, dm_err *err)
{
    const reading *r = arg;
    return dm_login_read(c, r->ops, r->no, r->out, err);
}

int dm_proof_read(dm_api *api, bool ops, int64_t no, dm_login *out, dm_err *err)
{
    reading r = {ops, no, out};
    return dm_api_tx_who(api, ops, no, read_login, &r, err);
}

int dm_proof_me(dm_req *req, dm_api *api, dm_login *out, dm_err *err)
{
    const dm_signed_in *in = &dm_session_of(req)->in;
    bool ops = in->operator_.v != 0;
    int r = dm_proof_read(api, ops, ops ? in->operator_.v : in->person.v, out, err);
    return r < 0 || out->no != 0 ? r : dm_fail(err, DM_E_NOTFOUND, "nobody is there any more");
}

/* --- how often ---------------------------------------------------------------------------------------------- */

/* "DEVICE.MAC": the MAC names whose sign-in it remembers. */
static int device_mac(
        dm_api *api, bool ops, const char *subject, dm_str device, char hex[2 * DM_SHA256 + 1], dm_err *err)
{
    char said[DM_EMAIL_MAX + 64];
    dm_digest mac;
    (void)snprintf(said, sizeof said, "%d:%s:%.*s", ops, subject, (int)device.n, device.p);
    int r = dm_secret_mac(api->master, "device", dm_str_c(said), &mac, err);
    if (r == 0)
        dm_hex(mac.b, sizeof mac.b, hex);
    return r;
}

/* .p NULL: this subject never signed in on it. */
static int known_device(dm_req *req, dm_api *api, const char *subject, dm_str *out, dm_err *err)
{
    dm_str said = dm_cookie_of(req, dm_req_over_tls(req), DM_COOKIE_DEVICE), device;
    char hex[2 * DM_SHA256 + 1];
    *out = (dm_str){NULL, 0};
    if (said.p == NULL || !dm_str_split(&said, '.', &device) || device.n != 2 * DEVICE_BYTES)
        return 0;
    int r = device_mac(api, dm_proof_ops(req), subject, device, hex, err);
    if (r == 0 && dm_str_eq_secret(said, dm_str_c(hex)))
        *out = device;
    return r;
}

int dm_proof_tries_of(dm_req *req, dm_api *api, const char *subject, dm_proof_tries *out, dm_err *err)
{
    dm_str device;
    char whose[DM_EMAIL_MAX + 8];
    int r = known_device(req, api, subject, &device, err);
    if (r < 0)
        return r;
    if (device.p != NULL) {
        out->n = 1;
        return dm_attempt_of("device", device, DM_ATTEMPT_FREE, &out->all[0], err);
    }
    (void)snprintf(whose, sizeof whose, "%d:%s", dm_proof_ops(req), subject);
    out->n = 2;
    r = dm_attempt_of("address", network_of(req), DM_ATTEMPT_ADDRESS_FREE, &out->all[0], err);
    return r < 0 ? r : dm_attempt_of("subject", dm_str_c(whose), DM_ATTEMPT_FREE, &out->all[1], err);
}

typedef struct taking {
    const dm_proof_tries *tries;
    bool ops;
    const char *email;
    int64_t no, wait_s;
} taking;

static int take(dm_pg *c, void *arg, dm_err *err)
{
    taking *t = arg;
    int r = dm_attempt_take(c, t->tries->all, t->tries->n, &t->wait_s, err);
    return r != 0 || t->email[0] == '\0' ? r : dm_login_find(c, t->ops, t->email, &t->no, err);
}

int dm_proof_take(dm_req *req, dm_api *api, const dm_proof_tries *tries, const char *email, int64_t *no, dm_err *err)
{
    taking t = {.tries = tries, .ops = dm_proof_ops(req), .email = email};
    int r = dm_api_tx_who(api, false, 0, take, &t, err);
    if (r == DM_ATTEMPT_WAIT) {
        const dm_deny_as as = {.status = 429, .denial = "", .retry_after_s = (int32_t)t.wait_s};
        r = dm_deny_other(req, DM_NO_AUTH_WAIT, "auth", &as, "too many attempts failed: come again later");
        return r < 0 ? r : DM_PROOF_WAIT;
    }
    if (r == 0 && no != NULL)
        *no = t.no;
    return r;
}

static int give_back(dm_pg *c, void *arg, dm_err *err)
{
    const dm_proof_tries *t = arg;
    return dm_attempt_give_back(c, t->all, t->n, err);
}

int dm_proof_give_back(dm_api *api, const dm_proof_tries *t, dm_err *err)
{
    dm_proof_tries copy = *t;
    return dm_api_tx_who(api, false, 0, give_back, &copy, err);
}

int dm_proof_password(dm_api *api, const dm_login *l, const char *password, dm_err *err)
{
    bool has = l->no != 0 && l->password[0] != '\0';
    int r = dm_password_check(has ? l->password : api->no_password, dm_str_c(password), err);
    return r == 0 && !has ? DM_PASSWORD_WRONG : r;
}

int dm_proof_again(dm_req *req, dm_api *api, const dm_login *l, const char *password, dm_err *err)
{
    dm_proof_tries tries;
    int r = dm_proof_tries_of(req, api, l->email, &tries, err);
    if (r == 0)
        r = dm_proof_take(req, api, &tries, "", NULL, err);
    if (r != 0)
        return r;
    r = dm_proof_password(api, l, password, err);
    if (r == DM_PASSWORD_WRONG) {
        r = dm_deny(req, DM_NO_AUTH_CREDENTIALS, "auth.password", "the password is wrong");
        return r < 0 ? r : DM_PROOF_WAIT;
    }
    return r == 0 ? dm_proof_give_back(api, &tries, err) : r;
}

int dm_proof_hash(dm_api *api, const char *password, char out[DM_PASSWORD_TEXT], dm_err *err)
{
    const dm_password_cost cost = dm_api_password_cost(api);
    size_t n = strlen(password);
    if (n < DM_PASSWORD_MIN || n > DM_PASSWORD_MAX)
        return dm_fail(err, DM_E_INVALID, "password: %d to %d bytes", DM_PASSWORD_MIN, DM_PASSWORD_MAX);
    return dm_password_hash(&cost, dm_str_c(password), out, err);
}

/* Bound to whose it is. */
static void totp_bound(const dm_login *l, char out[64])
{
    (void)snprintf(out, 64, "%s:totp:%s", l->ops ? "operator" : "person", l->id);
}

int dm_proof_totp(dm_api *api, const dm_login *l, uint8_t secret[DM_TOTP_SECRET], dm_err *err)
{
    char bound[64];
    DM_AUTO_BUF plain;
    dm_buf_init(&plain, DM_TOTP_SECRET);
    totp_bound(l, bound);
    int r = dm_secret_open_as(api->master, bound, (dm_str){(const char *)l->totp_sealed, l->totp_n}, &plain, err);
    if (r == 0 && plain.len != DM_TOTP_SECRET)
        r = dm_fail(err, DM_E_CORRUPT, "a second factor of %zu bytes", plain.len);
    if (r == 0)
        memcpy(secret, plain.p, DM_TOTP_SECRET);
    if (plain.p != NULL)
        explicit_bzero(plain.p, plain.len);
    return r;
}

int dm_proof_totp_seal(
        dm_api *api, const dm_login *l, const uint8_t secret[DM_TOTP_SECRET], dm_buf *sealed, dm_err *err)
{
    char bound[64];
    totp_bound(l, bound);
    return dm_secret_seal_as(api->master, bound, (dm_str){(const char *)secret, DM_TOTP_SECRET}, sealed, err);
}

/* --- the second factor -------------------------------------------------------------------------------------- */

typedef struct use {
    dm_api *api;
    const dm_login *l;
    const char *code, *recovery;
} use;

/* 0 or DM_LOGIN_NONE: wrong, or used. */
static int use_it(dm_pg *c, void *arg, dm_err *err)
{
    const use *u = arg;
    if (u->recovery != NULL) {
        dm_digest hash;
        int r = dm_recovery_hash(dm_str_c(u->recovery), &hash, err);
        return r < 0 ? r : dm_login_use_code(c, u->l, &hash, err);
    }
    int64_t step = u->l->totp_step;
    uint8_t secret[DM_TOTP_SECRET];
    int r = dm_proof_totp(u->api, u->l, secret, err);
    if (r == 0)
        r = dm_totp_check(secret, dm_str_c(u->code), dm_second_of(dm_wall_us(u->api->clock)), &step, err);
    explicit_bzero(secret, sizeof secret);
    if (r != 0)
        return r == DM_TOTP_WRONG ? DM_LOGIN_NONE : r;
    return dm_login_use_step(c, u->l, step, err);
}

int dm_proof_second(dm_req *req, dm_api *api, const dm_login *l, const char *code, const char *recovery,
        const char *what, dm_err *err)
{
    char subject[64];
    dm_proof_tries tries = {.n = 1};
    (void)snprintf(subject, sizeof subject, "%d:%lld", l->ops, (long long)l->no);
    int r = dm_attempt_of("second", dm_str_c(subject), DM_ATTEMPT_FREE, &tries.all[0], err);
    if (r == 0)
        r = dm_proof_take(req, api, &tries, "", NULL, err);
    if (r != 0)
        return r;
    use u = {api, l, code, recovery};
    r = dm_api_tx_who(api, l->ops, l->no, use_it, &u, err);
    if (r == DM_LOGIN_NONE) {
        r = dm_deny(req, DM_NO_AUTH_CODE, what, "the code is wrong, or was used");
        return r < 0 ? r : DM_PROOF_WAIT;
    }
    return r == 0 ? dm_proof_give_back(api, &tries, err) : r;
}

/* --- sessions ----------------------------------------------------------------------------------------------- */

dm_session_life dm_proof_life(const dm_api *api, bool ops)
{
    const dm_api_config *c = api->config;
    int64_t ops_s = (int64_t)c->ops_session_h * 3600;
    return ops ? (dm_session_life){ops_s, ops_s}
               : (dm_session_life){(int64_t)c->session_idle_h * 3600, (int64_t)c->session_max_h * 3600};
}

int dm_proof_cookies(dm_req *req, dm_api *api, bool ops, const char *session, int64_t turn, dm_err *err)
{
    char token[DM_TOKEN_MAX], refresh[DM_REFRESH_TEXT];
    bool tls = dm_req_over_tls(req);
    int r = dm_signing_write(api->signing, ops ? DM_TOKEN_OPERATOR : DM_TOKEN_PERSON, session, token, err);
    if (r == 0)
        r = dm_refresh_make(api->master, session, turn, refresh, err);
    if (r == 0)
        r = dm_cookie_set(
                req, tls, ops ? DM_COOKIE_OPS_SESSION : DM_COOKIE_SESSION, token, (int64_t)api->config->token_s, err);
    if (r == 0)
        r = dm_cookie_set(req, tls, ops ? DM_COOKIE_OPS_REFRESH : DM_COOKIE_REFRESH, refresh,
                dm_proof_life(api, ops).idle_s, err);
    explicit_bzero(token, sizeof token);
    explicit_bzero(refresh, sizeof refresh);
    return r;
}

int dm_proof_no_cookies(dm_req *req, bool ops, dm_err *err)
{
    bool tls = dm_req_over_tls(req);
    int r = dm_cookie_set(req, tls, ops ? DM_COOKIE_OPS_SESSION : DM_COOKIE_SESSION, "", 0, err);
    return r < 0 ? r : dm_cookie_set(req, tls, ops ? DM_COOKIE_OPS_REFRESH : DM_COOKIE_REFRESH, "", 0, err);
}

typedef struct beginning {
    dm_session_new new;
    char id[DM_UUID_TEXT];
} beginning;

static int begin(dm_pg *c, void *arg, dm_err *err)
{
    beginning *b = arg;
    return dm_session_begin(c, &b->new, b->id, err);
}

int dm_proof_remember(dm_req *req, dm_api *api, const dm_login *l, dm_err *err)
{
    uint8_t raw[DEVICE_BYTES];
    char device[2 * DEVICE_BYTES + 1], hex[2 * DM_SHA256 + 1], value[sizeof device + sizeof hex + 1];
    dm_str known;
    int r = known_device(req, api, l->email, &known, err);
    if (r < 0 || known.p != NULL)
        return r;
    r = dm_random(raw, sizeof raw, err);
    if (r < 0)
        return r;
    dm_hex(raw, sizeof raw, device);
    r = device_mac(api, l->ops, l->email, dm_str_c(device), hex, err);
    (void)snprintf(value, sizeof value, "%s.%s", device, hex);
    return r < 0 ? r : dm_cookie_set(req, dm_req_over_tls(req), DM_COOKIE_DEVICE, value, DEVICE_DAYS * 86400LL, err);
}

int dm_proof_give(dm_req *req, dm_api *api, const dm_login *l, bool proven, dm_err *err)
{
    beginning b = {.new = {.person = {l->ops ? 0 : l->no},
                           .operator_ = {l->ops ? l->no : 0},
                           .proven = proven,
                           .agent = dm_req_header(req, "User-Agent"),
                           .address = address_of(req),
                           .life = dm_proof_life(api, l->ops)}};
    if (!dm_utf8_ok(b.new.agent))
        b.new.agent = DM_STR("");
    int r = dm_api_tx_who(api, l->ops, l->no, begin, &b, err);
    if (r == 0)
        r = dm_proof_cookies(req, api, l->ops, b.id, 0, err);
    if (r == 0)
        r = dm_proof_remember(req, api, l, err);
    if (r < 0)
        return r;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "id", l->id);
    dm_jw_kc(&w, "email", l->email);
    dm_jw_kc(&w, "name", l->name);
    dm_jw_kbool(&w, "second_factor", l->has_totp);
    if (l->ops)
        dm_jw_kbool(&w, "must_change_password", l->one_time);
    dm_jw_end(&w);
    return 0;
}
