/* The plan against what the workers told of it. Of each second and sandbox: what the frames in the log say, merged as
 * the ledger merges (RUN over HIB, twice is once), must be what the plan has, no second more and none less; and each
 * frame number is there, up to the last of its boot. */
#include <stdio.h>
#include <stdlib.h>

#include "base/wire/topic.h"

#include "tests/crash/stage.h"

enum { SANDBOXES = 16, EPOCHS = 8, SECONDS = END_S_MAX + 2, BOOTS = 16, FRAMES = SECONDS + 2 };

typedef struct seen {
    uint8_t state[SANDBOXES][EPOCHS][SECONDS];
    bool frame[WORKERS][BOOTS][FRAMES];
    uint64_t prev[WORKERS][BOOTS]; /* what the boot's frames say that the one before ended with */
    bool second[WORKERS][SECONDS];
} seen;

static unsigned sandbox_of(const dm_sandbox_id *id)
{
    unsigned n = 1;
    for (; n < SANDBOXES; n++) {
        dm_sandbox_id is = sandbox_id(n);
        if (dm_sandbox_id_eq(&is, id))
            break;
    }
    return n;
}

static void mark(uint8_t *state, uint8_t is)
{
    *state = *state == DM_SAMPLE_RUN ? *state : is;
}

static bool read_frame(seen *e, dm_str bytes)
{
    dm_frame_head h;
    const uint8_t *samples;
    if (dm_frame_open(bytes, &h, &samples, NULL) != 0 || h.worker_no > WORKERS || h.worker_boot >= BOOTS ||
            h.frame_no >= FRAMES || h.second < T0 || h.second >= T0 + SECONDS)
        return false;
    e->frame[h.worker_no - 1][h.worker_boot][h.frame_no] = true;
    e->prev[h.worker_no - 1][h.worker_boot] = h.prev_boot_last_frame;
    e->second[h.worker_no - 1][h.second - T0] = true;
    for (uint32_t i = 0; i < h.n; i++) {
        dm_sample s;
        if (dm_frame_sample(samples, i, &s, NULL) != 0 || sandbox_of(&s.sandbox) == SANDBOXES || s.epoch >= EPOCHS)
            return false;
        for (int64_t at = h.second - s.span_s + 1; at <= h.second; at++)
            mark(&e->state[sandbox_of(&s.sandbox)][s.epoch][at - T0], s.state);
    }
    return true;
}

static void plan_says(const plan *p, uint8_t out[SANDBOXES][EPOCHS][SECONDS])
{
    for (size_t i = 0; i < p->nphases; i++) {
        const phase *f = &p->phases[i];
        if (f->to_us <= f->from_us)
            continue;
        int64_t from = f->state == DM_SAMPLE_RUN ? dm_second_of(f->from_us) : dm_second_of(f->from_us - 1) + 1;
        for (int64_t at = from; at <= dm_second_of(f->to_us - 1); at++)
            mark(&out[f->sandbox][f->epoch][at], (uint8_t)f->state);
    }
}

static bool numbers_are_whole(const seen *e)
{
    for (unsigned w = 0; w < WORKERS; w++) {
        uint64_t before = 0;
        for (unsigned b = 0; b < BOOTS; b++) {
            uint64_t n = 0;
            for (uint64_t i = 1; i < FRAMES; i++) {
                if (e->frame[w][b][i] && i != ++n)
                    return printf("worker %u, boot %u: no frame %llu\n", w + 1, b, (unsigned long long)n) < 0;
            }
            if (n > 0 && e->prev[w][b] != before)
                return printf("worker %u, boot %u: it follows %llu, not %llu\n", w + 1, b,
                               (unsigned long long)e->prev[w][b], (unsigned long long)before) < 0;
            before = n > 0 ? n : before;
        }
        for (int64_t s = 0; s < PLAY_S; s++) {
            if (!e->second[w][s])
                return printf("worker %u: no frame of second %lld\n", w + 1, (long long)s) < 0;
        }
    }
    return true;
}

bool evidence_is_the_plans(const stage *s)
{
    DM_AUTO_MEM seen *e = calloc(1, sizeof(*e));
    DM_AUTO_MEM seen *want = calloc(1, sizeof(*want));
    if (e == NULL || want == NULL)
        abort();
    for (int part = 0; part < PARTS; part++) {
        for (uint32_t i = 0; i < s->log.parts[0][part].n; i++) {
            if (!read_frame(e, log_value(&s->log, &s->log.parts[0][part].v[i])))
                return printf("a frame that cannot be read\n") < 0;
        }
    }
    plan_says(&s->p, want->state);
    for (unsigned n = 0; n < SANDBOXES; n++) {
        for (unsigned k = 0; k < EPOCHS; k++) {
            for (int64_t at = 0; at < SECONDS; at++) {
                if (e->state[n][k][at] != want->state[n][k][at])
                    return printf("sandbox %u, epoch %u, second %lld: framed as %d, and was %d\n", n, k, (long long)at,
                                   e->state[n][k][at], want->state[n][k][at]) < 0;
            }
        }
    }
    return numbers_are_whole(e);
}
