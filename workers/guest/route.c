#include "workers/guest/route.h"

#include <stdio.h>

#include "workers/guest/files/auth.h"
#include "workers/guest/files/files.h"
#include "workers/guest/files/rpc.h"
#include "workers/guest/files/watch_rpc.h"
#include "workers/guest/process/rpc.h"
#include "workers/guest/rpc/reply.h"

enum { SMALL_ANSWER = 1024 * 1024 };

typedef void (*plain_fn)(dm_guest *g, dm_x *x, const dm_user *user);

static void health(dm_guest *g, dm_x *x, const dm_user *user)
{
    (void)g;
    (void)user;
    dm_x_field(x, "Cache-Control", "no-store");
    dm_x_reply_none(x, 204);
}

static void metrics(dm_guest *g, dm_x *x, const dm_user *user)
{
    (void)user;
    dm_metrics_now now;
    DM_AUTO_BUF b;
    dm_buf_init(&b, SMALL_ANSWER);
    dm_jw w;
    dm_metrics_read(&g->cpu, dm_wall_us(g->clock), &now);
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_metrics_write(&w, &now);
    dm_jw_end(&w);
    dm_x_field(x, "Cache-Control", "no-store");
    dm_reply_json(x, &b);
}

static void envs(dm_guest *g, dm_x *x, const dm_user *user)
{
    (void)user;
    DM_AUTO_BUF b;
    dm_buf_init(&b, SMALL_ANSWER);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_node(&w, g->identity.env);
    dm_x_field(x, "Cache-Control", "no-store");
    dm_reply_json(x, &b);
}

static const struct {
    const char *path, *method;
    plain_fn fn;
} routes[] = {
        {"/health", "GET", health},
        {"/metrics", "GET", metrics},
        {"/envs", "GET", envs},
        {"/files", "GET", dm_files_get},
        {"/files", "POST", dm_files_post},
        {"/files/compose", "POST", dm_files_compose},
};

/* --- CORS --------------------------------------------------------------------------------------------------- */

static void answer_preflight(dm_x *x, dm_str method)
{
    const dm_head *h = dm_x_head(x);
    dm_str headers = dm_head_value(h, "access-control-request-headers");
    dm_x_field(x, "Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    if (dm_head_get(h, "origin") != NULL) {
        dm_x_field(x, "Access-Control-Allow-Origin", "*");
        dm_x_field(x, "Access-Control-Allow-Methods", "%.*s", (int)method.n, method.p);
        if (headers.n > 0 && headers.n < 4096)
            dm_x_field(x, "Access-Control-Allow-Headers", "%.*s", (int)headers.n, headers.p);
        dm_x_field(x, "Access-Control-Max-Age", "7200");
    }
    dm_x_reply_none(x, 204);
}

/* True when the request was a preflight and is answered. */
static bool cors(dm_x *x)
{
    const dm_head *h = dm_x_head(x);
    const dm_str *method = dm_head_get(h, "access-control-request-method");
    if (dm_str_eq_c(h->method, "OPTIONS") && method != NULL && method->n > 0 && method->n < 64) {
        answer_preflight(x, *method);
        return true;
    }
    if (dm_head_get(h, "origin") != NULL) {
        dm_x_field(x, "Access-Control-Allow-Origin", "*");
        dm_x_field(x, "Access-Control-Expose-Headers",
                "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, Location, Cache-Control, X-Content-Type-Options");
    }
    /* A download says instead that it varies with the encoding. */
    if (strcmp(dm_x_path(x), "/files") != 0 || !dm_str_eq_c(h->method, "GET"))
        dm_x_field(x, "Vary", "Origin");
    return false;
}

/* --- who ---------------------------------------------------------------------------------------------------- */

/* File routes check the token themselves: they also take signatures. */
static bool needs_token(const dm_x *x)
{
    dm_str method = dm_x_head(x)->method;
    bool get = dm_str_eq_c(method, "GET"), post = dm_str_eq_c(method, "POST");
    if (strcmp(dm_x_path(x), "/health") == 0)
        return !get;
    if (strcmp(dm_x_path(x), "/files") == 0)
        return !get && !post;
    return true;
}

static bool find_user(dm_guest *g, dm_x *x, dm_user *out)
{
    char name[256], message[512];
    int r = dm_auth_basic(dm_x_head(x), name, sizeof(name), NULL);
    if (r < 0)
        (void)snprintf(name, sizeof(name), "(too long)");
    if (dm_guest_user(g, r == DM_AUTH_NO_USER ? NULL : name, out, message, sizeof(message)) == 0)
        return true;
    dm_reply_connect(x, DM_CC_UNAUTHENTICATED, message);
    return false;
}

/* --- what --------------------------------------------------------------------------------------------------- */

static const dm_rpc_method *find_method(const char *path)
{
    const dm_rpc_method *const services[] = {dm_process_methods, dm_filesystem_methods, dm_watch_methods};
    for (size_t i = 0; i < DM_LEN(services); i++)
        for (const dm_rpc_method *m = services[i]; m->path != NULL; m++)
            if (strcmp(m->path, path) == 0)
                return m;
    return NULL;
}

void dm_route(void *guest, dm_x *x)
{
    dm_guest *g = guest;
    dm_str method = dm_x_head(x)->method;
    const char *path = dm_x_path(x), *allow = NULL;
    dm_user user;
    if (cors(x))
        return;
    if (needs_token(x) && !dm_auth_token_ok(dm_x_head(x), g->identity.token)) {
        dm_reply_error(
                x, 401, "unauthorized access, please provide a valid access token or method signing if supported");
        return;
    }
    if (!find_user(g, x, &user))
        return;
    const dm_rpc_method *rpc = find_method(path);
    if (rpc != NULL) {
        dm_rpc_begin(g, x, &user, rpc);
        return;
    }
    for (size_t i = 0; i < DM_LEN(routes); i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        if (dm_str_eq_c(method, routes[i].method)) {
            routes[i].fn(g, x, &user);
            return;
        }
        allow = allow == NULL ? routes[i].method : "GET, POST";
    }
    if (allow == NULL) {
        dm_reply_text(x, 404, "404 page not found");
        return;
    }
    dm_x_field(x, "Allow", "%s", allow);
    dm_x_reply_none(x, 405);
}
