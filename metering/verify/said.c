/* What statements have said, in a file without a name, in case one that follows corrects it: a list a statement, and
 * one of each period that it corrects. In a list sandboxes stand in their order, so those of a period that is corrected
 * are found by going through its lists side by side with the rows that correct it: once, and in memory that is a few
 * blocks of each. A correction says all of a sandbox anew, so what counts is the newest list that has it. */
#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "base/grow.h"

#include "metering/verify/own.h"

enum { LISTS_MAX = 1 << 20, OPEN_MAX = 512, BLOCK = 16 << 10, FOUND_MAX = 1 << 20 };

struct dm_v_said_list {
    int64_t start, number;
    uint64_t from, n; /* where its first record begins, and how many there are */
    uint64_t plans;   /* of the statement of that period: where its plans stand, */
    size_t nplans;    /* and how many; 0: it is of one that corrects it */
};

struct dm_v_said_at {
    int fd;
    uint64_t next, left; /* of the file; records */
    char *block;
    size_t at, n;
    bool has;
    dm_v_was was; /* the record at hand, whose lines and parts are not yet read */
};

/* A line, without what follows from it. */
typedef struct packed {
    int64_t book_id, seconds, per_unit;
    uint32_t from, to;
    uint64_t qty[2];
    uint8_t sku, tier, measured;
} packed;

static int broken(dm_err *err)
{
    return dm_fail_sys(err, errno, "a temporary file");
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static int put(dm_v_said *s, const void *p, size_t n, dm_err *err)
{
    if (n > 0 && fwrite(p, n, 1, s->file) != 1)
        return broken(err);
    s->end += n;
    return 0;
}

int dm_v_said_begin(
        dm_v_said *s, int64_t start, int64_t number, const dm_stated_plan *plans, size_t nplans, dm_err *err)
{
    if (s->file == NULL && (s->file = tmpfile()) == NULL)
        return broken(err);
    uint64_t at = s->end;
    int r = dm_grow(&s->lists, &s->lists_room, s->nlists, LISTS_MAX, "periods of statements", err);
    if (r == 0)
        r = put(s, plans, nplans * sizeof(*plans), err);
    if (r == 0)
        s->lists[s->nlists++] = (dm_v_said_list){start, number, s->end, 0, at, nplans};
    return r;
}

int dm_v_said_put(dm_v_said *s, const dm_v_was *was, const dm_rate_line *lines, const dm_v_part *parts, dm_err *err)
{
    assert(s->nlists > 0);
    int r = put(s, was, sizeof(*was), err);
    for (size_t i = 0; r == 0 && i < was->nlines; i++) {
        const dm_rate_line *x = &lines[i];
        packed p = {.book_id = x->book_id,
                .seconds = x->seconds,
                .per_unit = x->per_unit.v,
                .from = x->from,
                .to = x->to,
                .sku = (uint8_t)x->sku,
                .tier = x->tier,
                .measured = x->measured};
        memcpy(p.qty, &x->qty, sizeof(p.qty));
        r = put(s, &p, sizeof(p), err);
    }
    if (r == 0)
        r = put(s, parts, was->nparts * sizeof(*parts), err);
    s->lists[s->nlists - 1].n += r == 0;
    return r;
}

int64_t dm_v_said_number(const dm_v_said *s, int64_t start)
{
    for (size_t i = s->nlists; i-- > 0;) {
        if (s->lists[i].nplans > 0 && s->lists[i].start <= start)
            return s->lists[i].start == start ? s->lists[i].number : 0; /* they ascend */
    }
    return 0;
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static int take(dm_v_said_at *a, void *to, size_t n, dm_err *err)
{
    char *out = to;
    while (n > 0) {
        if (a->at == a->n) {
            ssize_t got = pread(a->fd, a->block, BLOCK, (off_t)a->next);
            if (got <= 0)
                return got < 0 ? broken(err) : dm_fail(err, DM_E_INTERNAL, "a temporary file has an end");
            a->next += (uint64_t)got;
            a->at = 0;
            a->n = (size_t)got;
        }
        size_t some = a->n - a->at < n ? a->n - a->at : n;
        memcpy(out, a->block + a->at, some);
        a->at += some;
        out += some;
        n -= some;
    }
    return 0;
}

static int next(dm_v_said_at *a, dm_err *err)
{
    a->has = a->left > 0;
    if (!a->has)
        return 0;
    a->left--;
    return take(a, &a->was, sizeof(a->was), err);
}

static int skip(dm_v_said_at *a, dm_err *err)
{
    packed line;
    dm_v_part part;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < a->was.nlines; i++)
        r = take(a, &line, sizeof(line), err);
    for (uint32_t i = 0; r == 0 && i < a->was.nparts; i++)
        r = take(a, &part, sizeof(part), err);
    return r == 0 ? next(a, err) : r;
}

static void close_all(dm_v_said *s)
{
    for (size_t i = 0; i < s->nopen; i++)
        free(s->open[i].block);
    free(s->open);
    s->open = NULL;
    s->nopen = 0;
}

static int open_list(dm_v_said *s, const dm_v_said_list *list, dm_err *err)
{
    dm_v_said_at *a = &s->open[s->nopen];
    *a = (dm_v_said_at){.fd = fileno(s->file), .next = list->from, .left = list->n, .block = malloc(BLOCK)};
    if (a->block == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for what was stated");
    s->nopen++;
    return next(a, err);
}

static int read_plans(const dm_v_said *s, const dm_v_said_list *list, dm_stated_plan *plans, dm_err *err)
{
    size_t size = list->nplans * sizeof(*plans);
    assert(list->nplans <= DM_STATED_PLANS_MAX);
    return pread(fileno(s->file), plans, size, (off_t)list->plans) == (ssize_t)size ? 0 : broken(err);
}

int dm_v_said_open(dm_v_said *s, int64_t start, dm_stated_plan *plans, size_t *nplans, dm_err *err)
{
    int r = s->file == NULL || fflush(s->file) == 0 ? 0 : broken(err);
    close_all(s);
    *nplans = 0;
    s->open = calloc(OPEN_MAX, sizeof(*s->open));
    if (s->open == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for what was stated");
    for (size_t i = s->nlists; r == 0 && i-- > 0;) {
        const dm_v_said_list *list = &s->lists[i];
        if (list->start != start)
            continue;
        if (s->nopen == OPEN_MAX)
            return dm_fail(err, DM_E_LIMIT, "a period is corrected more than %d times", OPEN_MAX);
        r = open_list(s, list, err);
        if (r == 0 && list->nplans > 0) {
            r = read_plans(s, list, plans, err);
            *nplans = list->nplans;
        }
    }
    return r;
}

/* The record at hand, with what belongs to it, among those that are found. */
static int keep(dm_v_said *s, dm_v_said_at *a, dm_err *err)
{
    int r = dm_grow(&s->was, &s->was_room, s->nwas, FOUND_MAX, "lives of a sandbox", err);
    for (uint32_t i = 0; r == 0 && i < a->was.nlines; i++) {
        packed p;
        r = dm_grow(&s->lines, &s->lines_room, s->nlines, FOUND_MAX, "lines of a sandbox", err);
        if (r == 0)
            r = take(a, &p, sizeof(p), err);
        if (r < 0)
            return r;
        dm_rate_line *x = &s->lines[s->nlines++];
        *x = (dm_rate_line){.sku = (dm_sku)p.sku,
                .tier = p.tier,
                .measured = p.measured != 0,
                .book_id = p.book_id,
                .from = p.from,
                .to = p.to,
                .seconds = p.seconds,
                .per_unit = {p.per_unit}};
        memcpy(&x->qty, p.qty, sizeof(p.qty));
    }
    for (uint32_t i = 0; r == 0 && i < a->was.nparts; i++) {
        r = dm_grow(&s->parts, &s->parts_room, s->nparts, FOUND_MAX, "parts of a pool", err);
        if (r == 0)
            r = take(a, &s->parts[s->nparts++], sizeof(s->parts[0]), err);
    }
    if (r == 0)
        s->was[s->nwas++] = a->was;
    return r == 0 ? next(a, err) : r;
}

int dm_v_said_find(dm_v_said *s, const dm_sandbox_id *sandbox, dm_err *err)
{
    int r = 0;
    s->nwas = s->nlines = s->nparts = 0;
    for (size_t i = 0; r == 0 && i < s->nopen; i++) {
        dm_v_said_at *a = &s->open[i];
        bool newest = s->nwas == 0;
        while (r == 0 && a->has && dm_sandbox_id_cmp(&a->was.sandbox, sandbox) < 0)
            r = skip(a, err);
        while (r == 0 && newest && a->has && dm_sandbox_id_eq(&a->was.sandbox, sandbox))
            r = keep(s, a, err);
    }
    return r;
}

void dm_v_said_done(dm_v_said *s)
{
    close_all(s);
    if (s->file != NULL)
        (void)fclose(s->file);
    free(s->lists);
    free(s->was);
    free(s->lines);
    free(s->parts);
}
