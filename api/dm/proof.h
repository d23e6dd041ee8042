/* api/dm/proof.h: what the routes below /v1/auth and /v1/ops/auth share, in which somebody shows who he is. One handler
 * serves both: whose it is, a person's or an operator's, its path says. */
#ifndef DM_API_DM_PROOF_H
#define DM_API_DM_PROOF_H

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/cookie.h"
#include "tenants/who/attempt.h"

bool dm_proof_ops(const dm_req *req);

/* Another page cannot sign anybody in or out: as the gate asks of what has a cookie. 0, or DM_E_DENIED. */
int dm_proof_own(dm_req *req, dm_err *err) DM_NODISCARD;
/* On the line for passwords, in the share of the client's address. */
int dm_proof_hop(dm_req *req, void *ctx, dm_http_handler fn, dm_err *err) DM_NODISCARD;

/* Who the caller's cookie is of. */
int dm_proof_me(dm_req *req, dm_api *api, dm_login *out, dm_err *err) DM_NODISCARD;

/* --- how often ---------------------------------------------------------------------------------------------- */

typedef struct dm_proof_tries {
    dm_attempt all[2];
    size_t n;
} dm_proof_tries;

/* What an attempt at that subject counts for: the device, if it signed in on it before, else address and subject. */
int dm_proof_tries_of(dm_req *req, dm_api *api, const char *subject, dm_proof_tries *out, dm_err *err) DM_NODISCARD;
/* Answers 429 and is DM_PROOF_WAIT, or 0; with that *no is who has that address (0: nobody). email "": not asked. */
enum { DM_PROOF_WAIT = 1 };
int dm_proof_take(
        dm_req *req, dm_api *api, const dm_proof_tries *t, const char *email, int64_t *no, dm_err *err) DM_NODISCARD;
int dm_proof_give_back(dm_api *api, const dm_proof_tries *t, dm_err *err) DM_NODISCARD;

int dm_proof_read(dm_api *api, bool ops, int64_t no, dm_login *out, dm_err *err) DM_NODISCARD;
/* Whether it is his password; at the cost of one, whoever he is, if he is. 0 or DM_PASSWORD_WRONG. */
int dm_proof_password(dm_api *api, const dm_login *l, const char *password, dm_err *err) DM_NODISCARD;
/* The same of who has signed in, for what asks again: counted, and answered (429, 401) where it is not. 0, or
 * DM_PROOF_WAIT: answered. */
int dm_proof_again(dm_req *req, dm_api *api, const dm_login *l, const char *password, dm_err *err) DM_NODISCARD;
/* DM_E_INVALID for what cannot be a new one. */
int dm_proof_hash(dm_api *api, const char *password, char out[DM_PASSWORD_TEXT], dm_err *err) DM_NODISCARD;

/* His second factor's secret in clear; the caller wipes it. */
int dm_proof_totp(dm_api *api, const dm_login *l, uint8_t secret[DM_TOTP_SECRET], dm_err *err) DM_NODISCARD;
int dm_proof_totp_seal(
        dm_api *api, const dm_login *l, const uint8_t secret[DM_TOTP_SECRET], dm_buf *sealed, dm_err *err) DM_NODISCARD;

/* Looks at a code of the second factor, or at a recovery code (one of them is not NULL), and uses it up: counted, and
 * answered (429, 401) where it is not right. 0, or DM_PROOF_WAIT: answered. what: the refused act. */
int dm_proof_second(dm_req *req, dm_api *api, const dm_login *l, const char *code, const char *recovery,
        const char *what, dm_err *err) DM_NODISCARD;

/* --- sessions ----------------------------------------------------------------------------------------------- */

/* This device is his: strangers' attempts do not count for it. */
int dm_proof_remember(dm_req *req, dm_api *api, const dm_login *l, dm_err *err) DM_NODISCARD;
/* A session of his from here on: cookies, and the answer 200. */
int dm_proof_give(dm_req *req, dm_api *api, const dm_login *l, bool proven, dm_err *err) DM_NODISCARD;
dm_session_life dm_proof_life(const dm_api *api, bool ops);
/* The next pair of cookies. */
int dm_proof_cookies(dm_req *req, dm_api *api, bool ops, const char *session, int64_t turn, dm_err *err) DM_NODISCARD;
int dm_proof_no_cookies(dm_req *req, bool ops, dm_err *err) DM_NODISCARD;

#endif
