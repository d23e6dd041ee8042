#include "metering/rules/judge.h"

#include "base/wire/frame.h"

/* An order is dated by the API's clock, a second by its worker's, which may be left behind by a step of its host's; the
 * moment of a sleep is the worker's own, as its seconds are. */
enum { BEGAN_SLACK_S = 60, SLEPT_SLACK_S = 5 };

typedef struct court {
    int64_t start;
    uint32_t period_s;
    dm_anomalies *anomalies;
} court;

static void note(court *j, const dm_claim *c, const char *kind, uint64_t seconds, const char *words)
{
    dm_anomaly a = {
            .kind = kind,
            .worker_no = c->worker_no,
            .account_no = c->account_no,
            .project_no = c->project_no,
            .has_sandbox = true,
            .sandbox = c->sandbox,
            .epoch = c->epoch,
            .period_start = j->start,
    };
    dm_anomalies_add(j->anomalies, &a, "%llu s: %s", (unsigned long long)seconds, words);
}

static uint64_t in_use(const court *j, const dm_evidence *e)
{
    uint64_t n = 0;
    for (uint32_t s = 0; s < j->period_s; s++)
        n += e->state[s] != 0;
    return n;
}

static uint64_t claimed(const court *j, const dm_claim *c)
{
    return in_use(j, c->framed ? &c->frames : &c->oath);
}

/* --- 1: the stamp ------------------------------------------------------------------------------------------- */

static bool contradicted(court *j, const dm_claim *c)
{
    if (!c->worker_known) {
        note(j, c, DM_ANOMALY_UNKNOWN_WORKER, claimed(j, c), "its worker is not enrolled");
        return true;
    }
    if (!c->has_row) {
        note(j, c, DM_ANOMALY_NOT_ADMITTED, claimed(j, c), "there never was such a sandbox: nobody is charged");
        return true;
    }
    if (c->row_project_no.v != c->project_no.v) {
        note(j, c, DM_ANOMALY_FOREIGN_PROJECT, claimed(j, c),
                "the sandbox belongs to another project: nobody is charged");
        return true;
    }
    if (c->row_worker_no.v != c->worker_no.v) {
        note(j, c, DM_ANOMALY_NOT_ADMITTED, claimed(j, c), "its worker did not have this sandbox: nobody is charged");
        return true;
    }
    bool differs = !c->has_spec || !c->has_region || (c->framed && c->sworn && c->sworn_region != c->region_no) ||
                   c->row_spec_table != c->spec_table || c->row_spec != c->spec || c->row_region_no != c->region_no ||
                   c->epoch > c->row_epoch;
    if (differs)
        note(j, c, DM_ANOMALY_STAMP_DIFFERS, claimed(j, c),
                "spec, region or epoch are not the sandbox's: nobody is charged");
    return differs;
}

/* --- 2: life and end ---------------------------------------------------------------------------------------- */

static uint64_t cut_life(const court *j, const dm_claim *c, dm_evidence *e)
{
    uint64_t n = 0;
    for (uint32_t s = 0; s < j->period_s; s++) {
        int64_t at = j->start + s;
        bool early = c->began_s >= 0 && at < c->began_s - BEGAN_SLACK_S;
        bool asleep = c->slept_s >= 0 && at > c->slept_s + SLEPT_SLACK_S;
        if ((early && e->state[s] != 0) || (asleep && e->state[s] == DM_SAMPLE_RUN)) {
            e->state[s] = 0;
            n++;
        }
    }
    return n;
}

static void cut_out_of_life(court *j, dm_claim *c)
{
    uint64_t n = c->framed ? cut_life(j, c, &c->frames) : 0;
    uint64_t sworn = c->sworn ? cut_life(j, c, &c->oath) : 0;
    if (n > 0 || sworn > 0)
        note(j, c, DM_ANOMALY_OUT_OF_LIFE, n > sworn ? n : sworn,
                "before this life of it was ordered, or running after it fell asleep");
}

static uint64_t cut(const court *j, dm_evidence *e, int64_t ended_s)
{
    uint64_t n = 0;
    for (uint32_t s = 0; s < j->period_s; s++) {
        if (j->start + s > ended_s && e->state[s] != 0) {
            e->state[s] = 0;
            n++;
        }
    }
    return n;
}

static void cut_after_end(court *j, dm_claim *c)
{
    if (c->ended_s < 0)
        return;
    uint64_t n = c->framed ? cut(j, &c->frames, c->ended_s) : 0;
    uint64_t sworn = c->sworn ? cut(j, &c->oath, c->ended_s) : 0;
    if (n > 0 || sworn > 0)
        note(j, c, DM_ANOMALY_AFTER_END, n > sworn ? n : sworn, "after the second in which it ended");
}

/* --- 3: frames and attestation ------------------------------------------------------------------------------ */

static bool same(const court *j, const dm_evidence *a, const dm_evidence *b)
{
    uint32_t da[DM_RATE_SECONDS_MAX / 60], db[DM_RATE_SECONDS_MAX / 60];
    dm_rate_disk(a->disk_16mib, j->period_s / 60, da);
    dm_rate_disk(b->disk_16mib, j->period_s / 60, db);
    for (uint32_t s = 0; s < j->period_s; s++) {
        if (a->state[s] != b->state[s] || (a->state[s] != 0 && da[s / 60] != db[s / 60]))
            return false;
    }
    return true;
}

static dm_rate_use use_of(const dm_claim *c, const dm_evidence *e, uint32_t period_s)
{
    return (dm_rate_use){period_s, e->state, e->disk_16mib, c->vcpus, c->mem_mib};
}

dm_rate_use dm_claim_use(const dm_claim *c, uint32_t period_s)
{
    return use_of(c, c->billed, period_s);
}

/* What it would cost; in plans by minutes a running second is what costs, whatever the pool stands at. */
typedef struct cost {
    uint64_t pooled_s;
    dm_money money;
} cost;

static int cost_of(const court *j, const dm_claim *c, const dm_evidence *e, cost *out, dm_err *err)
{
    dm_rate_use use = use_of(c, e, j->period_s);
    out->pooled_s = 0;
    for (size_t i = 0; i < c->nsegments; i++) {
        if (c->segments[i].book->minutes)
            out->pooled_s += dm_rate_count(&use, DM_SAMPLE_RUN, c->segments[i].from, c->segments[i].to);
    }
    return dm_rate_use_about(&use, c->segments, c->nsegments, &out->money, err);
}

static int cheaper(court *j, dm_claim *c, dm_err *err)
{
    cost frames, oath;
    int r = cost_of(j, c, &c->frames, &frames, err);
    if (r == 0)
        r = cost_of(j, c, &c->oath, &oath, err);
    if (r < 0)
        return r;
    bool sworn_costs_less = oath.pooled_s != frames.pooled_s ? oath.pooled_s < frames.pooled_s
                                                             : dm_money_cmp(oath.money, frames.money) < 0;
    c->basis = sworn_costs_less ? DM_BASIS_ATTESTATION : DM_BASIS_FRAMES;
    note(j, c, DM_ANOMALY_ATTESTATION_DIFFERS, claimed(j, c),
            sworn_costs_less ? "frames and attestation differ: the attestation costs less and is billed"
                             : "frames and attestation differ: the frames cost less and are billed");
    return 0;
}

static int weigh(court *j, dm_claim *c, dm_err *err)
{
    c->counted = true;
    c->basis = DM_BASIS_NOTHING;
    if (c->framed && c->sworn) {
        c->basis = DM_BASIS_FRAMES;
        if (!same(j, &c->frames, &c->oath))
            return cheaper(j, c, err);
    } else if (c->sworn) {
        note(j, c, DM_ANOMALY_EVIDENCE_MISSING, claimed(j, c), "sworn to, but no frame says so: not charged");
    } else if (c->worker_attested) {
        note(j, c, DM_ANOMALY_ATTESTATION_MISSING, claimed(j, c),
                "its worker swore to all it had, and not to this: not charged");
        c->counted = false;
    } else {
        c->basis = DM_BASIS_FRAMES;
        c->unattested = true;
    }
    return 0;
}

/* --- 4: epochs ---------------------------------------------------------------------------------------------- */

int dm_life_rank_cmp(dm_life_rank a, dm_life_rank b)
{
    if (a.epoch != b.epoch)
        return a.epoch < b.epoch ? -1 : 1;
    if (a.spec_table != b.spec_table)
        return a.spec_table < b.spec_table ? -1 : 1;
    if (a.spec != b.spec)
        return a.spec < b.spec ? -1 : 1;
    if (a.region_no != b.region_no)
        return a.region_no < b.region_no ? -1 : 1;
    return a.worker_no.v < b.worker_no.v ? -1 : a.worker_no.v > b.worker_no.v;
}

static dm_life_rank rank_of(const dm_claim *k)
{
    return (dm_life_rank){k->epoch, k->spec_table, k->spec, k->region_no, k->worker_no};
}

static int by_epoch(const void *x, const void *y)
{
    return dm_life_rank_cmp(rank_of(*(const dm_claim *const *)x), rank_of(*(const dm_claim *const *)y));
}

void dm_judge_take(dm_held held[DM_RATE_SECONDS_MAX], uint32_t epoch, uint32_t period_s,
        uint8_t state[DM_RATE_SECONDS_MAX], uint64_t *doubled)
{
    uint32_t first = 0;
    *doubled = 0;
    while (first < period_s && state[first] == 0)
        first++;
    for (uint32_t s = first; s < period_s; s++) {
        if (state[s] == 0)
            continue;
        if (held[s].epoch == 0) {
            held[s] = (dm_held){epoch, first};
            continue;
        }
        *doubled += held[s].epoch == epoch || held[s].first != s;
        state[s] = 0;
    }
}

static void take_seconds(court *j, dm_claim *c, dm_held *held)
{
    uint64_t doubled;
    dm_judge_take(held, c->epoch, j->period_s, c->billed->state, &doubled);
    if (doubled > 0)
        note(j, c, DM_ANOMALY_DOUBLE_CLAIM, doubled, "claimed by a higher epoch or another worker, which has them");
}

int dm_judge(dm_claim **claims, size_t n, int64_t period_start, uint32_t period_s, dm_anomalies *anomalies, dm_err *err)
{
    court j = {period_start, period_s, anomalies};
    dm_held held[DM_RATE_SECONDS_MAX] = {0};
    if (n > 1)
        qsort(claims, n, sizeof(*claims), by_epoch);
    for (size_t i = 0; i < n; i++) {
        dm_claim *c = claims[i];
        c->counted = c->unattested = false;
        c->basis = DM_BASIS_NOTHING;
        c->billed = NULL;
        if (contradicted(&j, c))
            continue;
        cut_out_of_life(&j, c);
        cut_after_end(&j, c);
        int r = weigh(&j, c, err);
        if (r < 0)
            return r;
        if (c->basis != DM_BASIS_NOTHING)
            c->billed = c->basis == DM_BASIS_FRAMES ? &c->frames : &c->oath;
    }
    for (size_t i = n; i-- > 0;) {
        if (claims[i]->billed != NULL)
            take_seconds(&j, claims[i], held);
    }
    return 0;
}
