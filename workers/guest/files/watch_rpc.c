/* Watching, both ways: WatchDir streams; CreateWatcher, GetWatcherEvents and RemoveWatcher keep events until they are
 * asked for. A client that does not keep up stops the reading, not the agent: events then wait in the kernel. */
#include "workers/guest/files/watch_rpc.h"

#include <assert.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "base/grow.h"

#include "workers/guest/files/rpc.h"
#include "workers/guest/files/watch.h"

enum { ID_SIZE = 32 };

static const dm_m_watch_reply keepalive = {.has_keepalive = true};

typedef struct poller {
    struct poller *next;
    dm_watchers *all;
    char id[ID_SIZE];
    dm_watcher *watcher;
    dm_watch *watch; /* NULL while full */
    bool entry, lost;
    dm_m_fs_event *events; /* only name and type are filled */
    size_t n, room;
} poller;

struct dm_watchers {
    dm_guest *g;
    poller *first;
    unsigned n; /* streams included */
    uint64_t last_id;
};

/* False after the call was failed. */
static bool open_watcher(dm_rpc *c, const dm_m_watch *req, dm_watcher **out)
{
    dm_guest_path path;
    dm_err err;
    if (!dm_fs_path(c, req->path, &path))
        return false;
    if (c->g->watchers->n >= DM_WATCHERS_MAX) {
        dm_rpc_fail(c, DM_CC_RESOURCE_EXHAUSTED, "%d watchers are open, which is the most", DM_WATCHERS_MAX);
        return false;
    }
    const dm_watch_wish wish = {path.s, req->recursive, req->allow_network_mounts};
    if (dm_watcher_new(&wish, out, &err) != 0) {
        dm_fs_fail(c, &err);
        return false;
    }
    c->g->watchers->n++;
    return true;
}

/* --- streams ------------------------------------------------------------------------------------------------ */

typedef struct stream {
    dm_rpc *c;
    dm_watcher *watcher;
    dm_watch *watch; /* NULL while the client is behind */
    bool entry;
} stream;

static void stream_event(void *arg, const char *name, int32_t type)
{
    stream *s = arg;
    dm_m_watch_reply out = {.has_filesystem = true};
    dm_message memory = {.tree = NULL};
    dm_watcher_event(s->watcher, s->c->g->users, name, type, s->entry, &memory, &out.filesystem);
    dm_rpc_send(s->c, &out);
    dm_message_done(&memory);
}

static void stream_ready(void *arg, uint32_t events)
{
    stream *s = arg;
    dm_err err;
    int r;
    (void)events;
    do {
        r = dm_watcher_read(s->watcher, stream_event, s, &err);
    } while (r == DM_WATCHER_MORE && !s->c->over && !dm_rpc_full(s->c));
    dm_rpc_flush(s->c);
    if (r < 0) {
        dm_rpc_fail(s->c, DM_CC_INTERNAL, "%s", err.msg);
    } else if (r == 0) {
        return;
    }
    dm_watch_free(s->watch);
    s->watch = NULL;
}

static void stream_listen(stream *s)
{
    dm_err err;
    if (s->watch == NULL && !s->c->over &&
            dm_loop_watch(s->c->g->loop, dm_watcher_fd(s->watcher), EPOLLIN, stream_ready, s, &s->watch, &err) != 0)
        dm_rpc_fail(s->c, DM_CC_INTERNAL, "%s", err.msg);
}

static void stream_begin(dm_rpc *c, const void *in)
{
    static const dm_m_watch_reply begun = {.has_start = true};
    const dm_m_watch *req = in;
    dm_watcher *watcher = NULL;
    if (!open_watcher(c, req, &watcher))
        return;
    stream *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        dm_watcher_free(watcher);
        c->g->watchers->n--;
        dm_rpc_fail(c, DM_CC_INTERNAL, "no memory for a watcher");
        return;
    }
    *s = (stream){.c = c, .watcher = watcher, .entry = req->include_entry};
    c->state = s;
    dm_rpc_open(c);
    dm_rpc_send(c, &begun);
    dm_rpc_flush(c);
    stream_listen(s);
}

static void stream_room(dm_rpc *c)
{
    if (c->state != NULL)
        stream_listen(c->state);
}

static void stream_gone(dm_rpc *c)
{
    stream *s = c->state;
    if (s == NULL)
        return;
    c->state = NULL;
    assert(c->g->watchers->n > 0);
    c->g->watchers->n--;
    dm_watch_free(s->watch);
    dm_watcher_free(s->watcher);
    free(s);
}

/* --- polling ------------------------------------------------------------------------------------------------ */

static void forget_events(poller *p)
{
    union {
        const char *from;
        char *to; /* keep made it */
    } name;
    for (size_t i = 0; i < p->n; i++) {
        name.from = p->events[i].name;
        free(name.to);
    }
    free(p->events);
    p->events = NULL;
    p->n = p->room = 0;
}

static void keep(void *arg, const char *name, int32_t type)
{
    poller *p = arg;
    int r = dm_grow(&p->events, &p->room, p->n, 4 * DM_WATCH_EVENTS_MAX, "events", NULL);
    char *copy = r == 0 ? dm_str_dup(dm_str_c(name)) : NULL;
    if (copy == NULL) {
        p->lost = true;
        return;
    }
    p->events[p->n++] = (dm_m_fs_event){.name = copy, .type = type};
}

/* Reads what waits, up to the bound. */
static void collect(poller *p)
{
    dm_err err;
    int r = DM_WATCHER_MORE;
    while (r == DM_WATCHER_MORE && p->n < DM_WATCH_EVENTS_MAX) {
        r = dm_watcher_read(p->watcher, keep, p, &err);
        if (r == DM_E_LIMIT) {
            p->lost = true;
            r = DM_WATCHER_MORE;
        }
    }
    if (r != 0) { /* full, or broken: nothing more until somebody asks */
        dm_watch_free(p->watch);
        p->watch = NULL;
    }
}

static void poller_ready(void *arg, uint32_t events)
{
    (void)events;
    collect(arg);
}

static int poller_listen(poller *p, dm_err *err)
{
    if (p->watch != NULL)
        return 0;
    return dm_loop_watch(p->all->g->loop, dm_watcher_fd(p->watcher), EPOLLIN, poller_ready, p, &p->watch, err);
}

static void poller_free(poller *p)
{
    dm_watch_free(p->watch);
    dm_watcher_free(p->watcher);
    forget_events(p);
    assert(p->all->n > 0);
    p->all->n--;
    free(p);
}

static void create(dm_rpc *c, const void *in)
{
    const dm_m_watch *req = in;
    dm_watchers *all = c->g->watchers;
    dm_watcher *watcher = NULL;
    dm_err err;
    if (!open_watcher(c, req, &watcher))
        return;
    poller *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        dm_watcher_free(watcher);
        all->n--;
        dm_rpc_fail(c, DM_CC_INTERNAL, "no memory for a watcher");
        return;
    }
    *p = (poller){.all = all, .watcher = watcher, .entry = req->include_entry};
    (void)snprintf(p->id, sizeof(p->id), "w%llu", (unsigned long long)++all->last_id);
    if (poller_listen(p, &err) != 0) {
        poller_free(p);
        dm_rpc_fail(c, DM_CC_INTERNAL, "%s", err.msg);
        return;
    }
    p->next = all->first;
    all->first = p;
    const dm_m_watcher out = {p->id};
    dm_rpc_reply(c, &out);
}

/* Its place in the list, or NULL after the call was failed. */
static poller **find(dm_rpc *c, const char *id)
{
    poller **at = &c->g->watchers->first;
    while (*at != NULL && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    if (*at != NULL)
        return at;
    dm_rpc_fail(c, DM_CC_NOT_FOUND, "watcher with id %s not found", id);
    return NULL;
}

static void get_events(dm_rpc *c, const void *in)
{
    const dm_m_watcher *req = in;
    dm_err err;
    poller **at = find(c, req->watcher_id);
    if (at == NULL)
        return;
    poller *p = *at;
    /* What happened before this request is in this answer, though the loop may not have come to it yet. */
    collect(p);
    if (p->lost) {
        p->lost = false;
        forget_events(p);
        dm_rpc_fail(c, DM_CC_INTERNAL, "too many changes at once: some were lost");
    } else {
        for (size_t i = 0; i < p->n; i++) {
            const dm_m_fs_event e = p->events[i];
            dm_watcher_event(p->watcher, c->g->users, e.name, e.type, p->entry, &c->message, &p->events[i]);
        }
        const dm_m_fs_events out = {{p->events, p->n}};
        dm_rpc_reply(c, &out);
        forget_events(p);
    }
    if (poller_listen(p, &err) != 0)
        p->lost = true;
}

static void remove_watcher(dm_rpc *c, const void *in)
{
    static const dm_m_nothing nothing;
    const dm_m_watcher *req = in;
    poller **at = find(c, req->watcher_id);
    if (at == NULL)
        return;
    poller *p = *at;
    *at = p->next;
    poller_free(p);
    dm_rpc_reply(c, &nothing);
}

const dm_rpc_method dm_watch_methods[] = {
        {.path = "/filesystem.Filesystem/WatchDir",
                .kind = DM_RPC_SERVER_STREAM,
                .in = &dm_m_watch_desc,
                .out = &dm_m_watch_reply_desc,
                .message = stream_begin,
                .room = stream_room,
                .gone = stream_gone,
                .keepalive = &keepalive},
        {.path = "/filesystem.Filesystem/CreateWatcher",
                .in = &dm_m_watch_desc,
                .out = &dm_m_watcher_desc,
                .message = create},
        {.path = "/filesystem.Filesystem/GetWatcherEvents",
                .in = &dm_m_watcher_desc,
                .out = &dm_m_fs_events_desc,
                .message = get_events},
        {.path = "/filesystem.Filesystem/RemoveWatcher",
                .in = &dm_m_watcher_desc,
                .out = &dm_m_nothing_desc,
                .message = remove_watcher},
        {.path = NULL},
};

int dm_watchers_new(dm_guest *g, dm_watchers **out, dm_err *err)
{
    dm_watchers *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "watchers");
    w->g = g;
    *out = w;
    return 0;
}

void dm_watchers_free(dm_watchers *w)
{
    if (w == NULL)
        return;
    while (w->first != NULL) {
        poller *p = w->first;
        w->first = p->next;
        poller_free(p);
    }
    assert(w->n == 0); /* streams end with their calls, before */
    free(w);
}
