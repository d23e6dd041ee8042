#include "workers/guest/files/auth.h"

/* libmd's: the agent links no libcrypto, which would be four times the whole agent for one digest of a hundred bytes a
 * request. */
#include <sha2.h>

#include "base/parse.h"

enum { SIGNED_MAX = 16 * 1024 };

bool dm_auth_token_ok(const dm_head *h, const char *token)
{
    return token[0] == '\0' || dm_str_eq_secret(dm_head_value(h, "x-access-token"), dm_str_c(token));
}

int dm_auth_basic(const dm_head *h, char *out, size_t size, dm_err *err)
{
    dm_str v = dm_head_value(h, "authorization");
    if (v.n < 6 || !dm_str_ieq_c((dm_str){v.p, 6}, "Basic "))
        return DM_AUTH_NO_USER;
    DM_AUTO_BUF b;
    dm_buf_init(&b, v.n);
    if (dm_base64_decode(&b, dm_str_trim((dm_str){v.p + 6, v.n - 6}), NULL) != 0)
        return DM_AUTH_NO_USER;
    dm_str text = dm_buf_view(&b);
    const char *colon = memchr(text.p, ':', text.n);
    if (colon == NULL)
        return DM_AUTH_NO_USER;
    return dm_str_to_array((dm_str){text.p, (size_t)(colon - text.p)}, out, size, err);
}

/* As whoever knows the token would. */
static int sign(const char *path, dm_link_act act, const char *user, const char *token, const char *expiry,
        char out[DM_LINK_SIGNATURE + 1], dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, SIGNED_MAX);
    dm_link_stem(&text, dm_str_c(path), act, dm_str_c(user));
    (void)dm_buf_c(&text, token);
    dm_link_tail(&text, dm_str_c(expiry));
    int r = dm_buf_ok(&text, err);
    if (r < 0)
        return r;
    uint8_t digest[DM_LINK_DIGEST];
    SHA2_CTX sha;
    SHA256Init(&sha);
    SHA256Update(&sha, (const uint8_t *)text.p, text.len);
    SHA256Final(digest, &sha);
    return dm_link_signature_write(digest, out, err);
}

/* A parameter, or "" when it is absent. 400 when it comes twice. */
static int param(dm_str query, const char *name, char **out, const char **why)
{
    int r = dm_query_get(query, name, out, NULL);
    if (r == DM_QUERY_ABSENT)
        *out = dm_str_dup(DM_STR(""));
    *why = "Invalid format for parameter: multiple values";
    if (r == DM_QUERY_DOUBLED)
        return 400;
    *why = "out of memory";
    return *out == NULL ? 500 : 0;
}

/* signature is malformed, wrong or late: in this order, so that a forger learns nothing from a clock. */
static int check(const char *path, dm_link_act act, const char *user, const char *token, const char *signature,
        const char *expiry, int64_t now_s, const char **why)
{
    char good[DM_LINK_SIGNATURE + 1];
    int64_t until_s;
    *why = "missing signature query parameter";
    if (signature[0] == '\0')
        return 401;
    *why = "invalid signature";
    if (sign(path, act, user, token, expiry, good, NULL) != 0 || !dm_str_eq_secret(dm_str_c(good), dm_str_c(signature)))
        return 401;
    *why = "signature is already expired";
    return dm_link_until(dm_str_c(expiry), &until_s) != 0 || until_s < now_s ? 401 : 0;
}

int dm_auth_file(const dm_head *h, const char *token, dm_link_act act, int64_t now_s, const char **why)
{
    DM_AUTO_MEM char *path = NULL, *user = NULL, *signature = NULL, *expiry = NULL;
    int r = param(h->query, "path", &path, why);
    r = r != 0 ? r : param(h->query, "username", &user, why);
    r = r != 0 ? r : param(h->query, "signature", &signature, why);
    r = r != 0 ? r : param(h->query, "signature_expiration", &expiry, why);
    if (r != 0)
        return r;
    int64_t until_s;
    *why = "Invalid format for parameter signature_expiration: not a whole number";
    if (dm_link_until(dm_str_c(expiry), &until_s) != 0)
        return 400;
    if (token[0] == '\0')
        return 0;
    if (dm_head_get(h, "x-access-token") != NULL) {
        *why = "access token present in header but does not match";
        return dm_auth_token_ok(h, token) ? 0 : 401;
    }
    return check(path, act, user, token, signature, expiry, now_s, why);
}
