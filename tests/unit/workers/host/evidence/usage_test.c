#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"
#include "workers/host/evidence/usage.h"

/* 2026-01-01 00:00:00, the start of a minute, an hour and a day. */
static const int64_t t0 = 1767225600;

enum { SECONDS_MAX = 4000, WHO_MAX = 64 };

/* A usage with everything that came out of it: what each (sandbox, epoch) was in each second, by the samples. */
typedef struct world {
    dm_usage *u;
    dm_sign_key *key;
    int64_t at; /* the next second to be framed */
    uint64_t frame_no;
    uint32_t disk; /* what measuring finds */
    int measured;
    int64_t complete_through;
    uint8_t state[WHO_MAX][SECONDS_MAX];
    uint32_t samples, disk_samples, last_span;
    dm_digest previous; /* of every sandbox, before any attestation */
    /* frames as they went out, for replay */
    struct {
        int64_t second;
        dm_sample sample;
    } sent[20000];
    size_t nsent;
    /* what was attested */
    dm_attest attest[WHO_MAX];
    dm_digest hash[WHO_MAX];
    size_t nattest;
    dm_attest_end end;
    int ends;
} world;

static void measure(void *arg, void *owner, dm_sample *s)
{
    world *w = arg;
    assert_non_null(owner);
    assert_int_not_equal(s->state, 0); /* who, state and span are there already, as the header says */
    w->measured++;
    s->disk_16mib = w->disk;
    s->cpu_used_us = 5;
}

static void previous(void *arg, const dm_sandbox_id *sandbox, dm_digest *out)
{
    (void)sandbox;
    *out = ((world *)arg)->previous;
}

static dm_usage_who who(unsigned n, uint32_t epoch)
{
    dm_usage_who w = {.epoch = epoch, .project = {7}, .spec_table = 1, .spec = 3, .region_no = 1};
    w.sandbox.b[15] = (uint8_t)(n + 1);
    return w;
}

static void world_usage(world *w, uint32_t period_s)
{
    dm_err err = {0};
    dm_usage_config c = {.period_s = period_s, .measure = measure, .previous = previous, .arg = w};
    assert_int_equal(dm_usage_new(&c, &w->u, &err), 0);
}

static world *world_new(uint32_t period_s)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->at = t0;
    w->disk = DM_DISK_UNKNOWN;
    world_usage(w, period_s);
    char dir[] = "/tmp/usage-test-XXXXXX", path[64];
    dm_err err = {0};
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/key", dir);
    assert_int_equal(dm_sign_key_open(path, &w->key, &err), 0);
    (void)unlink(path);
    (void)rmdir(dir);
    return w;
}

static void world_free(world *w)
{
    dm_usage_free(w->u);
    dm_sign_key_free(w->key);
    free(w);
}

/* Micros after t0. */
static int64_t us(int64_t seconds, int64_t micros)
{
    return (t0 + seconds) * 1000000 + micros;
}

static void take_sample(world *w, int64_t second, const dm_sample *s)
{
    unsigned n = s->sandbox.b[15] - 1u;
    assert_true(n < WHO_MAX);
    assert_true(s->state == DM_SAMPLE_RUN || s->state == DM_SAMPLE_HIB);
    assert_true(s->span_s >= 1 && s->span_s <= (s->state == DM_SAMPLE_RUN ? 1 : DM_HIB_SPAN_MAX));
    for (int64_t at = second - s->span_s + 1; at <= second; at++) {
        assert_true(at >= t0 && at < t0 + SECONDS_MAX);
        uint8_t *state = &w->state[n][at - t0];
        if (s->state == DM_SAMPLE_RUN || *state == 0)
            *state = s->state;
    }
    w->samples++;
    w->disk_samples += s->disk_16mib != DM_DISK_UNKNOWN;
    w->last_span = s->span_s;
    assert_true(w->nsent < DM_LEN(w->sent));
    w->sent[w->nsent].second = second;
    w->sent[w->nsent++].sample = *s;
}

/* Frames every second up to (not with) this one. */
static void frame_until(world *w, int64_t until)
{
    for (; w->at < t0 + until; w->at++) {
        const dm_sample *samples;
        uint32_t n;
        int64_t complete_through;
        dm_err err = {0};
        w->frame_no++;
        assert_int_equal(dm_usage_second(w->u, w->at, w->frame_no, &samples, &n, &complete_through, &err), 0);
        assert_true(complete_through <= w->at);
        assert_true(complete_through >= w->complete_through); /* it never takes back its word */
        w->complete_through = complete_through;
        for (uint32_t i = 0; i < n; i++)
            take_sample(w, w->at, &samples[i]);
    }
}

static int emit(void *arg, const dm_attest *a, dm_str message, const dm_digest *hash, dm_err *err)
{
    world *w = arg;
    dm_public_key pub;
    dm_sign_key_public(w->key, &pub);
    assert_true(dm_attest_signed_by(message, &pub));
    if (a == NULL) {
        w->ends++;
        assert_int_equal(dm_attest_end_read(message, &w->end, err), 0);
        return 0;
    }
    dm_digest again;
    assert_true(w->nattest < WHO_MAX);
    assert_int_equal(dm_attest_read(message, &w->attest[w->nattest], &again, err), 0);
    assert_memory_equal(again.b, hash->b, sizeof(again.b));
    w->hash[w->nattest++] = *hash;
    return 0;
}

static void attest(world *w, int64_t period)
{
    dm_err err = {0};
    w->nattest = 0;
    w->ends = 0;
    if (dm_usage_attest(w->u, t0 + period, (dm_worker_no){42}, 3, w->key, emit, w, &err) != 0)
        fail_msg("attest: %s", err.msg);
    assert_int_equal(w->ends, 1); /* also for a period in which nothing was */
}

static unsigned count(const world *w, unsigned n, uint8_t state)
{
    unsigned sum = 0;
    for (int i = 0; i < SECONDS_MAX; i++)
        sum += w->state[n][i] == state;
    return sum;
}

static void run(world *w, unsigned n, uint32_t epoch, int64_t from_us, int64_t to_us, dm_cause cause)
{
    dm_usage_who x = who(n, epoch);
    dm_stretch *s = dm_usage_begin(w->u, &x, DM_SAMPLE_RUN, from_us, w);
    assert_non_null(s);
    dm_usage_end(w->u, s, to_us, NULL, cause);
}

/* --- which seconds ------------------------------------------------------------------------------------------ */

static void a_running_second_is_one_that_was_touched(void **state)
{
    (void)state;
    static const struct {
        int64_t from_us, to_us;
        unsigned first, last;
    } cases[] = {
            {2100000, 2150000, 2, 2}, /* 50 ms */
            {2999999, 3000001, 2, 3}, /* 2 us, over a boundary */
            {2000000, 3000000, 2, 2}, /* exactly one second */
            {2000000, 3000001, 2, 3},
            {2000000, 2000000, 2, 2}, /* no time at all, and on a boundary */
            {2999999, 3000000, 2, 2}, /* ends on the boundary: the second that begins there is not touched */
            {2000000, 7500000, 2, 7},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        world *w = world_new(60);
        run(w, 0, 1, t0 * 1000000 + cases[i].from_us, t0 * 1000000 + cases[i].to_us, DM_CAUSE_KILLED);
        frame_until(w, 20);
        assert_int_equal(count(w, 0, DM_SAMPLE_RUN), cases[i].last - cases[i].first + 1);
        assert_int_equal(w->state[0][cases[i].first], DM_SAMPLE_RUN);
        assert_int_equal(w->state[0][cases[i].last], DM_SAMPLE_RUN);
        assert_int_equal(w->samples, cases[i].last - cases[i].first + 1);
        assert_int_equal(w->complete_through, t0 + 19);
        world_free(w);
    }
}

/* promises.md, golden vectors: 1,000 sandboxes living 50 to 900 ms each bill 1 or 2 s, none 0. */
static void a_thousand_short_lives(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 20; round++) {
        world *w = world_new(60);
        for (unsigned n = 0; n < 50; n++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            int64_t from = us((int64_t)(seed >> 40) % 30, (int64_t)(seed >> 20) % 1000000);
            run(w, n, 1, from, from + 50000 + (int64_t)(seed >> 33) % 850001, DM_CAUSE_KILLED);
        }
        frame_until(w, 40);
        for (unsigned n = 0; n < 50; n++)
            assert_in_range(count(w, n, DM_SAMPLE_RUN), 1, 2);
        world_free(w);
    }
}

static void a_life_told_while_it_lasts(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_usage_who x = who(0, 1);
    dm_stretch *s = dm_usage_begin(w->u, &x, DM_SAMPLE_RUN, us(3, 500000), w);
    frame_until(w, 10);
    assert_int_equal(count(w, 0, DM_SAMPLE_RUN), 7); /* 3 to 9 */
    assert_int_equal(w->measured, 7);
    dm_usage_end(w->u, s, us(10, 1), NULL, DM_CAUSE_KILLED);
    frame_until(w, 20);
    assert_int_equal(count(w, 0, DM_SAMPLE_RUN), 8);
    assert_int_equal(w->measured, 7); /* what has ended is not measured any more */
    world_free(w);
}

typedef struct nap {
    int64_t slept_us, woke_us; /* after t0 */
    unsigned run, hib;         /* seconds of each, of 30 */
} nap;

/* Runs from 0 to slept, sleeps, wakes as epoch 2, runs until 29.5. */
static void a_nap(void **state)
{
    (void)state;
    static const nap cases[] = {
            {10400000, 20600000, 21, 9},  /* RUN 0..10, HIB 11..19, RUN 20..29 */
            {10000000, 20000000, 20, 10}, /* on the boundary: 10 was slept through, 20 was run */
            {10000001, 19999999, 22, 8},  /* 10 was run in, 19 woken in */
            {10200000, 10800000, 30, 0},  /* within one second: RUN, and no sleep to speak of */
            {10200000, 11000000, 30, 0},  /* wakes as the next begins */
            {10200000, 11100000, 30, 0},
            {10200000, 12000000, 29, 1},
            {10000000, 10000001, 30, 0},
            {10000000, 10000000, 30, 0},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        world *w = world_new(60);
        int64_t slept = t0 * 1000000 + cases[i].slept_us, woke = t0 * 1000000 + cases[i].woke_us;
        dm_usage_who one = who(0, 1);
        run(w, 0, 1, us(0, 0), slept, DM_CAUSE_NONE);
        dm_stretch *sleep = dm_usage_begin(w->u, &one, DM_SAMPLE_HIB, slept, w);
        dm_usage_end(w->u, sleep, woke, NULL, DM_CAUSE_NONE);
        run(w, 0, 2, woke, us(29, 500000), DM_CAUSE_KILLED);
        frame_until(w, 40);
        if (count(w, 0, DM_SAMPLE_RUN) != cases[i].run || count(w, 0, DM_SAMPLE_HIB) != cases[i].hib)
            fail_msg("case %zu: RUN %u, HIB %u", i, count(w, 0, DM_SAMPLE_RUN), count(w, 0, DM_SAMPLE_HIB));
        /* No second in between is in nobody's sample. */
        for (int s = 0; s < 30; s++)
            assert_int_not_equal(w->state[0][s], 0);
        world_free(w);
    }
}

/* In the second of the wake both epochs speak; the higher one says RUN. */
static void the_second_of_the_wake_is_of_the_higher_epoch(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_usage_who one = who(0, 1);
    dm_stretch *sleep = dm_usage_begin(w->u, &one, DM_SAMPLE_HIB, us(5, 0), w);
    dm_usage_end(w->u, sleep, us(8, 300000), NULL, DM_CAUSE_NONE);
    run(w, 0, 2, us(8, 300000), us(9, 0), DM_CAUSE_KILLED);
    frame_until(w, 12);
    bool hib_of_1 = false, run_of_2 = false;
    for (size_t i = 0; i < w->nsent; i++) {
        if (w->sent[i].second != t0 + 8)
            continue;
        hib_of_1 |= w->sent[i].sample.epoch == 1 && w->sent[i].sample.state == DM_SAMPLE_HIB;
        run_of_2 |= w->sent[i].sample.epoch == 2 && w->sent[i].sample.state == DM_SAMPLE_RUN;
    }
    assert_true(hib_of_1 && run_of_2);
    assert_int_equal(w->state[0][8], DM_SAMPLE_RUN);
    world_free(w);
}

/* --- sleepers ----------------------------------------------------------------------------------------------- */

static void a_sleeper_sends_one_sample_a_minute(void **state)
{
    (void)state;
    world *w = world_new(3600);
    dm_usage_who one = who(0, 1);
    dm_stretch *sleep = dm_usage_begin(w->u, &one, DM_SAMPLE_HIB, us(30, 500000), w);
    frame_until(w, 59);
    assert_int_equal(w->samples, 0);
    assert_int_equal(w->complete_through, t0 + 30); /* from 31 on something is owed */
    frame_until(w, 60);
    assert_int_equal(w->samples, 1);
    assert_int_equal(w->last_span, 29);
    assert_int_equal(w->complete_through, t0 + 59);
    frame_until(w, 200);
    assert_int_equal(w->samples, 3); /* minutes 0, 1, 2 */
    assert_int_equal(w->last_span, 60);
    assert_int_equal(w->complete_through, t0 + 179);
    dm_usage_end(w->u, sleep, us(200, 700000), NULL, DM_CAUSE_NONE);
    frame_until(w, 210);
    assert_int_equal(w->samples, 4);
    assert_int_equal(w->last_span, 21); /* 180 to 200 */
    assert_int_equal(w->complete_through, t0 + 209);
    assert_int_equal(count(w, 0, DM_SAMPLE_HIB), 170); /* 31 to 200 */
    world_free(w);
}

static void a_sleeper_that_ends_with_the_minute(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_usage_who one = who(0, 1);
    dm_stretch *sleep = dm_usage_begin(w->u, &one, DM_SAMPLE_HIB, us(0, 0), w);
    frame_until(w, 60);
    assert_int_equal(w->last_span, 60);
    /* The end is told after that frame, but lies on the boundary: nothing more is owed. */
    dm_usage_end(w->u, sleep, us(60, 0), NULL, DM_CAUSE_KILLED);
    frame_until(w, 70);
    assert_int_equal(w->samples, 1);
    assert_int_equal(w->complete_through, t0 + 69);
    world_free(w);
}

static void a_killed_sleeper_has_its_cause(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_usage_who one = who(0, 1);
    run(w, 0, 1, us(1, 0), us(3, 500000), DM_CAUSE_NONE);
    dm_stretch *sleep = dm_usage_begin(w->u, &one, DM_SAMPLE_HIB, us(3, 500000), w);
    frame_until(w, 20);
    dm_usage_end(w->u, sleep, us(20, 300000), &(dm_sample){.disk_16mib = 9}, DM_CAUSE_KILLED);
    frame_until(w, 60);
    attest(w, 0);
    assert_int_equal(w->nattest, 1);
    assert_int_equal(w->attest[0].cause, DM_CAUSE_KILLED);
    for (int s = 0; s < 60; s++)
        assert_int_equal(w->attest[0].state[s], s >= 1 && s <= 3    ? DM_SAMPLE_RUN
                                                : s >= 4 && s <= 20 ? DM_SAMPLE_HIB
                                                                    : 0);
    assert_int_equal(w->attest[0].disk_16mib[0], 9);
    world_free(w);
}

/* Falls asleep and is killed within one second: that second ran, and the attestation says how it ended. */
static void killed_as_it_fell_asleep(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_usage_who one = who(0, 1);
    run(w, 0, 1, us(1, 0), us(3, 200000), DM_CAUSE_NONE);
    dm_stretch *sleep = dm_usage_begin(w->u, &one, DM_SAMPLE_HIB, us(3, 200000), w);
    dm_usage_end(w->u, sleep, us(3, 900000), NULL, DM_CAUSE_KILLED);
    frame_until(w, 60);
    assert_int_equal(count(w, 0, DM_SAMPLE_RUN), 3);
    assert_int_equal(count(w, 0, DM_SAMPLE_HIB), 0);
    attest(w, 0);
    assert_int_equal(w->attest[0].cause, DM_CAUSE_KILLED);
    world_free(w);
}

/* --- what is measured --------------------------------------------------------------------------------------- */

static void disk_goes_with_the_first_sample_of_a_minute(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_usage_who one = who(0, 1);
    dm_stretch *s = dm_usage_begin(w->u, &one, DM_SAMPLE_RUN, us(50, 0), w);
    w->disk = 3;
    frame_until(w, 55);
    w->disk = 8; /* not told until the next minute */
    frame_until(w, 130);
    assert_int_equal(w->disk_samples, 3);
    dm_usage_end(w->u, s, us(130, 1), NULL, DM_CAUSE_KILLED);
    frame_until(w, 180);
    assert_int_equal(w->disk_samples, 3);
    attest(w, 0);
    assert_int_equal(w->attest[0].disk_16mib[0], 3);
    attest(w, 60);
    assert_int_equal(w->attest[0].disk_16mib[0], 8);
    world_free(w);
}

static void an_unknown_disk_is_asked_for_again(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_usage_who one = who(0, 1);
    dm_stretch *s = dm_usage_begin(w->u, &one, DM_SAMPLE_RUN, us(0, 0), w);
    frame_until(w, 5);
    assert_int_equal(w->disk_samples, 0);
    w->disk = 4;
    frame_until(w, 10);
    assert_int_equal(w->disk_samples, 1);
    dm_usage_end(w->u, s, us(10, 0), NULL, DM_CAUSE_KILLED);
    frame_until(w, 11);
    world_free(w);
}

/* --- attestations ------------------------------------------------------------------------------------------- */

static void attestations_chain_by_sandbox_and_epoch(void **state)
{
    (void)state;
    world *w = world_new(60);
    memset(w->previous.b, 0xab, sizeof(w->previous.b));
    run(w, 1, 1, us(2, 0), us(4, 0), DM_CAUSE_NONE);
    run(w, 0, 2, us(9, 0), us(12, 0), DM_CAUSE_VMM_CRASHED); /* told before epoch 1 on purpose */
    run(w, 0, 1, us(1, 0), us(5, 0), DM_CAUSE_NONE);
    frame_until(w, 60);
    attest(w, 0);
    assert_int_equal(w->nattest, 3);
    assert_int_equal(w->attest[0].sandbox.b[15], 1);
    assert_int_equal(w->attest[0].epoch, 1);
    assert_int_equal(w->attest[1].epoch, 2);
    assert_int_equal(w->attest[2].sandbox.b[15], 2);
    assert_memory_equal(w->attest[0].previous.b, w->previous.b, DM_SHA256);
    assert_memory_equal(w->attest[1].previous.b, w->hash[0].b, DM_SHA256);
    assert_memory_equal(w->attest[2].previous.b, w->previous.b, DM_SHA256);
    assert_int_equal(w->attest[0].cause, DM_CAUSE_NONE);
    assert_int_equal(w->attest[1].cause, DM_CAUSE_VMM_CRASHED);
    assert_int_equal(w->attest[0].worker_no, 42);
    assert_int_equal(w->attest[0].worker_boot, 3);
    assert_int_equal(w->attest[0].project_no, 7);
    assert_int_equal(w->attest[0].spec, 3);
    assert_int_equal(w->attest[0].first_frame, 2); /* frames count from 1: second 1 is in the 2nd */
    assert_int_equal(w->attest[0].last_frame, 5);

    assert_int_equal(w->end.count, 3);
    assert_int_equal(w->end.period_start, t0);
    assert_int_equal(w->end.period_s, 60);
    /* Their hashes, sorted, hashed. */
    uint8_t all[3][DM_SHA256];
    for (int i = 0; i < 3; i++)
        memcpy(all[i], w->hash[i].b, DM_SHA256);
    for (int i = 0; i < 3; i++) {
        for (int j = i + 1; j < 3; j++) {
            if (memcmp(all[j], all[i], DM_SHA256) < 0) {
                uint8_t t[DM_SHA256];
                memcpy(t, all[i], DM_SHA256);
                memcpy(all[i], all[j], DM_SHA256);
                memcpy(all[j], t, DM_SHA256);
            }
        }
    }
    dm_digest digest;
    assert_int_equal(dm_sha256((dm_str){(const char *)all, sizeof(all)}, &digest, NULL), 0);
    assert_memory_equal(w->end.all.b, digest.b, DM_SHA256);
    world_free(w);
}

static void an_empty_period_has_an_end_record(void **state)
{
    (void)state;
    world *w = world_new(60);
    frame_until(w, 60);
    attest(w, 0);
    assert_int_equal(w->nattest, 0);
    assert_int_equal(w->end.count, 0);
    dm_digest digest;
    assert_int_equal(dm_sha256(DM_STR(""), &digest, NULL), 0);
    assert_memory_equal(w->end.all.b, digest.b, DM_SHA256);
    world_free(w);
}

static void a_period_is_attested_once(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_usage_who one = who(0, 1);
    dm_stretch *s = dm_usage_begin(w->u, &one, DM_SAMPLE_RUN, us(58, 0), w);
    frame_until(w, 60);
    attest(w, 0);
    assert_int_equal(w->nattest, 1);
    frame_until(w, 120);
    attest(w, 0);
    assert_int_equal(w->nattest, 0); /* forgotten */
    attest(w, 60);
    assert_int_equal(w->nattest, 1);
    for (int i = 0; i < 60; i++)
        assert_int_equal(w->attest[0].state[i], DM_SAMPLE_RUN);
    dm_usage_end(w->u, s, us(120, 1), NULL, DM_CAUSE_KILLED);
    frame_until(w, 121);
    world_free(w);
}

/* --- over a crash ------------------------------------------------------------------------------------------- */

/* The same lives, told to a usage that lives on and to one that dies with 35 frames written, whose successor replays
 * them and frames the rest under numbers of its own. */
static void replay_gives_the_same_attestations(void **state)
{
    (void)state;
    world *a = world_new(60), *b = world_new(60);
    a->disk = b->disk = 6;
    dm_usage_who one = who(0, 1), two = who(1, 1);
    world *both[] = {a, b};
    for (int i = 0; i < 2; i++) {
        world *w = both[i];
        w->frame_no = 1000; /* it had been up for a while */
        run(w, 2, 1, us(3, 100000), us(8, 0), DM_CAUSE_TIMEOUT);
        (void)dm_usage_begin(w->u, &one, DM_SAMPLE_RUN, us(5, 0), w);
        (void)dm_usage_begin(w->u, &two, DM_SAMPLE_HIB, us(0, 0), w);
        frame_until(w, 35);
    }
    dm_usage_free(b->u);
    world_usage(b, 60);
    dm_err err = {0};
    for (size_t i = 0; i < b->nsent; i++)
        assert_int_equal(dm_usage_replay(b->u, b->sent[i].second, &b->sent[i].sample, &err), 0);
    dm_usage_replay_cause(b->u, &(dm_sandbox_id){{[15] = 3}}, 1, DM_CAUSE_TIMEOUT);
    b->frame_no = 0; /* a new boot counts anew */
    (void)dm_usage_begin(b->u, &one, DM_SAMPLE_RUN, us(35, 0), b);
    (void)dm_usage_begin(b->u, &two, DM_SAMPLE_HIB, us(0, 0), b);
    frame_until(a, 60);
    frame_until(b, 60);
    attest(a, 0);
    attest(b, 0);
    assert_int_equal(a->nattest, 3);
    assert_int_equal(b->nattest, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(a->attest[i].state, b->attest[i].state, 60);
        assert_memory_equal(a->attest[i].disk_16mib, b->attest[i].disk_16mib, 4);
        assert_int_equal(a->attest[i].cause, b->attest[i].cause);
        assert_true(b->attest[i].first_frame <= b->attest[i].last_frame);
        assert_true(b->attest[i].last_frame <= b->frame_no); /* of this boot */
    }
    assert_int_equal(b->attest[2].first_frame, 0); /* what ended before is in no frame of this boot */
    assert_int_equal(b->end.count, 3);
    world_free(a);
    world_free(b);
}

/* Its worker was away for a while and begins anew with second 35; its VM is found dead: 34 is its last proven second.
 */
static void what_nobody_can_prove_is_not_claimed(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_usage_who one = who(0, 1);
    dm_err err = {0};
    dm_sample s = {.sandbox = one.sandbox,
            .epoch = 1,
            .project_no = 7,
            .spec_table = 1,
            .spec = 3,
            .region_no = 1,
            .state = DM_SAMPLE_RUN,
            .span_s = 1,
            .disk_16mib = DM_DISK_UNKNOWN};
    for (int64_t at = 30; at < 35; at++)
        assert_int_equal(dm_usage_replay(w->u, t0 + at, &s, &err), 0);
    w->at = t0 + 35;
    dm_stretch *again = dm_usage_begin(w->u, &one, DM_SAMPLE_RUN, us(35, 0), w);
    dm_usage_end(w->u, again, us(35, 0) - 1, NULL, DM_CAUSE_VMM_CRASHED);
    frame_until(w, 60);
    assert_int_equal(w->samples, 0);
    attest(w, 0);
    assert_int_equal(w->nattest, 1);
    assert_int_equal(w->attest[0].cause, DM_CAUSE_VMM_CRASHED);
    for (int i = 0; i < 60; i++)
        assert_int_equal(w->attest[0].state[i], i >= 30 && i < 35 ? DM_SAMPLE_RUN : 0);
    world_free(w);
}

static void an_attested_period_is_forgotten_on_replay(void **state)
{
    (void)state;
    world *w = world_new(60);
    dm_err err = {0};
    dm_sample s = {.epoch = 1,
            .project_no = 7,
            .spec_table = 1,
            .spec = 3,
            .state = DM_SAMPLE_RUN,
            .span_s = 1,
            .disk_16mib = DM_DISK_UNKNOWN};
    s.sandbox.b[15] = 1;
    dm_usage_forget(w->u, t0); /* nothing there yet */
    assert_int_equal(dm_usage_replay(w->u, t0 + 59, &s, &err), 0);
    assert_int_equal(dm_usage_replay(w->u, t0 + 60, &s, &err), 0);
    dm_usage_forget(w->u, t0);
    attest(w, 0);
    assert_int_equal(w->nattest, 0);
    attest(w, 60);
    assert_int_equal(w->nattest, 1);
    world_free(w);
}

/* --- at random ---------------------------------------------------------------------------------------------- */

static uint64_t random_state;
static int64_t below(int64_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((random_state >> 24) % (uint64_t)n);
}

/* What promises.md says of one stretch: a running second is one that was touched; sleep is what lies between. */
static void expect_stretch(uint8_t *row, dm_sample_state state, int64_t from, int64_t to)
{
    int64_t first = from / 1000000, last = (to - 1) / 1000000;
    if (state == DM_SAMPLE_RUN && last < first)
        last = first;
    for (int64_t s = first; s <= last; s++) {
        bool whole_or_end = state == DM_SAMPLE_RUN || s * 1000000 >= from;
        if (whole_or_end && (state == DM_SAMPLE_RUN || row[s] == 0))
            row[s] = (uint8_t)state;
    }
}

enum { LIVES = 24, LONG = 600 };

typedef struct life {
    int64_t at[10]; /* begins, sleeps, wakes, sleeps, ... */
    int n;          /* moments; the last one is the end */
    int next;
    dm_stretch *s;
} life;

static void a_moment(world *w, unsigned n, life *l, bool *ended)
{
    int64_t at = t0 * 1000000 + l->at[l->next];
    bool last = l->next == l->n - 1;
    if (l->s != NULL)
        dm_usage_end(w->u, l->s, at, NULL, last ? DM_CAUSE_KILLED : DM_CAUSE_NONE);
    l->s = NULL;
    if (!last) {
        dm_usage_who x = who(n, (uint32_t)(l->next / 2 + 1));
        l->s = dm_usage_begin(w->u, &x, l->next % 2 == 0 ? DM_SAMPLE_RUN : DM_SAMPLE_HIB, at, w);
        assert_non_null(l->s);
    }
    l->next++;
    *ended = last;
}

static void random_lives(world *w, life *lives, uint8_t (*expect)[LONG + 1])
{
    for (unsigned n = 0; n < LIVES; n++) {
        life *l = &lives[n];
        *l = (life){.n = 2 + (int)below(9)};
        int64_t at = below(LONG * 400000);
        for (int i = 0; i < l->n; i++) {
            l->at[i] = at;
            /* Often on a boundary, often within the same second. */
            at += below(3) == 0 ? below(900000) : below(60 * 1000000);
            if (below(4) == 0)
                at = (at + 999999) / 1000000 * 1000000;
            if (at >= (LONG - 1) * 1000000ll)
                at = (LONG - 1) * 1000000ll;
        }
        for (int i = 0; i + 1 < l->n; i++)
            expect_stretch(expect[n], i % 2 == 0 ? DM_SAMPLE_RUN : DM_SAMPLE_HIB, l->at[i], l->at[i + 1]);
    }
    for (int64_t second = 0; second < LONG; second++) {
        int64_t framed_us = (second + 1) * 1000000 + 20000; /* what happens until then is known to this frame */
        for (unsigned n = 0; n < LIVES; n++) {
            bool ended = false;
            while (!ended && lives[n].next < lives[n].n && lives[n].at[lives[n].next] < framed_us)
                a_moment(w, n, &lives[n], &ended);
        }
        frame_until(w, second + 1);
    }
}

static void random_lives_are_told_to_the_second(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        static life lives[LIVES];
        static uint8_t expect[LIVES][LONG + 1];
        random_state = (uint64_t)round;
        memset(expect, 0, sizeof(expect));
        world *w = world_new(60);
        random_lives(w, lives, expect);
        for (unsigned n = 0; n < LIVES; n++) {
            for (int s = 0; s < LONG; s++) {
                if (w->state[n][s] != expect[n][s]) {
                    for (int k = 0; k < lives[n].n; k++)
                        print_error("moment %d: %lld us\n", k, (long long)lives[n].at[k]);
                    fail_msg("round %d, life %u, second %d: told %u, lived %u", round, n, s, w->state[n][s],
                            expect[n][s]);
                }
            }
        }
        /* And so are the attestations, merged over epochs. */
        static uint8_t sworn[LIVES][LONG + 1];
        memset(sworn, 0, sizeof(sworn));
        for (int64_t period = 0; period < LONG; period += 60) {
            attest(w, period);
            for (size_t i = 0; i < w->nattest; i++) {
                for (int s = 0; s < 60; s++) {
                    uint8_t *at = &sworn[w->attest[i].sandbox.b[15] - 1][period + s];
                    if (*at != DM_SAMPLE_RUN && w->attest[i].state[s] != 0)
                        *at = w->attest[i].state[s];
                }
            }
        }
        for (unsigned n = 0; n < LIVES; n++)
            assert_memory_equal(sworn[n], expect[n], LONG);
        world_free(w);
    }
}

/* --- without memory ----------------------------------------------------------------------------------------- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    world *w = world_new(60);
    for (alloc_fail_at(0); alloc_fail_next();) {
        dm_usage *u = NULL;
        dm_err err = {0};
        dm_usage_config c = {.period_s = 60, .measure = measure, .previous = previous, .arg = w};
        dm_usage_who one = who(0, 1);
        const dm_sample *samples;
        uint32_t n;
        int64_t complete_through;
        int r = dm_usage_new(&c, &u, &err);
        if (r == 0 && dm_usage_begin(u, &one, DM_SAMPLE_RUN, us(0, 0), w) == NULL)
            r = DM_E_NOMEM;
        if (r == 0)
            r = dm_usage_second(u, t0, 1, &samples, &n, &complete_through, &err);
        if (alloc_fail_hit())
            assert_int_equal(r, DM_E_NOMEM);
        else
            assert_int_equal(r, 0);
        dm_usage_free(u);
    }
    world_free(w);
}

static void a_period_is_whole_minutes(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0, 1, 59, 61, 90, 3601, 3660, 7200};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        dm_usage *u = NULL;
        dm_err err = {0};
        dm_usage_config c = {.period_s = bad[i]};
        assert_int_equal(dm_usage_new(&c, &u, &err), DM_E_INVALID);
        assert_null(u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_running_second_is_one_that_was_touched),
            cmocka_unit_test(a_thousand_short_lives),
            cmocka_unit_test(a_life_told_while_it_lasts),
            cmocka_unit_test(a_nap),
            cmocka_unit_test(the_second_of_the_wake_is_of_the_higher_epoch),
            cmocka_unit_test(a_sleeper_sends_one_sample_a_minute),
            cmocka_unit_test(a_sleeper_that_ends_with_the_minute),
            cmocka_unit_test(a_killed_sleeper_has_its_cause),
            cmocka_unit_test(killed_as_it_fell_asleep),
            cmocka_unit_test(disk_goes_with_the_first_sample_of_a_minute),
            cmocka_unit_test(an_unknown_disk_is_asked_for_again),
            cmocka_unit_test(attestations_chain_by_sandbox_and_epoch),
            cmocka_unit_test(an_empty_period_has_an_end_record),
            cmocka_unit_test(a_period_is_attested_once),
            cmocka_unit_test(replay_gives_the_same_attestations),
            cmocka_unit_test(what_nobody_can_prove_is_not_claimed),
            cmocka_unit_test(an_attested_period_is_forgotten_on_replay),
            cmocka_unit_test(random_lives_are_told_to_the_second),
            cmocka_unit_test(every_allocation_may_fail),
            cmocka_unit_test(a_period_is_whole_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
