#include "workers/guest/http/negotiate.h"

#include "base/parse.h"

/* --- encoding ----------------------------------------------------------------------------------------------- */

/* Whether "name;q=0.5" means more than nothing. */
static bool has_weight(dm_str params)
{
    dm_str one;
    while (dm_str_split(&params, ';', &one)) {
        one = dm_str_trim(one);
        if (one.n < 2 || (one.p[0] != 'q' && one.p[0] != 'Q') || one.p[1] != '=')
            continue;
        for (size_t i = 2; i < one.n; i++)
            if (one.p[i] >= '1' && one.p[i] <= '9')
                return true;
        return false;
    }
    return true;
}

enum dm_coding dm_negotiate_coding(const dm_head *h)
{
    enum { UNSAID, NO, YES } identity = UNSAID, gzip = UNSAID, star = UNSAID;
    dm_str list = dm_head_value(h, "accept-encoding"), one;
    while (dm_str_split(&list, ',', &one)) {
        dm_str name = {"", 0};
        if (!dm_str_split(&one, ';', &name))
            continue;
        name = dm_str_trim(name);
        int said = has_weight(one) ? YES : NO;
        if (dm_str_ieq_c(name, "identity"))
            identity = said == YES ? YES : NO;
        else if (dm_str_ieq_c(name, "gzip"))
            gzip = said == YES ? YES : NO;
        else if (dm_str_eq_c(name, "*"))
            star = said == YES ? YES : NO;
    }
    if (identity == YES || (identity == UNSAID && star != NO))
        return DM_CODING_IDENTITY;
    /* Ranges and conditions are defined on the plain bytes. */
    static const char *const plain_only[] = {"range", "if-range", "if-none-match", "if-modified-since"};
    for (size_t i = 0; i < DM_LEN(plain_only); i++)
        if (dm_head_get(h, plain_only[i]) != NULL)
            return DM_CODING_NONE;
    return gzip == YES || (gzip == UNSAID && star == YES) ? DM_CODING_GZIP : DM_CODING_NONE;
}

/* --- ranges ------------------------------------------------------------------------------------------------- */

enum { ONE_OK, ONE_OUTSIDE, ONE_BAD };

/* "a-b", "a-", "-n" */
static int parse_range(dm_str s, uint64_t size, dm_range *out)
{
    const char *dash = memchr(s.p, '-', s.n);
    if (dash == NULL)
        return ONE_BAD;
    dm_str first = dm_str_trim((dm_str){s.p, (size_t)(dash - s.p)});
    dm_str last = dm_str_trim((dm_str){dash + 1, s.n - (size_t)(dash - s.p) - 1});
    uint64_t a, b = UINT64_MAX;
    if (first.n == 0) {
        if (dm_parse_u64(last, 0, INT64_MAX, &b, NULL) != 0)
            return ONE_BAD;
        if (b == 0 || size == 0)
            return ONE_OUTSIDE;
        a = b < size ? size - b : 0;
        *out = (dm_range){a, size - a};
        return ONE_OK;
    }
    if (dm_parse_u64(first, 0, INT64_MAX, &a, NULL) != 0 ||
            (last.n > 0 && (dm_parse_u64(last, 0, INT64_MAX, &b, NULL) != 0 || b < a)))
        return ONE_BAD;
    if (a >= size)
        return ONE_OUTSIDE;
    *out = (dm_range){a, (b < size - 1 ? b : size - 1) - a + 1};
    return ONE_OK;
}

enum dm_range_verdict dm_negotiate_range(dm_str header, uint64_t size, dm_range out[DM_RANGES_MAX], size_t *n)
{
    *n = 0;
    if (header.n == 0)
        return DM_RANGE_WHOLE;
    if (!dm_str_starts(header, DM_STR("bytes=")))
        return DM_RANGE_MALFORMED;
    dm_str list = {header.p + 6, header.n - 6}, one;
    uint64_t sum = 0;
    bool outside = false;
    while (dm_str_split(&list, ',', &one)) {
        one = dm_str_trim(one);
        if (one.n == 0)
            continue;
        dm_range r;
        int verdict = parse_range(one, size, &r);
        if (verdict == ONE_BAD)
            return DM_RANGE_MALFORMED;
        outside = outside || verdict == ONE_OUTSIDE;
        if (verdict == ONE_OUTSIDE)
            continue;
        /* Who asks for more than the file in more pieces than we keep is served the file. */
        if (*n == DM_RANGES_MAX || __builtin_add_overflow(sum, r.length, &sum) || sum > size)
            return DM_RANGE_WHOLE;
        out[(*n)++] = r;
    }
    if (*n > 0)
        return DM_RANGE_PARTS;
    return outside && size > 0 ? DM_RANGE_NONE : DM_RANGE_WHOLE;
}

/* --- conditions --------------------------------------------------------------------------------------------- */

void dm_http_date(time_t t, char out[40])
{
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
        out[0] = '\0';
}

static bool parse_date(dm_str s, time_t *out)
{
    static const char *const forms[] = {
            "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};
    char text[64];
    if (dm_str_to_array(s, text, sizeof(text), NULL) != 0)
        return false;
    for (size_t i = 0; i < DM_LEN(forms); i++) {
        struct tm tm = {.tm_year = 0};
        const char *end = strptime(text, forms[i], &tm);
        if (end != NULL && *end == '\0') {
            *out = timegm(&tm);
            return true;
        }
    }
    return false;
}

static bool lists(dm_str header, const char *what)
{
    dm_str one;
    while (dm_str_split(&header, ',', &one))
        if (dm_str_eq_c(dm_str_trim(one), what))
            return true;
    return false;
}

int dm_negotiate_conditions(const dm_head *h, time_t modified, bool *ranges)
{
    const dm_str *match = dm_head_get(h, "if-match"), *none = dm_head_get(h, "if-none-match");
    const dm_str *since = dm_head_get(h, "if-modified-since"), *unless = dm_head_get(h, "if-unmodified-since");
    const dm_str *if_range = dm_head_get(h, "if-range");
    time_t t;
    *ranges = true;
    if (match != NULL) {
        if (!lists(*match, "*"))
            return 412;
    } else if (unless != NULL && parse_date(*unless, &t) && modified > t) {
        return 412;
    }
    if (none != NULL) {
        if (lists(*none, "*"))
            return 304;
    } else if (since != NULL && parse_date(*since, &t) && modified <= t) {
        return 304;
    }
    if (if_range != NULL)
        *ranges = parse_date(*if_range, &t) && t == modified;
    return 0;
}

/* --- kinds of files ----------------------------------------------------------------------------------------- */

static const char octets[] = "application/octet-stream";

const char *dm_content_type_by_name(dm_str name)
{
    static const char *const types[][2] = {{".avif", "image/avif"}, {".css", "text/css; charset=utf-8"},
            {".csv", "text/csv; charset=utf-8"}, {".gif", "image/gif"}, {".gz", "application/gzip"},
            {".htm", "text/html; charset=utf-8"}, {".html", "text/html; charset=utf-8"}, {".ico", "image/x-icon"},
            {".jpeg", "image/jpeg"}, {".jpg", "image/jpeg"}, {".js", "text/javascript; charset=utf-8"},
            {".json", "application/json"}, {".md", "text/markdown; charset=utf-8"},
            {".mjs", "text/javascript; charset=utf-8"}, {".mp3", "audio/mpeg"}, {".mp4", "video/mp4"},
            {".pdf", "application/pdf"}, {".png", "image/png"}, {".svg", "image/svg+xml"},
            {".tar", "application/x-tar"}, {".txt", "text/plain; charset=utf-8"}, {".wasm", "application/wasm"},
            {".webm", "video/webm"}, {".webp", "image/webp"}, {".woff2", "font/woff2"},
            {".xml", "text/xml; charset=utf-8"}, {".zip", "application/zip"}};
    const char *dot = memrchr(name.p, '.', name.n);
    if (dot == NULL)
        return octets;
    dm_str ext = {dot, (size_t)(name.p + name.n - dot)};
    for (size_t i = 0; i < DM_LEN(types); i++)
        if (dm_str_ieq_c(ext, types[i][0]))
            return types[i][1];
    return octets;
}

static const char *sniff(dm_str first)
{
    static const struct {
        const char *magic;
        size_t len;
        const char *type;
    } magics[] = {{"\x89PNG\r\n\x1a\n", 8, "image/png"}, {"\xff\xd8\xff", 3, "image/jpeg"}, {"GIF8", 4, "image/gif"},
            {"%PDF-", 5, "application/pdf"}, {"PK\x03\x04", 4, "application/zip"},
            {"\x1f\x8b\x08", 3, "application/x-gzip"}, {"\0asm", 4, "application/wasm"}};
    for (size_t i = 0; i < DM_LEN(magics); i++)
        if (dm_str_starts(first, (dm_str){magics[i].magic, magics[i].len}))
            return magics[i].type;
    for (size_t i = 0; i < first.n; i++) {
        unsigned char c = (unsigned char)first.p[i];
        if (c <= 0x08 || c == 0x0b || (c >= 0x0e && c <= 0x1a) || (c >= 0x1c && c <= 0x1f))
            return octets;
    }
    dm_str text = dm_str_trim(first);
    static const char *const html[] = {"<!DOCTYPE HTML", "<HTML", "<HEAD", "<BODY", "<SCRIPT"};
    for (size_t i = 0; i < DM_LEN(html); i++)
        if (text.n >= strlen(html[i]) && dm_str_ieq_c((dm_str){text.p, strlen(html[i])}, html[i]))
            return "text/html; charset=utf-8";
    return dm_str_starts(text, DM_STR("<?xml")) ? "text/xml; charset=utf-8" : "text/plain; charset=utf-8";
}

const char *dm_content_type(dm_str name, dm_str first)
{
    const char *type = dm_content_type_by_name(name);
    return type != octets ? type : sniff(first);
}

void dm_content_disposition(dm_buf *b, dm_str name)
{
    bool ascii = true, plain = name.n > 0;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        ascii = ascii && c >= ' ' && c < 0x7f;
        plain = plain && c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
    }
    if (plain) {
        (void)dm_buf_fmt(b, "inline; filename=%.*s", (int)name.n, name.p);
    } else if (!ascii) {
        (void)dm_buf_c(b, "inline; filename*=utf-8''");
        (void)dm_url_encode(b, name);
    } else {
        (void)dm_buf_c(b, "inline; filename=\"");
        for (size_t i = 0; i < name.n; i++) {
            if (name.p[i] == '"' || name.p[i] == '\\')
                (void)dm_buf_ch(b, '\\');
            (void)dm_buf_ch(b, name.p[i]);
        }
        (void)dm_buf_ch(b, '"');
    }
}
