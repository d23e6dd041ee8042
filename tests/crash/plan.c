/* What a seed means. Points come in turn, so that a row of seeds visits them all; everything else is drawn. */
#include "tests/crash/stage.h"

uint64_t rng(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static uint64_t upto(uint64_t *r, uint64_t n)
{
    return rng(r) % n;
}

static const int64_t second_us = 1000000;

/* One sandbox's life: it runs, sleeps and wakes, and ends before the play does. */
static void live(plan *p, uint64_t *r, unsigned sandbox)
{
    static const struct {
        uint32_t project;
        uint16_t region;
    } homes[] = {{1, 2}, {2, 2}, {3, 1}, {4, 2}};
    static const uint16_t specs[] = {4, 19, 19};
    size_t home = upto(r, DM_LEN(homes));
    phase f = {.worker = sandbox % WORKERS,
            .sandbox = sandbox,
            .project = homes[home].project,
            .region = homes[home].region,
            .spec = specs[upto(r, DM_LEN(specs))],
            .grains = (uint32_t)(64 + upto(r, 40 * 64)),
            .state = DM_SAMPLE_RUN};
    int64_t at = (int64_t)upto(r, (PLAY_S - 10) * (uint64_t)second_us);
    for (int i = 0; i < 6 && p->nphases < PHASES_MAX && at < (PLAY_S - 1) * second_us; i++) {
        int64_t most = (PLAY_S * second_us) - at;
        int64_t n = 1 + (int64_t)upto(r, (uint64_t)(i % 3 == 0 ? 2 * second_us : 70 * second_us));
        n = n < most ? n : most;
        f.epoch += f.state == DM_SAMPLE_RUN;
        f.from_us = at;
        f.to_us = at += n;
        f.cause = upto(r, 4) == 0 || at >= (PLAY_S - 1) * second_us ? DM_CAUSE_KILLED : DM_CAUSE_NONE;
        p->phases[p->nphases++] = f;
        if (f.cause != DM_CAUSE_NONE)
            return;
        f.state = f.state == DM_SAMPLE_RUN ? DM_SAMPLE_HIB : DM_SAMPLE_RUN;
    }
    if (p->nphases > 0)
        p->phases[p->nphases - 1].cause = DM_CAUSE_KILLED;
}

/* How often it is reached in a life, about: a death at the hundredth close would never come. */
static uint64_t usual(dm_point point)
{
    switch ((int)point) {
    case DM_POINT_FRAME_ADDED:
    case DM_POINT_FRAME_COUNTED:
    case DM_POINT_JOURNAL_BEGUN:
    case DM_POINT_JOURNAL_WRITTEN:
    case DM_POINT_JOURNAL_SYNCED:
    case DM_POINT_JOURNAL_TOLD:
    case DM_POINT_PUBLISH_PRODUCED:
    case DM_POINT_PUBLISH_CONFIRMED:
        return 150;
    case DM_POINT_STREAM_TAKEN:
    case DM_POINT_COMMIT_BEFORE:
    case DM_POINT_COMMIT_AFTER:
        return 300;
    case DM_POINT_FLUSH_PACKED:
    case DM_POINT_FLUSH_CHUNKS:
    case DM_POINT_FLUSH_OATHS:
    case DM_POINT_FLUSH_MARKS:
    case DM_POINT_FLUSH_OFFSETS:
    case DM_POINT_FLUSH_COMMITTED:
        return 20;
    case DM_POINT_OATH_ADDED:
        return 10;
    case DM_POINT_JOURNAL_SEGMENT:
    case DM_POINT_JOURNAL_SNAPSHOT:
        return 4;
    case DM_POINT_INVOICE_NUMBERED:
    case DM_POINT_INVOICE_SETTLED:
    case DM_POINT_INVOICE_WRITTEN:
    case DM_POINT_INVOICE_BOOKED:
    case DM_POINT_INVOICE_MONTH:
    case DM_POINT_LEDGER_RESTORED:
    case DM_POINT_WORKER_RECOVERED:
    case DM_POINT_LEDGER_FENCED:
    case DM_POINT_LEDGER_ASSIGNED:
        return 1;
    default:
        return 3;
    }
}

static bool of_worker(dm_point point)
{
    return point <= DM_POINT_PUBLISH_REWOUND;
}

/* At most two strikes. */
static void add_strike(plan *p, uint64_t *r, dm_point point)
{
    strike *k = &p->strikes[p->nstrikes++];
    *k = (strike){.meter = !of_worker(point),
            .worker = (unsigned)upto(r, WORKERS),
            .point = point,
            .nth = 1 + upto(r, usual(point)),
            .later = upto(r, 3) == 0 ? (unsigned)upto(r, 12) : 0};
    if (k->meter && upto(r, 3) == 0)
        k->kind = STRIKE_FREEZE;
    if (!k->meter && upto(r, 3) == 0)
        k->kind = STRIKE_REBOOT;
    if (point == DM_POINT_WORKER_RECOVERED) { /* it takes one that died before */
        strike before = *k;
        before.point = DM_POINT_FRAME_ADDED;
        before.nth = 1 + upto(r, usual(before.point));
        p->strikes[p->nstrikes++] = before;
    }
}

static void add_window(plan *p, uint64_t *r, window_kind kind)
{
    window *w = &p->windows[p->nwindows++];
    *w = (window){.kind = kind, .from = (int64_t)upto(r, PLAY_S - 10), .daemon = (unsigned)upto(r, DAEMONS)};
    w->to = w->from + 1 + (int64_t)upto(r, 40);
    if (kind == WINDOW_DISK_FULL)
        w->daemon %= WORKERS;
    if (kind == WINDOW_CLOCK)
        w->by_s = (int64_t)upto(r, 2 * 3600) - 3600;
}

void plan_make(plan *p, uint64_t seed)
{
    uint64_t r = seed * 2654435761u + 12345;
    *p = (plan){.seed = seed, .flush_every = 2 + (unsigned)upto(&r, 7), .aside = seed % 4 == 3};
    for (unsigned i = 1; i <= 8; i++)
        live(p, &r, i);
    size_t first = (size_t)(seed * 3 % DM_POINTS_EVENING);
    for (size_t i = 0; i < 3; i++)
        add_strike(p, &r, (dm_point)((first + i) % DM_POINTS_EVENING));
    for (uint64_t n = upto(&r, 3); n > 0 && p->nstrikes + 2 <= STRIKES_MAX; n--)
        add_strike(p, &r, (dm_point)upto(&r, DM_POINTS_EVENING));
    p->late = seed % 10 == 9;
    for (size_t i = 0; i < 3; i++)
        p->late = p->late || p->strikes[i].point == DM_POINT_BILL_CORRECTED;
    p->end_s = p->late ? LATE_END_S : PLAY_S + TAIL_S;
    if (p->late) { /* nothing else delays anybody */
        p->flush_every = 2;
        return;
    }
    static const window_kind kinds[] = {WINDOW_AWAY, WINDOW_GIVES_BACK, WINDOW_DISK_FULL, WINDOW_CLOCK};
    for (size_t i = 0; i < DM_LEN(kinds); i++) {
        if (upto(&r, 3) == 0)
            add_window(p, &r, kinds[i]);
    }
    for (size_t i = 0; i < 3; i++) { /* what is given back is needed by a point */
        if (p->strikes[i].point == DM_POINT_PUBLISH_REWOUND)
            p->windows[p->nwindows++] = (window){.kind = WINDOW_GIVES_BACK, .from = 10, .to = 120};
    }
}
