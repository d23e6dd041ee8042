/* What of contradicting evidence is billed: each rule alone, and then random evidence, where a judgement written out
 * second by second, without segments, lines or exact money, must agree. */
#include <stdlib.h>

#include "base/wire/frame.h"

#include "metering/rules/judge.h"
#include "tests/unit/test.h"

enum { RUN = DM_SAMPLE_RUN, HIB = DM_SAMPLE_HIB, GIB = 64, START = 1772359200, CLAIMS_MAX = 6 };

static const dm_rate_book cheap = {.id = 1,
        .has = {[DM_SKU_VCPU_RUN] = true,
                [DM_SKU_MEM_RUN] = true,
                [DM_SKU_DISK_RUN_OVER_30] = true,
                [DM_SKU_DISK_HIB] = true},
        .per_unit = {[DM_SKU_VCPU_RUN] = {21700000},
                [DM_SKU_MEM_RUN] = {10830000},
                [DM_SKU_DISK_RUN_OVER_30] = {300000},
                [DM_SKU_DISK_HIB] = {400000}}};
static const dm_rate_book dear = {.id = 2,
        .has = {[DM_SKU_VCPU_RUN] = true,
                [DM_SKU_MEM_RUN] = true,
                [DM_SKU_DISK_RUN_OVER_30] = true,
                [DM_SKU_DISK_HIB] = true},
        .per_unit = {[DM_SKU_VCPU_RUN] = {99000000},
                [DM_SKU_MEM_RUN] = {1},
                [DM_SKU_DISK_RUN_OVER_30] = {7000000},
                [DM_SKU_DISK_HIB] = {9000000}}};
static const dm_rate_book minutes = {.id = 3,
        .minutes = true,
        .has = {[DM_SKU_MINUTES] = true, [DM_SKU_DISK_HIB] = true},
        .per_unit = {[DM_SKU_MINUTES] = {5000000000}, [DM_SKU_DISK_HIB] = {40000}}};
static const dm_rate_segment one_minute[] = {{0, 60, &cheap}}, one_price[] = {{0, 300, &cheap}},
                             two_prices[] = {{0, 130, &cheap}, {130, 300, &dear}}, by_minutes[] = {{0, 300, &minutes}};

typedef struct hall {
    dm_claim claims[CLAIMS_MAX];
    dm_claim *list[CLAIMS_MAX];
    size_t n;
    uint32_t period_s;
    dm_anomalies noted;
} hall;

static dm_claim *claim(hall *h, uint32_t epoch)
{
    dm_claim *c = &h->claims[h->n];
    h->list[h->n++] = c;
    *c = (dm_claim){.account_no = {1},
            .project_no = {1},
            .sandbox = {{1}},
            .epoch = epoch,
            .spec_table = 1,
            .spec = 4,
            .region_no = 2,
            .worker_no = {1},
            .has_spec = true,
            .has_region = true,
            .vcpus = 2,
            .mem_mib = 2048,
            .sworn_region = 2,
            .worker_known = true,
            .worker_attested = true,
            .row_project_no = {1},
            .row_epoch = 9,
            .row_spec_table = 1,
            .row_spec = 4,
            .row_region_no = 2,
            .row_worker_no = {1},
            .has_row = true,
            .began_s = -1,
            .slept_s = -1,
            .ended_s = -1,
            .segments = h->period_s < 300 ? one_minute : one_price,
            .nsegments = 1};
    for (size_t m = 0; m < DM_LEN(c->frames.disk_16mib); m++)
        c->frames.disk_16mib[m] = c->oath.disk_16mib[m] = GIB;
    return c;
}

static void say(dm_evidence *e, uint8_t state, uint32_t from, uint32_t to)
{
    memset(e->state + from, state, to - from);
}

/* Frames and oath alike. */
static void both(dm_claim *c, uint8_t state, uint32_t from, uint32_t to)
{
    c->framed = c->sworn = true;
    say(&c->frames, state, from, to);
    say(&c->oath, state, from, to);
}

static void judge(hall *h)
{
    dm_err err;
    h->period_s = h->period_s != 0 ? h->period_s : 60;
    dm_anomalies_clear(&h->noted);
    if (dm_judge(h->list, h->n, START, h->period_s, &h->noted, &err) < 0)
        fail_msg("%s", err.msg);
}

static unsigned noted(const hall *h, const char *kind)
{
    unsigned n = 0;
    for (size_t i = 0; i < h->noted.n; i++)
        n += strcmp(h->noted.v[i].kind, kind) == 0 ? (unsigned)h->noted.v[i].count : 0;
    return n;
}

static unsigned seconds_of(const hall *h, const dm_claim *c)
{
    unsigned n = 0;
    for (uint32_t s = 0; c->billed != NULL && s < h->period_s; s++)
        n += c->billed->state[s] != 0;
    return n;
}

/* --- rule by rule ------------------------------------------------------------------------------------------- */

static void a_worker_nobody_enrolled_charges_nobody(void **state)
{
    hall h = {0};
    (void)state;
    dm_claim *c = claim(&h, 1);
    both(c, RUN, 0, 30);
    c->worker_known = false;
    judge(&h);
    assert_false(c->counted);
    assert_null(c->billed);
    assert_int_equal(h.noted.n, 1);
    assert_int_equal(noted(&h, DM_ANOMALY_UNKNOWN_WORKER), 1);
    assert_string_equal(h.noted.v[0].detail, "30 s: its worker is not enrolled");
    dm_anomalies_done(&h.noted);
}

static void each_part_of_the_stamp_must_fit(void **state)
{
    (void)state;
    for (int part = 0; part < 8; part++) {
        hall h = {0};
        dm_claim *c = claim(&h, 3);
        both(c, RUN, 0, 30);
        if (part == 0)
            c->has_spec = false;
        else if (part == 1)
            c->has_region = false;
        else if (part == 2)
            c->sworn_region = 1;
        else if (part == 3)
            c->row_spec_table = 2;
        else if (part == 4)
            c->row_spec = 5;
        else if (part == 5)
            c->row_region_no = 1;
        else if (part == 6)
            c->row_epoch = 2;
        judge(&h);
        assert_int_equal(noted(&h, DM_ANOMALY_STAMP_DIFFERS), part < 7);
        assert_int_equal(seconds_of(&h, c), part < 7 ? 0 : 30);
        assert_int_equal(c->counted, part == 7);
        dm_anomalies_done(&h.noted);
    }
}

/* Its row is written before any worker hears of a sandbox: without one there never was it, whoever swears to it. */
static void a_sandbox_that_never_was_charges_nobody(void **state)
{
    hall h = {0};
    (void)state;
    dm_claim *c = claim(&h, 1);
    both(c, RUN, 3, 9);
    c->has_row = false;
    judge(&h);
    assert_false(c->counted);
    assert_null(c->billed);
    assert_int_equal(noted(&h, DM_ANOMALY_NOT_ADMITTED), 1);
    dm_anomalies_done(&h.noted);
}

static void another_workers_sandbox_charges_nobody(void **state)
{
    (void)state;
    for (uint64_t had = 0; had < 3; had++) { /* nobody, this one, another */
        hall h = {0};
        dm_claim *c = claim(&h, 1);
        both(c, HIB, 0, 60);
        c->row_worker_no.v = had;
        judge(&h);
        assert_int_equal(seconds_of(&h, c), had == 1 ? 60 : 0);
        assert_int_equal(c->counted, had == 1);
        assert_int_equal(noted(&h, DM_ANOMALY_NOT_ADMITTED), had != 1);
        dm_anomalies_done(&h.noted);
    }
}

/* What one worker makes up takes no second from the one that has the sandbox. */
static void a_liar_takes_nothing_from_the_one_that_has_it(void **state)
{
    hall h = {0};
    (void)state;
    dm_claim *own = claim(&h, 1), *lie = claim(&h, 2);
    both(own, HIB, 0, 60);
    both(lie, RUN, 0, 60);
    lie->worker_no.v = 2;
    judge(&h);
    assert_int_equal(seconds_of(&h, own), 60);
    assert_int_equal(seconds_of(&h, lie), 0);
    assert_int_equal(noted(&h, DM_ANOMALY_NOT_ADMITTED), 1);
    assert_int_equal(noted(&h, DM_ANOMALY_DOUBLE_CLAIM), 0);
    dm_anomalies_done(&h.noted);
}

static void nothing_counts_before_its_life_was_ordered(void **state)
{
    hall h = {.period_s = 300};
    (void)state;
    dm_claim *c = claim(&h, 1);
    both(c, HIB, 0, 100);
    both(c, RUN, 100, 300);
    c->began_s = START + 170; /* by a clock that may be a minute ahead of the worker's */
    judge(&h);
    assert_int_equal(seconds_of(&h, c), 190);
    assert_int_equal(c->billed->state[109], 0);
    assert_int_equal(c->billed->state[110], RUN);
    assert_int_equal(noted(&h, DM_ANOMALY_OUT_OF_LIFE), 1);
    assert_string_equal(
            h.noted.v[0].detail, "110 s: before this life of it was ordered, or running after it fell asleep");
    dm_anomalies_done(&h.noted);
}

static void a_sleeper_does_not_run(void **state)
{
    hall h = {0};
    (void)state;
    dm_claim *c = claim(&h, 1);
    both(c, RUN, 0, 40);
    both(c, HIB, 40, 60);
    c->slept_s = START + 20;
    judge(&h);
    assert_int_equal(seconds_of(&h, c), 46);
    assert_int_equal(c->billed->state[25], RUN);
    assert_int_equal(c->billed->state[26], 0);
    assert_int_equal(c->billed->state[40], HIB);
    assert_int_equal(noted(&h, DM_ANOMALY_OUT_OF_LIFE), 1);
    c->slept_s = -1; /* its row does not know it yet: that cuts nothing */
    both(c, RUN, 0, 40);
    judge(&h);
    assert_int_equal(seconds_of(&h, c), 60);
    assert_int_equal(h.noted.n, 0);
    dm_anomalies_done(&h.noted);
}

static void what_was_sworn_and_never_framed_is_not_billed(void **state)
{
    hall h = {0};
    (void)state;
    dm_claim *c = claim(&h, 1);
    c->sworn = true;
    say(&c->oath, RUN, 0, 30);
    judge(&h);
    assert_true(c->counted); /* the statement shows the attestation */
    assert_int_equal(c->basis, DM_BASIS_NOTHING);
    assert_null(c->billed);
    assert_int_equal(noted(&h, DM_ANOMALY_EVIDENCE_MISSING), 1);
    dm_anomalies_done(&h.noted);
}

static void frames_of_a_worker_that_swore_to_others_only(void **state)
{
    hall h = {0};
    (void)state;
    dm_claim *c = claim(&h, 1);
    c->framed = true;
    say(&c->frames, RUN, 0, 30);
    judge(&h);
    assert_false(c->counted);
    assert_null(c->billed);
    assert_int_equal(noted(&h, DM_ANOMALY_ATTESTATION_MISSING), 1);
    c->worker_attested = false; /* it could not swear at all: the service does */
    judge(&h);
    assert_true(c->counted && c->unattested);
    assert_int_equal(seconds_of(&h, c), 30);
    assert_int_equal(h.noted.n, 0);
    dm_anomalies_done(&h.noted);
}

/* By minutes the pool decides: an oath of more disk and fewer running seconds is the cheaper one; with the same
 * seconds, the disk decides. */
static void under_a_plan_by_minutes_seconds_cost_before_disk(void **state)
{
    hall h = {.period_s = 300};
    (void)state;
    dm_claim *c = claim(&h, 1);
    c->segments = by_minutes;
    both(c, RUN, 0, 100);
    say(&c->oath, HIB, 99, 300);
    judge(&h);
    assert_int_equal(c->basis, DM_BASIS_ATTESTATION);
    say(&c->frames, HIB, 99, 300);
    c->oath.disk_16mib[4]++;
    judge(&h);
    assert_int_equal(c->basis, DM_BASIS_FRAMES);
    assert_int_equal(noted(&h, DM_ANOMALY_ATTESTATION_DIFFERS), 1);
    dm_anomalies_done(&h.noted);
}

/* To say which is cheaper both must have a price: without one, nothing is decided. */
static void a_difference_without_a_price_waits(void **state)
{
    dm_err err;
    (void)state;
    for (int i = 0; i < 2; i++) {
        hall h = {0};
        dm_claim *c = claim(&h, 1);
        both(c, RUN, 0, 30);
        dm_rate_book part = cheap;
        dm_rate_segment segment = {0, 60, &part};
        c->segments = &segment;
        say(i == 0 ? &c->frames : &c->oath, HIB, 40, 41);
        part.has[DM_SKU_DISK_HIB] = false;
        assert_int_equal(dm_judge(h.list, h.n, START, 60, &h.noted, &err), DM_E_NOTFOUND);
        assert_int_equal(h.noted.n, 0);
    }
}

/* A minute in which nothing was in use may have any disk figure, or none. */
static void the_disk_of_idle_minutes_is_not_compared(void **state)
{
    hall h = {.period_s = 300};
    (void)state;
    dm_claim *c = claim(&h, 1);
    both(c, RUN, 0, 100);
    c->oath.disk_16mib[3] = 7;
    c->frames.disk_16mib[2] = DM_DISK_UNKNOWN;
    c->oath.disk_16mib[1] = DM_DISK_UNKNOWN; /* carried over from minute 0 */
    judge(&h);
    assert_int_equal(c->basis, DM_BASIS_FRAMES);
    assert_int_equal(h.noted.n, 0);
}

/* The same epoch claimed twice: by two specs, two regions, two workers. One of them has each second, and it is told. */
static void a_second_has_one_claim(void **state)
{
    (void)state;
    for (int differ = 0; differ < 4; differ++) {
        hall h = {0};
        dm_claim *a = claim(&h, 1), *b = claim(&h, 1);
        both(a, RUN, 0, 40);
        both(b, RUN, 20, 60);
        if (differ == 0)
            a->spec_table = 2;
        else if (differ == 1)
            a->spec = 5;
        else if (differ == 2)
            a->region_no = a->sworn_region = 3;
        else
            a->worker_no.v = 2;
        a->row_spec_table = a->spec_table; /* as if each were the row's: what is left is that both claim it */
        a->row_spec = a->spec;
        a->row_region_no = a->region_no;
        a->row_worker_no = a->worker_no;
        judge(&h);
        assert_int_equal(seconds_of(&h, a), 40);
        assert_int_equal(seconds_of(&h, b), 20);
        assert_int_equal(noted(&h, DM_ANOMALY_DOUBLE_CLAIM), 1);
        dm_anomalies_done(&h.noted);
    }
}

static void a_wake_shares_one_second(void **state)
{
    hall h = {0};
    (void)state;
    dm_claim *slept = claim(&h, 1), *ran = claim(&h, 2);
    both(slept, HIB, 0, 21);
    both(ran, RUN, 20, 60);
    judge(&h);
    assert_int_equal(seconds_of(&h, slept), 20);
    assert_int_equal(seconds_of(&h, ran), 40);
    assert_int_equal(h.noted.n, 0);
    say(slept->billed, HIB, 0, 22); /* one more */
    both(slept, HIB, 0, 22);
    judge(&h);
    assert_int_equal(noted(&h, DM_ANOMALY_DOUBLE_CLAIM), 1);
    dm_anomalies_done(&h.noted);
}

static void nothing_to_judge(void **state)
{
    hall h = {0};
    (void)state;
    judge(&h);
    assert_int_equal(h.noted.n, 0);
}

/* --- any evidence ------------------------------------------------------------------------------------------- */

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static bool one_in(uint64_t *seed, unsigned n)
{
    return next(seed) % n == 0;
}

static void scribble(uint64_t *seed, dm_evidence *e, uint32_t period_s)
{
    for (unsigned i = 0; i < 3; i++) {
        uint32_t from = (uint32_t)(next(seed) % period_s);
        uint32_t n = 1 + (uint32_t)(next(seed) % (period_s - from));
        static const uint8_t states[] = {0, RUN, HIB};
        say(e, states[next(seed) % 3], from, from + n);
    }
    static const uint32_t figures[] = {DM_DISK_UNKNOWN, GIB, 30 * GIB, 31 * GIB, 40 * GIB + 1};
    for (uint32_t m = 0; m < period_s / 60; m++)
        e->disk_16mib[m] = figures[next(seed) % DM_LEN(figures)];
}

static void random_claim(uint64_t *seed, hall *h)
{
    dm_claim *c = claim(h, 1 + (uint32_t)(next(seed) % 3));
    c->worker_no.v = 1 + next(seed) % 2;
    c->spec = one_in(seed, 6) ? 5 : 4;
    c->worker_known = !one_in(seed, 12);
    c->worker_attested = !one_in(seed, 3);
    c->has_spec = !one_in(seed, 15);
    c->has_region = !one_in(seed, 15);
    c->has_row = !one_in(seed, 6);
    c->row_worker_no.v = one_in(seed, 8) ? 3 : c->worker_no.v;
    if (one_in(seed, 4))
        c->began_s = START - 100 + (int64_t)(next(seed) % 400);
    if (one_in(seed, 4))
        c->slept_s = START + (int64_t)(next(seed) % h->period_s);
    c->row_spec = one_in(seed, 8) ? 6 : c->spec;
    c->row_epoch = one_in(seed, 8) ? 2 : 3;
    c->row_project_no.v = one_in(seed, 12) ? 2 : 1;
    c->sworn_region = one_in(seed, 12) ? 1 : 2;
    if (one_in(seed, 3))
        c->ended_s = START + (int64_t)(next(seed) % h->period_s);
    c->segments = h->period_s < 300 ? one_minute : one_in(seed, 2) ? one_price : two_prices;
    c->nsegments = c->segments == two_prices ? 2 : 1;
    c->framed = !one_in(seed, 5);
    c->sworn = !c->framed || !one_in(seed, 4);
    scribble(seed, &c->frames, h->period_s);
    c->oath = c->frames;
    if (one_in(seed, 2))
        scribble(seed, &c->oath, h->period_s);
}

/* What one second of a claim costs, in 10^-12 of a unit times 16 MiB grains: integers of the price book. */
static dm_i128 cost_of_second(const dm_claim *c, const dm_evidence *e, uint32_t s)
{
    const dm_rate_book *b = c->segments == two_prices && s >= 130 ? &dear : &cheap;
    dm_i128 disk = 0;
    for (uint32_t m = 0; m <= s / 60; m++)
        disk = e->disk_16mib[m] != DM_DISK_UNKNOWN ? e->disk_16mib[m] : disk;
    if (e->state[s] == HIB)
        return disk * b->per_unit[DM_SKU_DISK_HIB].v;
    if (e->state[s] != RUN)
        return 0;
    dm_i128 over = disk > 30 * GIB ? disk - 30 * GIB : 0;
    return (dm_i128)64 * c->vcpus * b->per_unit[DM_SKU_VCPU_RUN].v +
           (dm_i128)(c->mem_mib / 16) * b->per_unit[DM_SKU_MEM_RUN].v + over * b->per_unit[DM_SKU_DISK_RUN_OVER_30].v;
}

typedef struct verdict {
    dm_evidence e;
    dm_basis basis;
    bool counted, unattested;
} verdict;

static dm_evidence until_end(const dm_claim *c, const dm_evidence *e, uint32_t period_s, bool *cut)
{
    dm_evidence out = *e;
    for (uint32_t s = 0; s < period_s; s++) {
        if (c->ended_s >= 0 && START + (int64_t)s > c->ended_s && out.state[s] != 0) {
            out.state[s] = 0;
            *cut = true;
        }
    }
    return out;
}

static dm_evidence in_life(const dm_claim *c, const dm_evidence *e, uint32_t period_s, bool *cut)
{
    dm_evidence out = *e;
    for (uint32_t s = 0; s < period_s; s++) {
        bool early = c->began_s >= 0 && START + (int64_t)s + 60 < c->began_s;
        bool ran = out.state[s] == RUN && c->slept_s >= 0 && START + (int64_t)s - 5 > c->slept_s;
        if (out.state[s] != 0 && (early || ran)) {
            out.state[s] = 0;
            *cut = true;
        }
    }
    return out;
}

static bool told_alike(const dm_claim *c, const dm_evidence *a, const dm_evidence *b, uint32_t period_s)
{
    for (uint32_t s = 0; s < period_s; s++) {
        dm_evidence x = *a, y = *b;
        if (x.state[s] != y.state[s])
            return false;
        if (x.state[s] == 0)
            continue;
        x.state[s] = y.state[s] = HIB; /* whose cost is the disk, and nothing else */
        bool known = false, also = false;
        for (uint32_t m = 0; m <= s / 60; m++) {
            known = known || x.disk_16mib[m] != DM_DISK_UNKNOWN;
            also = also || y.disk_16mib[m] != DM_DISK_UNKNOWN;
        }
        if (known != also || cost_of_second(c, &x, s) != cost_of_second(c, &y, s))
            return false;
    }
    return true;
}

typedef struct tally {
    unsigned unknown, foreign, strange, stamp, life, after, differs, missing, unframed, doubled;
} tally;

static verdict judge_alone(const dm_claim *c, uint32_t period_s, tally *t)
{
    verdict v = {0};
    if (!c->worker_known) {
        t->unknown++;
        return v;
    }
    if (c->has_row && c->row_project_no.v != c->project_no.v) {
        t->foreign++;
        return v;
    }
    if (!c->has_row || c->row_worker_no.v != c->worker_no.v) {
        t->strange++;
        return v;
    }
    if (!c->has_spec || !c->has_region || (c->framed && c->sworn && c->sworn_region != c->region_no) ||
            c->row_spec != c->spec || c->row_epoch < c->epoch) {
        t->stamp++;
        return v;
    }
    bool cut_frames = false, cut_oath = false;
    dm_evidence frames = in_life(c, &c->frames, period_s, &cut_frames);
    dm_evidence oath = in_life(c, &c->oath, period_s, &cut_oath);
    t->life += (c->framed && cut_frames) || (c->sworn && cut_oath);
    cut_frames = cut_oath = false;
    frames = until_end(c, &frames, period_s, &cut_frames);
    oath = until_end(c, &oath, period_s, &cut_oath);
    t->after += (c->framed && cut_frames) || (c->sworn && cut_oath);
    v.counted = true;
    if (!c->framed) {
        t->unframed++;
        return v;
    }
    v.basis = DM_BASIS_FRAMES;
    v.e = frames;
    if (!c->sworn && c->worker_attested) {
        t->missing++;
        return (verdict){0};
    }
    v.unattested = !c->sworn;
    if (c->sworn && !told_alike(c, &frames, &oath, period_s)) {
        dm_i128 sum = 0;
        t->differs++;
        for (uint32_t s = 0; s < period_s; s++)
            sum += cost_of_second(c, &oath, s) - cost_of_second(c, &frames, s);
        if (sum < 0) {
            v.basis = DM_BASIS_ATTESTATION;
            v.e = oath;
        }
    }
    return v;
}

/* Of claims that say something of this second, the one that has it: the highest epoch, then spec, then worker. */
static size_t owner_of(const hall *h, const verdict *v, uint32_t s)
{
    size_t best = h->n;
    for (size_t i = 0; i < h->n; i++) {
        const dm_claim *c = &h->claims[i];
        if (v[i].basis == DM_BASIS_NOTHING || v[i].e.state[s] == 0)
            continue;
        const dm_claim *b = best < h->n ? &h->claims[best] : NULL;
        if (b == NULL || c->epoch > b->epoch || (c->epoch == b->epoch && c->spec > b->spec) ||
                (c->epoch == b->epoch && c->spec == b->spec && c->worker_no.v > b->worker_no.v))
            best = i;
    }
    return best;
}

static bool alike_but(const hall *h)
{
    for (size_t i = 0; i < h->n; i++) {
        for (size_t k = 0; k < i; k++) {
            const dm_claim *a = &h->claims[i], *b = &h->claims[k];
            if (a->epoch == b->epoch && a->spec == b->spec && a->worker_no.v == b->worker_no.v)
                return true; /* the ledger has one row of these: not for the judge */
        }
    }
    return false;
}

static void check(hall *h, uint64_t round)
{
    verdict v[CLAIMS_MAX];
    tally t = {0};
    for (size_t i = 0; i < h->n; i++)
        v[i] = judge_alone(&h->claims[i], h->period_s, &t);
    dm_claim before[CLAIMS_MAX];
    memcpy(before, h->claims, sizeof(before));
    judge(h);
    for (size_t i = 0; i < h->n; i++) {
        const dm_claim *c = &h->claims[i];
        bool doubled = false;
        if (c->counted != v[i].counted || c->basis != v[i].basis || c->unattested != v[i].unattested)
            fail_msg("round %llu, claim %zu: counted %d, basis %d, unattested %d; not %d %d %d",
                    (unsigned long long)round, i, c->counted, (int)c->basis, c->unattested, v[i].counted,
                    (int)v[i].basis, v[i].unattested);
        for (uint32_t s = 0; s < h->period_s && c->billed != NULL; s++) {
            size_t owner = owner_of(h, v, s);
            uint8_t want = owner == i ? v[i].e.state[s] : 0;
            if (c->billed->state[s] != want)
                fail_msg("round %llu, claim %zu, second %u: %d, not %d", (unsigned long long)round, i, s,
                        c->billed->state[s], want);
            if (v[i].e.state[s] == 0 || owner == i)
                continue;
            bool began = s == 0;
            for (uint32_t k = 0; !began && k < s && v[owner].e.state[k] == 0; k++)
                began = k + 1 == s;
            doubled = doubled || before[owner].epoch == c->epoch || !began;
        }
        t.doubled += doubled;
    }
    assert_int_equal(noted(h, DM_ANOMALY_UNKNOWN_WORKER), t.unknown);
    assert_int_equal(noted(h, DM_ANOMALY_FOREIGN_PROJECT), t.foreign);
    assert_int_equal(noted(h, DM_ANOMALY_NOT_ADMITTED), t.strange);
    assert_int_equal(noted(h, DM_ANOMALY_OUT_OF_LIFE), t.life);
    assert_int_equal(noted(h, DM_ANOMALY_STAMP_DIFFERS), t.stamp);
    assert_int_equal(noted(h, DM_ANOMALY_AFTER_END), t.after);
    assert_int_equal(noted(h, DM_ANOMALY_ATTESTATION_DIFFERS), t.differs);
    assert_int_equal(noted(h, DM_ANOMALY_ATTESTATION_MISSING), t.missing);
    assert_int_equal(noted(h, DM_ANOMALY_EVIDENCE_MISSING), t.unframed);
    assert_int_equal(noted(h, DM_ANOMALY_DOUBLE_CLAIM), t.doubled);
}

static void any_evidence_is_judged_as_written(void **state)
{
    uint64_t seed = 7;
    (void)state;
    static hall h;
    for (uint64_t round = 0; round < 4000; round++) {
        dm_anomalies kept = h.noted;
        h = (hall){.period_s = one_in(&seed, 2) ? 300 : 60, .noted = kept};
        for (size_t n = 1 + next(&seed) % 4; n > 0; n--)
            random_claim(&seed, &h);
        if (!alike_but(&h))
            check(&h, round);
    }
    dm_anomalies_done(&h.noted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_worker_nobody_enrolled_charges_nobody),
            cmocka_unit_test(each_part_of_the_stamp_must_fit),
            cmocka_unit_test(a_sandbox_that_never_was_charges_nobody),
            cmocka_unit_test(another_workers_sandbox_charges_nobody),
            cmocka_unit_test(a_liar_takes_nothing_from_the_one_that_has_it),
            cmocka_unit_test(nothing_counts_before_its_life_was_ordered),
            cmocka_unit_test(a_sleeper_does_not_run),
            cmocka_unit_test(what_was_sworn_and_never_framed_is_not_billed),
            cmocka_unit_test(frames_of_a_worker_that_swore_to_others_only),
            cmocka_unit_test(under_a_plan_by_minutes_seconds_cost_before_disk),
            cmocka_unit_test(a_difference_without_a_price_waits),
            cmocka_unit_test(the_disk_of_idle_minutes_is_not_compared),
            cmocka_unit_test(a_second_has_one_claim),
            cmocka_unit_test(a_wake_shares_one_second),
            cmocka_unit_test(nothing_to_judge),
            cmocka_unit_test(any_evidence_is_judged_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
