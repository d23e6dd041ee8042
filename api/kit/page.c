#include "api/kit/page.h"

#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"

/* A cure, too: the one of the refusal says to do as the message says. */
#define NOT_OURS "%s is not one of ours: give it as the page before gave it, or begin again without it"

static int read_token(const char *name, dm_str token, char order, dm_page *out, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_str rest, word, us, id;
    dm_buf_init(&text, 128);
    if (token.n > 160 || dm_base64_decode(&text, token, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, NOT_OURS, name);
    rest = dm_buf_view(&text);
    if (!dm_str_split(&rest, ':', &word) || !dm_str_split(&rest, ':', &us) || !dm_str_split(&rest, ':', &id) ||
            rest.n > 0 || dm_parse_i64(us, 0, INT64_MAX / 2, &out->us, NULL) < 0 || id.n == 0 ||
            dm_str_to_array(id, out->id, sizeof out->id, NULL) < 0 ||
            !dm_str_only(id, "abcdefghijklmnopqrstuvwxyz0123456789-"))
        return dm_fail(err, DM_E_INVALID, NOT_OURS, name);
    if (word.n != 1 || word.p[0] != order)
        return dm_fail(err, DM_E_INVALID, "%s belongs to another list or order: begin again without it", name);
    out->from = true;
    return 0;
}

static int read_page(
        const dm_req *req, const char *name, char order, int64_t usual, int64_t most, dm_page *out, dm_err *err)
{
    dm_str limit = dm_req_query(req, "limit"), token = dm_req_query(req, name);
    dm_page p = {.limit = usual};
    int r = 0;
    if (limit.p != NULL && dm_parse_i64(limit, 1, most, &p.limit, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "limit must be 1 to %lld", (long long)most);
    if (token.p != NULL && token.n > 0)
        r = read_token(name, token, order, &p, err);
    if (r == 0)
        *out = p;
    return r;
}

int dm_page_read_most(const dm_req *req, char order, int64_t most, dm_page *out, dm_err *err)
{
    return read_page(req, "nextToken", order, most, most, out, err);
}

int dm_page_read(const dm_req *req, char order, dm_page *out, dm_err *err)
{
    return dm_page_read_most(req, order, DM_PAGE_MAX, out, err);
}

int dm_page_read_own(const dm_req *req, char order, int64_t usual, int64_t most, dm_page *out, dm_err *err)
{
    return read_page(req, "cursor", order, usual, most, out, err);
}

int dm_page_token(dm_buf *out, char order, int64_t us, dm_str id, dm_err *err)
{
    char plain[128];
    size_t at = out->len;
    int r = dm_path(plain, sizeof plain, err, "%c:%lld:%.*s", order, (long long)us, (int)id.n, id.p);
    if (r == 0)
        r = dm_base64_encode(out, plain, strlen(plain));
    if (r < 0)
        return r;
    for (size_t i = at; i < out->len; i++) /* the URL's alphabet, without padding */
        out->p[i] = (char)(out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i]);
    while (out->len > at && out->p[out->len - 1] == '=')
        out->len--;
    return 0;
}

int dm_page_next(dm_req *req, char order, int64_t us, dm_str id, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 256);
    int r = dm_page_token(&text, order, us, id, err);
    return r < 0 ? r : dm_reply_header(&req->reply, "X-Next-Token", dm_buf_view(&text), err);
}
