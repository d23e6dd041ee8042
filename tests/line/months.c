/* What the meter's own rules make of account-months that somebody made up: tests/line/months says them, one word a
 * line, and compares what is printed here with what the oracle makes of the same. All rating is metering/rules; only
 * the order of it, by period, sandbox and then the account, is written here once more, as metering/bill has it.
 *
 *     months < months
 *
 *     month START END PERIOD_S       seconds; those of a calendar month, or of a part of one
 *     book ID minutes|resources
 *     price ID SKU PER_UNIT
 *     tier ID SKU graduated|volume FROM PER_UNIT
 *     segment GROUP FROM TO BOOK INCLUDED_S     by group, then by time
 *     box GROUP VCPUS MEM_MIB
 *     state BOX STATE FROM TO        the last one box that was named has number n - 1
 *     disk BOX SECOND GRAINS         that of its minute
 *     discount LIST BASIS_POINTS
 *     commit LEAST
 *     end
 *
 * prints "line PERIOD BOX|- SKU TIER BOOK FROM TO SECONDS QTY PER_UNIT AMOUNT KIND", "sum SKU AMOUNT", "total", "pool",
 * "tiers BOOK SKU AFTER", "discount", "due"; "limit" alone for a month with a figure that fits no column. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "base/wire/frame.h"

#include "metering/rules/tier.h"

enum { BOOKS = 16, GROUPS = 4, SEGMENTS = 64, BOXES = 8, STATES = 256, DISKS = 4096, WORDS = 8, LINE_MAX = 256 };

typedef struct segment {
    int64_t from, to;
    const dm_rate_book *book;
    uint64_t included_s;
} segment;

typedef struct state {
    size_t box;
    uint8_t state;
    int64_t from, to;
} state;

typedef struct disk {
    size_t box;
    int64_t second;
    uint32_t grains;
} disk;

typedef struct box {
    size_t group;
    uint32_t vcpus, mem_mib;
} box;

typedef struct month {
    int64_t start, end;
    uint32_t period_s;
    dm_rate_book books[BOOKS];
    size_t nbooks;
    segment segments[GROUPS][SEGMENTS];
    size_t nsegments[GROUPS];
    box boxes[BOXES];
    size_t nboxes;
    state states[STATES];
    size_t nstates;
    disk disks[DISKS];
    size_t ndisks;
    dm_money least;
    bool committed;
    dm_qty counts[BOOKS][DM_SKU_COUNT];
    uint64_t pool;
    dm_money sums[DM_SKU_COUNT], total;
    char *text; /* what is printed, where nothing is too large */
    size_t ntext, room;
} month;

static void stop(const char *what)
{
    (void)fprintf(stderr, "months: %s\n", what);
    exit(1);
}

static void need(bool good, const char *what)
{
    if (!good)
        stop(what);
}

DM_PRINTF(2, 3) static void say(month *m, const char *fmt, ...)
{
    va_list ap;
    if (m->room - m->ntext < 2 * LINE_MAX) {
        m->room = 2 * m->room + 65536;
        m->text = realloc(m->text, m->room);
        need(m->text != NULL, "no memory");
    }
    va_start(ap, fmt);
    m->ntext += (size_t)vsnprintf(m->text + m->ntext, m->room - m->ntext, fmt, ap);
    va_end(ap);
}

/* --- rating ------------------------------------------------------------------------------------------------- */

static size_t place(const month *m, const dm_rate_book *b)
{
    return (size_t)(b - m->books);
}

static int put(month *m, int64_t start, int which, const dm_rate_line *l, dm_err *err)
{
    char qty[DM_MONEY_TEXT], price[DM_MONEY_TEXT], amount[DM_MONEY_TEXT], who[16] = "-";
    int r = dm_money_add(m->sums[l->sku], l->amount, &m->sums[l->sku], err);
    if (r == 0)
        r = dm_money_add(m->total, l->amount, &m->total, err);
    if (which >= 0)
        (void)snprintf(who, sizeof who, "%d", which);
    dm_qty_print(l->qty, qty);
    dm_price_print(l->per_unit, price);
    dm_money_print(l->amount, amount);
    say(m, "line %lld %s %s %u %lld %lld %lld %llu %s %s %s %s\n", (long long)start, who, dm_sku_name(l->sku), l->tier,
            (long long)l->book_id, (long long)(start + l->from), (long long)(start + l->to),
            (unsigned long long)l->seconds, qty, price, amount, l->measured ? "measured" : "usage");
    return r;
}

/* What of a group's segments lies in a period. */
static size_t cut(const month *m, size_t group, int64_t start, dm_rate_segment *out, size_t *first)
{
    size_t n = 0;
    for (size_t i = 0; i < m->nsegments[group]; i++) {
        const segment *g = &m->segments[group][i];
        int64_t from = g->from > start ? g->from - start : 0;
        int64_t to = g->to < start + m->period_s ? g->to - start : m->period_s;
        if (from >= to)
            continue;
        *first = n == 0 ? i : *first;
        need(n < DM_RATE_SEGMENTS_MAX, "too many segments");
        out[n++] = (dm_rate_segment){(uint32_t)from, (uint32_t)to, g->book};
    }
    return n;
}

typedef struct gathered {
    dm_rate_segment segments[DM_RATE_SEGMENTS_MAX];
    size_t n, first;
    uint64_t pooled_s[DM_RATE_SEGMENTS_MAX];
    dm_rate_line measured[DM_RATE_SEGMENTS_MAX][DM_SKU_COUNT]; /* summed up */
} gathered;

static bool used(const month *m, size_t which, int64_t start, uint8_t *states, uint32_t *disks)
{
    bool any = false;
    memset(states, 0, m->period_s);
    for (size_t i = 0; i < m->period_s / 60; i++)
        disks[i] = DM_DISK_UNKNOWN;
    for (size_t i = 0; i < m->nstates; i++) {
        const state *s = &m->states[i];
        for (int64_t at = s->from > start ? s->from : start; s->box == which && at < s->to && at < start + m->period_s;
                at++) {
            states[at - start] = s->state;
            any = true;
        }
    }
    for (size_t i = 0; i < m->ndisks; i++) {
        const disk *d = &m->disks[i];
        if (d->box == which && d->second >= start && d->second < start + m->period_s)
            disks[(d->second - start) / 60] = d->grains;
    }
    return any;
}

static int rate_box(month *m, size_t which, int64_t start, gathered *g, bool *any, dm_err *err)
{
    uint8_t states[DM_RATE_SECONDS_MAX];
    uint32_t disks[DM_RATE_SECONDS_MAX / 60];
    dm_rate_line lines[DM_RATE_LINES_MAX];
    size_t n;
    if (!used(m, which, start, states, disks))
        return 0;
    *any = true;
    dm_rate_use use = {m->period_s, states, disks, m->boxes[which].vcpus, m->boxes[which].mem_mib};
    int r = dm_rate_use_lines(&use, g->segments, g->n, lines, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = put(m, start, (int)which, &lines[i], err);
        for (size_t k = 0; r == 0 && k < g->n && lines[i].measured; k++) {
            dm_rate_line *to = &g->measured[k][lines[i].sku];
            if (g->segments[k].from != lines[i].from)
                continue;
            dm_qty had = to->qty;
            uint64_t seconds = to->seconds + lines[i].seconds;
            *to = lines[i];
            to->seconds = seconds;
            r = dm_qty_add(had, lines[i].qty, &to->qty, err);
        }
    }
    for (size_t k = 0; r == 0 && k < g->n; k++) {
        if (g->segments[k].book->minutes)
            g->pooled_s[k] += dm_rate_count(&use, DM_SAMPLE_RUN, g->segments[k].from, g->segments[k].to);
    }
    return r;
}

static int rate_tiers(month *m, int64_t start, const dm_rate_book *book, const dm_rate_line *like, dm_err *err)
{
    dm_rate_line lines[DM_TIER_LINES_MAX];
    dm_qty *count = &m->counts[place(m, book)][like->sku];
    size_t n;
    int r = dm_tier_lines(book, like, *count, like->qty, lines, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = put(m, start, -1, &lines[i], err);
    return r < 0 ? r : dm_qty_add(*count, like->qty, count, err);
}

static int rate_pool(month *m, int64_t start, const gathered *g, size_t k, uint64_t included_s, dm_err *err)
{
    dm_rate_line lines[2];
    size_t n;
    int r = dm_rate_minutes(m->pool, g->pooled_s[k], included_s, &g->segments[k], lines, &n, err);
    m->pool += g->pooled_s[k];
    for (size_t i = 0; r == 0 && i < n; i++) {
        bool tiers = lines[i].tier > 0 && g->segments[k].book->tiers[DM_SKU_MINUTES].mode != DM_TIER_NONE;
        r = tiers ? rate_tiers(m, start, g->segments[k].book, &lines[i], err) : put(m, start, -1, &lines[i], err);
    }
    return r;
}

static int rate_account(month *m, int64_t start, const gathered *groups, dm_err *err)
{
    int r = 0;
    for (uint32_t second = 0; second < m->period_s; second++) {
        for (size_t group = 0; group < GROUPS; group++) {
            const gathered *g = &groups[group];
            for (size_t k = 0; r == 0 && k < g->n; k++) {
                if (g->segments[k].from != second)
                    continue;
                if (g->segments[k].book->minutes)
                    r = rate_pool(m, start, g, k, m->segments[group][g->first + k].included_s, err);
                for (size_t sku = 0; r == 0 && sku < DM_SKU_COUNT; sku++) {
                    if (g->measured[k][sku].qty.v > 0)
                        r = rate_tiers(m, start, g->segments[k].book, &g->measured[k][sku], err);
                }
            }
        }
    }
    return r;
}

static int rate_period(month *m, int64_t start, dm_err *err)
{
    static gathered groups[GROUPS];
    bool any = false;
    int r = 0;
    memset(groups, 0, sizeof groups);
    for (size_t i = 0; i < GROUPS; i++)
        groups[i].n = cut(m, i, start, groups[i].segments, &groups[i].first);
    for (size_t i = 0; r == 0 && i < m->nboxes; i++)
        r = rate_box(m, i, start, &groups[m->boxes[i].group], &any, err);
    return r == 0 && any ? rate_account(m, start, groups, err) : r;
}

/* Where nothing is used nothing is rated: a month has 44,640 minutes. */
static bool in_use(const month *m, int64_t start)
{
    for (size_t i = 0; i < m->nstates; i++) {
        if (m->states[i].from < start + m->period_s && m->states[i].to > start)
            return true;
    }
    return false;
}

static int rate(month *m, dm_err *err)
{
    char text[DM_MONEY_TEXT];
    int r = 0;
    for (int64_t start = m->start; r == 0 && start < m->end; start += m->period_s)
        r = in_use(m, start) ? rate_period(m, start, err) : 0;
    for (size_t i = 0; r == 0 && i < DM_SKU_COUNT; i++) {
        dm_money_print(m->sums[i], text);
        say(m, "sum %s %s\n", dm_sku_name((dm_sku)i), text);
    }
    for (size_t b = 0; r == 0 && b < m->nbooks; b++) {
        for (size_t i = 0; i < DM_SKU_COUNT; i++) {
            dm_qty_print(m->counts[b][i], text);
            if (m->counts[b][i].v > 0)
                say(m, "tiers %lld %s %s\n", (long long)m->books[b].id, dm_sku_name((dm_sku)i), text);
        }
    }
    dm_money due;
    if (r == 0 && m->committed) {
        r = dm_commit_short(m->least, m->total, &due, err);
        if (r == 0) {
            dm_money_print(due, text);
            say(m, "due %s\n", text);
        }
    }
    dm_money_print(m->total, text);
    say(m, "pool %llu\ntotal %s\n", (unsigned long long)m->pool, text);
    return r;
}

static void finish(month *m)
{
    dm_err err = {0};
    int r = rate(m, &err);
    need(r == 0 || r == DM_E_LIMIT, err.msg);
    if (r == 0)
        (void)fwrite(m->text, 1, m->ntext, stdout);
    (void)puts(r == 0 ? "end" : "limit\nend");
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static int64_t number(dm_str s)
{
    int64_t v = 0;
    need(dm_parse_i64(s, 0, INT64_MAX, &v, NULL) == 0, "not a number");
    return v;
}

static dm_rate_book *book(month *m, dm_str id)
{
    for (size_t i = 0; i < m->nbooks; i++) {
        if (m->books[i].id == number(id))
            return &m->books[i];
    }
    need(m->nbooks < BOOKS, "too many books");
    m->books[m->nbooks].id = number(id);
    return &m->books[m->nbooks++];
}

static dm_sku sku(dm_str s)
{
    dm_sku v = DM_SKU_MINUTES;
    need(dm_sku_parse(s, &v, NULL) == 0, "not a SKU");
    return v;
}

static dm_price price(dm_str s)
{
    dm_price p = {0};
    need(dm_price_parse(s, &p, NULL) == 0, "not a price");
    return p;
}

static void read_prices(month *m, const dm_str *w)
{
    if (dm_str_eq_c(w[0], "book"))
        book(m, w[1])->minutes = dm_str_eq_c(w[2], "minutes");
    if (dm_str_eq_c(w[0], "price")) {
        book(m, w[1])->has[sku(w[2])] = true;
        book(m, w[1])->per_unit[sku(w[2])] = price(w[3]);
    }
    if (dm_str_eq_c(w[0], "tier")) {
        dm_tiers *t = &book(m, w[1])->tiers[sku(w[2])];
        need(t->n < DM_TIERS_MAX, "too many tiers");
        t->mode = dm_str_eq_c(w[3], "volume") ? DM_TIER_VOLUME : DM_TIER_GRADUATED;
        need(dm_qty_parse(w[4], &t->from[t->n], NULL) == 0, "not a quantity");
        t->per_unit[t->n++] = price(w[5]);
    }
    if (dm_str_eq_c(w[0], "segment")) {
        size_t group = (size_t)number(w[1]);
        need(group < GROUPS && m->nsegments[group] < SEGMENTS, "too many segments");
        m->segments[group][m->nsegments[group]++] =
                (segment){number(w[2]), number(w[3]), book(m, w[4]), (uint64_t)number(w[5])};
    }
}

static void read_use(month *m, const dm_str *w)
{
    if (dm_str_eq_c(w[0], "box")) {
        need(m->nboxes < BOXES && number(w[1]) < GROUPS, "too many sandboxes");
        m->boxes[m->nboxes++] = (box){(size_t)number(w[1]), (uint32_t)number(w[2]), (uint32_t)number(w[3])};
    }
    if (dm_str_eq_c(w[0], "state")) {
        need(m->nstates < STATES, "too many states");
        m->states[m->nstates++] = (state){(size_t)number(w[1]), (uint8_t)number(w[2]), number(w[3]), number(w[4])};
    }
    if (dm_str_eq_c(w[0], "disk")) {
        need(m->ndisks < DISKS, "too many disk figures");
        m->disks[m->ndisks++] = (disk){(size_t)number(w[1]), number(w[2]), (uint32_t)number(w[3])};
    }
    if (dm_str_eq_c(w[0], "commit")) {
        m->committed = true;
        need(dm_money_parse(w[1], &m->least, NULL) == 0, "not an amount");
    }
}

static void discount(const dm_str *w)
{
    dm_price p;
    char text[DM_MONEY_TEXT] = "refused";
    if (dm_price_discount(price(w[1]), (uint32_t)number(w[2]), &p, NULL) == 0)
        dm_price_print(p, text);
    (void)printf("discount %s\n", text);
}

int main(void)
{
    static month m;
    char line[LINE_MAX];
    while (fgets(line, sizeof line, stdin) != NULL) {
        dm_str rest = dm_str_trim(dm_str_c(line)), w[WORDS] = {{"", 0}};
        for (size_t n = 0; n < WORDS && dm_str_split(&rest, ' ', &w[n]); n++)
            continue;
        if (dm_str_eq_c(w[0], "month")) {
            free(m.text);
            memset(&m, 0, sizeof m);
            m.start = number(w[1]);
            m.end = number(w[2]);
            m.period_s = (uint32_t)number(w[3]);
            need(m.period_s > 0 && m.period_s <= DM_RATE_SECONDS_MAX && m.period_s % 60 == 0, "no such period");
        }
        if (dm_str_eq_c(w[0], "discount"))
            discount(w);
        if (dm_str_eq_c(w[0], "end"))
            finish(&m);
        read_prices(&m, w);
        read_use(&m, w);
    }
    free(m.text);
    return ferror(stdin) != 0;
}
