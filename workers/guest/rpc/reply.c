#include "workers/guest/rpc/reply.h"

#include <stdarg.h>
#include <stdio.h>

enum { ERROR_MAX = 64 * 1024 };

void dm_reply_error(dm_x *x, int status, const char *fmt, ...)
{
    char message[8192]; /* a path and some words */
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    DM_AUTO_BUF b;
    dm_buf_init(&b, ERROR_MAX);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "code", status);
    dm_jw_kc(&w, "message", message);
    dm_jw_end(&w);
    (void)dm_buf_ch(&b, '\n');
    dm_x_field(x, "Content-Type", "application/json");
    dm_x_reply(x, status, dm_buf_view(&b));
}

void dm_reply_text(dm_x *x, int status, const char *text)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "%s\n", text);
    dm_x_field(x, "Content-Type", "text/plain; charset=utf-8");
    dm_x_field(x, "X-Content-Type-Options", "nosniff");
    dm_x_reply(x, status, (dm_str){line, n < 0 ? 0 : (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1});
}

void dm_reply_json(dm_x *x, dm_buf *body)
{
    if (dm_buf_ok(body, NULL) != 0) {
        dm_reply_error(x, 500, "the answer does not fit into memory");
        return;
    }
    dm_x_field(x, "Content-Type", "application/json");
    dm_x_reply_take(x, 200, body);
}

static void reply_end_frame(dm_x *x, dm_str type, const dm_buf *error)
{
    uint8_t head[DM_FRAME_HEAD];
    DM_AUTO_BUF b;
    dm_buf_init(&b, ERROR_MAX + 64);
    dm_frame_head(head, DM_FRAME_END, (uint32_t)(error->len + 10));
    (void)dm_buf_add(&b, head, sizeof(head));
    (void)dm_buf_c(&b, "{\"error\":");
    (void)dm_buf_str(&b, dm_buf_view(error));
    (void)dm_buf_ch(&b, '}');
    dm_x_field(x, "Content-Type", "%.*s", (int)type.n, type.p);
    dm_x_reply(x, 200, dm_buf_view(&b));
}

void dm_reply_connect(dm_x *x, dm_connect_code code, const char *message)
{
    dm_str type;
    bool charset;
    DM_AUTO_BUF b;
    dm_buf_init(&b, ERROR_MAX);
    dm_connect_write_error(&b, code, message);
    dm_connect_content_type(dm_head_value(dm_x_head(x), "content-type"), &type, &charset);
    if (dm_str_ieq_c(type, "application/connect+json") || dm_str_ieq_c(type, "application/connect+proto")) {
        reply_end_frame(x, type, &b);
        return;
    }
    dm_x_field(x, "Content-Type", "application/json");
    dm_x_reply(x, dm_connect_status(code), dm_buf_view(&b));
}
