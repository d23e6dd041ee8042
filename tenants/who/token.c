#include "tenants/who/token.h"

#include <errno.h>
#include <jwt.h>
#include <stdlib.h>

#include "base/parse.h"

/* The library takes the algorithm from the token, and so would check a token that says HS256 with the public key as if
 * it were a secret, and one that says "none" not at all where it has no key. So what a token says of itself is read
 * first, and nothing but ES256 goes on; by what it was verified is asked once more. */

static const char issuer[] = "dormouse";
static const char *const audience[] = {
        [DM_TOKEN_PERSON] = "console", [DM_TOKEN_OPERATOR] = "ops", [DM_TOKEN_SANDBOX] = "sandbox"};
enum { LEAN_S = 5 }; /* how far replicas' clocks may be apart */

static inline void jwt_freep(jwt_t **t)
{
    jwt_free(*t);
}
#define AUTO_JWT __attribute__((cleanup(jwt_freep), unused)) jwt_t *

static bool add_sandbox(jwt_t *t, const dm_token_claims *c)
{
    return c->who != DM_TOKEN_SANDBOX ||
           (jwt_add_grant(t, "sub", c->sandbox) == 0 && jwt_add_grant(t, "project", c->project) == 0);
}

static bool add_all(jwt_t *t, const dm_token_key *key, const dm_token_claims *c)
{
    return jwt_add_header(t, "kid", key->kid) == 0 && jwt_add_grant(t, "iss", issuer) == 0 &&
           jwt_add_grant(t, "aud", audience[c->who]) == 0 && jwt_add_grant(t, "sid", c->session) == 0 &&
           add_sandbox(t, c) && jwt_add_grant_int(t, "iat", (long)c->issued_s) == 0 &&
           jwt_add_grant_int(t, "nbf", (long)c->issued_s) == 0 &&
           jwt_add_grant_int(t, "exp", (long)c->expires_s) == 0 &&
           jwt_set_alg(t, JWT_ALG_ES256, (const unsigned char *)key->private_pem, (int)strlen(key->private_pem)) == 0;
}

int dm_token_write(const dm_token_key *key, const dm_token_claims *claims, char out[DM_TOKEN_MAX], dm_err *err)
{
    AUTO_JWT t = NULL;
    if (jwt_new(&t) != 0 || !add_all(t, key, claims))
        return dm_fail(err, DM_E_NOMEM, "make a token");
    char *text = jwt_encode_str(t);
    if (text == NULL)
        return dm_fail(err, DM_E_INTERNAL, "sign a token");
    int r = dm_str_to_array(dm_str_c(text), out, DM_TOKEN_MAX, err);
    free(text);
    return r;
}

/* Three parts of the URL's base 64, the last of 64 bytes: what the library would pass over is refused. */
static bool shaped(dm_str text)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    dm_str rest = text, part;
    size_t n = 0, last = 0;
    for (; dm_str_split(&rest, '.', &part); n++) {
        if (part.n == 0 || !dm_str_only(part, set))
            return false;
        last = part.n;
    }
    return n == 3 && last == 86 && text.n < DM_TOKEN_MAX && text.p[text.n - 1] != '.';
}

/* Without a key nothing is verified. */
static jwt_t *decode(dm_str text, const dm_token_key *key)
{
    char copy[DM_TOKEN_MAX];
    jwt_t *t = NULL;
    if (!shaped(text) || dm_str_to_array(text, copy, sizeof copy, NULL) < 0)
        return NULL;
    const unsigned char *pem = key != NULL ? (const unsigned char *)key->public_pem : NULL;
    if (jwt_decode(&t, copy, pem, key != NULL ? (int)strlen(key->public_pem) : 0) != 0)
        return NULL;
    const char *said = jwt_get_header(t, "alg");
    if (said != NULL && strcmp(said, "ES256") == 0 && (key == NULL || jwt_get_alg(t) == JWT_ALG_ES256))
        return t;
    jwt_free(t);
    return NULL;
}

int dm_token_kid(dm_str text, char kid[DM_TOKEN_KID])
{
    AUTO_JWT t = decode(text, NULL);
    const char *said = t != NULL ? jwt_get_header(t, "kid") : NULL;
    if (said == NULL || strlen(said) != DM_TOKEN_KID - 1 || !dm_str_only(dm_str_c(said), "0123456789abcdef"))
        return DM_TOKEN_BAD;
    memcpy(kid, said, DM_TOKEN_KID);
    return 0;
}

static bool says(jwt_t *t, const char *name, const char *value)
{
    const char *said = jwt_get_grant(t, name);
    return said != NULL && strcmp(said, value) == 0;
}

/* 0: it is not there, or no whole number. */
static int64_t seconds(jwt_t *t, const char *name)
{
    errno = 0;
    long v = jwt_get_grant_int(t, name);
    return errno == 0 && v > 0 ? v : 0;
}

static bool read_sandbox(jwt_t *t, dm_token_claims *c)
{
    const char *sandbox = jwt_get_grant(t, "sub"), *project = jwt_get_grant(t, "project");
    return sandbox != NULL && project != NULL &&
           dm_str_to_array(dm_str_c(sandbox), c->sandbox, sizeof c->sandbox, NULL) == 0 &&
           dm_str_to_array(dm_str_c(project), c->project, sizeof c->project, NULL) == 0;
}

int dm_token_read(dm_str text, const dm_token_key *key, dm_token_for who, int64_t now_s, dm_token_claims *out)
{
    char kid[DM_TOKEN_KID];
    if (dm_token_kid(text, kid) != 0 || strcmp(kid, key->kid) != 0)
        return DM_TOKEN_BAD;
    AUTO_JWT t = decode(text, key);
    if (t == NULL || !says(t, "iss", issuer) || !says(t, "aud", audience[who]))
        return DM_TOKEN_BAD;
    dm_token_claims c = {.who = who, .issued_s = seconds(t, "iat"), .expires_s = seconds(t, "exp")};
    int64_t from = seconds(t, "nbf");
    const char *session = jwt_get_grant(t, "sid");
    if (session == NULL || !dm_uuid_ok(dm_str_c(session)) || c.issued_s == 0 || from == 0 || c.expires_s == 0)
        return DM_TOKEN_BAD;
    if (who == DM_TOKEN_SANDBOX && !read_sandbox(t, &c))
        return DM_TOKEN_BAD;
    if (c.expires_s <= now_s)
        return who == DM_TOKEN_SANDBOX ? DM_TOKEN_OVER : DM_TOKEN_BAD;
    if (from > now_s + LEAN_S || c.issued_s > now_s + LEAN_S || c.expires_s < c.issued_s ||
            c.expires_s - c.issued_s > DM_TOKEN_LIFE_MAX)
        return DM_TOKEN_BAD;
    memcpy(c.session, session, sizeof c.session);
    *out = c;
    return 0;
}
