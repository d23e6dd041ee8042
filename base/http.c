#include "base/http.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cond.h"
#include "base/http_call.h"

/* We accept connections ourselves, on one thread for both sockets: MHD_quiesce_daemon with a pool of epoll threads can
 * race with a thread that has just removed the listening socket, and that is a panic; and one daemon serves both
 * sockets with one pool. */

enum { CONNECTION_MEMORY = 64 << 10 }; /* libmicrohttpd's, for head and read buffer; a larger head is its 431 */
enum { CONNECTIONS_MOST = 1 << 20 };
enum { ACCEPT_PAUSE_MS = 20, ARRIVAL_MS = 200, LOOP_SLICE_US = 20000 };

/* --- libmicrohttpd's callbacks about connections ------------------------------------------------------------ */

static void count_arriving(dm_http *h, int by)
{
    (void)pthread_mutex_lock(&h->lock);
    h->arriving += (unsigned)by;
    if (h->arriving == 0)
        (void)pthread_cond_broadcast(&h->idle);
    (void)pthread_mutex_unlock(&h->lock);
}

static void on_connection(
        void *arg, struct MHD_Connection *conn, void **context, enum MHD_ConnectionNotificationCode what)
{
    dm_http *h = arg;

    (void)conn;
    (void)context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        count_arriving(h, -1);
    else
        (void)atomic_fetch_sub(&h->open, 1);
}

/* Paths are matched raw and decoded by us. */
static size_t leave_escaped(void *arg, struct MHD_Connection *conn, char *s)
{
    (void)arg;
    (void)conn;
    return strlen(s);
}

static void DM_PRINTF(2, 0) on_words(void *arg, const char *fmt, va_list ap)
{
    dm_http *h = arg;
    char text[256];

    (void)vsnprintf(text, sizeof text, fmt, ap);
    DM_LOG(h->config.log, DM_DEBUG, "http.library", dm_fv("message", dm_str_trim(dm_str_c(text))));
}

/* --- accepting ---------------------------------------------------------------------------------------------- */

/* A connection that libmicrohttpd takes and then drops for want of memory is never reported, and its place is lost: the
 * bound errs on the safe side. */
static void add_connection(dm_http *h, int fd, const struct sockaddr *addr, socklen_t len)
{
    (void)atomic_fetch_add(&h->open, 1);
    count_arriving(h, 1);
    if (MHD_add_connection(h->mhd, fd, addr, len) != MHD_YES) { /* it has closed fd */
        count_arriving(h, -1);
        (void)atomic_fetch_sub(&h->open, 1);
    }
}

/* At the bound, connections wait in the kernel's queue. */
static void *accept_loop(void *arg)
{
    dm_http *h = arg;
    struct pollfd fds[1 + DM_LISTEN_MAX] = {{.fd = h->stop_fd, .events = POLLIN}};
    nfds_t n = 1 + dm_listeners_poll(h->listeners, fds + 1);

    for (;;) {
        bool full = atomic_load(&h->open) >= h->config.connections_max;
        if (poll(fds, full ? 1 : n, full ? ACCEPT_PAUSE_MS : -1) < 0 && errno != EINTR)
            break;
        if ((fds[0].revents & POLLIN) != 0)
            break;
        for (nfds_t i = 1; i < n && !full; i++) {
            struct sockaddr_storage addr;
            socklen_t len = 0;
            if ((fds[i].revents & (POLLIN | POLLERR | POLLHUP)) == 0)
                continue;
            int fd = dm_listeners_accept(fds[i].fd, &addr, &len);
            if (fd >= 0)
                add_connection(h, fd, (const struct sockaddr *)&addr, len);
            else if (fd == DM_ACCEPT_PAUSE)
                (void)poll(fds, 1, ACCEPT_PAUSE_MS);
        }
    }
    return NULL;
}

static int start_mhd(dm_http *h, dm_err *err)
{
    const dm_http_config *c = &h->config;
    struct MHD_OptionItem pool[] = {
            {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)c->threads, NULL},
            {MHD_OPTION_END, 0, NULL},
    };

    /* A pool of one thread is no pool: libmicrohttpd wants the option left out. It divides its connection limit evenly
     * among the threads, and closes what is over; the acceptor's own bound is exact, and waits. */
    h->mhd = MHD_start_daemon(
            MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0,
            NULL, NULL, dm_http_on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_words, h, MHD_OPTION_URI_LOG_CALLBACK,
            dm_http_on_target, h, MHD_OPTION_NOTIFY_COMPLETED, dm_http_on_completed, h, MHD_OPTION_NOTIFY_CONNECTION,
            on_connection, h, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, h, MHD_OPTION_CONNECTION_TIMEOUT, c->idle_s,
            MHD_OPTION_CONNECTION_LIMIT, c->connections_max * c->threads, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
            (size_t)CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY,
            c->threads > 1 ? pool : pool + 1, MHD_OPTION_END);
    if (h->mhd == NULL)
        return dm_fail(err, DM_E_INTERNAL, "libmicrohttpd did not start");
    return 0;
}

static int check_config(const dm_http_config *c, dm_err *err)
{
    if (c->threads < 1 || c->threads > 16 || c->connections_max < 1 || c->connections_max > CONNECTIONS_MOST ||
            c->exec_queue_max < 1)
        return dm_fail(err, DM_E_INVALID, "http: threads, connections or queue out of bounds");
    if (c->exec_threads == 0 && c->loop == NULL)
        return dm_fail(err, DM_E_INVALID, "http: neither executor threads nor a loop");
    if (c->listen_address == NULL && c->unix_path == NULL)
        return dm_fail(err, DM_E_INVALID, "http: nothing to listen on");
    return dm_routes_check(c->routes, c->nroutes, err);
}

static int start_dispatch(dm_http *h, dm_err *err)
{
    if (h->config.exec_threads > 0)
        return dm_line_new(&(dm_line_config){h->config.exec_threads, h->config.exec_queue_max,
                                   h->config.party != NULL ? h->config.exec_parts : 0},
                &h->line, err);
    h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->wake_fd < 0)
        return dm_fail_sys(err, errno, "eventfd");
    return dm_loop_watch(h->config.loop, h->wake_fd, EPOLLIN, dm_http_woken, h, &h->watch, err);
}

int dm_http_new(const dm_http_config *config, dm_http **out, dm_err *err)
{
    DM_AUTO(dm_http) h = NULL;
    int r = check_config(config, err);

    if (r < 0)
        return r;
    h = calloc(1, sizeof *h);
    if (h == NULL)
        return dm_fail(err, DM_E_NOMEM, "http: no memory");
    h->config = *config;
    h->refs = 1;
    h->stop_fd = h->wake_fd = -1;
    (void)pthread_mutex_init(&h->lock, NULL);
    dm_cond_init(&h->idle);
    h->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (h->stop_fd < 0)
        return dm_fail_sys(err, errno, "eventfd");
    r = dm_listeners_new(config->listen_address, config->port, config->unix_path, &h->listeners, err);
    if (r < 0)
        return r;
    h->port = dm_listeners_port(h->listeners);
    if ((r = start_dispatch(h, err)) < 0 || (r = start_mhd(h, err)) < 0)
        return r;
    int bad = pthread_create(&h->acceptor, NULL, accept_loop, h);
    if (bad != 0)
        return dm_fail_sys(err, bad, "http: accepting thread");
    h->accepting = true;
    *out = dm_steal(&h);
    return 0;
}

uint16_t dm_http_port(const dm_http *h)
{
    return h->port;
}

/* --- stopping ----------------------------------------------------------------------------------------------- */

static void stop_accepting(dm_http *h)
{
    static const uint64_t one = 1;

    if (!h->accepting)
        return;
    (void)!write(h->stop_fd, &one, sizeof one);
    (void)pthread_join(h->acceptor, NULL);
    h->accepting = false;
}

/* What was accepted a moment ago becomes a connection first: its request may be there already. */
static void wait_idle(dm_http *h, unsigned grace_ms)
{
    int64_t now = dm_mono_ms(&dm_clock_real), until = now + grace_ms;

    (void)pthread_mutex_lock(&h->lock);
    while (h->arriving > 0 && dm_mono_ms(&dm_clock_real) < now + ARRIVAL_MS)
        dm_cond_wait_until(&h->idle, &h->lock, now + ARRIVAL_MS);
    while (h->calls != NULL && dm_mono_ms(&dm_clock_real) < until) {
        if (h->line != NULL) {
            dm_cond_wait_until(&h->idle, &h->lock, until);
            continue;
        }
        /* Answers come from the loop, and we are on its thread. */
        (void)pthread_mutex_unlock(&h->lock);
        bool turned = dm_loop_once(h->config.loop, LOOP_SLICE_US, NULL) == 0;
        (void)pthread_mutex_lock(&h->lock);
        if (!turned)
            break;
    }
    (void)pthread_mutex_unlock(&h->lock);
}

/* Wakes what is still suspended, without an answer; from here on nothing goes to sleep. */
static void abandon(dm_http *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->closing = true;
    for (http_call *c = h->calls; c != NULL; c = c->next) {
        struct MHD_Connection *conn = c->conn;
        if (conn == NULL)
            continue;
        c->conn = NULL;
        MHD_resume_connection(conn);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

void dm_http_stop(dm_http *h, unsigned grace_ms)
{
    if (h == NULL || h->stopped)
        return;
    h->stopped = true;
    stop_accepting(h);
    dm_listeners_free(h->listeners);
    h->listeners = NULL;
    if (h->mhd != NULL) {
        (void)pthread_mutex_lock(&h->lock);
        h->draining = true;
        dm_http_end_streams(h);
        (void)pthread_mutex_unlock(&h->lock);
        wait_idle(h, grace_ms);
        abandon(h);
        MHD_stop_daemon(h->mhd);
        h->mhd = NULL;
    }
    dm_watch_free(h->watch);
    h->watch = NULL;
    dm_http_drop_queue(h);
    dm_line_free(h->line);
    h->line = NULL;
}

void dm_http_free(dm_http *h)
{
    if (h == NULL)
        return;
    dm_http_stop(h, 0);
    dm_http_unref(h);
}
