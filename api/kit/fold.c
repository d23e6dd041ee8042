#include "api/kit/fold.h"

#include <pthread.h>
#include <stddef.h>

#include "base/crypto.h"
#include "base/map.h"

enum { TEXT_MAX = 64 << 10, QUESTIONS_MAX = 65536 };

typedef struct asker {
    dm_req *req;
    struct asker *next;
} asker;

typedef struct question {
    dm_line_job job; /* first */
    dm_fold *of;
    dm_digest key;
    dm_http_handler fn;
    void *ctx;
    asker *first, **last;
    unsigned n;
} question;

struct dm_fold {
    dm_later *later;
    pthread_mutex_t lock;
    dm_map asked;
};

int dm_fold_new(dm_later *later, dm_fold **out, dm_err *err)
{
    dm_fold *f = calloc(1, sizeof *f);
    if (f == NULL)
        return dm_fail(err, DM_E_NOMEM, "questions");
    f->later = later;
    dm_map_init(&f->asked, offsetof(question, key), sizeof(dm_digest), QUESTIONS_MAX);
    (void)pthread_mutex_init(&f->lock, NULL);
    *out = f;
    return 0;
}

void dm_fold_free(dm_fold *f)
{
    if (f == NULL)
        return;
    dm_map_done(&f->asked);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

/* What makes two requests the same: whose they are, and all that a handler may look at. */
static int key_of(dm_later_at at, const dm_req *req, dm_digest *out, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, TEXT_MAX);
    (void)dm_buf_fmt(&text, "%lld %s ", (long long)at.project.v, req->route->path);
    (void)dm_buf_str(&text, req->path);
    for (size_t i = 0; i < req->nquery; i++) { /* neither has a NUL */
        (void)dm_buf_ch(&text, '\0');
        (void)dm_buf_str(&text, req->query[i].name);
        (void)dm_buf_ch(&text, '\0');
        (void)dm_buf_str(&text, req->query[i].value);
    }
    int r = dm_buf_ok(&text, err);
    return r < 0 ? r : dm_sha256(dm_buf_view(&text), out, err);
}

/* --- answering ---------------------------------------------------------------------------------------------- */

static asker *next_asker(question *q)
{
    dm_fold *f = q->of;
    (void)pthread_mutex_lock(&f->lock);
    asker *a = q->first;
    if (a != NULL)
        q->first = a->next;
    if (q->first == NULL)
        q->last = &q->first;
    if (a == NULL)
        (void)dm_map_remove(&f->asked, q);
    (void)pthread_mutex_unlock(&f->lock);
    return a;
}

/* All that still wait; nobody joins them any more. */
static asker *close_question(question *q)
{
    (void)pthread_mutex_lock(&q->of->lock);
    (void)dm_map_remove(&q->of->asked, q);
    asker *rest = q->first;
    q->first = NULL;
    (void)pthread_mutex_unlock(&q->of->lock);
    return rest;
}

static void copy(dm_reply *to, const dm_reply *from)
{
    dm_reply_text(to, from->status, from->content_type, dm_buf_view(&from->body));
    for (size_t i = 0; i < from->nheaders; i++)
        if (dm_reply_header(to, from->headers[i].name, dm_str_c(from->headers[i].value), NULL) < 0)
            break; /* as many fit as in the first one */
    to->refused_by = from->refused_by;
    to->why = from->why;
}

static void done(asker *a, int r, const dm_err *err)
{
    dm_req_done(a->req, r, err);
    free(a);
}

static void answer_all(asker *one, asker *rest, int r, const dm_err *err)
{
    while (rest != NULL) {
        asker *next = rest->next;
        copy(&rest->req->reply, &one->req->reply);
        done(rest, r, err);
        rest = next;
    }
    done(one, r, err);
}

static void run(dm_line_job *job)
{
    question *q = (question *)(void *)job;
    for (asker *a; (a = next_asker(q)) != NULL;) {
        dm_err err = {0};
        int r = dm_req_gone(a->req) ? DM_E_UNAVAILABLE : q->fn(a->req, q->ctx, &err);
        if (r < 0 && dm_req_gone(a->req)) { /* it may have failed for that very reason */
            done(a, dm_fail(&err, DM_E_UNAVAILABLE, "the client has gone"), &err);
            continue;
        }
        answer_all(a, close_question(q), r, &err);
        break;
    }
    free(q);
}

/* --- asking ------------------------------------------------------------------------------------------------- */

static void add(question *q, asker *a)
{
    *q->last = a;
    q->last = &a->next;
    q->n++;
}

/* With the lock. 0: q is asked, or will be, and a is among those who ask it. */
static int begin(dm_fold *f, question **q, const dm_digest *key, asker *a, dm_err *err)
{
    question *known = dm_map_find(&f->asked, key);
    if (known != NULL && known->n >= DM_FOLD_MAX)
        return dm_fail(err, DM_E_LIMIT, "%d requests wait for this answer already", DM_FOLD_MAX);
    if (known != NULL) {
        add(known, a);
        return 0;
    }
    int r = dm_map_reserve(&f->asked, "questions", err);
    if (r < 0)
        return r;
    dm_map_add(&f->asked, *q);
    add(*q, a);
    *q = NULL;
    return 0;
}

int dm_fold_ask(dm_fold *f, dm_later_at at, dm_req *req, dm_http_handler fn, void *ctx, dm_err *err)
{
    dm_digest key;
    if (dm_later_at_once(f->later))
        return fn(req, ctx, err);
    int r = key_of(at, req, &key, err);
    if (r < 0)
        return r;
    DM_AUTO_MEM question *q = calloc(1, sizeof *q);
    DM_AUTO_MEM asker *a = calloc(1, sizeof *a);
    if (q == NULL || a == NULL)
        return dm_fail(err, DM_E_NOMEM, "question");
    *q = (question){.job.fn = run, .of = f, .key = key, .fn = fn, .ctx = ctx};
    q->last = &q->first;
    a->req = req;
    question *fresh = q;
    (void)pthread_mutex_lock(&f->lock);
    r = begin(f, &fresh, &key, a, err);
    /* With the lock, so that nobody joins a question that is not asked after all. */
    if (r == 0 && fresh == NULL) {
        r = dm_later_join(f->later, at, &q->job, err);
        if (r < 0)
            (void)dm_map_remove(&f->asked, q);
        else
            (void)dm_steal(&q);
    }
    (void)pthread_mutex_unlock(&f->lock);
    if (r < 0)
        return r;
    (void)dm_steal(&a);
    return DM_HTTP_LATER;
}
