/* The Connect protocol, as E2B's SDKs speak it: POST, the method in the path, messages in JSON or binary protobuf.
 *
 * Unary: the body is the message, the answer's body is the answer, an error is an HTTP status with {"code","message"}.
 * Streams: messages travel in envelopes (connect.h), the status is 200 whatever happens, and the last envelope says how
 * it went. An answer that was not opened can still be one piece with a length; an open stream can only end by its end
 * envelope, without which a client reports a broken one.
 *
 * A call ends once (over), by reply, done or fail, and from then on swallows what is sent to it: the method behind it
 * may learn of the end much later, when the connection has drained. Its memory goes in on_gone and nowhere else, also
 * when the peer just leaves.
 *
 * A server stream's one message is kept until the body has ended: clients are told that a second envelope, or half of
 * one, is a mistake, and a process that was started by then could not be taken back. A client stream's messages are
 * delivered as they come. A method that cannot take the next one holds the call, and with it the connection's body;
 * the piece that the hold fell into may contain more envelopes, so what is left of it waits in `body` and goes first
 * when the call is released.
 *
 * The deadline is the caller's (Connect-Timeout-Ms), counted from the head. Proxies cut a silent stream, so one is kept
 * alive by a message that says nothing. */
#include "workers/guest/rpc/rpc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "workers/guest/http/squeeze.h"
#include "workers/guest/rpc/reply.h"

enum { SECOND_US = 1000000, FRAME_OUT_MAX = 1024 * 1024 };

static void on_body(void *h, dm_str piece);
static void on_end(void *h);
static void on_room(void *h);
static void on_gone(void *h);

static const dm_handler handler = {on_body, on_end, on_room, on_gone};

/* --- answering ---------------------------------------------------------------------------------------------- */

static void content_type(dm_rpc *c)
{
    bool stream = c->method->kind != DM_RPC_UNARY;
    dm_x_field(c->x, "Content-Type", "application/%s%s%s", stream ? "connect+" : "", c->codec->name,
            c->charset ? "; charset=utf-8" : "");
}

/* An envelope into b; payload is written by the codec or given. */
static int frame(dm_rpc *c, uint8_t flags, const void *msg, dm_str given, dm_buf *b)
{
    uint8_t head[DM_FRAME_HEAD];
    size_t at = b->len;
    (void)dm_buf_add(b, "\0\0\0\0\0", DM_FRAME_HEAD);
    if (msg != NULL) {
        dm_err err;
        if (c->codec->encode(c->method->out, msg, b, &err) != 0)
            return -1;
    } else {
        (void)dm_buf_str(b, given);
    }
    if (dm_buf_ok(b, NULL) != 0)
        return -1;
    dm_frame_head(head, flags, (uint32_t)(b->len - at - DM_FRAME_HEAD));
    memcpy(b->p + at, head, sizeof(head));
    return 0;
}

static void end_frame(dm_rpc *c, dm_connect_code code, const char *message, dm_buf *b)
{
    DM_AUTO_BUF body;
    dm_buf_init(&body, FRAME_OUT_MAX);
    (void)dm_buf_c(&body, "{");
    if (message != NULL) {
        (void)dm_buf_c(&body, "\"error\":");
        dm_connect_write_error(&body, code, message);
    }
    (void)dm_buf_c(&body, "}");
    (void)frame(c, DM_FRAME_END, NULL, dm_buf_view(&body), b);
}

static void stop_timers(dm_rpc *c)
{
    dm_timer_free(c->keepalive_timer);
    dm_timer_free(c->deadline_timer);
    c->keepalive_timer = c->deadline_timer = NULL;
}

static void over(dm_rpc *c)
{
    c->over = true;
    stop_timers(c);
}

void dm_rpc_reply(dm_rpc *c, const void *out)
{
    if (c->over)
        return;
    assert(!c->opened);
    dm_err err;
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_X_BODY_MAX);
    if (c->method->kind == DM_RPC_UNARY) {
        if (c->codec->encode(c->method->out, out, &b, &err) != 0) {
            dm_rpc_fail(c, DM_CC_INTERNAL, "the answer is too large");
            return;
        }
    } else {
        (void)frame(c, 0, out, DM_STR(""), &b);
        end_frame(c, DM_CC_UNKNOWN, NULL, &b);
    }
    over(c);
    content_type(c);
    dm_x_reply_take(c->x, 200, &b);
}

void dm_rpc_fail(dm_rpc *c, dm_connect_code code, const char *fmt, ...)
{
    char message[8192];
    va_list ap;
    if (c->over)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    over(c);
    DM_AUTO_BUF b;
    dm_buf_init(&b, FRAME_OUT_MAX);
    if (c->method->kind == DM_RPC_UNARY) {
        dm_connect_write_error(&b, code, message);
        dm_x_field(c->x, "Content-Type", "application/json");
        dm_x_reply(c->x, dm_connect_status(code), dm_buf_view(&b));
        return;
    }
    end_frame(c, code, message, &b);
    if (c->opened) {
        dm_x_write(c->x, dm_buf_view(&b));
        dm_x_finish(c->x);
    } else {
        content_type(c);
        dm_x_reply(c->x, 200, dm_buf_view(&b));
    }
}

void dm_rpc_send(dm_rpc *c, const void *out)
{
    if (c->over)
        return;
    assert(c->opened);
    DM_AUTO_BUF b;
    dm_buf_init(&b, FRAME_OUT_MAX);
    if (frame(c, 0, out, DM_STR(""), &b) != 0) {
        dm_rpc_fail(c, DM_CC_INTERNAL, "no memory for a message");
        return;
    }
    dm_x_write(c->x, dm_buf_view(&b));
    c->last_us = dm_mono_us(c->g->clock);
}

void dm_rpc_flush(dm_rpc *c)
{
    if (!c->over)
        dm_x_flush(c->x);
}

void dm_rpc_done(dm_rpc *c)
{
    if (c->over)
        return;
    over(c);
    DM_AUTO_BUF b;
    dm_buf_init(&b, FRAME_OUT_MAX);
    end_frame(c, DM_CC_UNKNOWN, NULL, &b);
    dm_x_write(c->x, dm_buf_view(&b));
    dm_x_finish(c->x);
}

bool dm_rpc_full(dm_rpc *c)
{
    return !c->over && dm_x_full(c->x);
}

/* The timer is not moved with every message: when it fires it looks how long the stream has been silent. */
static void on_keepalive(void *arg)
{
    dm_rpc *c = arg;
    int64_t due = c->last_us + (int64_t)c->keepalive_s * SECOND_US;
    if (dm_mono_us(c->g->clock) >= due) {
        if (!dm_rpc_full(c))
            dm_rpc_send(c, c->method->keepalive);
        dm_rpc_flush(c);
        due = dm_mono_us(c->g->clock) + (int64_t)c->keepalive_s * SECOND_US;
    }
    if (!c->over)
        dm_timer_at(c->keepalive_timer, due);
}

void dm_rpc_open(dm_rpc *c)
{
    if (c->over || c->opened)
        return;
    c->opened = true;
    content_type(c);
    dm_x_stream(c->x, 200);
    c->last_us = dm_mono_us(c->g->clock);
    if (c->method->keepalive != NULL && dm_loop_timer(c->g->loop, on_keepalive, c, &c->keepalive_timer, NULL) == 0)
        dm_timer_in(c->keepalive_timer, (int64_t)c->keepalive_s * SECOND_US);
}

/* --- requests ----------------------------------------------------------------------------------------------- */

static void on_deadline(void *arg)
{
    dm_rpc_fail(arg, DM_CC_DEADLINE_EXCEEDED, "context deadline exceeded");
}

/* Decodes one message and hands it to the method. */
static void deliver(dm_rpc *c, dm_str bytes)
{
    dm_err err;
    if (c->method->kind == DM_RPC_CLIENT_STREAM)
        dm_message_done(&c->message);
    void *msg = dm_message_alloc(&c->message, c->method->in->size);
    if (msg == NULL) {
        dm_rpc_fail(c, DM_CC_INTERNAL, "no memory for the request");
        return;
    }
    int r = c->codec->decode(c->method->in, bytes, &c->message, msg, &err);
    if (r < 0) {
        dm_rpc_fail(c, r == DM_E_NOMEM ? DM_CC_INTERNAL : DM_CC_INVALID_ARGUMENT, "unmarshal message: %s", err.msg);
        return;
    }
    c->method->message(c, msg);
}

/* Takes the compression off, when there is one, and delivers. */
static void deliver_plain(dm_rpc *c, dm_str bytes, bool compressed)
{
    if (!compressed) {
        deliver(c, bytes);
        return;
    }
    DM_AUTO_BUF plain;
    dm_buf_init(&plain, DM_MESSAGE_MAX);
    dm_err err;
    if (dm_gunzip_all(bytes, &plain, &err) != 0)
        dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "decompress: %s", err.msg);
    else
        deliver(c, dm_buf_view(&plain));
}

static void take_frames(dm_rpc *c, dm_str *in)
{
    while (!c->over && !(c->method->kind == DM_RPC_CLIENT_STREAM && c->held)) {
        uint8_t flags = 0;
        dm_str payload = {"", 0};
        dm_err err;
        int r = dm_frames_next(&c->frames, in, &flags, &payload, &err);
        if (r == DM_FRAMES_MORE)
            return;
        if (r < 0) {
            dm_rpc_fail(c, DM_CC_RESOURCE_EXHAUSTED, "%s", err.msg);
            return;
        }
        if ((flags & DM_FRAME_END) != 0)
            continue; /* a client's end says nothing that the end of the body does not say */
        bool compressed = (flags & DM_FRAME_COMPRESSED) != 0;
        if (compressed && !c->gzip) {
            dm_rpc_fail(c, DM_CC_INTERNAL, "protocol error: compressed message without Connect-Content-Encoding");
            return;
        }
        c->frames_seen++;
        dm_str message = payload.n > 0 || c->codec->empty == NULL ? payload : dm_str_c(c->codec->empty);
        if (c->method->kind == DM_RPC_CLIENT_STREAM) {
            deliver_plain(c, message, compressed && payload.n > 0);
        } else if (c->frames_seen == 1) {
            /* Kept until the body has ended: a second envelope must be noticed first. */
            c->sent = compressed && payload.n > 0;
            dm_buf_reset(&c->body);
            if (dm_buf_str(&c->body, message) != 0)
                dm_rpc_fail(c, DM_CC_RESOURCE_EXHAUSTED, "the request is too large");
        }
    }
}

static void on_body(void *h, dm_str piece)
{
    dm_rpc *c = h;
    if (c->over)
        return;
    if (!dm_x_charge(c->x, piece.n)) {
        dm_rpc_fail(c, DM_CC_RESOURCE_EXHAUSTED, "too much is being held in memory");
        return;
    }
    if (c->method->kind == DM_RPC_UNARY) {
        if (dm_buf_str(&c->body, piece) != 0)
            dm_rpc_fail(c, DM_CC_RESOURCE_EXHAUSTED, "the request is too large");
        return;
    }
    if (c->method->kind == DM_RPC_SERVER_STREAM) {
        take_frames(c, &piece);
        return;
    }
    /* Client stream: a held call leaves part of the piece for later. */
    if (c->body.len > 0) {
        if (dm_buf_str(&c->body, piece) != 0)
            dm_rpc_fail(c, DM_CC_RESOURCE_EXHAUSTED, "the request is too large");
        return;
    }
    take_frames(c, &piece);
    if (piece.n > 0 && !c->over)
        (void)dm_buf_str(&c->body, piece);
    if (c->held)
        dm_x_hold(c->x);
    else
        dm_x_uncharge(c->x);
}

static void end_client_stream(dm_rpc *c)
{
    if (c->over || c->held)
        return;
    if (!dm_frames_empty(&c->frames))
        dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "protocol error: incomplete envelope");
    else
        c->method->end(c);
}

static void on_end(void *h)
{
    dm_rpc *c = h;
    if (c->over)
        return;
    switch (c->method->kind) {
    case DM_RPC_UNARY:
        if (c->body.len == 0 && c->codec->empty != NULL)
            dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "unmarshal message: zero-length payload");
        else
            deliver_plain(c, dm_buf_view(&c->body), c->gzip && c->body.len > 0);
        return;
    case DM_RPC_SERVER_STREAM:
        if (!dm_frames_empty(&c->frames))
            dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "protocol error: incomplete envelope");
        else if (c->frames_seen != 1)
            dm_rpc_fail(c, DM_CC_UNIMPLEMENTED, "a server stream takes one message");
        else
            deliver_plain(c, dm_buf_view(&c->body), c->sent);
        dm_buf_done(&c->body);
        return;
    case DM_RPC_CLIENT_STREAM:
        c->frames_seen = UINT32_MAX; /* the input is over */
        end_client_stream(c);
        return;
    }
}

void dm_rpc_hold(dm_rpc *c)
{
    c->held = true;
}

void dm_rpc_release(dm_rpc *c)
{
    if (!c->held)
        return;
    c->held = false;
    /* What was left of the piece the hold fell into comes first. */
    if (c->body.len > 0) {
        dm_buf kept = c->body;
        dm_buf_init(&c->body, kept.cap);
        dm_str rest = dm_buf_view(&kept);
        take_frames(c, &rest);
        if (rest.n > 0 && !c->over)
            (void)dm_buf_str(&c->body, rest);
        dm_buf_done(&kept);
    }
    if (c->held || c->over)
        return;
    dm_x_uncharge(c->x);
    dm_x_release(c->x);
    if (c->frames_seen == UINT32_MAX)
        end_client_stream(c);
}

static void on_room(void *h)
{
    dm_rpc *c = h;
    if (!c->over && c->method->room != NULL)
        c->method->room(c);
}

static void on_gone(void *h)
{
    dm_rpc *c = h;
    over(c);
    if (c->method->gone != NULL)
        c->method->gone(c);
    assert(c->state == NULL && c->keepalive_timer == NULL && c->deadline_timer == NULL);
    dm_message_done(&c->message);
    dm_buf_done(&c->body);
    dm_frames_done(&c->frames);
    free(c);
}

/* --- beginning ---------------------------------------------------------------------------------------------- */

/* Codecs are found by content type: a unary method takes application/X, a stream application/connect+X. */
static const dm_codec *find_codec(dm_str type, bool stream)
{
    static const dm_codec *const codecs[] = {&dm_codec_json, &dm_codec_proto};
    for (size_t i = 0; i < DM_LEN(codecs); i++) {
        char name[48];
        (void)snprintf(name, sizeof(name), "application/%s%s", stream ? "connect+" : "", codecs[i]->name);
        if (dm_str_ieq_c(type, name))
            return codecs[i];
    }
    return NULL;
}

static bool check_headers(dm_rpc *c)
{
    const dm_head *h = dm_x_head(c->x);
    dm_err err;
    dm_str coding = dm_head_value(h, c->method->kind == DM_RPC_UNARY ? "content-encoding" : "connect-content-encoding");
    c->gzip = dm_str_ieq_c(coding, "gzip");
    if (coding.n > 0 && !c->gzip && !dm_str_ieq_c(coding, "identity")) {
        dm_rpc_fail(c, DM_CC_UNIMPLEMENTED, "unknown compression");
        return false;
    }
    if (!dm_connect_version_ok(h)) {
        dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "connect-protocol-version must be \"1\"");
        return false;
    }
    if (dm_connect_timeout(h, &c->timeout_ms, &err) != 0) {
        dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "%s", err.msg);
        return false;
    }
    if (c->timeout_ms == 0) {
        dm_rpc_fail(c, DM_CC_DEADLINE_EXCEEDED, "context deadline exceeded");
        return false;
    }
    c->keepalive_s = dm_connect_keepalive(h);
    return true;
}

static void arm_deadline(dm_rpc *c)
{
    if (c->over || c->timeout_ms < 0 || c->method->own_deadline)
        return;
    if (dm_loop_timer(c->g->loop, on_deadline, c, &c->deadline_timer, NULL) == 0)
        dm_timer_in(c->deadline_timer, c->timeout_ms * 1000);
}

void dm_rpc_begin(dm_guest *g, dm_x *x, const dm_user *user, const dm_rpc_method *m)
{
    const dm_head *h = dm_x_head(x);
    if (!dm_str_eq_c(h->method, "POST")) {
        dm_x_field(x, "Allow", "POST");
        dm_x_reply_none(x, 405);
        return;
    }
    dm_str type;
    bool charset, stream = m->kind != DM_RPC_UNARY;
    dm_connect_content_type(dm_head_value(h, "content-type"), &type, &charset);
    const dm_codec *codec = find_codec(type, stream);
    if (codec == NULL) {
        dm_x_field(x, "Accept-Post", "%s",
                stream ? "application/connect+json, application/connect+proto" : "application/json, application/proto");
        dm_x_reply_none(x, 415);
        return;
    }
    dm_rpc *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        dm_reply_connect(x, DM_CC_INTERNAL, "no memory for a call");
        return;
    }
    *c = (dm_rpc){.g = g, .user = *user, .x = x, .method = m, .codec = codec, .charset = charset};
    dm_buf_init(&c->body, DM_MESSAGE_MAX);
    dm_frames_init(&c->frames, DM_MESSAGE_MAX);
    dm_x_handle(x, &handler, c);
    if (check_headers(c))
        arm_deadline(c);
}
