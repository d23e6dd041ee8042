/* The newest attestation of each sandbox, in a file sorted by sandbox: a statement's sandboxes come in that order, so a
 * new file is written beside the old one as they come, and memory is one record of each. A sandbox that no statement
 * speaks of any more is forgotten. */
#include <errno.h>

#include "metering/verify/own.h"

enum { FORGOTTEN_AFTER = 48 }; /* statements; one that sleeps is in each */

static int broken(dm_err *err)
{
    return dm_fail_sys(err, errno, "a temporary file");
}

static int put(dm_v_links *l, const dm_v_link *one, dm_err *err)
{
    return fwrite(one, sizeof(*one), 1, l->now) == 1 ? 0 : broken(err);
}

static int next(dm_v_links *l, dm_err *err)
{
    l->has = l->before != NULL && fread(&l->next, sizeof(l->next), 1, l->before) == 1;
    return l->before != NULL && ferror(l->before) != 0 ? broken(err) : 0;
}

int dm_v_links_begin(dm_v_links *l, dm_err *err)
{
    l->now = tmpfile();
    if (l->now == NULL)
        return broken(err);
    l->any = false;
    return next(l, err);
}

/* What stands before a sandbox goes over as it is. */
static int pass(dm_v_links *l, const dm_sandbox_id *until, int64_t statement, dm_err *err)
{
    int r = 0;
    while (r == 0 && l->has && (until == NULL || dm_sandbox_id_cmp(&l->next.sandbox, until) < 0)) {
        if (l->next.statement + FORGOTTEN_AFTER >= statement)
            r = put(l, &l->next, err);
        if (r == 0)
            r = next(l, err);
    }
    return r;
}

int dm_v_links_see(dm_v_links *l, const dm_v_link *one, bool *known, dm_v_link *before, dm_err *err)
{
    int r = 0;
    *known = l->any && dm_sandbox_id_eq(&l->at.sandbox, &one->sandbox);
    if (*known) {
        *before = l->at;
    } else {
        if (l->any)
            r = put(l, &l->at, err);
        if (r == 0)
            r = pass(l, &one->sandbox, one->statement, err);
        *known = r == 0 && l->has && dm_sandbox_id_eq(&l->next.sandbox, &one->sandbox);
        if (*known) {
            *before = l->next;
            r = next(l, err);
        }
    }
    l->at = *one;
    l->any = true;
    return r;
}

int dm_v_links_end(dm_v_links *l, int64_t statement, dm_err *err)
{
    int r = l->any ? put(l, &l->at, err) : 0;
    if (r == 0)
        r = pass(l, NULL, statement, err);
    if (l->before != NULL)
        (void)fclose(l->before);
    l->before = l->now;
    l->now = NULL;
    if (r == 0 && fseek(l->before, 0, SEEK_SET) != 0)
        r = broken(err);
    return r;
}

void dm_v_links_done(dm_v_links *l)
{
    if (l->before != NULL)
        (void)fclose(l->before);
    if (l->now != NULL)
        (void)fclose(l->now);
}
