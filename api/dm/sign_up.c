/* POST /v1/auth/sign-up and /v1/auth/confirm. A new person, his account on the free tier and its project are one act of
 * the database, with the letter that confirms his address. The answer is the same for an address that somebody has: its
 * owner is written to. Whoever confirms shows the password too, so that nobody who follows a link opens what another
 * has signed up in his name. */
#include <stdio.h>

#include "base/parse.h"

#include "api/dm/proof.h"
#include "api/dm/routes.h"
#include "api/kit/request.h"
#include "tenants/who/invitation.h"
#include "tenants/who/mail.h"

typedef struct ask {
    char *email, *password, *name, *project, *invitation;
} ask;

static const dm_json_field fields[] = {{"email", DM_JSON_STR, offsetof(ask, email), DM_JSON_NEED, 3, DM_EMAIL_MAX},
        {"password", DM_JSON_STR, offsetof(ask, password), DM_JSON_NEED, 1, DM_PASSWORD_MAX},
        {"name", DM_JSON_STR, offsetof(ask, name), DM_JSON_NEED, 1, 200},
        {"project", DM_JSON_STR, offsetof(ask, project), DM_JSON_OPT, 1, 200},
        {"invitation", DM_JSON_STR, offsetof(ask, invitation), DM_JSON_OPT, 1, 200}};

typedef struct work {
    dm_api *api;
    dm_sign_up up;
    char email[DM_EMAIL_MAX + 1], encoded[DM_PASSWORD_TEXT], link[DM_LINK_TEXT];
    int64_t no;
} work;

/* Letters of one address in one hour are one: whoever signs it up again and again fills nobody's box. */
static int tell_owner(dm_pg *c, const work *w, dm_err *err)
{
    char cause[200], body[1000];
    dm_digest d;
    char hex[2 * DM_SHA256 + 1];
    int r = dm_sha256(dm_str_c(w->email), &d, err);
    if (r < 0)
        return r;
    dm_hex(d.b, sizeof d.b, hex);
    (void)snprintf(
            cause, sizeof cause, "sign_up:%s:%lld", hex, (long long)(dm_second_of(dm_wall_us(w->api->clock)) / 3600));
    (void)snprintf(body, sizeof body,
            "Somebody, perhaps you, wanted to sign up with this address, which has an account already.\n\n"
            "To sign in: %s/console/sign-in\nIf the password is lost, ask for a new one there.\n",
            w->api->config->api_url);
    return dm_mail_add(c, cause, w->email, "You have an account already", body, err);
}

static int tell_new(dm_pg *c, const work *w, dm_err *err)
{
    char cause[200], body[1000];
    (void)snprintf(cause, sizeof cause, "confirm:%lld:%.16s", (long long)w->no, w->link);
    (void)snprintf(body, sizeof body,
            "Welcome to Dormouse.\n\nThat this address is yours is confirmed here, within a day, with the password "
            "that "
            "you chose:\n\n%s/console/confirm/%s\n\nIf it was not you who signed up, do nothing.\n",
            w->api->config->api_url, w->link);
    return dm_mail_add(c, cause, w->email, "Confirm your address", body, err);
}

static int sign_up(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_login_sign_up(c, &w->up, &w->no, err);
    if (r < 0)
        return r;
    if (w->no == 0)
        return tell_owner(c, w, err);
    return w->up.invited ? 0 : tell_new(c, w, err);
}

static bool may(const dm_api *api, const ask *a)
{
    const char *who = api->config->sign_up;
    return strcmp(who, "open") == 0 || (strcmp(who, "invited") == 0 && a->invitation != NULL);
}

static int sign_up_as(dm_req *req, dm_api *api, const ask *a, dm_err *err)
{
    work w = {.api = api};
    dm_proof_tries tries = {.n = 0};
    char whose[DM_EMAIL_MAX + 16];
    if (!may(api, a))
        return dm_deny(req, DM_NO_AUTH_SIGN_UP, "auth.sign_up", "sign-up is for who was invited");
    if (!dm_utf8_ok(dm_str_c(a->name)))
        return dm_fail(err, DM_E_INVALID, "name: not UTF-8");
    int r = dm_email_read(dm_str_c(a->email), w.email, err);
    if (r < 0)
        return r;
    /* What strangers sign up does not keep its owner from signing in. */
    (void)snprintf(whose, sizeof whose, "sign_up:%s", w.email);
    r = dm_proof_tries_of(req, api, whose, &tries, err);
    if (r == 0)
        r = dm_proof_take(req, api, &tries, "", NULL, err);
    if (r != 0)
        return r == DM_PROOF_WAIT ? 0 : r;
    r = dm_proof_hash(api, a->password, w.encoded, err);
    if (r == 0)
        r = dm_link_new(w.link, &w.up.link, err);
    /* what is no link is nobody's: the hash of its text is none of any link's bytes */
    if (r == 0 && a->invitation != NULL && !dm_invitation_hash(dm_str_c(a->invitation), &w.up.invitation))
        r = dm_link_hash(dm_str_c(a->invitation), &w.up.invitation, err);
    if (r < 0)
        return r;
    w.up.email = w.email;
    w.up.name = a->name;
    w.up.password = w.encoded;
    w.up.project = a->project != NULL ? a->project : a->name;
    w.up.region = api->config->region;
    w.up.invited = a->invitation != NULL;
    r = dm_api_tx_who(api, false, 0, sign_up, &w, err);
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, 202);
    dm_jw_obj(&j);
    dm_jw_kc(&j, "message", w.up.invited ? "sign in" : "a letter is on its way to that address");
    dm_jw_end(&j);
    return 0;
}

static int sign_up_now(dm_req *req, void *ctx, dm_err *err)
{
    ask a;
    int r = dm_body_read(req, fields, DM_LEN(fields), &a, err);
    if (r < 0)
        return r;
    r = sign_up_as(req, ctx, &a, err);
    explicit_bzero(a.password, strlen(a.password));
    dm_json_done(fields, DM_LEN(fields), &a);
    return r;
}

int dm_route_sign_up(dm_req *req, void *ctx, dm_err *err)
{
    return dm_proof_hop(req, ctx, sign_up_now, err);
}

/* --- confirm ------------------------------------------------------------------------------------------------ */

typedef struct claim {
    char *token, *password;
} claim;

static const dm_json_field claim_fields[] = {{"token", DM_JSON_STR, offsetof(claim, token), DM_JSON_NEED, 1, 200},
        {"password", DM_JSON_STR, offsetof(claim, password), DM_JSON_NEED, 1, DM_PASSWORD_MAX}};

typedef struct confirming {
    dm_digest hash;
    int64_t no;
    dm_login l;
} confirming;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    confirming *f = arg;
    return dm_link_find(c, &f->hash, "confirm", &f->no, err);
}

static int use(dm_pg *c, void *arg, dm_err *err)
{
    confirming *f = arg;
    int r = dm_link_use(c, f->no, &f->hash, "confirm", err);
    return r != 0 ? r : dm_login_confirm(c, &f->l, err);
}

static int confirm(dm_req *req, dm_api *api, const claim *a, dm_err *err)
{
    confirming f = {.no = 0};
    dm_proof_tries tries;
    int r = dm_link_hash(dm_str_c(a->token), &f.hash, err);
    if (r == 0)
        r = dm_api_tx_who(api, false, 0, find, &f, err);
    if (r < 0)
        return r;
    if (f.no == 0)
        return dm_deny(req, DM_NO_AUTH_LINK, "auth.confirm", "the link does not work, or not any more");
    r = dm_proof_read(api, false, f.no, &f.l, err);
    if (r == 0)
        r = dm_proof_tries_of(req, api, f.l.email, &tries, err);
    if (r == 0)
        r = dm_proof_take(req, api, &tries, "", NULL, err);
    if (r != 0)
        return r == DM_PROOF_WAIT ? 0 : r;
    r = dm_proof_password(api, &f.l, a->password, err);
    if (r == DM_PASSWORD_WRONG)
        return dm_deny(req, DM_NO_AUTH_CREDENTIALS, "auth.confirm", "the password is wrong");
    if (r == 0)
        r = dm_api_tx_who(api, false, f.no, use, &f, err);
    if (r == DM_LOGIN_NONE)
        return dm_deny(req, DM_NO_AUTH_LINK, "auth.confirm", "the link was used");
    if (r == 0)
        r = dm_proof_give_back(api, &tries, err);
    return r < 0 ? r : dm_proof_give(req, api, &f.l, false, err);
}

static int confirm_now(dm_req *req, void *ctx, dm_err *err)
{
    claim a;
    int r = dm_body_read(req, claim_fields, DM_LEN(claim_fields), &a, err);
    if (r < 0)
        return r;
    r = confirm(req, ctx, &a, err);
    explicit_bzero(a.password, strlen(a.password));
    dm_json_done(claim_fields, DM_LEN(claim_fields), &a);
    return r;
}

int dm_route_confirm(dm_req *req, void *ctx, dm_err *err)
{
    return dm_proof_hop(req, ctx, confirm_now, err);
}
