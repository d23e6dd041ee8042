#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "workers/guest/http/conn_parts.h"

enum { SMALL_BODY = 16 * 1024 }; /* copied behind the head, so that both leave in one packet */

const char *dm_conn_reason(int status)
{
    static const struct {
        int status;
        const char *words;
    } rows[] = {{200, "OK"}, {204, "No Content"}, {206, "Partial Content"}, {304, "Not Modified"}, {400, "Bad Request"},
            {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
            {406, "Not Acceptable"}, {409, "Conflict"}, {412, "Precondition Failed"}, {415, "Unsupported Media Type"},
            {416, "Requested Range Not Satisfiable"}, {417, "Expectation Failed"}, {429, "Too Many Requests"},
            {431, "Request Header Fields Too Large"}, {499, "Client Closed Request"}, {500, "Internal Server Error"},
            {501, "Not Implemented"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
            {505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"}};
    for (size_t i = 0; i < DM_LEN(rows); i++)
        if (rows[i].status == status)
            return rows[i].words;
    return "Status";
}

static const char *date_now(dm_server *s)
{
    time_t now = time(NULL);
    if (now != s->date_s) {
        struct tm tm;
        s->date_s = now;
        if (gmtime_r(&now, &tm) == NULL || strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
            s->date[0] = '\0';
    }
    return s->date;
}

void dm_x_field(dm_x *x, const char *name, const char *fmt, ...)
{
    char value[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(value))
        return;
    for (char *p = value; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    (void)dm_buf_fmt(&x->fields, "%s: %s\r\n", name, value);
}

/* Whether the connection can be used again after this answer, which must be known when its head is written. */
static bool may_keep(const dm_conn *c)
{
    const dm_x *x = &c->x;
    if (!x->head.keep || c->eof)
        return false;
    if (x->body_over)
        return true;
    return x->head.body == DM_BODY_LENGTH && x->body_left <= DM_CONN_DRAIN_MAX && !x->head.expect;
}

static void begin(dm_x *x, int status)
{
    dm_conn *c = dm_conn_of(x);
    char line[128];
    assert(!x->begun);
    x->begun = true;
    x->close_after = x->close_after || !may_keep(c);
    int n = snprintf(
            line, sizeof(line), "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, dm_conn_reason(status), date_now(c->s));
    dm_conn_put(c, (dm_str){line, (size_t)n});
    dm_conn_put(c, dm_buf_view(&x->fields));
    if (x->close_after)
        dm_conn_put(c, DM_STR("Connection: close\r\n"));
    else if (x->head.minor == 0)
        dm_conn_put(c, DM_STR("Connection: keep-alive\r\n"));
}

static void begin_length(dm_x *x, int status, uint64_t length)
{
    char line[64];
    begin(x, status);
    int n = snprintf(line, sizeof(line), "Content-Length: %llu\r\n\r\n", (unsigned long long)length);
    dm_conn_put(dm_conn_of(x), (dm_str){line, (size_t)n});
}

static void finish(dm_x *x)
{
    x->done = true;
    dm_conn_flush(dm_conn_of(x));
    dm_conn_later(dm_conn_of(x));
}

static bool is_head(const dm_x *x)
{
    return dm_str_eq_c(x->head.method, "HEAD");
}

void dm_x_reply(dm_x *x, int status, dm_str body)
{
    if (x->begun)
        return;
    begin_length(x, status, body.n);
    if (!is_head(x))
        dm_conn_put(dm_conn_of(x), body);
    finish(x);
}

void dm_x_reply_take(dm_x *x, int status, dm_buf *body)
{
    if (x->begun)
        return;
    if (body->len <= SMALL_BODY) {
        dm_x_reply(x, status, dm_buf_view(body));
        return;
    }
    begin_length(x, status, body->len);
    if (!is_head(x))
        dm_conn_put_take(dm_conn_of(x), body);
    finish(x);
}

void dm_x_reply_none(dm_x *x, int status)
{
    if (x->begun)
        return;
    if (status == 204 || status == 304) {
        begin(x, status);
        dm_conn_put(dm_conn_of(x), DM_STR("\r\n"));
        finish(x);
    } else {
        dm_x_reply(x, status, DM_STR(""));
    }
}

void dm_x_stream(dm_x *x, int status)
{
    if (x->begun)
        return;
    x->streaming = true;
    x->chunked_out = x->head.minor == 1;
    if (!x->chunked_out)
        x->close_after = true;
    begin(x, status);
    dm_conn_put(dm_conn_of(x), x->chunked_out ? DM_STR("Transfer-Encoding: chunked\r\n\r\n") : DM_STR("\r\n"));
}

void dm_x_parts(dm_x *x, int status, uint64_t length)
{
    if (!x->begun)
        begin_length(x, status, length);
}

void dm_x_part_text(dm_x *x, dm_str text)
{
    dm_conn_put(dm_conn_of(x), text);
}

void dm_x_part_file(dm_x *x, int fd, off_t from, uint64_t length)
{
    dm_conn_put_file(dm_conn_of(x), fd, from, length);
}

void dm_x_keep_fd(dm_x *x, int fd)
{
    assert(x->kept_fd < 0);
    x->kept_fd = fd;
}

void dm_x_write(dm_x *x, dm_str chunk)
{
    dm_conn *c = dm_conn_of(x);
    if (chunk.n == 0 || x->done)
        return;
    assert(x->streaming);
    if (!x->chunked_out) {
        dm_conn_put(c, chunk);
        return;
    }
    char line[24];
    int n = snprintf(line, sizeof(line), "%zx\r\n", chunk.n);
    dm_conn_put(c, (dm_str){line, (size_t)n});
    dm_conn_put(c, chunk);
    dm_conn_put(c, DM_STR("\r\n"));
}

void dm_x_flush(dm_x *x)
{
    dm_conn_flush(dm_conn_of(x));
}

bool dm_x_full(dm_x *x)
{
    dm_conn *c = dm_conn_of(x);
    if (c->queued <= DM_X_HIGH)
        return false;
    c->x.want_room = true;
    return true;
}

void dm_x_finish(dm_x *x)
{
    if (x->done)
        return;
    if (x->chunked_out)
        dm_conn_put(dm_conn_of(x), DM_STR("0\r\n\r\n"));
    finish(x);
}

void dm_x_abort(dm_x *x)
{
    dm_conn_break(dm_conn_of(x));
}
