/* GET /door/page: what a refused request to a sandbox is answered, as JSON or, for a browser that navigates, as a page
 * (contract 4.2 and 9). The verdict's reason travels through nginx; what was decided stays decided. Where the contract
 * fixes the body, our denial travels in the header Dormouse-Denial.
 *
 * The words go to nginx in headers, and it says them: if it passed our answer on, it would first take in the whole body
 * of the request that is refused, of any length, from anybody. */
#include <stdio.h>

#include "api/door/routes.h"
#include "api/door/verdict.h"
#include "api/kit/answer.h"

typedef struct words {
    dm_no no;
    const char *title; /* of the page; NULL: no refusal */
    const char *message;
} words;

static const words of_reason[DM_DOOR_REASONS] = {
        [DM_DOOR_BAD] = {DM_NO_DOOR_REQUEST, "Bad Request", "The sandbox or the port cannot be read from the request"},
        [DM_DOOR_INTERNAL] = {DM_NO_DOOR_INTERNAL_PATH, "Not Found", "This path is reserved for the E2B control plane"},
        [DM_DOOR_NOT_FOUND] = {DM_NO_DOOR_UNKNOWN, "Sandbox Not Found", "The sandbox was not found"},
        [DM_DOOR_NO_TOKEN] = {DM_NO_DOOR_TRAFFIC_TOKEN, "Missing Traffic Access Token",
                "Sandbox is secured with traffic access token. Token header 'e2b-traffic-access-token' is missing"},
        [DM_DOOR_BAD_TOKEN] = {DM_NO_DOOR_TRAFFIC_TOKEN, "Invalid Traffic Access Token",
                "Sandbox is secured with traffic access token. Provided token in header 'e2b-traffic-access-token' is "
                "invalid"},
        [DM_DOOR_BAD_PAGE] = {DM_NO_DOOR_PAGE, "Access Denied", "the access token is not for this sandbox"},
        [DM_DOOR_LATE_PAGE] = {DM_NO_DOOR_PAGE_LATE, "Access Denied", "the access to this sandbox is over"},
        [DM_DOOR_BAD_ACCESS] = {DM_NO_DOOR_ACCESS_TOKEN, "Access Denied",
                "The sandbox sleeps and is only woken with its own access token"},
        [DM_DOOR_BAD_SIGN] = {DM_NO_DOOR_SIGNATURE, "Access Denied", "invalid signature"},
        [DM_DOOR_LATE_SIGN] = {DM_NO_DOOR_SIGNATURE_LATE, "Access Denied", "signature is already expired"},
        [DM_DOOR_BUSY] = {DM_NO_DOOR_SEARCH, "Too Many Requests",
                "too many signed file requests without a sandbox id at once"},
        [DM_DOOR_CROWD] = {DM_NO_REQUEST_RATE, "Too Many Requests",
                "too many requests to the team's sandboxes wait for them to wake"},
        [DM_DOOR_QUOTA] = {DM_NO_DOOR_QUOTA, "Too Many Sandboxes",
                "The sandbox sleeps and the team's limit of running sandboxes is reached"},
        [DM_DOOR_BLOCKED] = {DM_NO_DOOR_BLOCKED, "Access Denied",
                "The team that owns this sandbox may not run sandboxes"},
        [DM_DOOR_DRAINED] = {DM_NO_WORKER_DRAINING, "Sandbox Asleep",
                "The sandbox's host is being emptied by its operator: it sleeps on until that is over"},
        [DM_DOOR_STUCK] = {DM_NO_DOOR_CHANGING, "Sandbox Changing", "The sandbox is still changing its state"},
        [DM_DOOR_AWAY] = {DM_NO_DOOR_AWAY, "Sandbox Unavailable",
                "The sandbox could not be reached or woken right now"},
};

/* --- how ---------------------------------------------------------------------------------------------------- */

static bool holds(dm_str text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.n; i++)
        if (strncasecmp(text.p + i, word, n) == 0)
            return true;
    return false;
}

static bool navigates(const dm_req *req)
{
    dm_str mode = dm_req_header(req, "Sec-Fetch-Mode"), agent = dm_req_header(req, "User-Agent");
    bool by_mode = mode.n == 0 || dm_str_eq_c(mode, "navigate") || dm_str_eq_c(mode, "nested-navigate");
    return by_mode && dm_req_header(req, "X-Requested-With").n == 0 &&
           !holds(dm_req_header(req, "Accept"), "application/json") &&
           (holds(agent, "mozilla/") || holds(agent, "opera/"));
}

/* Only [a-z0-9], numbers and literals of ours go into a page. */
static int write_html(dm_req *req, int status, const words *w, const dm_door_ask *ask, dm_err *err)
{
    DM_AUTO_BUF page;
    dm_buf_init(&page, 8 << 10);
    (void)dm_buf_fmt(
            &page, "<html><head><title>%s</title></head><body><h1>%s</h1><p>%s.</p>", w->title, w->title, w->message);
    if (ask->sandbox[0] != '\0')
        (void)dm_buf_fmt(&page, "<p>Sandbox %s, port %u</p>", ask->sandbox, ask->port);
    (void)dm_buf_fmt(&page, "<p>What to do: %s.</p></body></html>", dm_no_get(w->no)->cure);
    int r = dm_buf_ok(&page, err);
    if (r == 0)
        dm_reply_text(&req->reply, status, "text/html; charset=utf-8", dm_buf_view(&page));
    return r;
}

static void write_json(dm_req *req, int status, dm_door_reason reason, const words *w, const dm_door_ask *ask)
{
    char path[64];
    dm_jw j = dm_reply_json(&req->reply, status);
    req->reply.content_type = "application/json; charset=utf-8";
    dm_jw_obj(&j);
    if (status == 401) /* the agent's own, to the byte */
        dm_jw_ki64(&j, "code", status);
    if (reason != DM_DOOR_INTERNAL && ask->sandbox[0] != '\0')
        dm_jw_kc(&j, "sandboxId", ask->sandbox);
    dm_jw_kc(&j, "message", w->message);
    if (reason == DM_DOOR_INTERNAL && dm_door_internal(ask->uri, path))
        dm_jw_kc(&j, "path", path);
    if (status != 401)
        dm_jw_ki64(&j, "code", status);
    dm_jw_end(&j);
}

/* Into headers: X-Dm-Said, X-Dm-Type, X-Dm-Page. */
static int for_nginx(dm_reply *reply, dm_err *err)
{
    char status[8];
    DM_AUTO_BUF page;
    int r = dm_buf_ok(&reply->body, err);
    if (r < 0)
        return r;
    (void)snprintf(status, sizeof status, "%d", reply->status);
    dm_str type = dm_str_c(reply->content_type);
    page = reply->body;
    dm_buf_init(&reply->body, DM_REPLY_MAX);
    dm_reply_empty(reply, 200);
    r = dm_reply_header(reply, "X-Dm-Said", dm_str_c(status), err);
    if (r == 0)
        r = dm_reply_header(reply, "X-Dm-Type", type, err);
    return r < 0 ? r : dm_reply_header(reply, "X-Dm-Page", dm_buf_view(&page), err);
}

static int add_denial(dm_req *req, dm_no no, dm_err *err)
{
    const dm_denial d = dm_no_denial(no, "sandbox.traffic");
    DM_AUTO_BUF text;
    dm_jw j;
    dm_buf_init(&text, 2 << 10);
    dm_jw_init(&j, &text);
    dm_denial_write(&j, &d);
    int r = dm_buf_ok(&text, err);
    if (r == 0 && d.retry_after_s >= 0)
        r = dm_reply_header(&req->reply, "Retry-After", DM_STR("1"), err);
    return r < 0 ? r : dm_reply_header(&req->reply, "Dormouse-Denial", dm_buf_view(&text), err);
}

int dm_route_door_page(dm_req *req, void *ctx, dm_err *err)
{
    dm_door_ask ask;
    (void)ctx;
    (void)dm_door_read(req, &ask);
    dm_door_reason reason = dm_door_reason_of(dm_req_header(req, "X-Dm-Reason"));
    if (of_reason[reason].title == NULL)
        reason = DM_DOOR_AWAY; /* none of a refusal */
    const words *w = &of_reason[reason];
    int status = dm_no_get(w->no)->status;
    if (navigates(req) && status != 401) { /* the agent answers a browser, too, in JSON */
        int r = write_html(req, status, w, &ask, err);
        if (r < 0)
            return r;
    } else {
        write_json(req, status, reason, w, &ask);
    }
    int r = for_nginx(&req->reply, err);
    return r < 0 ? r : add_denial(req, w->no, err);
}
