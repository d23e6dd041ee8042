/* Where a request ends. The agent is not alone on its wire: nginx stands before it, and connections are used again, so
 * two readers that disagree about the end of one request disagree about the beginning of the next (request smuggling).
 * Whatever can be read in two ways is therefore refused and the connection closed: a length beside chunked, two lengths
 * that differ, a length with a sign, a folded line, a blank before a colon, a coding under the chunks, chunks from
 * HTTP/1.0. What all readers take alike is taken: LF for a line's end, blanks around a value, chunk extensions and
 * trailers, which are skipped.
 *
 * Nothing is parsed twice, or a client that sends a byte at a time would cost the square of its bytes. dm_head_end
 * remembers how far it has looked and only finds the empty line; the block is then parsed in one go, into strings that
 * point into it. Chunks are a machine of one state a byte, but for data, which is passed on in the pieces it came in.
 * So a body is never held here, and each bound is a count: bytes of a head, fields, a size line, all trailers, 16
 * digits of a size. */
#include "workers/guest/http/head.h"

#include "base/grow.h"
#include "base/parse.h"

enum { LINE_MAX_EXT = 4096, TRAILERS_MAX = 16 * 1024 };

size_t dm_head_end(dm_str in, size_t *seen)
{
    size_t at = *seen;
    while (at < in.n) {
        const char *nl = memchr(in.p + at, '\n', in.n - at);
        if (nl == NULL) {
            at = in.n;
            break;
        }
        size_t i = (size_t)(nl - in.p);
        if (i + 1 < in.n && in.p[i + 1] == '\n')
            return i + 2;
        if (i + 2 < in.n && in.p[i + 1] == '\r' && in.p[i + 2] == '\n')
            return i + 3;
        if (i + 2 >= in.n) { /* the empty line may still be coming */
            at = i;
            break;
        }
        at = i + 1;
    }
    *seen = at;
    return 0;
}

static bool is_token(dm_str s)
{
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
        if (!ok)
            return false;
    }
    return true;
}

/* The next line without its end; false when the block is used up. */
static bool next_line(dm_str *rest, dm_str *line)
{
    if (rest->n == 0)
        return false;
    const char *nl = memchr(rest->p, '\n', rest->n);
    size_t len = nl != NULL ? (size_t)(nl - rest->p) : rest->n;
    *line = (dm_str){rest->p, len};
    if (len > 0 && line->p[len - 1] == '\r')
        line->n--;
    size_t used = nl != NULL ? len + 1 : len;
    *rest = (dm_str){rest->p + used, rest->n - used};
    return true;
}

static int parse_version(dm_str v, dm_head *out, const char **why)
{
    *why = "malformed HTTP version";
    if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.')
        return 400;
    if (v.p[5] == '1' && (v.p[7] == '0' || v.p[7] == '1')) {
        out->minor = v.p[7] == '1' ? 1 : 0;
        return 0;
    }
    *why = "unsupported protocol version";
    return 505;
}

/* origin-form, absolute-form (a proxy's habit) or the star of OPTIONS. */
static int parse_target(dm_str target, dm_head *out, const char **why)
{
    *why = "malformed request target";
    for (size_t i = 0; i < target.n; i++) {
        unsigned char c = (unsigned char)target.p[i];
        if (c <= ' ' || c == 0x7f)
            return 400;
    }
    if (target.n > 7 && strncasecmp(target.p, "http://", 7) == 0) {
        dm_str rest = {target.p + 7, target.n - 7};
        const char *slash = memchr(rest.p, '/', rest.n);
        if (slash == NULL)
            return 400;
        target = (dm_str){slash, (size_t)(rest.p + rest.n - slash)};
    }
    if (target.n == 0 || (target.p[0] != '/' && !dm_str_eq_c(target, "*")))
        return 400;
    const char *mark = memchr(target.p, '?', target.n);
    size_t path_len = mark != NULL ? (size_t)(mark - target.p) : target.n;
    out->path = (dm_str){target.p, path_len};
    out->query = mark != NULL ? (dm_str){mark + 1, target.n - path_len - 1} : (dm_str){target.p + target.n, 0};
    return 0;
}

static int parse_request_line(dm_str line, dm_head *out, const char **why)
{
    *why = "malformed request line";
    const char *first = memchr(line.p, ' ', line.n);
    const char *last = memrchr(line.p, ' ', line.n);
    if (first == NULL || last == first)
        return 400;
    out->method = (dm_str){line.p, (size_t)(first - line.p)};
    dm_str target = {first + 1, (size_t)(last - first - 1)};
    dm_str version = {last + 1, (size_t)(line.p + line.n - last - 1)};
    if (dm_str_eq_c(out->method, "PRI") && dm_str_eq_c(version, "HTTP/2.0")) {
        *why = "HTTP/2 is not spoken here";
        return 405;
    }
    if (!is_token(out->method))
        return 400;
    int r = parse_version(version, out, why);
    return r != 0 ? r : parse_target(target, out, why);
}

static int parse_field(dm_str line, dm_head_field *out, const char **why)
{
    *why = "malformed header field";
    const char *colon = memchr(line.p, ':', line.n);
    if (colon == NULL || line.p[0] == ' ' || line.p[0] == '\t')
        return 400;
    out->name = (dm_str){line.p, (size_t)(colon - line.p)};
    out->value = dm_str_trim((dm_str){colon + 1, line.n - out->name.n - 1});
    if (!is_token(out->name))
        return 400;
    for (size_t i = 0; i < out->value.n; i++) {
        unsigned char c = (unsigned char)out->value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return 400;
    }
    return 0;
}

static bool has_word(dm_str list, const char *word)
{
    dm_str one;
    while (dm_str_split(&list, ',', &one))
        if (dm_str_ieq_c(dm_str_trim(one), word))
            return true;
    return false;
}

/* What the fields say about the body and the connection. */
static int judge(dm_head *h, const char **why)
{
    unsigned hosts = 0;
    bool length = false, chunked = false;
    h->keep = h->minor == 1;
    for (size_t i = 0; i < h->n; i++) {
        dm_str name = h->fields[i].name, value = h->fields[i].value;
        if (dm_str_ieq_c(name, "host")) {
            hosts++;
        } else if (dm_str_ieq_c(name, "content-length")) {
            uint64_t v;
            *why = "bad Content-Length";
            if (dm_parse_u64(value, 0, INT64_MAX, &v, NULL) != 0 || (length && v != h->length))
                return 400;
            h->length = v;
            length = true;
        } else if (dm_str_ieq_c(name, "transfer-encoding")) {
            *why = "unsupported transfer encoding";
            if (chunked || !dm_str_ieq_c(value, "chunked"))
                return 501;
            chunked = true;
        } else if (dm_str_ieq_c(name, "connection")) {
            if (has_word(value, "close"))
                h->keep = false;
            else if (h->minor == 0 && has_word(value, "keep-alive"))
                h->keep = true;
        } else if (dm_str_ieq_c(name, "expect")) {
            *why = "unknown expectation";
            if (!dm_str_ieq_c(value, "100-continue"))
                return 417;
            h->expect = h->minor == 1;
        }
    }
    *why = "missing required Host header";
    if (hosts == 0 && h->minor == 1)
        return 400;
    *why = "ambiguous request";
    if (hosts > 1 || (length && chunked) || (chunked && h->minor == 0))
        return 400;
    h->body = chunked ? DM_BODY_CHUNKED : (length && h->length > 0 ? DM_BODY_LENGTH : DM_BODY_NONE);
    if (h->body == DM_BODY_NONE)
        h->expect = false;
    return 0;
}

int dm_head_parse(dm_str block, dm_head *out, const char **why)
{
    *out = (dm_head){.minor = 1};
    dm_str line;
    *why = "malformed request line";
    if (!next_line(&block, &line))
        return 400;
    int r = parse_request_line(line, out, why);
    if (r != 0)
        return r;
    size_t room = 0;
    while (next_line(&block, &line) && line.n > 0) {
        r = dm_grow(&out->fields, &room, out->n, DM_HEAD_FIELDS_MAX, "header fields", NULL);
        if (r < 0) {
            *why = r == DM_E_LIMIT ? "too many header fields" : "out of memory";
            return r == DM_E_LIMIT ? 431 : 500;
        }
        r = parse_field(line, &out->fields[out->n], why);
        if (r != 0)
            return r;
        out->n++;
    }
    return judge(out, why);
}

void dm_head_done(dm_head *h)
{
    free(h->fields);
    *h = (dm_head){.minor = 1};
}

const dm_str *dm_head_get(const dm_head *h, const char *name)
{
    for (size_t i = 0; i < h->n; i++)
        if (dm_str_ieq_c(h->fields[i].name, name))
            return &h->fields[i].value;
    return NULL;
}

dm_str dm_head_value(const dm_head *h, const char *name)
{
    const dm_str *v = dm_head_get(h, name);
    return v != NULL ? *v : DM_STR("");
}

/* --- chunked ------------------------------------------------------------------------------------------------ */

enum { CH_SIZE, CH_EXT, CH_SIZE_LF, CH_DATA, CH_DATA_CR, CH_DATA_LF, CH_TRAILER, CH_TRAILER_TEXT, CH_LAST_LF, CH_DONE };

static int size_line_over(dm_chunked *c)
{
    if (c->digits == 0)
        return DM_E_PROTO;
    c->state = c->left == 0 ? CH_TRAILER : CH_DATA;
    c->line = 0;
    return 0;
}

static int size_byte(dm_chunked *c, char b)
{
    int v = dm_hex_digit(b);
    if (v >= 0) {
        if (c->left > (uint64_t)INT64_MAX >> 4 || ++c->digits > 16)
            return DM_E_PROTO;
        c->left = c->left << 4 | (uint64_t)v;
        return 0;
    }
    if (b == '\n')
        return size_line_over(c);
    if (b == '\r')
        c->state = CH_SIZE_LF;
    else if (b == ';' || b == ' ' || b == '\t')
        c->state = CH_EXT;
    else
        return DM_E_PROTO;
    return 0;
}

/* One byte that is not body. */
static int framing_byte(dm_chunked *c, char b)
{
    if (++c->line > (c->state < CH_DATA ? LINE_MAX_EXT : TRAILERS_MAX))
        return DM_E_PROTO;
    switch (c->state) {
    case CH_SIZE:
        return size_byte(c, b);
    case CH_EXT:
        if (b == '\r')
            c->state = CH_SIZE_LF;
        return b == '\n' ? size_line_over(c) : 0;
    case CH_SIZE_LF:
        return b == '\n' ? size_line_over(c) : DM_E_PROTO;
    case CH_DATA_CR:
    case CH_DATA_LF:
        if (b == '\r' && c->state == CH_DATA_CR)
            c->state = CH_DATA_LF;
        else if (b == '\n')
            *c = (dm_chunked){.state = CH_SIZE};
        else
            return DM_E_PROTO;
        return 0;
    case CH_TRAILER:
        c->state = b == '\n' ? CH_DONE : b == '\r' ? CH_LAST_LF : CH_TRAILER_TEXT;
        return 0;
    case CH_TRAILER_TEXT:
        if (b == '\n')
            c->state = CH_TRAILER;
        return 0;
    case CH_LAST_LF:
        c->state = CH_DONE;
        return b == '\n' ? 0 : DM_E_PROTO;
    default:
        return DM_E_PROTO;
    }
}

int dm_chunked_next(dm_chunked *c, dm_str *in, dm_str *piece)
{
    while (c->state != CH_DONE) {
        if (in->n == 0)
            return DM_CHUNKED_MORE;
        if (c->state == CH_DATA) {
            size_t take = in->n < c->left ? in->n : (size_t)c->left;
            *piece = (dm_str){in->p, take};
            *in = (dm_str){in->p + take, in->n - take};
            c->left -= take;
            if (c->left == 0)
                c->state = CH_DATA_CR;
            return DM_CHUNKED_PIECE;
        }
        char b = in->p[0];
        *in = (dm_str){in->p + 1, in->n - 1};
        int r = framing_byte(c, b);
        if (r != 0)
            return r;
    }
    return DM_CHUNKED_END;
}

/* --- query -------------------------------------------------------------------------------------------------- */

int dm_query_get(dm_str query, const char *name, char **out, dm_err *err)
{
    DM_AUTO_MEM char *found = NULL;
    dm_str pair;
    while (dm_str_split(&query, '&', &pair)) {
        dm_str key, value = pair;
        if (memchr(pair.p, ';', pair.n) != NULL || !dm_str_split(&value, '=', &key))
            continue;
        DM_AUTO_BUF k, v;
        dm_buf_init(&k, pair.n + 1);
        dm_buf_init(&v, pair.n + 1);
        if (dm_url_decode(&k, key, true, NULL) != 0 || !dm_str_eq_c(dm_buf_view(&k), name))
            continue;
        if (dm_url_decode(&v, value, true, NULL) != 0)
            continue;
        if (found != NULL)
            return DM_QUERY_DOUBLED;
        found = dm_str_dup(dm_buf_view(&v));
        if (found == NULL)
            return dm_fail(err, DM_E_NOMEM, "query");
    }
    if (found == NULL)
        return DM_QUERY_ABSENT;
    *out = dm_steal(&found);
    return 0;
}
