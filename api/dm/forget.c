/* POST /v1/auth/reset and /v1/auth/reset/confirm: a new password for who has lost his. The first answers the same
 * whoever has that address, and writes to who has it; the second ends all sessions. Who follows the link has shown that
 * the address is his. A second factor is still asked for at the next sign-in. */
#include <stdio.h>

#include "api/dm/proof.h"
#include "api/dm/routes.h"
#include "api/kit/request.h"
#include "tenants/who/mail.h"

enum { GOOD_S = 3600 };

typedef struct ask {
    char *email;
} ask;

static const dm_json_field fields[] = {{"email", DM_JSON_STR, offsetof(ask, email), DM_JSON_NEED, 3, DM_EMAIL_MAX}};

typedef struct work {
    dm_api *api;
    char email[DM_EMAIL_MAX + 1], link[DM_LINK_TEXT];
    dm_digest hash;
    int64_t no;
} work;

/* Of nobody: something that says nothing, and is swept like any attempt, since a commit that has to reach the disk
 * takes a time that could be told from none. */
static int write_nothing(dm_pg *c, const work *w, dm_err *err)
{
    dm_attempt a;
    int64_t wait_s;
    int r = dm_attempt_of("nobody", dm_str_c(w->link), 1, &a, err);
    return r < 0 ? r : dm_attempt_take(c, &a, 1, &wait_s, err);
}

static int write_link(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    char cause[200], body[1000];
    if (w->no == 0)
        return write_nothing(c, w, err);
    (void)snprintf(cause, sizeof cause, "reset:%lld:%.16s", (long long)w->no, w->link);
    (void)snprintf(body, sizeof body,
            "A new password for your account is set here, within an hour:\n\n%s/console/reset/%s\n\n"
            "If it was not you who asked for it, do nothing: the old one stays.\n",
            w->api->config->api_url, w->link);
    int r = dm_link_add(c, w->no, "reset", &w->hash, GOOD_S, err);
    return r < 0 ? r : dm_mail_add(c, cause, w->email, "A new password", body, err);
}

static int ask_link(dm_req *req, dm_api *api, const char *email, dm_err *err)
{
    static const dm_login nobody = {.no = 0};
    work w = {.api = api};
    dm_proof_tries tries = {.n = 2};
    char whose[DM_EMAIL_MAX + 16];
    int r = dm_email_read(dm_str_c(email), w.email, err);
    if (r < 0)
        return r;
    /* What strangers ask for does not keep him from signing in: letters are counted for themselves. */
    (void)snprintf(whose, sizeof whose, "reset:%s", w.email);
    r = dm_proof_tries_of(req, api, whose, &tries, err);
    if (r == 0)
        r = dm_proof_take(req, api, &tries, w.email, &w.no, err);
    if (r != 0)
        return r == DM_PROOF_WAIT ? 0 : r;
    /* That a letter is written takes a moment which tells that there is one: beside a password's it does not. */
    r = dm_proof_password(api, &nobody, w.email, err);
    if (r >= 0)
        r = dm_link_new(w.link, &w.hash, err);
    if (r == 0)
        r = dm_api_tx_who(api, false, w.no, write_link, &w, err);
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, 202);
    dm_jw_obj(&j);
    dm_jw_kc(&j, "message", "if somebody has that address, a letter is on its way to it");
    dm_jw_end(&j);
    return 0;
}

static int ask_now(dm_req *req, void *ctx, dm_err *err)
{
    ask a;
    int r = dm_body_read(req, fields, DM_LEN(fields), &a, err);
    if (r < 0)
        return r;
    r = ask_link(req, ctx, a.email, err);
    dm_json_done(fields, DM_LEN(fields), &a);
    return r;
}

int dm_route_reset_ask(dm_req *req, void *ctx, dm_err *err)
{
    return dm_proof_hop(req, ctx, ask_now, err);
}

/* --- done --------------------------------------------------------------------------------------------------- */

typedef struct claim {
    char *token, *password;
} claim;

static const dm_json_field claim_fields[] = {{"token", DM_JSON_STR, offsetof(claim, token), DM_JSON_NEED, 1, 200},
        {"password", DM_JSON_STR, offsetof(claim, password), DM_JSON_NEED, 1, DM_PASSWORD_MAX}};

typedef struct doing {
    dm_digest hash;
    dm_login l;
    char encoded[DM_PASSWORD_TEXT];
} doing;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    doing *d = arg;
    return dm_link_find(c, &d->hash, "reset", &d->l.no, err);
}

static int set(dm_pg *c, void *arg, dm_err *err)
{
    doing *d = arg;
    int r = dm_link_use(c, d->l.no, &d->hash, "reset", err);
    if (r == 0)
        r = dm_login_set_password(c, &d->l, d->encoded, err);
    if (r == 0)
        r = dm_login_confirm(c, &d->l, err);
    return r != 0 ? r : dm_session_end_all(c, NULL, "password", err);
}

static int reset(dm_req *req, dm_api *api, const claim *a, dm_err *err)
{
    doing d = {.l = {.no = 0}};
    int r = dm_link_hash(dm_str_c(a->token), &d.hash, err);
    if (r == 0)
        r = dm_api_tx_who(api, false, 0, find, &d, err);
    if (r < 0)
        return r;
    if (d.l.no == 0)
        return dm_deny(req, DM_NO_AUTH_LINK, "auth.reset", "the link does not work, or not any more");
    r = dm_proof_hash(api, a->password, d.encoded, err);
    if (r == 0)
        r = dm_proof_read(api, false, d.l.no, &d.l, err);
    if (r == 0)
        r = dm_api_tx_who(api, false, d.l.no, set, &d, err);
    if (r == DM_LOGIN_NONE)
        return dm_deny(req, DM_NO_AUTH_LINK, "auth.reset", "the link was used");
    if (r == 0)
        r = dm_proof_remember(req, api, &d.l, err);
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}

static int reset_now(dm_req *req, void *ctx, dm_err *err)
{
    claim a;
    int r = dm_body_read(req, claim_fields, DM_LEN(claim_fields), &a, err);
    if (r < 0)
        return r;
    r = reset(req, ctx, &a, err);
    explicit_bzero(a.password, strlen(a.password));
    dm_json_done(claim_fields, DM_LEN(claim_fields), &a);
    return r;
}

int dm_route_reset_do(dm_req *req, void *ctx, dm_err *err)
{
    return dm_proof_hop(req, ctx, reset_now, err);
}
