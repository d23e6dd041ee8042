#include "metering/live/tally.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire/period.h"

enum { AGAIN_S = 20 }; /* what stands still is told of anew, so that nobody takes it for given up */

typedef struct dm_group_counted {
    dm_counted c;
    struct dm_group_counted *next; /* of the same row */
} group;

void dm_tally_init(dm_tally *t, uint32_t period_s)
{
    *t = (dm_tally){.period_s = period_s, .newest = -1};
    dm_map_init(&t->groups, offsetof(group, c.key), sizeof(dm_counted_key), 2 * DM_COUNTED_MAX);
    dm_map_init(&t->rows, offsetof(dm_spend_row, key), sizeof(dm_spend_key), 2 * DM_COUNTED_MAX);
    dm_map_init(&t->uses, offsetof(dm_use, key), sizeof(dm_use_key), 2 * DM_COUNTED_MAX);
}

static void free_all(dm_map *m)
{
    dm_map_walk walk = dm_map_begin(m);
    for (void *thing; (thing = dm_map_next(&walk)) != NULL;)
        free(thing);
    dm_map_done(m);
}

void dm_tally_done(dm_tally *t)
{
    free_all(&t->groups);
    free_all(&t->rows);
    free_all(&t->uses);
}

/* --- counters ----------------------------------------------------------------------------------------------- */

/* The thing of this key, made where there is none: zeroed but for the key. */
static int get(dm_map *m, const void *key, size_t size, const char *what, void *out, dm_err *err)
{
    void *thing = dm_map_find(m, key);
    if (thing == NULL) {
        int r = dm_map_reserve(m, what, err);
        if (r < 0)
            return r;
        thing = calloc(1, size);
        if (thing == NULL)
            return dm_fail(err, DM_E_NOMEM, "no memory for %s", what);
        memcpy((char *)thing + m->key_at, key, m->key_bytes);
        dm_map_add(m, thing);
    }
    *(void **)out = thing;
    return 0;
}

static int row_of(dm_tally *t, const dm_counted_key *k, dm_spend_row **out, dm_err *err)
{
    dm_spend_key key = {k->period_start, k->project_no, 0};
    bool there = dm_map_find(&t->rows, &key) != NULL;
    int r = get(&t->rows, &key, sizeof(dm_spend_row), "open periods of projects", out, err);
    if (r == 0 && !there)
        (*out)->rated_at = -1;
    return r;
}

static int take_one(dm_tally *t, const dm_counted *c, dm_err *err)
{
    dm_spend_row *row;
    group *g;
    bool there = dm_map_find(&t->groups, &c->key) != NULL;
    int r = row_of(t, &c->key, &row, err);
    if (r == 0)
        r = get(&t->groups, &c->key, sizeof(group), "counters", &g, err);
    if (r < 0)
        return r;
    g->c = *c;
    if (!there) {
        g->next = row->groups;
        row->groups = g;
    }
    row->touched = true;
    return 0;
}

int dm_tally_take(dm_tally *t, const dm_counted *v, size_t n, int64_t newest, dm_err *err)
{
    int r = 0;
    if (newest > t->newest)
        t->newest = newest;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = take_one(t, &v[i], err);
    return r;
}

/* --- months ------------------------------------------------------------------------------------------------- */

/* Of the Gregorian calendar, by the days of eras of 400 years: no time zone, no library. */
int64_t dm_month_start(int64_t second)
{
    int64_t days = second / 86400 - (second % 86400 < 0), z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153, day = of_year - (153 * month + 2) / 5;
    return (days - day) * 86400;
}

static int use_of(dm_tally *t, int64_t account_no, int64_t month, int64_t project_no, dm_use **out, dm_err *err)
{
    dm_use_key key = {account_no, month, project_no};
    return get(&t->uses, &key, sizeof(dm_use), "budgets", out, err);
}

/* What a row counts for in its two budgets becomes what it is now. */
static int count_in(dm_spend_row *row, uint64_t seconds, dm_money amount, dm_err *err)
{
    dm_use *of[] = {row->project, row->account};
    dm_money back;
    int r = dm_money_negate(row->in, &back, err);
    for (size_t i = 0; r == 0 && i < DM_LEN(of); i++) {
        dm_money open;
        r = dm_money_add(of[i]->open, back, &open, err);
        if (r == 0)
            r = dm_money_add(open, amount, &open, err);
        if (r == 0) {
            of[i]->open = open;
            of[i]->open_s += seconds - row->in_s;
        }
    }
    if (r == 0) {
        row->in = amount;
        row->in_s = seconds;
    }
    return r;
}

int dm_tally_terms(dm_tally *t, dm_spend_row *row, int64_t account_no, const char *tier, const char *currency,
        int64_t at, dm_err *err)
{
    dm_use *project, *account;
    int64_t month = dm_month_start(row->key.period_start);
    int r = use_of(t, account_no, month, row->key.project_no, &project, err);
    if (r == 0)
        r = use_of(t, account_no, month, 0, &account, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(tier), row->tier, sizeof row->tier, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(currency), row->currency, sizeof row->currency, err);
    if (r < 0)
        return r;
    if (row->account_no == 0) {
        row->project = project;
        row->account = account;
        project->rows++;
        account->rows++;
    }
    row->account_no = account_no;
    row->rated_at = at;
    row->touched = true;
    return 0;
}

void dm_tally_base(dm_tally *t, const dm_use_key *key, uint64_t seconds, dm_money amount)
{
    dm_use *u = dm_map_find(&t->uses, key);
    if (u == NULL)
        return;
    u->based = true;
    u->stated_s = seconds;
    u->stated = amount;
}

bool dm_use_now(const dm_use *u, uint64_t *seconds, uint64_t *micros)
{
    dm_money all;
    *seconds = u->stated_s + u->open_s;
    *micros = dm_money_add(u->stated, u->open, &all, NULL) == 0 ? (uint64_t)dm_money_micros(all) : INT64_MAX;
    return u->based && !(u->written && u->seconds == *seconds && u->micros == *micros);
}

void dm_tally_clean(dm_tally *t)
{
    int64_t month = dm_month_start(t->newest);
    dm_map_walk walk = dm_map_begin(&t->uses);
    for (dm_use *u; (u = dm_map_next(&walk)) != NULL;) {
        if (u->rows > 0 || u->key.month >= month || !u->written)
            continue;
        (void)dm_map_remove(&t->uses, u);
        free(u);
    }
}

/* --- rating ------------------------------------------------------------------------------------------------- */

bool dm_tally_is_over(const dm_tally *t, const dm_spend_row *row)
{
    return t->newest > row->key.period_start + t->period_s;
}

int64_t dm_tally_rated_at(const dm_tally *t, const dm_spend_row *row)
{
    int64_t last = row->key.period_start + t->period_s - 1;
    if (dm_tally_is_over(t, row))
        return last;
    return t->newest < row->key.period_start ? row->key.period_start : t->newest < last ? t->newest : last - 1;
}

/* How many ran in the newest second: in the one before, where that one is still coming in; in none, where all others
 * are further. */
static uint32_t ran(const dm_tally *t, const dm_counted *c, uint64_t *over)
{
    bool past = c->key.period_start + c->at < t->newest - 1;
    bool before = c->ran_before > c->ran;
    *over = past ? 0 : before ? c->over_before : c->over;
    return past ? 0 : before ? c->ran_before : c->ran;
}

/* What sleepers' disks are in a second of now, of what was heard of a minute of them. */
static uint64_t sleeping(const dm_tally *t, const dm_counted *c)
{
    int64_t ago = (t->newest - c->key.period_start) / 60 - c->minute;
    uint64_t minute = ago == 0 ? (c->slept > c->slept_before ? c->slept : c->slept_before) : ago == 1 ? c->slept : 0;
    return minute / 60;
}

static int add_group(
        dm_tally *t, const dm_spend_row *row, const dm_terms *terms, const dm_counted *c, dm_spent_is *out, dm_err *err)
{
    dm_sum all = {.run_s = c->run_s, .over_30 = c->over_30, .hib = c->hib}, second = {.hib = sleeping(t, c)};
    second.run_s = ran(t, c, &second.over_30);
    out->running_s += c->run_s;
    out->running += (uint32_t)second.run_s;
    const dm_rate_book *book = dm_terms_book(terms, c->key.region_no, row->tier, row->currency, row->rated_at);
    dm_money amount, per_second;
    int r = book == NULL || !dm_terms_size(terms, c->key.spec_table, c->key.spec, &all.vcpus, &all.mem_mib)
                    ? DM_E_NOTFOUND
                    : 0;
    second.vcpus = all.vcpus;
    second.mem_mib = all.mem_mib;
    if (r == 0)
        r = dm_sum_amount(&all, book, &amount, err);
    if (r == 0)
        r = dm_sum_amount(&second, book, &per_second, err);
    if (r == DM_E_NOTFOUND) { /* a statement waits for its price; nothing is told of what it may come to */
        t->unpriced++;
        return 0;
    }
    if (r == 0)
        r = dm_money_add(out->amount, amount, &out->amount, err);
    return r < 0 ? r : dm_money_add(out->per_second, per_second, &out->per_second, err);
}

static int rate(dm_tally *t, dm_spend_row *row, const dm_terms *terms, dm_err *err)
{
    int64_t end = row->key.period_start + t->period_s;
    dm_spent_is now = {.through = t->newest + 1 < end ? t->newest + 1 : end};
    int r = 0;
    for (const group *g = row->groups; r == 0 && g != NULL; g = g->next)
        r = add_group(t, row, terms, &g->c, &now, err);
    if (r == 0)
        r = count_in(row, now.running_s, now.amount, err);
    if (r < 0)
        return r;
    row->now = now;
    row->touched = false;
    return 0;
}

/* Of those who ran, and are heard of no more, that has to be told, too. */
static bool stopped(const dm_tally *t, const dm_spend_row *row)
{
    return (row->now.running > 0 && row->now.through < t->newest - 1) ||
           (row->now.per_second.v != 0 && row->now.through + AGAIN_S < t->newest);
}

int dm_tally_rate(dm_tally *t, const dm_terms *terms, dm_err *err)
{
    dm_map_walk walk = dm_map_begin(&t->rows);
    int r = 0;
    for (dm_spend_row *row; r == 0 && (row = dm_map_next(&walk)) != NULL;) {
        if (row->account_no != 0 && (row->touched || stopped(t, row)))
            r = rate(t, row, terms, err);
    }
    return r;
}

bool dm_tally_due(const dm_spend_row *row)
{
    const dm_spent_is *n = &row->now, *w = &row->was;
    if (row->account_no == 0 || row->rated_at < 0 || row->touched)
        return false;
    return !row->written || n->amount.v != w->amount.v || n->per_second.v != w->per_second.v ||
           n->running_s != w->running_s || n->running != w->running ||
           (n->per_second.v != 0 && n->through >= w->through + AGAIN_S);
}

void dm_tally_forget(dm_tally *t, dm_spend_row *row)
{
    if (row->account_no != 0) {
        int r = count_in(row, 0, (dm_money){0}, NULL);
        assert(r == 0); /* what was added can be taken away */
        (void)r;
        row->project->rows--;
        row->account->rows--;
    }
    for (group *g = row->groups, *next; g != NULL; g = next) {
        next = g->next;
        (void)dm_map_remove(&t->groups, g);
        free(g);
    }
    (void)dm_map_remove(&t->rows, row);
    free(row);
}
