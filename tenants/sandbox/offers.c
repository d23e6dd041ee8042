#include "tenants/sandbox/offers.h"

#include <stdio.h>
#include <stdlib.h>

#include "tenants/who/kept.h"

enum { TEXTS = 7, TEXT_MAX = 1024, NAME_MAX_LEN = 4 * DM_TEMPLATE_WORD };

/* A template with its strings, one after the other. */
typedef struct kept {
    dm_template t; /* its strings and rows mean nothing here */
    uint32_t length[TEXTS];
    bool there[TEXTS];
    char text[TEXT_MAX];
} kept;

struct dm_offers {
    dm_kept *kept;
};

int dm_offers_new(const dm_clock *clock, unsigned keep_ms, dm_offers **out, dm_err *err)
{
    dm_offers *o = calloc(1, sizeof *o);
    if (o == NULL)
        return dm_fail(err, DM_E_NOMEM, "templates");
    int r = dm_kept_new(sizeof(kept), keep_ms, clock, &o->kept, err);
    if (r < 0)
        free(o);
    else
        *out = o;
    return r;
}

void dm_offers_free(dm_offers *o)
{
    if (o == NULL)
        return;
    dm_kept_free(o->kept);
    free(o);
}

void dm_offers_forget(dm_offers *o)
{
    dm_kept_all_changed(o->kept);
}

static void texts_of(dm_template *t, dm_str *out[TEXTS])
{
    dm_str *const all[TEXTS] = {&t->template_id, &t->alias, &t->build_id, &t->image, &t->user, &t->workdir, &t->env};
    memcpy(out, all, sizeof all);
}

/* false: it is too long. */
static bool pack(const dm_template *t, kept *out)
{
    dm_str *texts[TEXTS];
    size_t at = 0;
    *out = (kept){.t = *t};
    texts_of(&out->t, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        dm_str s = *texts[i];
        *texts[i] = (dm_str){NULL, 0};
        if (s.n > sizeof out->text - at)
            return false;
        out->there[i] = s.p != NULL;
        out->length[i] = (uint32_t)s.n;
        if (s.n > 0)
            memcpy(out->text + at, s.p, s.n);
        at += s.n;
    }
    out->t.rows = NULL;
    return true;
}

static void unpack(kept *k, dm_template *out)
{
    dm_str *texts[TEXTS];
    const char *at = k->text;
    *out = k->t;
    out->own = k;
    texts_of(out, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        *texts[i] = (dm_str){k->there[i] ? at : NULL, k->length[i]};
        at += k->length[i];
    }
}

/* None of the words has a space. */
static int digest_of(dm_project_no project, const dm_template_name *n, dm_digest *out, dm_err *err)
{
    char text[NAME_MAX_LEN];
    int len = snprintf(text, sizeof text, "%lld %s %s %s", (long long)project.v, n->space, n->alias, n->tag);
    if (len < 0 || (size_t)len >= sizeof text)
        return dm_fail(err, DM_E_INTERNAL, "a template's name");
    return dm_sha256((dm_str){text, (size_t)len}, out, err);
}

int dm_offers_find(
        dm_offers *o, dm_pg *c, dm_project_no project, const dm_template_name *name, dm_template *out, dm_err *err)
{
    dm_digest digest;
    uint64_t mark;
    kept *k = malloc(sizeof *k);
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "template");
    int r = digest_of(project, name, &digest, err);
    if (r == 0 && dm_kept_get(o->kept, &digest, k, &mark)) {
        dm_template_done(out);
        unpack(k, out);
        return 0;
    }
    if (r == 0)
        r = dm_template_find(c, project, name, out, err);
    if (r == 0 && pack(out, k))
        dm_kept_put(o->kept, &digest, k, INT64_MAX, mark);
    free(k);
    return r;
}
