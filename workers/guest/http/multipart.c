#include "workers/guest/http/multipart.h"

#include "base/parse.h"

/* The separator is CR LF "--" boundary, and CR occurs in it only in front. So while matching, a byte that does not fit
 * means that all that had matched was data, and only this byte itself may begin a new match: no other restart exists.
 */

enum { MP_PREAMBLE, MP_BODY, MP_AFTER, MP_AFTER_DASH, MP_AFTER_LINE, MP_HEAD, MP_EPILOGUE };

int dm_multipart_init(dm_multipart *m, dm_str boundary, const dm_multipart_calls *calls, void *arg, dm_err *err)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? ";
    *m = (dm_multipart){.calls = calls, .arg = arg, .state = MP_PREAMBLE};
    dm_buf_init(&m->head, DM_PART_HEAD_MAX);
    if (boundary.n == 0 || boundary.n > DM_BOUNDARY_MAX || !dm_str_only(boundary, allowed))
        return dm_fail(err, DM_E_INVALID, "multipart: no usable boundary");
    memcpy(m->mark, "\r\n--", 4);
    memcpy(m->mark + 4, boundary.p, boundary.n);
    m->mark_len = 4 + boundary.n;
    m->matched = 2; /* the body may begin with the separator, without a line end before it */
    m->implied = true;
    return 0;
}

void dm_multipart_done(dm_multipart *m)
{
    dm_buf_done(&m->head);
}

bool dm_multipart_whole(const dm_multipart *m)
{
    return m->state == MP_EPILOGUE;
}

/* --- parameters of header values ---------------------------------------------------------------------------- */

/* Takes "; name=value" off the front; value goes into b without its quotes. */
static bool next_param(dm_str *rest, dm_str *name, dm_buf *b)
{
    dm_buf_reset(b);
    while (rest->n > 0 && (rest->p[0] == ';' || rest->p[0] == ' ' || rest->p[0] == '\t'))
        *rest = (dm_str){rest->p + 1, rest->n - 1};
    const char *eq = memchr(rest->p, '=', rest->n);
    if (eq == NULL)
        return false;
    *name = dm_str_trim((dm_str){rest->p, (size_t)(eq - rest->p)});
    const char *p = eq + 1, *end = rest->p + rest->n;
    if (p < end && *p == '"') {
        for (p++; p < end && *p != '"'; p++) {
            /* Browsers send backslashes of paths unescaped: one counts only before what could need it. */
            if (*p == '\\' && p + 1 < end && strchr("()<>@,;:\\\"/[]?=", p[1]) != NULL && p[1] != '\0')
                p++;
            (void)dm_buf_ch(b, *p);
        }
        p += p < end;
    } else {
        while (p < end && *p != ';')
            (void)dm_buf_ch(b, *p++);
    }
    *rest = (dm_str){p, (size_t)(end - p)};
    return !b->failed;
}

bool dm_multipart_boundary(dm_str content_type, char out[DM_BOUNDARY_MAX + 1])
{
    static const char prefix[] = "multipart/";
    size_t len = sizeof(prefix) - 1;
    if (content_type.n < len || !dm_str_ieq_c((dm_str){content_type.p, len}, prefix))
        return false;
    const char *semi = memchr(content_type.p, ';', content_type.n);
    if (semi == NULL)
        return false;
    dm_str rest = {semi, (size_t)(content_type.p + content_type.n - semi)}, name;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1024);
    while (next_param(&rest, &name, &b))
        if (dm_str_ieq_c(name, "boundary"))
            return dm_str_to_array(dm_str_trim(dm_buf_view(&b)), out, DM_BOUNDARY_MAX + 1, NULL) == 0;
    return false;
}

/* charset'language'percent-encoded */
static bool decode_extended(dm_buf *value)
{
    dm_str s = dm_buf_view(value), skipped;
    DM_AUTO_BUF plain;
    dm_buf_init(&plain, DM_PART_HEAD_MAX);
    if (!dm_str_split(&s, '\'', &skipped) || !dm_str_split(&s, '\'', &skipped) ||
            dm_url_decode(&plain, s, false, NULL) != 0)
        return false;
    dm_buf_reset(value);
    return dm_buf_str(value, dm_buf_view(&plain)) == 0;
}

/* --- parts -------------------------------------------------------------------------------------------------- */

typedef struct disposition {
    dm_buf name, filename;
    bool has_filename;
} disposition;

static void read_disposition(dm_str value, disposition *d)
{
    DM_AUTO_BUF b;
    bool extended = false;
    dm_buf_init(&b, DM_PART_HEAD_MAX);
    const char *semi = memchr(value.p, ';', value.n);
    if (semi == NULL)
        return;
    dm_str rest = {semi, (size_t)(value.p + value.n - semi)}, name;
    while (next_param(&rest, &name, &b)) {
        bool star = dm_str_ieq_c(name, "filename*");
        if (dm_str_ieq_c(name, "name")) {
            dm_buf_reset(&d->name);
            (void)dm_buf_str(&d->name, dm_buf_view(&b));
        } else if ((star && decode_extended(&b)) || (!extended && dm_str_ieq_c(name, "filename"))) {
            extended = star;
            d->has_filename = true;
            dm_buf_reset(&d->filename);
            (void)dm_buf_str(&d->filename, dm_buf_view(&b));
        }
    }
}

static int begin_part(dm_multipart *m, dm_err *err)
{
    disposition d = {.has_filename = false};
    dm_buf_init(&d.name, DM_PART_HEAD_MAX);
    dm_buf_init(&d.filename, DM_PART_HEAD_MAX);
    dm_str text = dm_buf_view(&m->head), line;
    while (dm_str_split(&text, '\n', &line)) {
        dm_str name;
        if (dm_str_split(&line, ':', &name) && dm_str_ieq_c(dm_str_trim(name), "content-disposition"))
            read_disposition(dm_str_trim(line), &d);
    }
    dm_part part = {dm_buf_view(&d.name), d.has_filename, dm_buf_view(&d.filename)};
    int r = m->calls->begin(m->arg, &part, err);
    dm_buf_done(&d.name);
    dm_buf_done(&d.filename);
    return r;
}

/* --- the machine -------------------------------------------------------------------------------------------- */

/* A head byte; the head ends at an empty line. */
static int head_byte(dm_multipart *m, char c, dm_err *err)
{
    if (dm_buf_ch(&m->head, c) != 0)
        return dm_fail(err, DM_E_LIMIT, "multipart: the head of a part is too large");
    const char *p = m->head.p;
    size_t n = m->head.len;
    bool over = (n == 1 && p[0] == '\n') || (n == 2 && p[0] == '\r' && p[1] == '\n') ||
                (n >= 2 && p[n - 1] == '\n' && p[n - 2] == '\n') ||
                (n >= 3 && p[n - 1] == '\n' && p[n - 2] == '\r' && p[n - 3] == '\n');
    if (c != '\n' || !over)
        return 0;
    m->state = MP_BODY;
    m->matched = 2; /* an empty part's separator may follow at once: the line end before it was the head's */
    m->implied = true;
    int r = begin_part(m, err);
    dm_buf_reset(&m->head);
    return r;
}

/* What may stand between a separator and its line end. */
static int after_byte(dm_multipart *m, char c, dm_err *err)
{
    bool dash = c == '-' && m->state != MP_AFTER_LINE;
    bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (dash) {
        m->state = m->state == MP_AFTER ? MP_AFTER_DASH : MP_EPILOGUE;
        return 0;
    }
    if (!blank || m->state == MP_AFTER_DASH)
        return dm_fail(err, DM_E_PROTO, "multipart: malformed separator");
    m->state = c == '\n' ? MP_HEAD : MP_AFTER_LINE;
    return 0;
}

static int give(dm_multipart *m, dm_str bytes, dm_err *err)
{
    return m->state == MP_BODY && bytes.n > 0 ? m->calls->data(m->arg, bytes, err) : 0;
}

/* Body or preamble from the front of *in, up to a whole separator or the end of the input. */
static int body(dm_multipart *m, bool *implied, dm_str *in, dm_err *err)
{
    while (in->n > 0) {
        if (m->matched == 0) {
            /* The fast path: all up to the next CR is data. */
            const char *cr = memchr(in->p, '\r', in->n);
            size_t n = cr != NULL ? (size_t)(cr - in->p) : in->n;
            int r = give(m, (dm_str){in->p, n}, err);
            *in = (dm_str){in->p + n, in->n - n};
            if (r < 0 || in->n == 0)
                return r;
        }
        if (in->p[0] == m->mark[m->matched]) {
            *in = (dm_str){in->p + 1, in->n - 1};
            if (++m->matched < m->mark_len)
                continue;
            int r = m->state == MP_BODY ? m->calls->end(m->arg, err) : 0;
            m->matched = 0;
            *implied = false;
            m->state = MP_AFTER;
            return r;
        }
        /* Not a separator after all. The CR LF in front may be the one that only was implied. */
        size_t skip = *implied ? 2 : 0;
        dm_str held = {m->mark + skip, m->matched - skip};
        m->matched = 0;
        *implied = false;
        int r = give(m, held, err);
        if (r < 0)
            return r;
        if (in->p[0] == '\r')
            continue;
        r = give(m, (dm_str){in->p, 1}, err);
        *in = (dm_str){in->p + 1, in->n - 1};
        if (r < 0)
            return r;
    }
    return 0;
}

int dm_multipart_feed(dm_multipart *m, dm_str in, dm_err *err)
{
    int r = 0;
    while (in.n > 0 && r == 0 && m->state != MP_EPILOGUE) {
        if (m->state == MP_PREAMBLE || m->state == MP_BODY) {
            r = body(m, &m->implied, &in, err);
            continue;
        }
        char c = in.p[0];
        in = (dm_str){in.p + 1, in.n - 1};
        r = m->state == MP_HEAD ? head_byte(m, c, err) : after_byte(m, c, err);
    }
    return r;
}
