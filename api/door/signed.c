#include "api/door/signed.h"

#include "base/parse.h"
#include "base/wire/link.h"

enum { ESCAPED = 3 };

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

static int read_expiry(dm_str text, dm_signed *out)
{
    DM_AUTO_BUF tail;
    dm_buf_init(&tail, sizeof out->tail - 1);
    dm_link_tail(&tail, text);
    bool wrong = dm_link_until(text, &out->until_s) != 0 || dm_buf_ok(&tail, NULL) < 0 ||
                 dm_str_to_array(dm_buf_view(&tail), out->tail, sizeof out->tail, NULL) < 0;
    return wrong ? DM_SIGNED_WRONG : 0;
}

int dm_signed_read(dm_str uri, dm_str method, dm_signed *out, dm_err *err)
{
    DM_AUTO_BUF path, user, signature, expiry, stem;
    dm_buf_init(&path, ESCAPED * DM_SIGNED_FIELD_MAX);
    dm_buf_init(&user, ESCAPED * DM_SIGNED_FIELD_MAX);
    dm_buf_init(&signature, ESCAPED * DM_LINK_SIGNATURE);
    dm_buf_init(&expiry, sizeof out->tail);
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
    if (r == 0 && dm_link_signature_read(dm_buf_view(&signature), out->digest.b) != 0)
        r = DM_SIGNED_WRONG;
    if (r == 0)
        r = read_expiry(dm_buf_view(&expiry), out);
    if (r != 0)
        return r;
    dm_link_stem(&stem, dm_buf_view(&path), write ? DM_LINK_WRITE : DM_LINK_READ, dm_buf_view(&user));
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
    const dm_str ends[] = {token, dm_str_c(s->tail)};
    dm_digest made;
    int r = dm_sha256_stem_end(s->stem, ends, DM_LEN(ends), &made, err);
    if (r == 0)
        *right = dm_str_eq_secret(
                (dm_str){(const char *)made.b, sizeof made.b}, (dm_str){(const char *)s->digest.b, sizeof s->digest.b});
    return r;
}
