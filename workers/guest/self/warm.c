#include "workers/guest/self/warm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "workers/guest/process/process.h"
#include "workers/guest/rpc/connect.h"

enum { ANSWER_MAX = 256 * 1024, ROUND_S = 20, SECOND_US = 1000000 };

/* As the SDKs run a command; bash is what they ask for. */
static const char message[] =
        "{\"process\":{\"cmd\":\"/bin/bash\",\"args\":[\"-l\",\"-c\",\"echo $((1+1)) && /bin/true\"]},\"stdin\":false}";

struct dm_warm {
    dm_guest *g;
    unsigned left;
    uint16_t port;
    dm_warm_done done;
    void *arg;
    int fd;
    dm_watch *watch;
    dm_timer *timer;
    dm_buf answer;
};

static void next_round(dm_warm *w);

static void round_over(dm_warm *w)
{
    dm_watch_free(w->watch);
    w->watch = NULL;
    dm_fd_closep(&w->fd);
    dm_buf_done(&w->answer);
}

void dm_warm_free(dm_warm *w)
{
    if (w == NULL)
        return;
    round_over(w);
    dm_timer_free(w->timer);
    free(w);
}

static void finish(dm_warm *w, const dm_err *err)
{
    dm_warm_done done = w->done;
    void *arg = w->arg;
    dm_warm_free(w);
    done(arg, err);
}

static void on_timer(void *arg)
{
    dm_err err;
    (void)dm_fail(&err, DM_E_TIMEOUT, "no end of a warming round in %d s", ROUND_S);
    finish(arg, &err);
}

/* The whole stream has come when the last, empty chunk has. */
static void on_answer(void *arg, uint32_t events)
{
    dm_warm *w = arg;
    dm_err err;
    (void)events;
    char *to = dm_buf_want(&w->answer, 16 * 1024);
    ssize_t n = to != NULL ? recv(w->fd, to, 16 * 1024, 0) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        (void)dm_fail(&err, DM_E_PROTO, "the warming round was cut off");
        finish(w, &err);
        return;
    }
    dm_buf_grew(&w->answer, (size_t)n);
    static const char last[] = "\r\n0\r\n\r\n";
    size_t len = sizeof(last) - 1;
    if (w->answer.len < len || memcmp(w->answer.p + w->answer.len - len, last, len) != 0)
        return;
    /* How it ended does not matter: an image may have no bash. */
    if (memmem(w->answer.p, w->answer.len, "\"end\"", 5) == NULL) {
        (void)dm_fail(&err, DM_E_INTERNAL, "a warming command did not start");
        finish(w, &err);
        return;
    }
    w->left--;
    dm_procs_forget_ended(w->g->procs);
    next_round(w);
}

static int send_request(dm_warm *w, dm_err *err)
{
    uint8_t head[DM_FRAME_HEAD];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4096);
    dm_frame_head(head, 0, (uint32_t)(sizeof(message) - 1));
    (void)dm_buf_fmt(&b,
            "POST /process.Process/Start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/connect+json\r\n"
            "X-Access-Token: %s\r\nContent-Length: %zu\r\n\r\n",
            w->g->identity.token, sizeof(head) + sizeof(message) - 1);
    (void)dm_buf_add(&b, head, sizeof(head));
    (void)dm_buf_c(&b, message);
    int r = dm_buf_ok(&b, err);
    if (r < 0)
        return r;
    /* An empty socket takes it at once. */
    ssize_t n = send(w->fd, b.p, b.len, MSG_NOSIGNAL);
    return n == (ssize_t)b.len ? 0 : dm_fail_sys(err, n < 0 ? errno : EIO, "send to ourselves");
}

static int begin_round(dm_warm *w, dm_err *err)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(w->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    dm_buf_init(&w->answer, ANSWER_MAX);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Blocking: on the loopback a connection is made by the kernel alone, our accept comes later. */
    if (w->fd < 0 || connect(w->fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        return dm_fail_sys(err, errno, "connect to ourselves");
    int r = send_request(w, err);
    r = r < 0 ? r : dm_loop_watch(w->g->loop, w->fd, EPOLLIN, on_answer, w, &w->watch, err);
    if (r == 0)
        dm_timer_in(w->timer, (int64_t)ROUND_S * SECOND_US);
    return r;
}

static void next_round(dm_warm *w)
{
    dm_err err;
    round_over(w);
    if (w->left == 0)
        finish(w, NULL);
    else if (begin_round(w, &err) != 0)
        finish(w, &err);
}

int dm_warm_new(dm_guest *g, unsigned rounds, uint16_t port, dm_warm_done done, void *arg, dm_warm **out, dm_err *err)
{
    dm_warm *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "warming");
    *w = (dm_warm){.g = g, .left = rounds, .port = port, .done = done, .arg = arg, .fd = -1};
    int r = dm_loop_timer(g->loop, on_timer, w, &w->timer, err);
    r = r < 0 ? r : begin_round(w, err);
    if (r < 0) {
        dm_warm_free(w);
        return r;
    }
    *out = w;
    return 0;
}
