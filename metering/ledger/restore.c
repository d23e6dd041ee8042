/* The open periods, rebuilt from the chunks by the code that made them: the tracker starts at the stored marks, each
 * frame of a chunk goes to it (which finds again what waits behind a gap) and to the bit maps. What stands there of a
 * worker that never enrolled, from when that was still taken, is left where it is: it charges nobody. */
#include <assert.h>

#include "base/wire/period.h"

#include "metering/ledger/own.h"
#include "metering/ledger/sql_ledger.h"

enum { PAGE = 64 };

/* Nobody but those that are known is restored, so there is room. */
static int load_marks(dm_pg *c, dm_ledger *l, dm_err *err)
{
    DM_AUTO(dm_pg_rows) marks = NULL;
    int r = dm_sql_marks(c, &marks, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(marks); i++) {
        dm_track_mark m = {
                .boot = (uint64_t)dm_pg_i64(marks, i, 1),
                .frame = (uint64_t)dm_pg_i64(marks, i, 2),
                .second = dm_pg_i64(marks, i, 3),
                .complete_through = dm_pg_i64(marks, i, 4),
        };
        dm_worker_no no = {(uint64_t)dm_pg_i64(marks, i, 0)};
        if (dm_known_has(&l->known, no))
            r = dm_track_restore(l->track, no, &m, err);
    }
    assert(r != DM_TRACK_NO_ROOM);
    return r;
}

static int load_gaps(dm_pg *c, dm_ledger *l, dm_err *err)
{
    DM_AUTO(dm_pg_rows) gaps = NULL;
    int r = dm_sql_gaps(c, DM_LEDGER_GAPS_MAX, &gaps, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(gaps); i++) {
        dm_track_gap g = {
                .worker_no = {(uint64_t)dm_pg_i64(gaps, i, 0)},
                .boot = (uint64_t)dm_pg_i64(gaps, i, 1),
                .first = (uint64_t)dm_pg_i64(gaps, i, 2),
                .last = (uint64_t)dm_pg_i64(gaps, i, 3),
                .from_s = dm_pg_i64(gaps, i, 4),
                .to_s = dm_pg_i64(gaps, i, 5),
        };
        if (dm_known_has(&l->known, g.worker_no))
            r = dm_track_restore_gap(l->track, &g, err);
    }
    assert(r != DM_TRACK_NO_ROOM);
    return r;
}

typedef struct state {
    dm_ledger *l;
    int64_t last; /* period that was written; -1: none was */
} state;

static int load_state(dm_pg *c, void *arg, dm_err *err)
{
    state *s = arg;
    dm_ledger *l = s->l;
    int64_t start, period_s;
    int r = dm_sql_last_period(c, &start, &period_s, err);
    s->last = r == 0 ? start : -1;
    if (r == 0 && start >= 0) {
        l->open_from = start + period_s;
        if (!dm_period_begins(l->open_from, l->c.period_s))
            return dm_fail(err, DM_E_INVALID,
                    "periods of %lld s were written up to %lld: periods of %u s cannot begin there; keep the old "
                    "length until "
                    "the hour is over",
                    (long long)period_s, (long long)l->open_from, l->c.period_s);
        dm_accum_close_before(l->accum, l->open_from);
    }
    if (r == 0)
        r = load_marks(c, l, err);
    return r == 0 ? load_gaps(c, l, err) : r;
}

static int replay_frame(dm_ledger *l, dm_str bytes, bool apart, dm_err *err)
{
    dm_frame_head head;
    const uint8_t *samples;
    bool whole = false, kept;
    int r = dm_frame_open(bytes, &head, &samples, err);
    if (r == 0 && !dm_known_has(&l->known, (dm_worker_no){head.worker_no}))
        return 0;
    if (r == 0 && apart)
        return dm_ledger_dispute(l, &head, bytes, &kept, err);
    if (r == 0)
        r = dm_track_take(l->track, &head, &whole, err);
    if (r < 0)
        return r;
    /* At or before the mark it was whole long ago; its last part says so once. */
    whole = whole || (r != DM_TRACK_NEW && head.part + 1 == head.parts);
    r = dm_accum_frame(l->accum, &head, samples, NULL, NULL, err);
    if (r == DM_ACCUM_OVER) { /* the bound was a higher one */
        dm_ledger_note_over(l, &head);
        return 0;
    }
    return r == 0 && whole ? dm_accum_cover(l->accum, (dm_worker_no){head.worker_no}, head.second, err) : r;
}

static int replay_chunk(dm_ledger *l, dm_str packed, int64_t raw_bytes, bool apart, dm_err *err)
{
    DM_AUTO_BUF raw;
    dm_buf_init(&raw, DM_CHUNK_RAW_MAX);
    int r = dm_chunk_unpack(packed, (size_t)raw_bytes, &raw, err);
    dm_str rest = dm_buf_view(&raw), frame;
    while (r == 0 && dm_chunk_next(&rest, &frame))
        r = replay_frame(l, frame, apart, err);
    if (r == 0 && rest.n > 0)
        r = dm_fail(err, DM_E_CORRUPT, "%zu bytes that are no frame", rest.n);
    return r;
}

typedef struct page {
    dm_ledger *l;
    dm_chunk_pos pos;
    dm_pg_rows *rows;
} page;

static int read_page(dm_pg *c, void *arg, dm_err *err)
{
    page *p = arg;
    dm_pg_rows_free(p->rows);
    p->rows = NULL;
    return dm_sql_chunks_after(c, &p->pos, PAGE, &p->rows, err);
}

static int replay_page(page *p, size_t *n, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = dm_steal(&p->rows);
    *n = dm_pg_count(rows);
    for (size_t i = 0; i < *n; i++) {
        p->pos = (dm_chunk_pos){dm_pg_i64(rows, i, 0), dm_pg_i64(rows, i, 1), dm_pg_i64(rows, i, 2),
                dm_pg_i64(rows, i, 3), dm_pg_i64(rows, i, 4)};
        bool apart = p->pos.first_part >= DM_CHUNK_APART;
        int r = replay_chunk(p->l, dm_pg_str(rows, i, 6), dm_pg_i64(rows, i, 5), apart, err);
        if (r < 0)
            return dm_wrap(err, "chunk of worker %lld, boot %lld, frame %lld", (long long)p->pos.worker_no,
                    (long long)p->pos.boot, (long long)p->pos.first_frame);
    }
    return 0;
}

int dm_ledger_restore(dm_ledger *l, dm_err *err)
{
    const dm_pg_scope reading = {.read_only = true};
    state s = {l, -1};
    int r = dm_pg_tx_on(l->c.pg, &reading, load_state, &s, err);
    if (r == 0 && s.last >= 0)
        r = dm_ledger_swear_again(l, s.last, err);
    page p = {.l = l, .pos = {.first_second = l->open_from > 0 ? l->open_from : 0, .worker_no = -1}};
    for (size_t n = PAGE; r == 0 && n == PAGE;) {
        r = dm_pg_tx_on(l->c.pg, &reading, read_page, &p, err);
        if (r == 0)
            r = replay_page(&p, &n, err);
    }
    dm_pg_rows_free(p.rows);
    if (r == 0)
        dm_track_saved(l->track);
    return r;
}
