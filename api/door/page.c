/* GET /door/page: what a refused request to a sandbox is answered, as JSON or, for a browser that navigates, as a page
 * (contract 4.2 and 9). The verdict's reason travels through nginx; what was decided stays decided. Where the contract
 * fixes the body, our denial travels in the header Dormouse-Denial. */
#include <stdio.h>

#include "api/door/verdict.h"
#include "api/e2b/routes.h"
#include "api/kit/answer.h"

typedef struct words {
    const char *title; /* of the page */
    const char *message;
    const char *rule, *cure;
} words;

static const words of_reason[DM_DOOR_REASONS] = {
        [DM_DOOR_BAD] = {"Bad Request", "The sandbox or the port cannot be read from the request", "door.request",
                "use https://PORT-ID.DOMAIN, or the headers E2b-Sandbox-Id and E2b-Sandbox-Port"},
        [DM_DOOR_INTERNAL] = {"Not Found", "This path is reserved for the E2B control plane", "door.internal_path",
                "use another path: this one is not for clients"},
        [DM_DOOR_NOT_FOUND] = {"Sandbox Not Found", "The sandbox was not found", "sandbox.unknown",
                "it has ended, or sleeps: connect to it, or create another"},
        [DM_DOOR_NO_TOKEN] = {"Missing Traffic Access Token",
                "Sandbox is secured with traffic access token. Token header 'e2b-traffic-access-token' is missing",
                "door.traffic_token", "send the sandbox's trafficAccessToken in the header e2b-traffic-access-token"},
        [DM_DOOR_BAD_TOKEN] = {"Invalid Traffic Access Token",
                "Sandbox is secured with traffic access token. Provided token in header 'e2b-traffic-access-token' is "
                "invalid",
                "door.traffic_token", "send the sandbox's trafficAccessToken in the header e2b-traffic-access-token"},
        [DM_DOOR_BAD_ACCESS] = {"Access Denied", "The sandbox sleeps and is only woken with its own access token",
                "door.access_token", "send the sandbox's envdAccessToken in the header X-Access-Token"},
        [DM_DOOR_BAD_SIGN] = {"Access Denied", "invalid signature", "door.signature",
                "make the link anew: the sandbox that signed it has ended or sleeps, or the link was changed"},
        [DM_DOOR_LATE_SIGN] = {"Access Denied", "signature is already expired", "door.signature",
                "make the link anew, with a later expiry"},
        [DM_DOOR_BUSY] = {"Too Many Requests", "too many signed file requests without a sandbox id at once",
                "door.search", "come again in a second, or use a URL that names the sandbox"},
        [DM_DOOR_QUOTA] = {"Too Many Sandboxes",
                "The sandbox sleeps and the team's limit of running sandboxes is reached", "project.running_max",
                "kill or pause a sandbox first"},
        [DM_DOOR_BLOCKED] = {"Access Denied", "The team that owns this sandbox may not run sandboxes",
                "account.blocked", "ask the owner of the account"},
        [DM_DOOR_STUCK] = {"Sandbox Changing", "The sandbox is still changing its state", "sandbox.changing",
                "try again in a moment"},
        [DM_DOOR_AWAY] = {"Sandbox Unavailable", "The sandbox could not be reached or woken right now", "sandbox.away",
                "try again in a moment"},
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
    (void)dm_buf_fmt(&page, "<p>What to do: %s.</p></body></html>", w->cure);
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

static int add_denial(dm_req *req, dm_door_reason reason, dm_err *err)
{
    int status = dm_door_status(reason);
    const words *w = &of_reason[reason];
    const dm_denial d = {.what = "sandbox.traffic",
            .rule = w->rule,
            .retry_after_s = reason == DM_DOOR_BUSY || status == 409 || status == 503 ? 1 : -1,
            .cure = w->cure,
            .doc = "/docs/door"};
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
    int status = dm_door_status(reason);
    if (navigates(req) && status != 401) { /* the agent answers a browser, too, in JSON */
        int r = write_html(req, status, w, &ask, err);
        if (r < 0)
            return r;
    } else {
        write_json(req, status, reason, w, &ask);
    }
    return add_denial(req, reason, err);
}
