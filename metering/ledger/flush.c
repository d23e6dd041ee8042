/* The writing side. A flush is one transaction: chunks, oaths, marks, anomalies and dead letters, and last the offsets
 * they came with, moved from where this meter left them. A meter from which another has taken over moves nothing, and
 * with that nothing of its flush was written. Memory is cleared when the transaction is committed, and not before. */
#include <assert.h>

#include "base/point.h"
#include "base/wire/topic.h"

#include "metering/kit/meters.h"
#include "metering/kit/notes.h"
#include "metering/kit/sql_kit.h"
#include "metering/ledger/own.h"
#include "metering/ledger/sql_ledger.h"

/* --- flushing ----------------------------------------------------------------------------------------------- */

typedef struct flush {
    dm_ledger *l;
    dm_buf *packed; /* one a chunk */
} flush;

typedef struct marks {
    dm_pg *c;
    int r;
    dm_err *err;
} marks;

static void save_mark(void *arg, dm_worker_no worker_no, const dm_track_mark *mark)
{
    marks *m = arg;
    if (m->r == 0)
        m->r = dm_sql_mark_save(m->c, worker_no, mark, m->err);
}

int dm_ledger_put_marks(dm_ledger *l, dm_pg *c, dm_err *err)
{
    marks m = {c, 0, err};
    for (size_t i = 0; m.r == 0 && i < l->ngaps; i++)
        m.r = dm_sql_gap_add(c, &l->gaps[i], err);
    if (m.r == 0)
        dm_track_each_changed(l->track, save_mark, &m);
    return m.r;
}

static int put_sworn(dm_ledger *l, dm_pg *c, dm_err *err)
{
    DM_AUTO_MANY rows;
    dm_sql_attests(&rows, c, l->open_from, false);
    int r = 0;
    for (size_t i = 0; r == 0 && i < l->nsworn; i++) {
        dm_str message = {l->sworn[i].message, l->sworn[i].n};
        if (l->sworn[i].kind == DM_ATTEST_END) {
            dm_attest_end e;
            r = dm_attest_end_read(message, &e, err);
            if (r == 0)
                r = dm_sql_attest_end_add(c, &e, message, err);
            continue;
        }
        dm_digest hash;
        r = dm_attest_read(message, l->attest, &hash, err);
        if (r == 0)
            r = dm_sql_attest_add(&rows, l->attest, message, &hash, err);
    }
    return r == 0 ? dm_many_flush(&rows, err) : r;
}

/* The offsets go last: until they are moved, nobody else's flush is waited for longer than a moment. */
static int move_offsets(dm_ledger *l, dm_pg *c, dm_err *err)
{
    for (size_t i = 0; i < l->nparts; i++) {
        const dm_part *p = &l->parts[i];
        bool held = true;
        assert(p->next >= p->stored); /* an offset never goes back */
        int r = p->next == p->stored ? 0
                                     : dm_sql_offset_move(c, p->topic, p->part, l->c.owner, p->generation, p->stored,
                                               p->next, &held, err);
        if (r < 0)
            return r;
        if (!held)
            return DM_LEDGER_ZOMBIE;
    }
    return 0;
}

static int flush_tx(dm_pg *c, void *arg, dm_err *err)
{
    flush *f = arg;
    dm_ledger *l = f->l;
    int r = dm_ledger_may(l, c, err);
    for (size_t i = 0; r == 0 && i < dm_window_count(l->window); i++)
        r = dm_sql_chunk_add(c, dm_window_get(l->window, i), dm_buf_view(&f->packed[i]), err);
    DM_POINT(FLUSH_CHUNKS);
    if (r == 0)
        r = put_sworn(l, c, err);
    if (r == 0)
        r = dm_ledger_put_late(l, c, err);
    DM_POINT(FLUSH_OATHS);
    if (r == 0)
        r = dm_ledger_put_marks(l, c, err);
    if (r == 0)
        r = dm_notes_put(c, &l->anomalies, err);
    for (size_t i = 0; r == 0 && i < l->nrejects; i++)
        r = dm_sql_outbox_add(c, DM_TOPIC_DLQ, dm_str_c(l->rejects[i].key), dm_str_c(l->rejects[i].json), err);
    DM_POINT(FLUSH_MARKS);
    r = r == 0 ? move_offsets(l, c, err) : r;
    DM_POINT(FLUSH_OFFSETS);
    return r;
}

static bool anything(const dm_ledger *l)
{
    for (size_t i = 0; i < l->nparts; i++) {
        if (l->parts[i].next != l->parts[i].stored)
            return true;
    }
    return false;
}

static void flushed(dm_ledger *l)
{
    dm_metric_add(l->c.metrics, &dm_m_chunks, NULL, (int64_t)dm_window_count(l->window));
    dm_metric_set(l->c.metrics, &dm_m_rows, NULL, (int64_t)dm_accum_count(l->accum));
    dm_notes_count(l->c.metrics, &l->anomalies);
    dm_window_clear(l->window);
    dm_accum_clear(l->late);
    dm_anomalies_clear(&l->anomalies);
    dm_track_saved(l->track);
    for (size_t i = 0; i < l->nrejects; i++)
        free(l->rejects[i].json);
    for (size_t i = 0; i < l->nsworn; i++)
        free(l->sworn[i].message);
    l->nrejects = l->nsworn = l->ngaps = 0;
    for (size_t i = 0; i < l->nparts; i++)
        l->parts[i].stored = l->parts[i].next;
}

int dm_ledger_flush(dm_ledger *l, dm_err *err)
{
    int64_t began = dm_mono_us(l->c.clock);
    int r = dm_ledger_partitions(
            l, dm_second_of(dm_wall_us(l->c.clock)) - 86400, dm_second_of(dm_wall_us(l->c.clock)), err);
    if (r < 0 || !anything(l))
        return r;
    r = dm_ledger_take_held(l, err);
    if (r < 0)
        return dm_wrap(err, "flush");
    size_t n = dm_window_count(l->window);
    DM_AUTO_MEM dm_buf *packed = calloc(n + 1, sizeof(*packed));
    if (packed == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to pack %zu chunks", n);
    for (size_t i = 0; i < n; i++)
        dm_buf_init(&packed[i], DM_CHUNK_RAW_MAX * 2u);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = dm_chunk_pack(dm_buf_view(&dm_window_get(l->window, i)->raw), &packed[i], err);
    flush f = {l, packed};
    DM_POINT(FLUSH_PACKED);
    if (r == 0)
        r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){0}, flush_tx, &f, err);
    for (size_t i = 0; i < n; i++)
        dm_buf_done(&packed[i]);
    if (r < 0)
        return dm_wrap(err, "flush");
    DM_POINT(FLUSH_COMMITTED);
    if (r == 0)
        flushed(l);
    dm_metric_time(l->c.metrics, &dm_m_flush, NULL, dm_mono_us(l->c.clock) - began);
    return r;
}

/* --- outbox ------------------------------------------------------------------------------------------------- */

enum { OUTBOX_PAGE = 256 };

typedef struct outbox {
    const char *topic;
    dm_ledger_send_fn send;
    void *arg;
    int sent;
} outbox;

/* Sending inside the transaction that marks it keeps rows locked for no more than a page; a repetition after a crash is
 * what "at least once" means. */
static int outbox_tx(dm_pg *c, void *arg, dm_err *err)
{
    outbox *o = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    o->sent = 0;
    int r = dm_sql_outbox_unsent(c, o->topic, OUTBOX_PAGE, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        dm_err why;
        if (o->send(o->arg, o->topic, dm_pg_str(rows, i, 1), dm_pg_str(rows, i, 2), &why) != 0)
            break; /* the broker is away: what stands here is sent later, in order */
        DM_POINT(OUTBOX_SENT);
        r = dm_sql_outbox_sent(c, dm_pg_i64(rows, i, 0), err);
        DM_POINT(OUTBOX_MARKED);
        o->sent++;
    }
    return r;
}

int dm_ledger_outbox(dm_ledger *l, const char *topic, dm_ledger_send_fn send, void *arg, dm_err *err)
{
    outbox o = {topic, send, arg, 0};
    int r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){0}, outbox_tx, &o, err);
    if (r < 0)
        return dm_wrap(err, "outbox");
    dm_metric_add(l->c.metrics, &dm_m_outbox, NULL, o.sent);
    return o.sent;
}
