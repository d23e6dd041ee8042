#include "base/http_call.h"

#include <errno.h>

#include "base/parse.h"

/* What we read of a refused body to keep the connection, and to let a client that is still sending see the answer. */
enum { DISCARD_MAX = 1 << 20 };

/* --- answering ---------------------------------------------------------------------------------------------- */

static struct MHD_Response *whole_response(dm_reply *reply)
{
    size_t n = reply->body.len;
    char *bytes = dm_buf_take(&reply->body);
    struct MHD_Response *response =
            MHD_create_response_from_buffer(n, bytes, bytes != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

    if (response == NULL)
        free(bytes);
    return response;
}

/* The response closes it. */
static struct MHD_Response *file_response(dm_reply *reply)
{
    struct MHD_Response *response =
            MHD_create_response_from_fd_at_offset64(reply->file.n, reply->file.fd, reply->file.at);
    reply->file.on = response == NULL;
    return response;
}

static enum MHD_Result send_reply(http_call *c, struct MHD_Connection *conn)
{
    dm_reply *reply = &c->x.req.reply;
    struct MHD_Response *response = c->stream.on     ? dm_http_stream_response(c, conn)
                                    : reply->file.on ? file_response(reply)
                                                     : whole_response(reply);
    bool ok = true;

    if (response == NULL)
        return MHD_NO;
    if (reply->content_type != NULL)
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type) == MHD_YES;
    for (size_t i = 0; i < reply->nheaders && ok; i++)
        ok = MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value) == MHD_YES;
    (void)pthread_mutex_lock(&c->h->lock);
    bool draining = c->h->draining;
    (void)pthread_mutex_unlock(&c->h->lock);
    if (draining && ok)
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
    enum MHD_Result r = ok ? MHD_queue_response(conn, (unsigned)reply->status, response) : MHD_NO;
    MHD_destroy_response(response);
    if (c->stream.on) /* it may go on for hours: what the request said is not needed any more */
        dm_exchange_close(&c->x);
    return r;
}

/* On the connection's thread, for what no handler is asked about. */
static enum MHD_Result refuse_now(http_call *c, struct MHD_Connection *conn)
{
    dm_exchange_answer(&c->x, 0, NULL);
    c->phase = ANSWERED;
    return send_reply(c, conn);
}

/* The exchange's done: the handler's side, any thread. */
static void call_done(dm_exchange *x, int r, const dm_err *err)
{
    http_call *c = (http_call *)x;
    dm_http *h = c->h;

    (void)pthread_mutex_lock(&h->lock);
    bool wanted = c->conn != NULL;
    (void)pthread_mutex_unlock(&h->lock);
    if (wanted)
        dm_exchange_answer(x, r, err);
    else
        dm_exchange_drop(x);

    (void)pthread_mutex_lock(&h->lock);
    bool given = c->conn != NULL;
    if (given) {
        struct MHD_Connection *conn = c->conn;
        c->conn = NULL;
        c->phase = ANSWERED;
        MHD_resume_connection(conn); /* its thread waits for the lock, if it is quicker than we are */
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (!given) /* else the connection's side tells */
        dm_exchange_sent(x, false);
    dm_http_leave(c, HELD_BY_WORK);
}

/* --- dispatch ----------------------------------------------------------------------------------------------- */

static void work(http_call *c)
{
    dm_http *h = c->h;
    dm_err err = {0};

    (void)pthread_mutex_lock(&h->lock); /* the one who dispatched us still holds it until the connection sleeps */
    bool wanted = c->conn != NULL;
    (void)pthread_mutex_unlock(&h->lock);
    if (!wanted) {
        dm_http_leave(c, HELD_BY_WORK);
        return;
    }
    int r = dm_exchange_run(&c->x, &err);
    if (r != DM_HTTP_LATER) /* else c may be gone by now */
        call_done(&c->x, r, &err);
}

static http_call *call_of_job(dm_job *job)
{
    void *p = (char *)job - offsetof(http_call, turn.job);

    return p;
}

static void take_turn(dm_line_job *turn)
{
    work(call_of_job(&turn->job));
}

void dm_http_woken(void *arg, uint32_t events)
{
    dm_http *h = arg;
    uint64_t count;

    (void)events;
    if (read(h->wake_fd, &count, sizeof count) < 0 && errno == EAGAIN)
        return;
    (void)pthread_mutex_lock(&h->lock);
    dm_job *job = h->first;
    h->first = h->last = NULL;
    h->queued = 0;
    (void)pthread_mutex_unlock(&h->lock);
    while (job != NULL) {
        dm_job *next = job->next;
        work(call_of_job(job));
        job = next;
    }
}

void dm_http_drop_queue(dm_http *h)
{
    for (dm_job *job = h->first, *next; job != NULL; job = next) {
        next = job->next;
        dm_http_leave(call_of_job(job), HELD_BY_WORK);
    }
    h->first = h->last = NULL;
}

/* Whose nobody is, each time another: ids are rising and positive. */
static int64_t party_of(const http_call *c)
{
    const dm_http_config *config = &c->h->config;
    int64_t party = config->party != NULL ? config->party(&c->x.req, config->ctx) : 0;
    return party != 0 ? party : -(int64_t)c->x.req.id;
}

/* With the lock. 0, DM_LINE_FULL or DM_LINE_CROWDED. */
static int submit(dm_http *h, http_call *c, int64_t party)
{
    static const uint64_t one = 1;
    dm_job *job = &c->turn.job;

    if (h->line != NULL)
        return dm_line_join(h->line, party, &c->turn);
    if (h->queued == h->config.exec_queue_max)
        return DM_LINE_FULL;
    job->next = NULL;
    if (h->last != NULL)
        h->last->next = job;
    else
        h->first = job;
    h->last = job;
    h->queued++;
    (void)!write(h->wake_fd, &one, sizeof one); /* only fails when it is far above zero: awake already */
    return 0;
}

static enum MHD_Result dispatch(http_call *c, struct MHD_Connection *conn)
{
    dm_http *h = c->h;
    int r = DM_LINE_FULL;

    c->x.req.body = dm_buf_view(&c->body);
    int64_t party = h->line != NULL ? party_of(c) : 0; /* it may look at a key: not with the lock */
    (void)pthread_mutex_lock(&h->lock);
    if (!h->closing && (r = submit(h, c, party)) == 0) {
        c->conn = conn;
        c->phase = WORKING;
        c->held |= HELD_BY_WORK;
        MHD_suspend_connection(conn);
        (void)pthread_mutex_unlock(&h->lock);
        return MHD_YES;
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (r == DM_LINE_CROWDED)
        dm_exchange_refuse(&c->x, 429, DM_E_LIMIT, "too many requests of yours at this moment");
    else
        dm_exchange_refuse(&c->x, 503, DM_E_UNAVAILABLE, "too many requests at this moment");
    return refuse_now(c, conn);
}

/* --- reading a request -------------------------------------------------------------------------------------- */

typedef struct heads {
    dm_pair pairs[DM_HTTP_HEADERS_MAX + 1]; /* the one too many says that there are too many */
    size_t n;
    dm_str length, coding;
    bool doubtful; /* two lengths, or a length and a coding: where the body ends is a matter of opinion */
    bool expects;
} heads;

static enum MHD_Result on_header(
        void *arg, enum MHD_ValueKind kind, const char *name, size_t name_n, const char *value, size_t value_n)
{
    heads *hs = arg;
    dm_pair pair = {{name, name_n}, {value != NULL ? value : "", value_n}};

    (void)kind;
    if (hs->n < DM_LEN(hs->pairs))
        hs->pairs[hs->n++] = pair;
    if (dm_str_ieq_c(pair.name, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
        hs->doubtful |= hs->length.p != NULL || hs->coding.p != NULL;
        hs->length = pair.value;
    } else if (dm_str_ieq_c(pair.name, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        hs->doubtful |= hs->length.p != NULL || hs->coding.p != NULL;
        hs->coding = pair.value;
    } else if (dm_str_ieq_c(pair.name, MHD_HTTP_HEADER_EXPECT)) {
        hs->expects = true;
    }
    return MHD_YES;
}

/* The next line's beginning; p is where a line should end, at one byte (LF) or two (CR LF), which are NUL by now. */
static const char *line_end(const char *p, const char *end)
{
    if (p >= end || *p != '\0')
        return NULL;
    return p + 1 < end && p[1] == '\0' ? p + 2 : p + 1;
}

/* libmicrohttpd takes what stands before a NUL for the whole line. What was sent is still there, so a look at the bytes
 * shows whether each is in what it told: request line, then name and value line by line, in order, then an empty one.
 * A line that goes on in the next one is no better, and fails as well. */
static bool head_is_whole(
        const http_call *c, const heads *hs, const char *method, const char *version, struct MHD_Connection *conn)
{
    const union MHD_ConnectionInfo *size = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (size == NULL)
        return false;
    const char *end = method + size->header_size, *p = method + strlen(method) + 1;
    for (p += strspn(p, " ") + strlen(c->target) + 1; p < version; p++)
        if (*p != ' ')
            return false;
    p = p == version ? line_end(p + strlen(version), end) : NULL;
    for (size_t i = 0; i < hs->n && p != NULL; i++) {
        const dm_pair *h = &hs->pairs[i];
        p = h->name.p == p && h->value.p > p ? line_end(h->value.p + h->value.n, end) : NULL;
    }
    return p != NULL && (p == end || line_end(p, end) == end); /* LF LF looks like CR LF */
}

/* A refusal waits for the end of a short body. It goes out at once, and closes the connection, when the body would be
 * long, when the client waits for our word before it sends any, or when the end of the body cannot be told. */
static enum MHD_Result on_head(http_call *c, struct MHD_Connection *conn, const char *method, const char *version)
{
    heads hs = {.n = 0};
    dm_err err = {0};
    uint64_t length = 0;

    (void)MHD_get_connection_values_n(conn, MHD_HEADER_KIND, on_header, &hs);
    uint64_t id = atomic_fetch_add(&c->h->ids, 1) + 1;
    c->opened = true;
    if (dm_exchange_open(&c->x, &c->h->config, id, dm_str_c(method), dm_str_c(c->target), hs.pairs, hs.n, &err) < 0)
        return MHD_NO;
    c->x.done = call_done;
    c->x.stream = dm_http_stream;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL)
        c->x.fd = info->connect_fd;
    if (hs.n <= DM_HTTP_HEADERS_MAX && !head_is_whole(c, &hs, method, version, conn)) {
        dm_exchange_refuse(&c->x, 400, DM_E_INVALID, "a header has a NUL, or goes on in the next line");
        return refuse_now(c, conn);
    }
    bool unframed = hs.doubtful || (hs.coding.p != NULL && !dm_str_ieq_c(hs.coding, "chunked"));
    if (unframed) {
        dm_exchange_refuse(&c->x, 400, DM_E_INVALID, "the length of the body is ambiguous");
        return refuse_now(c, conn);
    }
    if (hs.length.p != NULL && dm_parse_u64(hs.length, 0, UINT64_MAX, &length, &err) < 0)
        dm_exchange_refuse(&c->x, 400, DM_E_INVALID, "Content-Length: %s", err.msg);
    size_t max = c->x.refused != 0 ? 0 : dm_exchange_no_body(&c->x) ? DISCARD_MAX : c->x.req.route->body_max;
    if (c->x.refused == 0 && length > max)
        dm_exchange_refuse(&c->x, 413, DM_E_INVALID, "the body has more than %zu bytes", max);
    if (c->x.refused == 0)
        dm_buf_init(&c->body, c->x.req.route->body_max);
    else if (hs.expects || length > DISCARD_MAX)
        return refuse_now(c, conn);
    return MHD_YES;
}

static bool body_charge(dm_http *h, size_t n)
{
    size_t now = atomic_fetch_add(&h->body_bytes, n) + n;

    if (now <= DM_HTTP_BODIES_MAX)
        return true;
    (void)atomic_fetch_sub(&h->body_bytes, n);
    return false;
}

/* libmicrohttpd takes no answer in the middle of a body: a refusal that comes here is given after its end. */
static enum MHD_Result on_body(http_call *c, const char *p, size_t n)
{
    if (c->x.refused == 0 && !dm_exchange_no_body(&c->x)) {
        size_t max = c->x.req.route->body_max;
        if (n > max - c->body.len)
            dm_exchange_refuse(&c->x, 413, DM_E_INVALID, "the body has more than %zu bytes", max);
        else if (!body_charge(c->h, n))
            dm_exchange_refuse(&c->x, 503, DM_E_UNAVAILABLE, "too many request bodies at this moment");
        else if (dm_buf_add(&c->body, p, n) == 0)
            return MHD_YES;
        else {
            (void)atomic_fetch_sub(&c->h->body_bytes, n);
            dm_exchange_refuse(&c->x, 500, DM_E_NOMEM, "no memory for a request's body");
        }
        (void)atomic_fetch_sub(&c->h->body_bytes, c->body.len);
        dm_buf_done(&c->body);
    }
    c->discarded += n;
    return c->discarded <= DISCARD_MAX ? MHD_YES : MHD_NO;
}

/* --- libmicrohttpd's callbacks ------------------------------------------------------------------------------ */

void *dm_http_on_target(void *arg, const char *uri, struct MHD_Connection *conn)
{
    dm_http *h = arg;
    DM_AUTO_MEM char *target = strdup(uri != NULL ? uri : "");
    http_call *c = target != NULL ? calloc(1, sizeof *c) : NULL;

    (void)conn;
    if (c == NULL)
        return NULL;
    c->h = h;
    c->turn.fn = take_turn;
    c->held = HELD_BY_CONN;
    c->target = dm_steal(&target);
    (void)pthread_mutex_lock(&h->lock);
    h->refs++;
    c->next = h->calls;
    if (h->calls != NULL)
        h->calls->prev = c;
    h->calls = c;
    (void)pthread_mutex_unlock(&h->lock);
    return c;
}

enum MHD_Result dm_http_on_request(void *arg, struct MHD_Connection *conn, const char *url, const char *method,
        const char *version, const char *data, size_t *size, void **context)
{
    dm_http *h = arg;
    http_call *c = *context;

    (void)url;
    if (c == NULL)
        return MHD_NO;
    if (!c->opened)
        return on_head(c, conn, method, version);
    if (*size > 0) {
        size_t n = *size;
        *size = 0;
        return on_body(c, data, n);
    }
    (void)pthread_mutex_lock(&h->lock);
    enum phase phase = c->phase;
    (void)pthread_mutex_unlock(&h->lock);
    if (phase == ANSWERED)
        return send_reply(c, conn);
    if (phase == WORKING) /* resumed without an answer: dm_http_stop's grace is over */
        return MHD_NO;
    return c->x.refused != 0 ? refuse_now(c, conn) : dispatch(c, conn);
}

void dm_http_on_completed(void *arg, struct MHD_Connection *conn, void **context, enum MHD_RequestTerminationCode why)
{
    dm_http *h = arg;
    http_call *c = *context;

    (void)conn;
    *context = NULL;
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&h->lock);
    bool answered = c->phase == ANSWERED;
    (void)pthread_mutex_unlock(&h->lock);
    if (answered) /* else its handler still has it, and tells */
        dm_exchange_sent(&c->x, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    dm_http_leave(c, HELD_BY_CONN);
}
