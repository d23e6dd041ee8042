/* api/kit/api.h: what every handler is given. All of it is made in main.c (or a test) before the first request and gone
 * after the last; handlers run on many threads and change nothing here but what is thread-safe by its own header. */
#ifndef DM_API_KIT_API_H
#define DM_API_KIT_API_H

#include <stdatomic.h>

#include "base/http.h"
#include "base/pg.h"

#include "api/kit/config.h"
#include "api/kit/fold.h"
#include "api/kit/later.h"
#include "api/kit/low.h"
#include "api/kit/pulse.h"
#include "api/kit/rates.h"
#include "api/kit/refusals.h"
#include "api/kit/strangers.h"
#include "tenants/sandbox/offers.h"
#include "tenants/sandbox/row.h"
#include "tenants/who/auth.h"
#include "tenants/who/login.h"
#include "tenants/who/lookas.h"
#include "tenants/who/member.h"
#include "tenants/who/secret.h"
#include "tenants/who/session.h"
#include "tenants/who/signing.h"

typedef struct dm_dispatch dm_dispatch; /* api/life/dispatch.h */
typedef struct dm_claims dm_claims;     /* api/life/claims.h */
typedef struct dm_spawns dm_spawns;     /* api/life/spawns.h */
typedef struct dm_together dm_together; /* api/kit/together.h */
typedef struct dm_uses dm_uses;         /* tenants/who/uses.h */
typedef struct dm_signers dm_signers;   /* api/door/signers.h */
typedef struct dm_live dm_live;         /* api/dm/live.h */

typedef struct dm_api {
    const dm_api_config *config;
    const dm_clock *clock;
    dm_log *log;
    dm_metrics *metrics;
    dm_pulse *pulse; /* what was asked in a minute and an hour; NULL: it is not counted */
    dm_pg_pool *db;  /* dm_api: every tenant's request, scoped */
    dm_pg_pool *ops; /* dm_ops: operators, the workers' reports and the sweep */
    dm_pg_pool *who; /* dm_who: who somebody is; scoped to one person or operator */
    dm_auth *auth;
    dm_members *members;
    dm_offers *offers;
    dm_sessions *sessions;
    dm_signing *signing;
    char no_password[DM_PASSWORD_TEXT]; /* nobody's, at the cost of everybody's: looked at where there is none */
    dm_strangers *strangers;
    dm_rates *rates;
    dm_rate *person_rate; /* of a person's or an operator's requests, with cookies; NULL: as many as come */
    dm_refusals *refusals;
    dm_low *low; /* NULL: nothing is said of it */
    dm_master *master;
    uint8_t frame_secret[DM_KEY]; /* workers' keys for frames are made of it */
    bool has_delivery_key;        /* what customers' buckets' secrets are sealed with */
    uint8_t delivery_key[DM_KEY];
    bool has_admin_token; /* what opens /nodes and /admin */
    uint8_t admin_token[DM_KEY];
    dm_dispatch *dispatch;
    dm_dispatch *looks; /* the same workers, for what is only shown: they answer soon, or nothing is shown */
    dm_later *later;
    dm_fold *fold;
    dm_signers *signers;
    dm_spawns *spawns;
    dm_uses *uses; /* of API keys */
    dm_claims *claims;
    dm_together *together;
    dm_live *live;
    atomic_llong instance; /* this one's number, by which it signs the orders it carries out; 0: it has none yet */
    atomic_bool draining;
} dm_api;

/* Below /v1/projects/{slug} and /v1/accounts/{id} the caller's owner is the project and account of the path; others'
 * are not there. With a key the caller is that key, wherever it is taken; with a cookie of a session (/v1 alone) a
 * person is what he is in the project or account of the path, or himself where the path names none, and below /v1/ops
 * it is an operator's. With the header that names a look, and its cookie, it is an operator who looks as a tenant. What
 * a route asks of who calls it, on two axes (a dm_route's scope): a right, and whether his account must be in good
 * standing, or may be blocked. DM_RIGHT_NONE asks for no key at all. */
typedef enum dm_standing { DM_STANDING_ANY, DM_STANDING_GOOD } dm_standing;
#define DM_SCOPE(right, standing) ((unsigned)(right) | (unsigned)(standing) << 8)
enum {
    DM_SCOPE_LOCAL = 1 << 16,      /* for our own nginx and this machine: nothing that came through the front */
    DM_SCOPE_ANY_ORIGIN = 1 << 17, /* pages of any origin may read the answer */
    DM_SCOPE_COOKIE = 1 << 18,     /* a session's cookie is as good as a key */
    DM_SCOPE_BEARER = 1 << 19,     /* a person's access token opens it, and no key does */
};

/* What req->auth points to while a request lives. */
typedef struct dm_session {
    dm_caller caller;      /* all zero where neither a key nor a cookie is needed */
    dm_signed_in in;       /* with a cookie: whose session it is */
    dm_lookas *look;       /* an operator looks as a tenant; NULL: nobody does */
    int64_t token_no;      /* of the access token that opened it; 0: none did */
    dm_refusals *refusals; /* where it is kept that he was refused */
    dm_str sandbox;        /* what a refusal is about, where the path does not name it */
    bool joined;           /* it waited for a transition that another request had begun */
    void *carry; /* the mouth's own: what it knows already when it goes on after a hop or a wait; NULL: nothing */
    void (*carry_done)(void *carry);
} dm_session;

static inline DM_UNUSED dm_session *dm_session_of(const dm_req *req)
{
    return req->auth;
}

/* Whether an operator has shown his second factor lately, as acts on money ask (ops_proof_min). */
bool dm_api_proven(const dm_api *api, const dm_session *s);
/* Until when he has, by the wall clock; 0: he has not. */
int64_t dm_api_proven_until_us(const dm_api *api, const dm_session *s);

/* It is kept, where the request is somebody's. text as in dm_refusal. */
void dm_refused(const dm_req *req, const dm_session *s, const dm_denial *denial, const char *text);

/* Where a request with a key goes on (later.h): the line, and its project's share of it. */
static inline DM_UNUSED dm_later_at dm_at(dm_later_line line, const dm_req *req)
{
    return (dm_later_at){.line = line, .project = dm_session_of(req)->caller.owner.project};
}

/* dm_later_hop, for routes whose ctx is the dm_api. */
int dm_api_hop(dm_req *req, void *ctx, dm_later_line line, dm_http_handler fn, dm_err *err) DM_NODISCARD;

/* A transaction in the caller's scope. Outcomes are positive; of the failures a callback can meet in the database only
 * those that are nobody's fault in particular stay what they are (503, 504), the rest are ours (500). */
int dm_api_tx(dm_api *api, const dm_caller *caller, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;
/* The first transaction of an act whose next one waits for the disk before anybody is told: this one does not wait
 * (dm_pg_scope), so that what it locked is free for the next act at once. Of such an act a crash of the database leaves
 * nothing. */
int dm_api_tx_first(dm_api *api, const dm_caller *caller, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;
/* The same in nobody's scope, for the functions of the database that act for whoever is named to them (dm.start_all).
 * flush_later as in dm_api_tx_first. */
int dm_api_tx_nobody(dm_api *api, bool flush_later, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;
/* The same as dm_who, in the scope of caller's person. */
int dm_api_tx_person(dm_api *api, const dm_caller *caller, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;
/* The same as dm_ops, without scope. */
int dm_api_tx_ops(dm_api *api, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;
/* The same in an account's scope: for what asks who its people are. */
int dm_api_tx_ops_of(dm_api *api, dm_owner owner, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;

/* The same as dm_who, in the scope of one person or operator, or of nobody (no 0). */
int dm_api_tx_who(dm_api *api, bool ops, int64_t no, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;

dm_password_cost dm_api_password_cost(const dm_api *api);
/* Makes no_password; before the first request. */
int dm_api_no_password(dm_api *api, dm_err *err) DM_NODISCARD;

/* The number to sign an order with. DM_E_UNAVAILABLE: the database has not given one yet. */
int dm_api_instance(dm_api *api, int64_t *no, dm_err *err) DM_NODISCARD;

/* A sandbox of the caller's as its row is now, in a transaction of its own. 0 or DM_SANDBOX_NONE. What one held is let
 * go first; the caller lets go of what it holds then. */
int dm_api_find(
        dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_sandbox_one *one, dm_err *err) DM_NODISCARD;

#endif
