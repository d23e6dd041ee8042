#include "api/post/post.h"

#include <stdio.h>

#include "base/file.h"

#include "api/post/letter.h"
#include "tenants/who/mail.h"

enum { LETTER_MAX = 64 << 10 };

int dm_post_open(dm_api *api, dm_post *out, dm_err *err)
{
    const dm_api_config *c = api->config;
    DM_AUTO_BUF text;
    dm_buf_init(&text, sizeof out->password);
    *out = (dm_post){.api = api, .from = c->mail_from};
    out->relay = (dm_smtp_config){.url = c->smtp_url,
            .user = c->smtp_user,
            .password = out->password,
            .plain = c->smtp_plain,
            .ca_file = c->smtp_ca_file,
            .timeout_ms = DM_POST_TIMEOUT_MS};
    if (c->smtp_url[0] == '\0')
        return 0;
    if (!dm_smtp_address_ok(dm_str_c(c->mail_from)))
        return dm_fail(err, DM_E_INVALID, "mail_from is no mail address: '%s'", c->mail_from);
    if (c->smtp_password_file[0] == '\0')
        return 0;
    int r = dm_file_read(c->smtp_password_file, &text, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_trim(dm_buf_view(&text)), out->password, sizeof out->password, err);
    if (text.p != NULL)
        explicit_bzero(text.p, text.len);
    return r < 0 ? dm_wrap(err, "smtp_password_file") : 0;
}

void dm_post_close(dm_post *p)
{
    explicit_bzero(p, sizeof *p);
}

/* --- a letter ----------------------------------------------------------------------------------------------- */

static const dm_pg_scope nobody = {.read_only = false};

typedef struct work {
    dm_pg_rows *rows;
    dm_mail mail;
    const char *why; /* it has not left; NULL: it has */
    bool last, gave_up;
} work;

static int take(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_mail_take(c, DM_POST_LEASE_S, &w->rows, &w->mail, err);
}

static int write_down(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    if (w->why == NULL)
        return dm_mail_sent(c, w->mail.no, err);
    return dm_mail_failed(c, w->mail.no, w->mail.tries, w->why, w->last, &w->gave_up, err);
}

/* DM_E_INVALID: no try of it can succeed. */
static int send(dm_post *p, const dm_mail *m, dm_err *err)
{
    char to[256];
    DM_AUTO_BUF text;
    dm_buf_init(&text, LETTER_MAX);
    int r = dm_str_to_array(m->recipient, to, sizeof to, err);
    if (r < 0)
        return dm_fail(err, DM_E_INVALID, "the recipient is too long");
    const dm_letter letter = {
            .from = p->from, .to = to, .subject = m->subject, .body = m->body, .cause = m->cause, .at_us = m->made_us};
    r = dm_letter_write(&letter, &text, err);
    if (r == 0)
        r = dm_smtp_send(&p->relay, p->from, to, dm_buf_view(&text), err);
    if (text.p != NULL)
        explicit_bzero(text.p, text.len);
    return r;
}

static void tell(dm_post *p, const work *w, const dm_err *why)
{
    if (w->why == NULL)
        DM_LOG(p->api->log, DM_INFO, "mail.sent", dm_fi("mail", w->mail.no), dm_fi("tries", w->mail.tries));
    else
        DM_LOG(p->api->log, DM_WARN, w->gave_up ? "mail.given_up" : "mail.not_sent", dm_fi("mail", w->mail.no),
                dm_fi("tries", w->mail.tries), dm_fs("message", why->msg));
}

/* Whether there was one: 0 or DM_MAIL_NONE. */
static int send_one(dm_post *p, unsigned *sent, dm_err *err)
{
    work w = {.rows = NULL};
    dm_err why = {0};
    int r = dm_pg_tx(p->api->who, &nobody, take, &w, err);
    if (r == 0) {
        int e = send(p, &w.mail, &why);
        w.why = e < 0 ? why.msg : NULL;
        w.last = e == DM_E_INVALID;
        r = dm_pg_tx(p->api->who, &nobody, write_down, &w, err);
        *sent += r == 0 && e == 0;
        if (r == 0)
            tell(p, &w, &why);
    }
    dm_pg_rows_free(w.rows);
    return r;
}

int dm_post_round(dm_post *p, unsigned *sent, dm_err *err)
{
    int r = 0;
    *sent = 0;
    if (p->relay.url[0] == '\0')
        return 0;
    for (unsigned i = 0; r == 0 && i < DM_POST_AT_ONCE && !atomic_load(&p->api->draining); i++)
        r = send_one(p, sent, err);
    return r < 0 ? dm_wrap(err, "mail") : 0;
}
