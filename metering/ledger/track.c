/* How far a worker's word is good. A frame says "all seconds up to s are final here"; the ledger may believe it when it
 * has every frame up to that one. So the mark is the last frame before which none is missing, and a period closes on
 * marks. If a mark ran ahead of a frame that is still to come, a period would close without that frame's seconds, and
 * they would be given away; if it stood still for good, no period would close at all.
 *
 * Frames of a worker are ordered by (boot, number). Within a boot each number follows the one before. From boot to boot
 * the chain is prev_boot_last_frame: the first frame of a boot names the last number of the newest earlier boot that
 * made any, and follows if the mark stands at that number. A boot that was lost whole is seen by this, unless it
 * ended with just the number the mark stands at; then its oaths say what no frame does, which charges nobody.
 *
 * A host that crashes may tear records off its journal whose frames had already been sent. The next boot then names an
 * earlier number than we have, or that of a boot further back, or none at all (0), and no frame will ever come that
 * makes this true. So numbers are not asked alone. A worker frames every second once, and its next boot goes on behind
 * the last one it remembers: where its first frame is of a second no later than the one behind the mark's, nothing can
 * lie between, whatever it has forgotten, and it follows. What is not believed: (1) a later second. The seconds up to
 * it were never sent, and an old number, or 0, is just what a worker would say that has lost the boot which framed
 * them: it waits as behind any gap. (2) A number higher than we have, unless it is the one that the mark's own boot
 * named: it says that there are frames which are still to come. (3) The second of a frame whose date cannot be
 * (complete_through -1, the ledger's sign for it): one such frame, dated far ahead, would make every later second seem
 * to be known. The watermark never goes back, and what the new boot frames again is merged by OR, as any repetition.
 *
 * What is beyond a gap waits, sorted, with the parts it has; the frame that fills the gap takes all that follow along
 * (advance). A worker's frames are in one partition, whose order Kafka keeps, so gaps are rare: what was lost on the
 * way comes again out of the worker's journal. What may wait (DM_TRACK_PENDING_MAX) is a day and a half of one worker.
 *
 * When patience is over the caller writes off: the mark goes on to the next frame that came, and the gap is remembered
 * as a hole. The hole tells two kinds of late apart. A frame at or before the mark is a repetition and changes nothing,
 * unless it lies in a hole: then it is evidence that was missing, is kept as such, and splits the hole, so that its
 * second copy is a repetition again. Without holes either every replay of the stream would be late evidence, or what
 * arrives after it was written off would vanish. Holes are bounded (HOLES_MAX); what lay in a forgotten one is taken
 * for a repetition, which charges nobody.
 *
 * What a frame was is remembered as eight bytes of it (dm_frame_head.print), in a table in which newer frames of all
 * workers displace older ones: some quarter of a million are in it. Past that, and after a restart for what is in no
 * chunk of an open period, a second frame of a number counts as a repetition, as every one did before.
 *
 * Nothing here is lost by a crash: the marks and gaps are in the database, and what waited beyond a mark is read again
 * from the chunks of the open periods. */
#include "metering/ledger/track.h"

#include <assert.h>

#include "base/grow.h"
#include "base/sorted.h"

enum { HOLES_MAX = 4096, PRINTS = 1 << 18 };

/* A frame beyond the mark. */
typedef struct pending {
    uint64_t boot, frame, prev; /* prev: with what the boot before ended */
    uint64_t have;              /* bit p: part p */
    uint16_t parts;
    int64_t second, complete_through;
} pending;

typedef struct worker {
    dm_worker_no no;
    dm_track_mark mark;
    uint64_t before; /* with what the boot before the mark's ended, by that one's word; 0: not known */
    bool changed;
    pending *wait; /* sorted by boot and number */
    size_t nwait, room;
    dm_track_gap *holes; /* written off; in order of time */
    size_t nholes, holes_room;
} worker;

/* What was taken under a name: a hash of worker, boot, number and part. */
typedef struct print {
    uint64_t name, of;
} print;

struct dm_track {
    worker *workers; /* sorted by number */
    size_t n, room;
    print *prints; /* PRINTS places, each name has one */
};

int dm_track_new(dm_track **out, dm_err *err)
{
    dm_track *t = calloc(1, sizeof(*t));
    if (t != NULL)
        t->prints = calloc(PRINTS, sizeof(*t->prints));
    if (t == NULL || t->prints == NULL) {
        free(t);
        return dm_fail(err, DM_E_NOMEM, "no memory to track workers");
    }
    *out = t;
    return 0;
}

void dm_track_free(dm_track *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n; i++) {
        const worker *w = &t->workers[i];
        assert(i == 0 || w[-1].no.v < w->no.v);
        assert(w->nwait <= w->room && w->nholes <= w->holes_room);
        free(t->workers[i].wait);
        free(t->workers[i].holes);
    }
    free(t->workers);
    free(t->prints);
    free(t);
}

/* --- workers ------------------------------------------------------------------------------------------------ */

static int by_no(const void *element, const void *key)
{
    uint64_t a = ((const worker *)element)->no.v, b = ((const dm_worker_no *)key)->v;
    return a < b ? -1 : a > b;
}

static size_t worker_place(const dm_track *t, dm_worker_no no, bool *there)
{
    return dm_sorted_place(t->workers, t->n, sizeof(*t->workers), &no, by_no, there);
}

static worker *worker_find(const dm_track *t, dm_worker_no no)
{
    bool there;
    size_t i = worker_place(t, no, &there);
    return there ? &t->workers[i] : NULL;
}

/* 0 or DM_TRACK_NO_ROOM. */
static int worker_get(dm_track *t, dm_worker_no no, worker **out, dm_err *err)
{
    bool there;
    size_t i = worker_place(t, no, &there);
    if (!there) {
        if (t->n == DM_WORKERS_MAX)
            return DM_TRACK_NO_ROOM;
        int r = dm_grow(&t->workers, &t->room, t->n, DM_WORKERS_MAX, "workers", err);
        if (r < 0)
            return r;
        dm_sorted_open(t->workers, t->n, sizeof(*t->workers), i);
        t->workers[i] = (worker){.no = no, .mark = {0, 0, -1, -1}};
        t->n++;
    }
    *out = &t->workers[i];
    return 0;
}

int dm_track_restore(dm_track *t, dm_worker_no worker_no, const dm_track_mark *mark, dm_err *err)
{
    worker *w;
    int r = worker_get(t, worker_no, &w, err);
    if (r != 0)
        return r;
    assert(w->nwait == 0); /* or frames might wait behind the mark for ever */
    w->mark = *mark;
    return 0;
}

/* Past the bound the oldest is forgotten: what arrives of it then counts as a repetition. */
static int hole_add(worker *w, const dm_track_gap *gap, dm_err *err)
{
    if (w->nholes == HOLES_MAX)
        dm_sorted_close(w->holes, &w->nholes, sizeof(*w->holes), 0, 1);
    int r = dm_grow(&w->holes, &w->holes_room, w->nholes, HOLES_MAX, "gaps", err);
    if (r < 0)
        return r;
    w->holes[w->nholes++] = *gap;
    return 0;
}

int dm_track_restore_gap(dm_track *t, const dm_track_gap *gap, dm_err *err)
{
    worker *w;
    int r = worker_get(t, gap->worker_no, &w, err);
    return r != 0 ? r : hole_add(w, gap, err);
}

/* --- frames ------------------------------------------------------------------------------------------------- */

static int order(uint64_t boot_a, uint64_t frame_a, uint64_t boot_b, uint64_t frame_b)
{
    if (boot_a != boot_b)
        return boot_a < boot_b ? -1 : 1;
    return frame_a < frame_b ? -1 : frame_a > frame_b;
}

static int by_frame(const void *element, const void *key)
{
    const pending *p = element;
    const dm_frame_head *h = key;
    return order(p->boot, p->frame, h->worker_boot, h->frame_no);
}

static bool whole_of(const pending *p)
{
    return p->have == (p->parts == 64 ? UINT64_MAX : ((uint64_t)1 << p->parts) - 1);
}

static bool follows(const worker *w, const pending *p)
{
    const dm_track_mark *m = &w->mark;
    if (p->boot == m->boot)
        return p->frame == m->frame + 1;
    if (p->frame != 1)
        return false;
    if (p->prev == m->frame)
        return true;
    return p->second <= m->second + 1 && (p->prev < m->frame || p->prev == w->before);
}

static void settle(worker *w, const pending *p)
{
    assert(order(w->mark.boot, w->mark.frame, p->boot, p->frame) < 0); /* a mark never goes back */
    w->mark.boot = p->boot;
    w->mark.frame = p->frame;
    if (p->complete_through >= 0)
        w->mark.second = p->second;
    if (p->complete_through > w->mark.complete_through)
        w->mark.complete_through = p->complete_through;
    w->before = p->prev;
    w->changed = true;
}

static void drop_front(worker *w, size_t n)
{
    assert(n <= w->nwait);
    dm_sorted_close(w->wait, &w->nwait, sizeof(*w->wait), 0, n);
}

static void advance(worker *w)
{
    size_t n = 0;
    while (n < w->nwait && whole_of(&w->wait[n]) && follows(w, &w->wait[n])) {
        settle(w, &w->wait[n]);
        n++;
    }
    drop_front(w, n);
}

/* A frame at or before the mark: seen, unless it lies in a hole. Its first arrival splits the hole. */
static int take_old(worker *w, const dm_frame_head *h, dm_err *err)
{
    for (size_t i = 0; i < w->nholes; i++) {
        dm_track_gap *g = &w->holes[i];
        if (g->boot != h->worker_boot || h->frame_no < g->first || h->frame_no > g->last)
            continue;
        if (h->part + 1u < h->parts)
            return DM_TRACK_LATE; /* its last part fills the hole */
        dm_track_gap after = *g;
        after.first = h->frame_no + 1;
        g->last = h->frame_no - 1;
        if (g->first > g->last)
            dm_sorted_close(w->holes, &w->nholes, sizeof(*w->holes), i, 1);
        if (after.first <= after.last) {
            int r = hole_add(w, &after, err);
            if (r < 0)
                return r;
        }
        return DM_TRACK_LATE;
    }
    return DM_TRACK_SEEN;
}

static int take_part(pending *p, const dm_frame_head *h, dm_err *err)
{
    uint64_t bit = (uint64_t)1 << h->part;
    if (p->parts != h->parts || p->second != h->second || p->prev != h->prev_boot_last_frame)
        return dm_fail(
                err, DM_E_INVALID, "frame %llu: its parts contradict each other", (unsigned long long)h->frame_no);
    if ((p->have & bit) != 0)
        return DM_TRACK_SEEN;
    p->have |= bit;
    return DM_TRACK_NEW;
}

static int wait_insert(worker *w, size_t i, const pending *p, dm_err *err)
{
    if (w->nwait == DM_TRACK_PENDING_MAX)
        return dm_fail(err, DM_E_LIMIT, "worker %llu: %d frames wait behind a gap", (unsigned long long)w->no.v,
                DM_TRACK_PENDING_MAX);
    int r = dm_grow(&w->wait, &w->room, w->nwait, DM_TRACK_PENDING_MAX, "frames", err);
    if (r < 0)
        return r;
    dm_sorted_open(w->wait, w->nwait, sizeof(*w->wait), i);
    w->wait[i] = *p;
    w->nwait++;
    return 0;
}

static uint64_t mixed(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0xff51afd7ed558ccdu;
    return h ^ h >> 32;
}

static uint64_t name_of(const dm_frame_head *h)
{
    return mixed(mixed(mixed(mixed(1, h->worker_no), h->worker_boot), h->frame_no), h->part);
}

/* A frame that was taken is remembered; a seeming repetition may be another than the one that was. */
static int printed(dm_track *t, const dm_frame_head *h, int taken)
{
    uint64_t name = name_of(h);
    print *p = &t->prints[name % PRINTS];
    if (taken == DM_TRACK_SEEN && p->name == name)
        return p->of != h->print ? DM_TRACK_OTHER : DM_TRACK_SEEN;
    if (taken == DM_TRACK_NEW || taken == DM_TRACK_LATE || taken == DM_TRACK_SEEN)
        *p = (print){name, h->print};
    return taken;
}

static int take(dm_track *t, const dm_frame_head *head, bool *whole, dm_err *err)
{
    if (head->parts > DM_TRACK_PARTS_MAX || head->frame_no == 0)
        return dm_fail(err, DM_E_INVALID, "frame %llu in %u parts", (unsigned long long)head->frame_no, head->parts);
    assert(head->part < head->parts); /* dm_frame_open lets no other pass */
    worker *w;
    *whole = false;
    int r = worker_get(t, (dm_worker_no){head->worker_no}, &w, err);
    if (r != 0)
        return r;
    if (order(head->worker_boot, head->frame_no, w->mark.boot, w->mark.frame) <= 0) {
        if (head->worker_boot == w->mark.boot)
            w->before = head->prev_boot_last_frame; /* after a restart nobody else knows it */
        r = take_old(w, head, err);
        *whole = r == DM_TRACK_LATE && head->parts == 1;
        return r;
    }
    bool there;
    size_t i = dm_sorted_place(w->wait, w->nwait, sizeof(*w->wait), head, by_frame, &there);
    if (there) {
        r = take_part(&w->wait[i], head, err);
    } else {
        pending p = {
                .boot = head->worker_boot,
                .frame = head->frame_no,
                .prev = head->prev_boot_last_frame,
                .have = (uint64_t)1 << head->part,
                .parts = head->parts,
                .second = head->second,
                .complete_through = head->complete_through,
        };
        r = wait_insert(w, i, &p, err);
    }
    if (r != DM_TRACK_NEW)
        return r;
    *whole = whole_of(&w->wait[i]);
    if (*whole)
        advance(w);
    return r;
}

int dm_track_take(dm_track *t, const dm_frame_head *head, bool *whole, dm_err *err)
{
    return printed(t, head, take(t, head, whole, err));
}

dm_track_mark dm_track_mark_of(const dm_track *t, dm_worker_no worker_no)
{
    const worker *w = worker_find(t, worker_no);
    return w != NULL ? w->mark : (dm_track_mark){0, 0, -1, -1};
}

/* --- writing off -------------------------------------------------------------------------------------------- */

/* What is missing between the mark and p, or of p itself. Of an older boot nobody can say how far it went: last is then
 * what p's boot says of it. */
static bool gap_before(const worker *w, const pending *p, dm_track_gap *g)
{
    *g = (dm_track_gap){.worker_no = w->no, .boot = p->boot, .first = 1, .last = p->frame - 1};
    g->from_s = w->mark.second + 1;
    g->to_s = p->second - 1;
    if (p->boot == w->mark.boot) {
        g->first = w->mark.frame + 1;
    } else if (p->frame == 1) {
        g->boot = w->mark.boot;
        g->first = w->mark.frame + 1;
        g->last = p->prev;
    }
    if (!whole_of(p) && g->boot == p->boot) {
        g->last = p->frame;
        g->to_s = p->second;
    }
    return g->first <= g->last;
}

int dm_track_write_off(dm_track *t, dm_worker_no worker_no, int64_t before,
        void (*told)(void *arg, const dm_track_gap *gap), void *arg, dm_err *err)
{
    worker *w = worker_find(t, worker_no);
    int n = 0;
    while (w != NULL && w->nwait > 0 && w->wait[0].second < before) {
        dm_track_gap gap;
        if (!(whole_of(&w->wait[0]) && follows(w, &w->wait[0])) && gap_before(w, &w->wait[0], &gap)) {
            int r = hole_add(w, &gap, err);
            if (r < 0)
                return r;
            told(arg, &gap);
            n++;
        }
        settle(w, &w->wait[0]);
        drop_front(w, 1);
        advance(w);
    }
    return n;
}

void dm_track_each_changed(
        const dm_track *t, void (*each)(void *arg, dm_worker_no worker_no, const dm_track_mark *mark), void *arg)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->workers[i].changed)
            each(arg, t->workers[i].no, &t->workers[i].mark);
    }
}

void dm_track_saved(dm_track *t)
{
    for (size_t i = 0; i < t->n; i++)
        t->workers[i].changed = false;
}
