/* A slot is read in pages, without a transaction that lasts, and written in one that says that it is done: who dies
 * between the two begins it anew, and what two write is the same. */
#include "metering/past/past.h"

#include "base/parse.h"

#include "metering/ledger/window.h"
#include "metering/past/minutes.h"
#include "metering/past/sql_past.h"

enum { PAGE = 32, DAY_S = 86400 };

typedef struct work {
    const dm_chore_config *c;
    int64_t now_s, through;
    dm_past_slot slot;
    dm_past_place at;
    dm_pg_rows *page;
} work;

/* --- reading ------------------------------------------------------------------------------------------------ */

static int take_chunk(dm_past_slot *slot, dm_str packed, int64_t raw_bytes, dm_err *err)
{
    DM_AUTO_BUF raw;
    dm_buf_init(&raw, DM_CHUNK_RAW_MAX);
    int r = dm_chunk_unpack(packed, (size_t)raw_bytes, &raw, err);
    dm_str rest = dm_buf_view(&raw), frame;
    while (r == 0 && dm_chunk_next(&rest, &frame)) {
        dm_frame_head head;
        const uint8_t *samples;
        r = dm_frame_open(frame, &head, &samples, err);
        if (r == 0)
            r = dm_past_take(slot, &head, samples, err);
    }
    return r;
}

static int read_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->page);
    w->page = NULL;
    return dm_sql_past_chunks(c, w->slot.from, w->slot.from + DM_PAST_SLOT_S, &w->at, PAGE, &w->page, err);
}

static int read_page(work *w, size_t *n, dm_err *err)
{
    int r = dm_pg_tx_on(w->c->pg, &(dm_pg_scope){.read_only = true}, read_tx, w, err);
    *n = r == 0 ? dm_pg_count(w->page) : 0;
    for (size_t i = 0; r == 0 && i < *n; i++) {
        w->at = (dm_past_place){dm_pg_i64(w->page, i, 0), dm_pg_i64(w->page, i, 1), dm_pg_i64(w->page, i, 2),
                dm_pg_i64(w->page, i, 3), dm_pg_i64(w->page, i, 4)};
        r = take_chunk(&w->slot, dm_pg_str(w->page, i, 6), dm_pg_i64(w->page, i, 5), err);
    }
    dm_pg_rows_free(w->page);
    w->page = NULL;
    return r;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static int write_row(dm_many *rows, const dm_past_row *row, dm_err *err)
{
    char hex[2 * DM_SANDBOX_ID_BYTES + 1] = "";
    int32_t figures[DM_PAST_FIGURES];
    dm_jw *j = dm_many_row(rows);
    if (!dm_past_is_project(row))
        dm_hex(row->key.sandbox.b, sizeof row->key.sandbox.b, hex);
    dm_jw_ki64(j, "project_no", row->key.project_no);
    dm_jw_kc(j, "sandbox", hex);
    dm_jw_key(j, "figures");
    dm_jw_arr(j);
    for (unsigned m = 0; m < DM_PAST_MINUTES; m++) {
        dm_past_figures(row, m, figures);
        for (unsigned i = 0; i < DM_PAST_FIGURES; i++)
            dm_jw_i64(j, figures[i]);
    }
    dm_jw_arr_end(j);
    return dm_many_row_end(rows, err);
}

static int write_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    DM_AUTO_MANY rows;
    dm_sql_past_rows(&rows, c, w->slot.from);
    int r = dm_chore_may(w->c, c, err);
    dm_map_walk walk = dm_map_begin(&w->slot.rows);
    for (const dm_past_row *row; r == 0 && (row = dm_map_next(&walk)) != NULL;)
        r = write_row(&rows, row, err);
    if (r == 0)
        r = dm_many_flush(&rows, err);
    return r == 0 ? dm_sql_past_set_done(c, w->slot.from + DM_PAST_SLOT_S, err) : r;
}

/* By itself: it locks the whole table for a moment, once a day. */
static int turn_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_chore_may(w->c, c, err);
    int64_t keep_from = (w->now_s / DAY_S - w->c->past_days) * DAY_S;
    return r == 0 ? dm_sql_past_turn(c, w->slot.from, keep_from, err) : r;
}

/* --- a slot ------------------------------------------------------------------------------------------------- */

static int find_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_sql_past_done(c, &w->through, err);
}

static int do_slot(work *w, dm_err *err)
{
    size_t n = PAGE;
    int r = 0;
    while (r == 0 && n == PAGE)
        r = read_page(w, &n, err);
    if (r == 0)
        r = dm_pg_tx_on(w->c->pg, &(dm_pg_scope){0}, turn_tx, w, err);
    return r == 0 ? dm_pg_tx_on(w->c->pg, &(dm_pg_scope){0}, write_tx, w, err) : r;
}

int dm_past(const dm_chore_config *c, dm_err *err)
{
    work w = {.c = c, .now_s = dm_second_of(dm_wall_us(c->clock))};
    if (c->past_days == 0)
        return 0;
    int r = dm_pg_tx_on(c->pg, &(dm_pg_scope){.read_only = true}, find_tx, &w, err);
    int64_t oldest = (w.now_s - DM_PAST_BEHIND_S) / DM_PAST_SLOT_S * DM_PAST_SLOT_S;
    int64_t from = w.through > oldest ? w.through : oldest;
    if (r < 0 || from + DM_PAST_SLOT_S + DM_PAST_WAIT_S > w.now_s)
        return r;
    dm_past_slot_init(&w.slot, from);
    r = do_slot(&w, err);
    dm_past_slot_done(&w.slot);
    return r;
}
