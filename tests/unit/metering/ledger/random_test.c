/* Random lives of sandboxes through a bad stream into statements, on a real PostgreSQL: frames lost, late, doubled and
 * out of order, oaths lost, late or forged, journals whose torn end had been sent, prices and plans that change in the
 * middle, crashes and flushes at random moments. Beside it the same is reckoned second by second in plain integers,
 * from what was delivered and sworn alone; the two must agree to the last decimal: each statement with what was there
 * when its period was written, and all of them together, with their corrections, with what came in the end. */
#include "metering/rules/rate.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

enum { PERIOD = 300, PERIODS = 4, ALL = PERIOD * PERIODS, LATE_MAX = 200, LATE_FRAMES = LATE_MAX - PERIODS };

static cluster pg;

typedef struct forgery {
    uint32_t from, n; /* seconds sworn to as nothing */
} forgery;

typedef struct world {
    rig r;
    uint64_t seed;
    bool delivered[ALL];           /* frames that came before their period was closed */
    bool sworn[ACTS_MAX][PERIODS]; /* the oath came */
    bool whole[PERIODS];           /* and all of them did */
    size_t lost[PERIODS];          /* whose oath did not; ACTS_MAX: nobody's, but the end record */
    forgery forged[ACTS_MAX][PERIODS];
    int64_t change;  /* mainland prices are tenfold from this second on */
    int64_t plan[4]; /* account 2 is enterprise from this second on, at three times the price; account 3 is free */
    msg late[LATE_MAX];
    size_t nlate;
    uint64_t pool; /* account 3 */
} world;

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static bool one_in(world *w, unsigned n)
{
    return next(&w->seed) % n == 0;
}

/* --- the cast ----------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t project_no;
    uint16_t region_no;
    int account;
} homes[] = {{1, 2, 1}, {4, 3, 1}, {2, 2, 2}, {3, 1, 3}};

static void cast(world *w)
{
    static const uint32_t grains[] = {1, GIB, 30 * GIB, 31 * GIB, 47 * GIB + 3};
    static const uint16_t specs[] = {1, 4, 9, 19};
    for (unsigned n = 1; w->r.nacts + 1 < ACTS_MAX; n++) {
        size_t home = next(&w->seed) % DM_LEN(homes);
        int64_t from = (int64_t)(next(&w->seed) % ALL), ran = 1 + (int64_t)(next(&w->seed) % 400);
        int64_t slept = one_in(w, 3) ? 0 : 1 + (int64_t)(next(&w->seed) % 500);
        act a = {.sandbox = n,
                .epoch = 1,
                .project_no = homes[home].project_no,
                .spec = specs[next(&w->seed) % DM_LEN(specs)],
                .region_no = homes[home].region_no,
                .grains = grains[next(&w->seed) % DM_LEN(grains)],
                .run_from = from,
                .run_to = from + ran,
                .hib_from = slept > 0 ? from + ran : -1,
                .hib_to = slept > 0 ? from + ran + slept : -1};
        w->r.acts[w->r.nacts++] = a;
        if (slept == 0 || one_in(w, 2))
            continue;
        act b = a; /* wakes in the last second it slept in */
        b.epoch = 2;
        b.run_from = a.hib_to - 1;
        b.run_to = b.run_from + 1 + (int64_t)(next(&w->seed) % 300);
        b.hib_from = b.hib_to = -1;
        w->r.acts[w->r.nacts++] = b;
    }
}

static void dearer(world *w)
{
    char text[700];
    w->change = (int64_t)(next(&w->seed) % ALL);
    (void)snprintf(text, sizeof(text),
            "UPDATE dm.price_book SET valid_to = dm.ts(%lld) WHERE price_group = 'mainland' AND tier = 'payg'; "
            "WITH b AS (INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from) VALUES "
            "('mainland', 'resources', 'payg', 'CNY', dm.ts(%lld)) RETURNING book_id) "
            "INSERT INTO dm.price SELECT b.book_id, sku, per_unit * 10, unit, label FROM b, dm.price WHERE "
            "price.book_id = (SELECT book_id FROM dm.price_book WHERE price_group = 'mainland' AND tier = 'payg' AND "
            "valid_to IS NOT NULL)",
            (long long)(T0 + w->change) * 1000000, (long long)(T0 + w->change) * 1000000);
    sql(&w->r, text);
}

static void other_plans(world *w)
{
    sql(&w->r, "UPDATE dm.price SET per_unit = per_unit * 3 WHERE book_id IN (SELECT book_id FROM dm.price_book WHERE "
               "tier = 'enterprise')");
    for (int account = 2; account <= 3; account++) {
        w->plan[account] = (int64_t)(next(&w->seed) % ALL);
        rig_plan(&w->r, account, w->plan[account], account == 2 ? "enterprise" : "free", 6000);
    }
}

/* --- the stream --------------------------------------------------------------------------------------------- */

static world *forging; /* swear() passes no context */

static void forge(dm_attest *a)
{
    world *w = forging;
    size_t p = (size_t)(a->period_start - T0) / PERIOD, i = 0;
    for (;; i++) {
        dm_sandbox_id id = sandbox_no(w->r.acts[i].sandbox);
        if (dm_sandbox_id_eq(&a->sandbox, &id) && a->epoch == w->r.acts[i].epoch)
            break;
    }
    w->sworn[i][p] = true;
    if (!one_in(w, 4))
        return;
    forgery f = {(uint32_t)(next(&w->seed) % PERIOD), 1 + (uint32_t)(next(&w->seed) % 60)};
    f.n = f.from + f.n > PERIOD ? PERIOD - f.from : f.n;
    w->forged[i][p] = f;
    memset(a->state + f.from, 0, f.n);
}

/* A message less; what it was is kept for later. */
static msg take_out(rig *r, size_t i)
{
    msg m = r->msgs[i];
    memmove(r->msgs + i, r->msgs + i + 1, (r->nmsgs - i - 1) * sizeof(m));
    r->nmsgs--;
    return m;
}

static void put_in(rig *r, const msg *m)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_buf_add(&b, m->p, m->n), 0);
    rig_add(r, &b, m->attest, m->ts_ms / 1000 - T0 - 1);
}

static void oaths(world *w, size_t p)
{
    rig *r = &w->r;
    size_t before = r->nmsgs;
    forging = w;
    swear(r, (int64_t)p * PERIOD, forge);
    w->whole[p] = true;
    if (!one_in(w, 3))
        return;
    w->whole[p] = false; /* one of them is lost, the end record maybe */
    size_t lost = before + next(&w->seed) % (r->nmsgs - before), at = before;
    w->lost[p] = ACTS_MAX;
    for (size_t i = 0; i < r->nacts; i++) {
        if (w->sworn[i][p] && at++ == lost) {
            w->sworn[i][p] = false;
            w->lost[p] = i;
        }
    }
    w->late[w->nlate++] = take_out(r, lost);
}

/* The worker's host dies after second s, and the last records of its journal with it, whose frames had been sent: the
 * next boot names an earlier number, and frames those seconds again. */
static void tear(world *w, int64_t s, int64_t first)
{
    rig *r = &w->r;
    int64_t torn = 1 + (int64_t)(next(&w->seed) % 3);
    bool sent = s - torn >= first && r->frame > (uint64_t)torn;
    for (int64_t at = s; sent && at > s - torn; at--)
        sent = w->delivered[at];
    if (!sent)
        return;
    work_reboot(r);
    r->prev -= (uint64_t)torn;
    first = s - torn + 1;
    for (size_t i = 0; i < r->nacts; i++) { /* since when it has slept untold, as it was then */
        const act *a = &r->acts[i];
        bool slept = first % 60 != 0 && act_state(a, first - 1) == DM_SAMPLE_HIB;
        r->hib_since[i] = !slept ? -1 : a->hib_from > first / 60 * 60 ? a->hib_from : first / 60 * 60;
    }
    for (; first <= s; first++)
        work_second(r, first);
}

static void period_of(world *w, size_t p)
{
    rig *r = &w->r;
    size_t before = r->nmsgs;
    bool lossy = one_in(w, 2);
    for (int64_t s = (int64_t)p * PERIOD; s < (int64_t)(p + 1) * PERIOD; s++) {
        work_second(r, s);
        w->delivered[s] = !lossy || !one_in(w, 20) || w->nlate >= LATE_FRAMES || s % PERIOD == PERIOD - 1;
        if (!w->delivered[s])
            w->late[w->nlate++] = take_out(r, r->nmsgs - 1);
        if (one_in(w, 40))
            tear(w, s, (int64_t)p * PERIOD);
    }
    oaths(w, p);
    for (size_t i = before; i + 5 < r->nmsgs; i++) { /* neighbours change places */
        size_t k = i + next(&w->seed) % 5;
        msg m = r->msgs[i];
        r->msgs[i] = r->msgs[k];
        r->msgs[k] = m;
    }
    size_t end = r->nmsgs;
    for (size_t i = before; i < end; i++) {
        if (one_in(w, 12))
            put_in(r, &r->msgs[i]);
    }
}

static void late_ones(world *w)
{
    while (w->nlate > 0 && !one_in(w, 4)) {
        msg m = w->late[--w->nlate];
        put_in(&w->r, &m);
        free(m.p);
    }
}

/* Takes what there is, with a flush or a death now and then; then the period's end, with patience or without. */
static void digest(world *w, size_t p)
{
    rig *r = &w->r;
    int64_t end = (int64_t)(p + 1) * PERIOD;
    int64_t now = dm_second_of(dm_wall_us(&r->clock.base)) - T0;
    clock_at(r, now > end + 2 ? now : end + 2);
    while (r->fed < r->nmsgs) {
        take(r, &r->msgs[r->fed]);
        r->fed++;
        if (one_in(w, 60))
            flush(r);
        if (one_in(w, 150))
            ledger_crash(r);
    }
    flush(r);
    (void)close_due(r, -1);
    clock_at(r, end + 602);
    (void)close_due(r, T0);
}

/* --- the same by hand --------------------------------------------------------------------------------------- */

typedef struct said_of {
    uint8_t state[PERIOD];
    uint32_t disk[PERIOD / 60];
    bool any;
} said_of;

static void framed(const world *w, size_t i, size_t p, said_of *out)
{
    const act *a = &w->r.acts[i];
    *out = (said_of){0};
    for (size_t m = 0; m < PERIOD / 60; m++)
        out->disk[m] = DM_DISK_UNKNOWN;
    for (int64_t s = (int64_t)p * PERIOD, k = 0; k < PERIOD; s++, k++) {
        uint8_t is = act_state(a, s);
        bool hib_told = is == DM_SAMPLE_HIB && ((s + 1) % 60 == 0 || s + 1 == a->hib_to);
        if (!w->delivered[s] || (is != DM_SAMPLE_RUN && !hib_told))
            continue;
        out->any = true;
        if (is == DM_SAMPLE_RUN) {
            out->state[k] = is;
            if (s % 60 == 0 || s == a->run_from)
                out->disk[k / 60] = a->grains;
            continue;
        }
        int64_t since = a->hib_from > s / 60 * 60 ? a->hib_from : s / 60 * 60;
        for (int64_t at = since; at <= s; at++)
            out->state[k - (s - at)] = is;
        out->disk[k / 60] = a->grains;
    }
}

static void sworn_to(const world *w, size_t i, size_t p, said_of *out)
{
    const act *a = &w->r.acts[i];
    const forgery *f = &w->forged[i][p];
    *out = (said_of){.any = w->sworn[i][p]};
    for (uint32_t k = 0; k < PERIOD; k++)
        out->state[k] = k >= f->from && k < f->from + f->n ? 0 : act_state(a, (int64_t)p * PERIOD + k);
    for (uint32_t m = 0; m < PERIOD / 60; m++)
        out->disk[m] = act_disk(a, (int64_t)p * PERIOD + 60 * m);
}

/* Prices in 10^-12 a base unit-second; amounts come out in 10^-18. */
static dm_i128 price_of(const world *w, const act *a, const said_of *e, int64_t start, uint32_t k)
{
    static const uint32_t vcpus[] = {[1] = 1, [4] = 1, [9] = 2, [19] = 8};
    static const uint32_t mem_grains[] = {[1] = 16, [4] = 128, [9] = 256, [19] = 1024};
    bool mainland = a->region_no == 2, minutes = a->project_no == 3;
    dm_i128 times = mainland && start + k >= w->change ? 10 : 1, grains = 0;
    if (a->project_no == 2 && start + k >= w->plan[2])
        times = 3;
    for (uint32_t m = 0; m <= k / 60; m++)
        grains = e->disk[m] != DM_DISK_UNKNOWN ? (dm_i128)e->disk[m] : grains;
    dm_i128 disk = minutes ? (start + k < w->plan[3] ? 40000 : 0) : mainland ? 300000 : 400000;
    if (e->state[k] == DM_SAMPLE_HIB)
        return times * disk * grains * 15625;
    if (e->state[k] != DM_SAMPLE_RUN || minutes)
        return 0;
    dm_i128 over = grains > 30 * GIB ? grains - 30 * GIB : 0;
    return times *
           ((mainland ? 21700000 : 34200000) * (dm_i128)vcpus[a->spec] * 1000000 +
                   (mainland ? 10830000 : 17110000) * (dm_i128)mem_grains[a->spec] * 15625 + disk * over * 15625);
}

static void cost(const world *w, const act *a, const said_of *e, int64_t start, dm_i128 *money, uint64_t *ran)
{
    *money = 0;
    *ran = 0;
    for (uint32_t k = 0; k < PERIOD; k++) {
        *money += price_of(w, a, e, start, k);
        *ran += e->state[k] == DM_SAMPLE_RUN;
    }
}

/* What of an act is billed: the cheaper of frames and oath. */
static bool billed(const world *w, size_t i, size_t p, said_of *out)
{
    said_of frames, oath;
    dm_i128 f, o;
    uint64_t fs, os;
    framed(w, i, p, &frames);
    sworn_to(w, i, p, &oath);
    *out = frames;
    if (!frames.any || (!oath.any && w->whole[p]))
        return false;
    if (!oath.any)
        return true;
    const act *a = &w->r.acts[i];
    cost(w, a, &frames, (int64_t)p * PERIOD, &f, &fs);
    cost(w, a, &oath, (int64_t)p * PERIOD, &o, &os);
    if (a->project_no == 3 ? os < fs || (os == fs && o < f) : o < f)
        *out = oath;
    return true;
}

static void reckon(world *w, size_t p, int account, char total[DM_MONEY_TEXT], uint64_t *ran, uint64_t *slept)
{
    static said_of e[ACTS_MAX];
    bool have[ACTS_MAX];
    dm_money sum = {0};
    uint64_t paying = 0; /* of those that ran, while minutes cost something */
    *ran = *slept = 0;
    for (size_t i = 0; i < w->r.nacts; i++)
        have[i] = billed(w, i, p, &e[i]);
    for (size_t i = 0; i < w->r.nacts; i++) {
        const act *a = &w->r.acts[i];
        int of = a->project_no == 3 ? 3 : a->project_no == 2 ? 2 : 1;
        for (uint32_t k = 0; have[i] && of == account && k < PERIOD; k++) {
            bool taken = false; /* by a higher epoch of it */
            for (size_t b = 0; b < w->r.nacts; b++)
                taken = taken || (have[b] && w->r.acts[b].sandbox == a->sandbox && w->r.acts[b].epoch > a->epoch &&
                                         e[b].state[k] != 0);
            if (taken)
                continue;
            sum.v += price_of(w, a, &e[i], (int64_t)p * PERIOD, k);
            *ran += e[i].state[k] == DM_SAMPLE_RUN;
            paying += e[i].state[k] == DM_SAMPLE_RUN && (int64_t)p * PERIOD + k < w->plan[3];
            *slept += e[i].state[k] == DM_SAMPLE_HIB;
        }
    }
    if (account == 3) {
        for (uint64_t n = w->pool / 60 + 1; n <= (w->pool + paying) / 60; n++)
            sum.v += n > 1 ? (dm_i128)5000000000000000 : 0; /* the first minute of the month is included */
        w->pool += *ran;
    }
    dm_money_print(sum, total);
}

/* A statement without what it corrects. Of the pool it counts on from what its corrections left. */
static void compare(world *w, size_t p)
{
    for (int account = 1; account <= 3; account++) {
        char text[400], total[DM_MONEY_TEXT], want[200];
        uint64_t ran, slept;
        (void)snprintf(text, sizeof(text),
                "SELECT coalesce(sum(seconds), 0) FROM dm.statement_pool WHERE account_no = 3 AND of_period < "
                "period_start AND period_start = dm.ts(%lld)",
                (long long)(T0 + (int64_t)p * PERIOD) * 1000000);
        if (account == 3)
            w->pool += strtoull(ask(&w->r, text), NULL, 10);
        reckon(w, p, account, total, &ran, &slept);
        (void)snprintf(text, sizeof(text),
                "SELECT coalesce((SELECT sum(amount) FROM dm.statement_line l WHERE l.account_no = s.account_no AND "
                "l.period_start = s.period_start AND kind = 'usage'), 0.000000000000000000) || ' ' || running_s || ' ' "
                "|| hibernated_s FROM dm.statement s WHERE account_no = %d AND period_start = dm.ts(%lld) AND "
                "running_s + hibernated_s > 0",
                account, (long long)(T0 + (int64_t)p * PERIOD) * 1000000);
        (void)snprintf(want, sizeof(want), "%s %llu %llu", total, (unsigned long long)ran, (unsigned long long)slept);
        const char *got = ask(&w->r, text);
        if (strcmp(got, ran + slept > 0 ? want : "(no row)") != 0)
            fail_msg("period %zu, account %d: %s, not %s", p, account, got, want);
    }
}

/* All that was kept back comes, and one period more, in which nothing is. */
static void settle(world *w)
{
    rig *r = &w->r;
    size_t nacts = r->nacts;
    for (size_t p = 0; p < PERIODS; p++) {
        if (!w->whole[p] && w->lost[p] < ACTS_MAX)
            w->sworn[w->lost[p]][p] = true;
        w->whole[p] = true;
    }
    memset(w->delivered, true, sizeof(w->delivered));
    while (w->nlate > 0) {
        msg m = w->late[--w->nlate];
        put_in(r, &m);
        if (one_in(w, 5))
            put_in(r, &m);
        free(m.p);
    }
    r->nacts = 0;
    work(r, ALL, ALL + PERIOD);
    r->nacts = nacts;
    digest(w, PERIODS);
}

/* Of each period what all statements say of it; of the account with a pool the month. */
static void compare_settled(world *w)
{
    dm_money month = {0}, m;
    char text[300], total[DM_MONEY_TEXT];
    uint64_t ran, slept;
    w->pool = 0;
    for (size_t p = 0; p < PERIODS; p++) {
        for (int account = 1; account <= 3; account++) {
            reckon(w, p, account, total, &ran, &slept);
            assert_int_equal(dm_money_parse(dm_str_c(total), &m, NULL), 0);
            month.v += account == 3 ? m.v : 0;
            (void)snprintf(text, sizeof(text),
                    "SELECT coalesce(sum(amount), 0.000000000000000000) FROM dm.statement_line WHERE account_no = %d "
                    "AND coalesce(corrects_period, period_start) = dm.ts(%lld)",
                    account, (long long)(T0 + (int64_t)p * PERIOD) * 1000000);
            const char *got = ask(&w->r, text);
            if (account != 3 && strcmp(got, total) != 0)
                fail_msg("settled: period %zu, account %d: %s, not %s", p, account, got, total);
        }
    }
    dm_money_print(month, total);
    assert_sql(&w->r, "SELECT coalesce(sum(amount), 0.000000000000000000) FROM dm.statement_line WHERE account_no = 3",
            total);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)w->pool);
    assert_sql(&w->r, "SELECT coalesce(sum(seconds), 0) FROM dm.statement_pool WHERE account_no = 3", text);
}

/* Nothing is taken back that was not stated. */
static void corrections_are_bounded(world *w)
{
    assert_sql(&w->r,
            "SELECT count(*) FROM (SELECT sum(qty) AS q, sum(seconds) AS s FROM dm.statement_line WHERE sandbox_id IS "
            "NOT NULL GROUP BY account_no, coalesce(corrects_period, period_start), sandbox_id, epoch, sku, tier, "
            "book_id, charge_from) x WHERE q < 0 OR s < 0",
            "0");
    assert_sql(&w->r, /* a minute may be taken back that another period of the month was charged for */
            "SELECT count(*) FROM (SELECT sum(qty) AS q FROM dm.statement_line WHERE sku = 'minutes' GROUP BY "
            "account_no, tier, book_id) x WHERE q < 0",
            "0");
    assert_sql(&w->r, "SELECT count(*) FROM dm.late WHERE stated_in IS NULL", "0");
    assert_sql(&w->r,
            "SELECT count(*) FROM dm.statement s WHERE (version = 3) <> (convert_from(body, 'UTF8')::jsonb ? "
            "'corrects')",
            "0");
    assert_sql(&w->r,
            "SELECT count(*) FROM dm.statement s WHERE version < 3 AND EXISTS (SELECT FROM dm.statement_line l WHERE "
            "l.account_no = s.account_no AND l.period_start = s.period_start AND kind = 'correction')",
            "0");
}

/* Whatever was billed: it adds up, it is chained, and doing it again changes nothing. */
static void books_balance(world *w)
{
    rig *r = &w->r;
    static const char all[] = "SELECT md5(string_agg(encode(sha256, 'hex') || total, '|' ORDER BY account_no, number)) "
                              "FROM dm.statement";
    assert_sql(r, "SELECT count(*) FROM dm.period WHERE closed_at IS NULL", "0");
    assert_sql(r,
            "SELECT count(*) FROM (SELECT s.total, sum(l.amount) AS lines FROM dm.statement s LEFT JOIN "
            "dm.statement_line "
            "l USING (account_no, period_start) GROUP BY s.account_no, s.period_start, s.total) x WHERE total <> "
            "coalesce(lines, 0)",
            "0");
    assert_sql(r,
            "SELECT count(*) FROM (SELECT sum(amount) AS s FROM dm.journal_entry GROUP BY txn, currency) x WHERE s <> "
            "0",
            "0");
    assert_sql(r,
            "SELECT count(*) FROM dm.statement b LEFT JOIN dm.statement a ON a.account_no = b.account_no AND a.number "
            "= "
            "b.number - 1 WHERE b.number > 1 AND (a.sha256 IS NULL OR a.sha256 <> b.previous_sha256)",
            "0");
    assert_sql(r, "SELECT count(*) FROM dm.statement WHERE sha256 <> sha256(body)", "0");
    DM_AUTO_MEM char *before = strdup(ask(r, all));
    ledger_crash(r);
    feed(r);
    flush(r);
    assert_int_equal(close_due(r, T0), 0);
    assert_sql(r, all, before);
}

static void any_stream_is_billed_as_it_was_delivered(void **state)
{
    uint64_t corrected = 0;
    (void)state;
    for (uint64_t round = 0; round < 5; round++) {
        DM_AUTO_MEM world *w = calloc(1, sizeof(*w));
        char db[32];
        assert_non_null(w);
        w->seed = round * 7919 + 3;
        (void)snprintf(db, sizeof(db), "random%llu", (unsigned long long)round);
        rig_open(&w->r, &pg, db, PERIOD);
        dearer(w);
        other_plans(w);
        cast(w);
        for (size_t p = 0; p < PERIODS; p++) {
            period_of(w, p);
            digest(w, p);
            compare(w, p);
            late_ones(w); /* they come with the next period's */
        }
        settle(w);
        compare_settled(w);
        corrections_are_bounded(w);
        corrected += strtoull(ask(&w->r, "SELECT count(*) FROM dm.statement WHERE version = 3"), NULL, 10);
        books_balance(w);
        while (w->nlate > 0)
            free(w->late[--w->nlate].p);
        rig_close(&w->r);
    }
    assert_true(corrected > 0);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(any_stream_is_billed_as_it_was_delivered),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
