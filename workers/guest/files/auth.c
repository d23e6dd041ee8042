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

int dm_auth_sign(const char *path, const char *operation, const char *user, const char *token, const char *expiry,
        char out[DM_SIGNATURE_SIZE], dm_err *err)
{
    DM_AUTO_BUF text, signature;
    dm_buf_init(&text, SIGNED_MAX);
    dm_buf_init(&signature, DM_SIGNATURE_SIZE - 1);
    (void)dm_buf_fmt(&text, "%s:%s:%s:%s", path, operation, user, token);
    if (expiry[0] != '\0')
        (void)dm_buf_fmt(&text, ":%s", expiry);
    if (dm_buf_ok(&text, err) != 0)
        return DM_E_LIMIT;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX sha;
    SHA256Init(&sha);
    SHA256Update(&sha, (const uint8_t *)text.p, text.len);
    SHA256Final(digest, &sha);
    (void)dm_buf_c(&signature, "v1_");
    (void)dm_base64_encode(&signature, digest, sizeof(digest));
    dm_str s = dm_buf_view(&signature);
    while (s.n > 0 && s.p[s.n - 1] == '=')
        s.n--;
    return dm_str_to_array(s, out, DM_SIGNATURE_SIZE, err);
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
static int check(const char *path, const char *operation, const char *user, const char *token, const char *signature,
        const char *expiry, int64_t now_s, const char **why)
{
    char good[DM_SIGNATURE_SIZE];
    *why = "missing signature query parameter";
    if (signature[0] == '\0')
        return 401;
    *why = "invalid signature";
    if (dm_auth_sign(path, operation, user, token, expiry, good, NULL) != 0 ||
            !dm_str_eq_secret(dm_str_c(good), dm_str_c(signature)))
        return 401;
    int64_t until;
    *why = "signature is already expired";
    if (expiry[0] != '\0' && (dm_parse_i64(dm_str_c(expiry), INT64_MIN, INT64_MAX, &until, NULL) != 0 || until < now_s))
        return 401;
    return 0;
}

int dm_auth_file(const dm_head *h, const char *token, const char *operation, int64_t now_s, const char **why)
{
    DM_AUTO_MEM char *path = NULL, *user = NULL, *signature = NULL, *expiry = NULL;
    int r = param(h->query, "path", &path, why);
    r = r != 0 ? r : param(h->query, "username", &user, why);
    r = r != 0 ? r : param(h->query, "signature", &signature, why);
    r = r != 0 ? r : param(h->query, "signature_expiration", &expiry, why);
    if (r != 0)
        return r;
    int64_t until;
    *why = "Invalid format for parameter signature_expiration: not a whole number";
    if (expiry[0] != '\0' && dm_parse_i64(dm_str_c(expiry), INT64_MIN, INT64_MAX, &until, NULL) != 0)
        return 400;
    if (token[0] == '\0')
        return 0;
    if (dm_head_get(h, "x-access-token") != NULL) {
        *why = "access token present in header but does not match";
        return dm_auth_token_ok(h, token) ? 0 : 401;
    }
    return check(path, operation, user, token, signature, expiry, now_s, why);
}
