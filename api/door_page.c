/* GET /door/page: what a refused request to a sandbox is answered, as JSON or, for a browser that navigates, as a page
 * (contract 4.2 and 9). The verdict is worked out once more, without waking anybody, since only its status travels
 * through nginx; when the world has changed meanwhile, the status that was decided stays. Where the contract fixes the
 * body, our denial travels in the header Dormouse-Denial. */
#include <stdio.h>

#include "base/parse.h"

#include "api/answer.h"
#include "api/door_verdict.h"
#include "api/routes.h"

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

/* --- which -------------------------------------------------------------------------------------------------- */

typedef struct work {
    const dm_sandbox_id *id;
    dm_sandbox_at_door s;
} work;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->s.rows);
    w->s.rows = NULL;
    return dm_sandbox_find_at_door(c, w->id, &w->s, err);
}

static dm_door_reason judge(dm_api *api, const dm_door_ask *ask)
{
    static const dm_caller nobody = {.account_no = 0};
    work w = {.id = &ask->id};
    dm_door_reason reason = DM_DOOR_NOT_FOUND;
    dm_err why;
    int r = dm_api_tx(api, &nobody, find, &w, &why);
    if (r == 0)
        r = dm_door_judge(api, ask, &w.s, &reason, &why);
    dm_pg_rows_free(w.s.rows);
    return r < 0 ? DM_DOOR_AWAY : reason;
}

static dm_door_reason of_status(uint64_t status)
{
    switch (status) {
    case 400:
        return DM_DOOR_BAD;
    case 403:
        return DM_DOOR_BLOCKED;
    case 404:
        return DM_DOOR_INTERNAL;
    case 409:
        return DM_DOOR_STUCK;
    case 429:
        return DM_DOOR_QUOTA;
    case 502:
        return DM_DOOR_NOT_FOUND;
    default:
        return DM_DOOR_AWAY;
    }
}

static dm_door_reason choose(const dm_req *req, dm_api *api, dm_door_ask *ask)
{
    dm_str decided = dm_req_header(req, "X-Dm-Status");
    uint64_t status = 0;
    dm_door_reason reason = dm_door_read(req, ask);
    if (reason == DM_DOOR_PASS)
        reason = judge(api, ask);
    bool known = decided.p != NULL && dm_parse_u64(decided, 400, 599, &status, NULL) == 0;
    bool a_refusal = reason != DM_DOOR_PASS && reason != DM_DOOR_WAKE && reason != DM_DOOR_CHANGING;
    if (known && (!a_refusal || (int)status != dm_door_status(reason)))
        return of_status(status);
    return a_refusal ? reason : DM_DOOR_AWAY;
}

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
    if (reason != DM_DOOR_INTERNAL && ask->sandbox[0] != '\0')
        dm_jw_kc(&j, "sandboxId", ask->sandbox);
    dm_jw_kc(&j, "message", w->message);
    if (reason == DM_DOOR_INTERNAL && dm_door_internal(ask->uri, path))
        dm_jw_kc(&j, "path", path);
    dm_jw_ki64(&j, "code", status);
    dm_jw_end(&j);
}

static int add_denial(dm_req *req, const words *w, int status, dm_err *err)
{
    const dm_denial d = {.what = "sandbox.traffic",
            .rule = w->rule,
            .retry_after_s = status == 409 || status == 503 ? 1 : -1,
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
    dm_door_reason reason = choose(req, ctx, &ask);
    const words *w = &of_reason[reason];
    int status = dm_door_status(reason);
    if (navigates(req)) {
        int r = write_html(req, status, w, &ask, err);
        if (r < 0)
            return r;
    } else {
        write_json(req, status, reason, w, &ask);
    }
    return add_denial(req, w, status, err);
}
