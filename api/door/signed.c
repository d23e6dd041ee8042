#include "api/door/signed.h"

#include <stdio.h>

#include "base/parse.h"

/* "v1_" and 32 bytes in base64 without padding; a decoder may ask for as much room as its input is long. */
enum { SIGNATURE = 46, ESCAPED = 3 };

typedef struct param {
    const char *name;
    dm_buf *value;
    bool found;
} param;

/* One `name=value` into whichever parameter it is. A doubled or endless one is WRONG: the agent refuses it, too. */
static int take(dm_str pair, param *params, size_t n)
{
    dm_str value = pair, key;
    DM_AUTO_BUF plain;
    dm_buf_init(&plain, ESCAPED * sizeof "signature_expiration");
    if (memchr(pair.p, ';', pair.n) != NULL || !dm_str_split(&value, '=', &key) || key.p + key.n == pair.p + pair.n ||
            dm_url_decode(&plain, key, true, NULL) < 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (!dm_str_eq_c(dm_buf_view(&plain), params[i].name))
            continue;
        if (params[i].found || dm_url_decode(params[i].value, value, true, NULL) < 0)
            return DM_SIGNED_WRONG;
        params[i].found = true;
    }
    return 0;
}

static int read_signature(dm_str text, dm_digest *out)
{
    DM_AUTO_BUF digest;
    dm_buf_init(&digest, SIGNATURE);
    if (text.n != SIGNATURE || !dm_str_starts(text, DM_STR("v1_")) ||
            dm_base64_decode(&digest, (dm_str){text.p + 3, text.n - 3}, NULL) < 0 || digest.len != sizeof out->b)
        return DM_SIGNED_WRONG;
    memcpy(out->b, digest.p, sizeof out->b);
    return 0;
}

static int read_expiry(dm_str text, dm_signed *out)
{
    out->until_s = INT64_MAX;
    if (text.n == 0)
        return 0;
    if (text.n >= sizeof out->expiry - 1 || dm_parse_i64(text, INT64_MIN, INT64_MAX, &out->until_s, NULL) < 0)
        return DM_SIGNED_WRONG;
    (void)snprintf(out->expiry, sizeof out->expiry, ":%.*s", (int)text.n, text.p);
    return 0;
}

int dm_signed_read(dm_str uri, dm_str method, dm_signed *out, dm_err *err)
{
    DM_AUTO_BUF path, user, signature, expiry, stem;
    dm_buf_init(&path, ESCAPED * DM_SIGNED_FIELD_MAX);
    dm_buf_init(&user, ESCAPED * DM_SIGNED_FIELD_MAX);
    dm_buf_init(&signature, ESCAPED * SIGNATURE);
    dm_buf_init(&expiry, sizeof out->expiry);
    dm_buf_init(&stem, 2 * DM_SIGNED_FIELD_MAX + 16);
    param params[] = {{"path", &path, false}, {"username", &user, false}, {"signature", &signature, false},
            {"signature_expiration", &expiry, false}};
    dm_str rest = uri, pair;
    bool write = dm_str_eq_c(method, "POST");
    int r = 0;
    if (!dm_str_split(&rest, '?', &pair) || !dm_str_eq_c(pair, "/files") || (!write && !dm_str_eq_c(method, "GET")))
        return DM_SIGNED_NOT;
    while (r == 0 && dm_str_split(&rest, '&', &pair))
        r = take(pair, params, DM_LEN(params));
    if (r == 0 && signature.len == 0)
        return DM_SIGNED_NOT;
    if (r == 0 && (path.len > DM_SIGNED_FIELD_MAX || user.len > DM_SIGNED_FIELD_MAX))
        r = DM_SIGNED_WRONG;
    if (r == 0)
        r = read_signature(dm_buf_view(&signature), &out->digest);
    if (r == 0)
        r = read_expiry(dm_buf_view(&expiry), out);
    if (r != 0)
        return r;
    (void)dm_buf_str(&stem, dm_buf_view(&path));
    (void)dm_buf_c(&stem, write ? ":write:" : ":read:");
    (void)dm_buf_str(&stem, dm_buf_view(&user));
    (void)dm_buf_ch(&stem, ':');
    r = dm_buf_ok(&stem, err);
    return r < 0 ? r : dm_sha256_stem_new(dm_buf_view(&stem), &out->stem, err);
}

void dm_signed_done(dm_signed *s)
{
    dm_sha256_stem_free(s->stem);
    s->stem = NULL;
}

int dm_signed_by(dm_signed *s, dm_str token, bool *right, dm_err *err)
{
    const dm_str ends[] = {token, dm_str_c(s->expiry)};
    dm_digest made;
    int r = dm_sha256_stem_end(s->stem, ends, DM_LEN(ends), &made, err);
    if (r == 0)
        *right = dm_str_eq_secret(
                (dm_str){(const char *)made.b, sizeof made.b}, (dm_str){(const char *)s->digest.b, sizeof s->digest.b});
    return r;
}
