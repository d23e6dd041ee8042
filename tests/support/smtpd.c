#include "tests/support/smtpd.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

enum { LETTERS_MAX = 1024, CLIENTS_MAX = 1024, LINE_MAX_BYTES = 4096 };

struct dm_smtpd {
    int fd;
    char url[64];
    _Atomic int mood;
    atomic_bool stop;
    atomic_uint clear;
    SSL_CTX *tls; /* NULL: it has none */
    pthread_t acceptor, clients[CLIENTS_MAX];
    size_t nclients;
    pthread_mutex_t lock;
    size_t n;
    struct {
        dm_smtpd_letter envelope;
        dm_buf text;
    } letters[LETTERS_MAX];
};

typedef struct client {
    dm_smtpd *s;
    int fd;
    SSL *tls; /* NULL: in the clear */
    dm_buf in;
    bool signed_in;
    char from[256], to[256];
} client;

/* Where the client has gone, the next read says so. */
static void say(const client *c, const char *line)
{
    if (c->tls != NULL)
        (void)SSL_write(c->tls, line, (int)strlen(line));
    else if (dm_write_all(c->fd, line, strlen(line), NULL) < 0)
        return;
}

/* Something to read, or an end; false when the relay stops first. */
static bool wait_for_more(const client *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (c->tls != NULL && SSL_pending(c->tls) > 0)
        return true;
    while (poll(&p, 1, 50) == 0)
        if (atomic_load(&c->s->stop))
            return false;
    return true;
}

/* One line without its end; false when the client has gone or the relay stops. */
static bool next_line(client *c, char out[LINE_MAX_BYTES])
{
    for (;;) {
        const char *end = c->in.len > 0 ? memchr(c->in.p, '\n', c->in.len) : NULL;
        if (end != NULL) {
            size_t n = (size_t)(end - c->in.p);
            size_t kept = n > 0 && c->in.p[n - 1] == '\r' ? n - 1 : n;
            (void)snprintf(out, LINE_MAX_BYTES, "%.*s", (int)kept, c->in.p);
            dm_buf_eat(&c->in, n + 1);
            return true;
        }
        char *room = dm_buf_want(&c->in, 4096);
        if (room == NULL || !wait_for_more(c))
            return false;
        ssize_t n = c->tls != NULL ? SSL_read(c->tls, room, 4096) : read(c->fd, room, 4096);
        if (n <= 0)
            return false;
        dm_buf_grew(&c->in, (size_t)n);
    }
}

static void address(const char *line, char out[256])
{
    const char *open = strchr(line, '<'), *close = strchr(line, '>');
    out[0] = '\0';
    if (open != NULL && close > open)
        (void)snprintf(out, 256, "%.*s", (int)(close - open - 1), open + 1);
}

/* Up to the lonely dot; a doubled one is undone. */
static bool take_letter(client *c)
{
    char line[LINE_MAX_BYTES];
    dm_buf text;
    dm_buf_init(&text, 1 << 20);
    while (next_line(c, line)) {
        if (strcmp(line, ".") == 0) {
            int mood = atomic_load(&c->s->mood);
            (void)pthread_mutex_lock(&c->s->lock);
            if (mood != DM_SMTPD_BUSY && c->s->n < LETTERS_MAX) {
                (void)dm_buf_c(&text, "");
                (void)snprintf(c->s->letters[c->s->n].envelope.from, 256, "%s", c->from);
                (void)snprintf(c->s->letters[c->s->n].envelope.to, 256, "%s", c->to);
                c->s->letters[c->s->n].text = text;
                c->s->n++;
            } else {
                dm_buf_done(&text);
            }
            (void)pthread_mutex_unlock(&c->s->lock);
            if (mood == DM_SMTPD_DROPS)
                return false;
            say(c, mood == DM_SMTPD_BUSY ? "451 come later\r\n" : "250 taken\r\n");
            return true;
        }
        (void)dm_buf_c(&text, line[0] == '.' ? line + 1 : line);
        (void)dm_buf_c(&text, "\r\n");
    }
    dm_buf_done(&text);
    return false;
}

/* "\0user\0secret" in base64. */
static bool right_password(const char *line)
{
    return strstr(line, "AHVzZXIAc2VjcmV0") != NULL;
}

static void say_hello(const client *c, int mood)
{
    say(c, "250-test\r\n");
    if (c->s->tls != NULL && c->tls == NULL)
        say(c, "250-STARTTLS\r\n");
    else if (mood == DM_SMTPD_AUTH_ONLY)
        say(c, "250-AUTH PLAIN\r\n");
    say(c, "250 8BITMIME\r\n");
}

/* What was said before it counts no more, nor does what came with it (RFC 3207). */
static bool start_tls(client *c)
{
    say(c, "220 go on\r\n");
    dm_buf_eat(&c->in, c->in.len);
    c->signed_in = false;
    c->tls = SSL_new(c->s->tls);
    return c->tls != NULL && SSL_set_fd(c->tls, c->fd) == 1 && SSL_accept(c->tls) == 1;
}

static bool is_secret(const char *line)
{
    static const char *const words[] = {"AUTH", "MAIL", "RCPT", "DATA"};
    for (size_t i = 0; i < DM_LEN(words); i++)
        if (strncasecmp(line, words[i], 4) == 0)
            return true;
    return false;
}

static bool answer(client *c, const char *line)
{
    int mood = atomic_load(&c->s->mood);
    bool shut = mood == DM_SMTPD_AUTH_ONLY && !c->signed_in;
    if (c->tls == NULL && is_secret(line))
        atomic_fetch_add(&c->s->clear, 1);
    if (strncasecmp(line, "EHLO", 4) == 0) {
        say_hello(c, mood);
    } else if (strcasecmp(line, "STARTTLS") == 0 && c->s->tls != NULL && c->tls == NULL) {
        return start_tls(c);
    } else if (strncasecmp(line, "AUTH PLAIN", 10) == 0) {
        char more[LINE_MAX_BYTES];
        if (strlen(line) <= 11) {
            say(c, "334 \r\n");
            if (!next_line(c, more))
                return false;
            line = more;
        }
        c->signed_in = right_password(line);
        say(c, c->signed_in ? "235 welcome\r\n" : "535 no\r\n");
    } else if (strncasecmp(line, "MAIL FROM:", 10) == 0) {
        address(line, c->from);
        say(c, shut ? "530 sign in first\r\n" : "250 ok\r\n");
    } else if (strncasecmp(line, "RCPT TO:", 8) == 0) {
        address(line, c->to);
        say(c, mood == DM_SMTPD_NO_RCPT ? "550 nobody of that name\r\n" : "250 ok\r\n");
    } else if (strcasecmp(line, "DATA") == 0) {
        say(c, "354 go on\r\n");
        return take_letter(c);
    } else if (strcasecmp(line, "QUIT") == 0) {
        say(c, "221 bye\r\n");
        return false;
    } else {
        say(c, "500 what\r\n");
    }
    return true;
}

static void *serve(void *arg)
{
    client *c = arg;
    char line[LINE_MAX_BYTES];
    sigset_t pipe;
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe, NULL); /* a client may go while it is spoken to */
    say(c, "220 test relay\r\n");
    while (next_line(c, line) && answer(c, line))
        continue;
    SSL_free(c->tls);
    (void)close(c->fd);
    dm_buf_done(&c->in);
    free(c);
    return NULL;
}

static void *take_clients(void *arg)
{
    dm_smtpd *s = arg;
    while (!atomic_load(&s->stop)) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (poll(&p, 1, 50) <= 0)
            continue;
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        client *c = fd >= 0 ? calloc(1, sizeof *c) : NULL;
        if (c == NULL || s->nclients == CLIENTS_MAX) {
            free(c);
            continue;
        }
        c->s = s;
        c->fd = fd;
        dm_buf_init(&c->in, 1 << 20);
        if (pthread_create(&s->clients[s->nclients], NULL, serve, c) != 0)
            abort();
        s->nclients++;
    }
    return NULL;
}

dm_smtpd *dm_smtpd_start(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;
    dm_smtpd *s = calloc(1, sizeof *s);
    if (s == NULL || (s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0 ||
            bind(s->fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(s->fd, 64) < 0 ||
            getsockname(s->fd, (struct sockaddr *)&at, &n) < 0)
        abort();
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)snprintf(s->url, sizeof s->url, "smtp://127.0.0.1:%d", ntohs(at.sin_port));
    if (pthread_create(&s->acceptor, NULL, take_clients, s) != 0)
        abort();
    return s;
}

void dm_smtpd_free(dm_smtpd *s)
{
    if (s == NULL)
        return;
    atomic_store(&s->stop, true);
    (void)pthread_join(s->acceptor, NULL);
    for (size_t i = 0; i < s->nclients; i++)
        (void)pthread_join(s->clients[i], NULL);
    for (size_t i = 0; i < s->n; i++)
        dm_buf_done(&s->letters[i].text);
    (void)close(s->fd);
    SSL_CTX_free(s->tls);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

void dm_smtpd_be(dm_smtpd *s, dm_smtpd_mood mood)
{
    atomic_store(&s->mood, (int)mood);
}

const char *dm_smtpd_url(const dm_smtpd *s)
{
    return s->url;
}

void dm_smtpd_certify(dm_smtpd *s, const char *certificate, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        abort();
    SSL_CTX_free(s->tls);
    s->tls = tls;
}

unsigned dm_smtpd_clear(dm_smtpd *s)
{
    return atomic_load(&s->clear);
}

size_t dm_smtpd_count(dm_smtpd *s)
{
    (void)pthread_mutex_lock(&s->lock);
    size_t n = s->n;
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

dm_smtpd_letter dm_smtpd_letter_at(dm_smtpd *s, size_t i)
{
    (void)pthread_mutex_lock(&s->lock);
    dm_smtpd_letter l = s->letters[i].envelope;
    l.text = s->letters[i].text.p;
    (void)pthread_mutex_unlock(&s->lock);
    return l;
}
