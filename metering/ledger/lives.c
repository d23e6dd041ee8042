#include "metering/ledger/lives.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

#include "metering/ledger/bits.h"
#include "metering/rules/judge.h"

#define NO_ROW UINT32_MAX

enum { SLOTS_MIN = 64, ROWS_MAX = INT32_MAX /* the bit maps bound them */, NEVER = UINT16_MAX };

void dm_lives_done(dm_lives *l)
{
    free(l->heads);
    free(l->v);
    l->heads = NULL;
    l->v = NULL;
}

/* --- the sandboxes ------------------------------------------------------------------------------------------ */

static uint32_t hash(const dm_sandbox_id *id)
{
    uint64_t low;
    memcpy(&low, id->b + 8, sizeof(low)); /* random bytes */
    uint64_t h = low * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 32) * 0xff51afd7ed558ccdu;
    return (uint32_t)(h ^ h >> 29);
}

/* Where this sandbox's is, or would be. */
static dm_lives_head *place(const dm_lives *l, const dm_accum_row *rows, const dm_sandbox_id *id)
{
    uint32_t tag = hash(id);
    for (uint32_t i = tag;; i++) {
        dm_lives_head *head = &l->heads[i & (l->nslots - 1)];
        if (head->row == NO_ROW || (head->tag == tag && dm_sandbox_id_cmp(&rows[head->row].key.sandbox, id) == 0))
            return head;
    }
}

static int grow(dm_lives *l, dm_err *err)
{
    uint32_t n = l->nslots > 0 ? l->nslots * 2 : SLOTS_MIN;
    dm_lives_head *heads = malloc(n * sizeof(*heads));
    if (heads == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %u sandboxes", n);
    memset(heads, 0xff, n * sizeof(*heads));
    for (uint32_t i = 0; i < l->nslots; i++) {
        uint32_t at = l->heads[i].tag;
        while (l->heads[i].row != NO_ROW && heads[at & (n - 1)].row != NO_ROW)
            at++;
        if (l->heads[i].row != NO_ROW)
            heads[at & (n - 1)] = l->heads[i];
    }
    free(l->heads);
    l->heads = heads;
    l->nslots = n;
    return 0;
}

/* --- the lives of one --------------------------------------------------------------------------------------- */

static dm_life_rank rank_of(const dm_accum_key *k)
{
    return (dm_life_rank){k->epoch, k->spec_table, k->spec, k->region_no, k->worker_no};
}

static int by_life(const dm_accum_key *a, const dm_accum_key *b)
{
    return dm_life_rank_cmp(rank_of(a), rank_of(b));
}

static bool claims(const dm_accum_row *row, uint32_t at)
{
    return dm_accum_bit(&row->run, at) || dm_accum_bit(&row->hib, at);
}

static uint32_t past_last(const dm_lives *l, const dm_accum_bits *b)
{
    if (b->map == NULL)
        return b->to;
    for (uint32_t w = (l->period_s + 63) / 64; w-- > 0;) {
        if (b->map[w] != 0)
            return w * 64 + 64 - (uint32_t)__builtin_clzll(b->map[w]);
    }
    return 0;
}

/* One past the last second that it claims. */
static uint32_t end_of(const dm_lives *l, const dm_accum_row *row)
{
    uint32_t run = past_last(l, &row->run), hib = past_last(l, &row->hib);
    return run > hib ? run : hib;
}

static void not_alone_before(dm_life *life, dm_accum_row *row, uint32_t at)
{
    if (life->alone_from < at)
        life->alone_from = (uint16_t)at;
    if (row->easy_from < life->alone_from)
        row->easy_from = (uint32_t)life->alone_from & (uint32_t)DM_ACCUM_NEVER_EASY; /* at most an hour, or never */
}

int dm_lives_add(dm_lives *l, dm_accum_row *rows, uint32_t row, dm_err *err)
{
    dm_accum_row *one = &rows[row];
    int r = dm_grow(&l->v, &l->room, row, ROWS_MAX, "usage rows", err);
    if (r == 0 && (l->n + 1) * 2 >= l->nslots)
        r = grow(l, err);
    if (r < 0)
        return r;
    dm_life *life = &l->v[row];
    *life = (dm_life){.grains = 0};
    dm_lives_head *head = place(l, rows, &one->key.sandbox);
    uint32_t *at = &head->row;
    l->n += *at == NO_ROW;
    head->tag = hash(&one->key.sandbox);
    for (unsigned i = 0; i < DM_LIVES_LOOK && *at != NO_ROW && by_life(&rows[*at].key, &one->key) > 0; i++) {
        at = &l->v[*at].lower;
        not_alone_before(life, one, NEVER);
    }
    life->lower = *at;
    *at = row;
    uint32_t below = life->lower;
    for (unsigned i = 0; i < DM_LIVES_LOOK && below != NO_ROW; i++, below = l->v[below].lower) {
        not_alone_before(life, one, end_of(l, &rows[below]));
        not_alone_before(&l->v[below], &rows[below], NEVER);
    }
    return 0;
}

/* The life that has this second; NO_ROW: none. */
static uint32_t holder(const dm_lives *l, const dm_accum_row *rows, uint32_t head, uint32_t at)
{
    for (unsigned i = 0; i < DM_LIVES_LOOK && head != NO_ROW; i++, head = l->v[head].lower) {
        if (claims(&rows[head], at))
            return head;
    }
    return NO_ROW;
}

/* --- counting ----------------------------------------------------------------------------------------------- */

/* What the disk is at a minute: its figure, or that of the last one before it; 0: nothing is known. */
static uint32_t grains_at(const dm_life *life, const dm_accum_row *row, uint32_t minute)
{
    if (minute >= life->minute)
        return life->grains;
    for (uint32_t m = minute + 1; m-- > 0;) {
        uint32_t grains = dm_accum_disk(row, m);
        if (grains != DM_DISK_UNKNOWN)
            return grains;
    }
    return 0;
}

/* Where no other life is known to claim any. Counted first: only as long as they are not set can it be told which of
 * them are new. */
static int set_alone(
        dm_lives *l, dm_accum_row *row, const dm_life *life, bool run, uint32_t from, uint32_t to, dm_err *err)
{
    dm_accum_bits *bits = run ? &row->run : &row->hib;
    const dm_accum_bits *others = run ? &row->hib : &row->run;
    for (uint32_t at = from; at <= to;) {
        uint32_t minute = at / 60, grains = grains_at(life, row, minute), n = 0, last = at;
        for (; at <= to && at / 60 == minute; at++) {
            bool both = dm_accum_bit(others, at);
            if (dm_accum_bit(bits, at))
                continue;
            if (both && run)
                dm_counts_back(l->counts, row->counter, false, at, grains);
            n += run || !both; /* RUN wins */
            last = at;
        }
        if (n > 0)
            dm_counts_add(l->counts, row->counter, run, last, n, grains);
    }
    return dm_accum_bits_add(bits, l->period_s, from, to + 1, err);
}

/* What the second is counted for, by what the rows say now. */
static void count_one(dm_lives *l, const dm_accum_row *rows, uint32_t head, uint32_t at, bool back)
{
    uint32_t has = holder(l, rows, head, at);
    if (has == NO_ROW)
        return;
    const dm_accum_row *row = &rows[has];
    bool run = dm_accum_bit(&row->run, at);
    uint32_t grains = grains_at(&l->v[has], row, at / 60);
    if (back)
        dm_counts_back(l->counts, row->counter, run, at, grains);
    else
        dm_counts_add(l->counts, row->counter, run, at, 1, grains);
}

static int set_one(dm_lives *l, dm_accum_row *rows, uint32_t row, bool run, uint32_t at, dm_err *err)
{
    dm_accum_bits *bits = run ? &rows[row].run : &rows[row].hib;
    if (dm_accum_bit(bits, at))
        return 0;
    uint32_t head = place(l, rows, &rows[row].key.sandbox)->row;
    count_one(l, rows, head, at, true);
    int r = dm_accum_bits_add(bits, l->period_s, at, at + 1, err);
    count_one(l, rows, head, at, false);
    for (unsigned i = 0; i < DM_LIVES_LOOK && head != NO_ROW && head != row; i++, head = l->v[head].lower)
        not_alone_before(&l->v[head], &rows[head], at + 1);
    return r;
}

int dm_lives_set_among(dm_lives *l, dm_accum_row *rows, uint32_t row, bool run, uint32_t from, uint32_t to, dm_err *err)
{
    if (!run)
        rows[row].easy_from = DM_ACCUM_NEVER_EASY; /* what it may run in, it may have slept in before */
    if (from >= l->v[row].alone_from)
        return set_alone(l, &rows[row], &l->v[row], run, from, to, err);
    int r = 0;
    for (uint32_t at = from; r == 0 && at <= to; at++)
        r = set_one(l, rows, row, run, at, err);
    return r;
}

/* The figure of seconds [from, to) is another: those that are this row's. */
static void count_disk(
        dm_lives *l, dm_accum_row *rows, uint32_t row, uint32_t from, uint32_t to, uint32_t before, uint32_t after)
{
    const dm_accum_row *one = &rows[row];
    uint32_t head = l->v[row].alone_from == NEVER ? place(l, rows, &one->key.sandbox)->row : row;
    uint64_t ran = 0, slept = 0;
    for (uint32_t at = from; at < to; at++) {
        if (!claims(one, at) || holder(l, rows, head, at) != row)
            continue;
        *(dm_accum_bit(&one->run, at) ? &ran : &slept) += 1;
    }
    dm_counts_disk(l->counts, one->counter, true, ran, before, after);
    dm_counts_disk(l->counts, one->counter, false, slept, before, after);
}

int dm_lives_disk(dm_lives *l, dm_accum_row *rows, uint32_t row, uint32_t minute, uint32_t grains, dm_err *err)
{
    dm_accum_row *one = &rows[row];
    dm_life *life = &l->v[row];
    uint32_t minutes = l->period_s / 60, had = dm_accum_disk(one, minute);
    assert(minute < minutes);
    if (had != DM_DISK_UNKNOWN && had >= grains)
        return 0;
    uint32_t before = grains_at(life, one, minute), end = minute + 1;
    while (end < minutes && dm_accum_disk(one, end) == DM_DISK_UNKNOWN)
        end++;
    int r = dm_accum_disk_add(one, l->period_s, minute, grains, err);
    if (r < 0)
        return r;
    if (minute >= life->minute) {
        life->grains = grains;
        life->minute = (uint16_t)minute;
    }
    bool large = grains > DM_RATE_FREE_GRAINS || before > DM_RATE_FREE_GRAINS;
    if (large)
        one->easy_from = DM_ACCUM_NEVER_EASY;
    if (before != grains && (large || dm_accum_any(&one->hib)))
        count_disk(l, rows, row, minute * 60, end * 60, before, grains);
    return 0;
}
