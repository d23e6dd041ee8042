#include "tests/bench/fleet.h"

#include <stdlib.h>

typedef struct box {
    dm_sandbox_id id;
    uint32_t project_no;
    uint16_t spec;
    int64_t disk_minute; /* the last minute its disk was told of */
} box;

struct dm_fleet {
    dm_fleet_config c;
    uint64_t random;
    uint32_t per_run, per_hib; /* boxes of one worker */
    box *run, *hib;
    uint32_t next_end; /* the box that ends next, of each worker */
    uint64_t ends_due; /* in boxes x life_s: what did not make a whole box yet */
    int64_t second;
    uint64_t frame_no;
    dm_sample *samples; /* of one part */
    dm_mac *seals[DM_FLEET_WORKERS_MAX];
    dm_fleet_said said;
};

/* splitmix64 */
static uint64_t random_u64(dm_fleet *f)
{
    uint64_t z = f->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void begin(dm_fleet *f, box *b)
{
    uint64_t random[2] = {random_u64(f), random_u64(f)};
    uint8_t bytes[16];
    memcpy(bytes, random, sizeof(bytes));
    b->id = dm_sandbox_id_of_random(bytes);
    b->project_no = (uint32_t)(random_u64(f) % DM_FLEET_PROJECTS) + 1;
    b->spec = (uint16_t)(random_u64(f) % 5 + 1);
    b->disk_minute = -1;
    f->said.sandboxes++;
}

int dm_fleet_new(const dm_fleet_config *config, dm_fleet **out, dm_err *err)
{
    if (config->workers == 0 || config->workers > DM_FLEET_WORKERS_MAX || config->life_s == 0)
        return dm_fail(err, DM_E_INVALID, "a fleet of %u workers", config->workers);
    if (config->running > DM_FLEET_SANDBOXES_MAX || config->asleep > DM_FLEET_SANDBOXES_MAX)
        return dm_fail(err, DM_E_INVALID, "a fleet of %u and %u sandboxes", config->running, config->asleep);
    DM_AUTO(dm_fleet) f = calloc(1, sizeof(*f));
    if (f == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a fleet");
    f->c = *config;
    f->random = config->seed;
    f->second = -1;
    f->per_run = config->running / config->workers;
    f->per_hib = config->asleep / config->workers;
    size_t run = (size_t)f->per_run * config->workers, hib = (size_t)f->per_hib * config->workers;
    f->run = calloc(run + 1, sizeof(*f->run));
    f->hib = calloc(hib + 1, sizeof(*f->hib));
    f->samples = calloc(DM_FRAME_SAMPLES, sizeof(*f->samples));
    if (f->run == NULL || f->hib == NULL || f->samples == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a fleet");
    for (uint32_t w = 0; config->secret != NULL && w < config->workers; w++) {
        uint8_t key[DM_KEY];
        int r = dm_frame_key(config->secret, (dm_worker_no){w + 1}, key, err);
        if (r == 0)
            r = dm_mac_new(key, &f->seals[w], err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < run; i++)
        begin(f, &f->run[i]);
    for (size_t i = 0; i < hib; i++)
        begin(f, &f->hib[i]);
    *out = dm_steal(&f);
    return 0;
}

void dm_fleet_free(dm_fleet *f)
{
    if (f == NULL)
        return;
    free(f->run);
    free(f->hib);
    free(f->samples);
    for (uint32_t w = 0; w < DM_FLEET_WORKERS_MAX; w++)
        dm_mac_free(f->seals[w]);
    free(f);
}

void dm_fleet_second(dm_fleet *f, int64_t second)
{
    if (f->second >= 0)
        f->ends_due += f->per_run;
    for (; f->ends_due >= f->c.life_s && f->per_run > 0; f->ends_due -= f->c.life_s) {
        for (uint32_t w = 0; w < f->c.workers; w++)
            begin(f, &f->run[(size_t)w * f->per_run + f->next_end]);
        /* a stride that has no common factor with most numbers: who ends next is not a neighbour */
        f->next_end = (uint32_t)(((uint64_t)f->next_end + 7919) % f->per_run);
    }
    f->second = second;
    f->frame_no++;
}

static void say(dm_fleet *f, box *b, dm_sample_state state, uint8_t span_s, dm_sample *out)
{
    int64_t minute = f->second / 60;
    bool first = b->disk_minute != minute;
    b->disk_minute = minute;
    *out = (dm_sample){
            .sandbox = b->id,
            .epoch = 1,
            .project_no = b->project_no,
            .spec_table = 1,
            .spec = b->spec,
            .state = (uint8_t)state,
            .span_s = span_s,
            .region_no = 1,
            .disk_16mib = first ? 12 : DM_DISK_UNKNOWN,
            .cpu_used_us = state == DM_SAMPLE_RUN ? (uint32_t)(b->id.b[15] * 2000u) : 0,
            .mem_private_mib = 40u + b->id.b[14] % 64u,
            .mem_shared_mib = 110,
            .net_in_kib = b->id.b[13] % 8u,
            .net_out_kib = b->id.b[12] % 8u,
    };
    f->said.samples++;
    *(state == DM_SAMPLE_RUN ? &f->said.run_seconds : &f->said.hib_seconds) += span_s;
}

/* Sleepers of this second: those whose turn in the minute it is. */
static uint32_t sleepers_begin(const dm_fleet *f)
{
    return (uint32_t)((uint64_t)f->per_hib * (uint64_t)(f->second % 60) / 60);
}

static uint32_t sleepers_end(const dm_fleet *f)
{
    return (uint32_t)((uint64_t)f->per_hib * (uint64_t)(f->second % 60 + 1) / 60);
}

int dm_fleet_frame(dm_fleet *f, uint32_t worker, uint16_t part, dm_buf *b, dm_err *err)
{
    uint32_t hib_from = sleepers_begin(f), all = f->per_run + sleepers_end(f) - hib_from;
    uint32_t parts = all == 0 ? 1 : (all + DM_FRAME_SAMPLES - 1) / DM_FRAME_SAMPLES;
    uint32_t from = part * (uint32_t)DM_FRAME_SAMPLES, to = from + DM_FRAME_SAMPLES;
    if (to > all)
        to = all;
    for (uint32_t i = from; i < to; i++) {
        dm_sample *s = &f->samples[i - from];
        if (i < f->per_run)
            say(f, &f->run[(size_t)worker * f->per_run + i], DM_SAMPLE_RUN, 1, s);
        else
            say(f, &f->hib[(size_t)worker * f->per_hib + hib_from + (i - f->per_run)], DM_SAMPLE_HIB, DM_HIB_SPAN_MAX,
                    s);
    }
    dm_frame_head head = {
            .worker_no = worker + 1,
            .worker_boot = 1,
            .frame_no = f->frame_no,
            .second = f->second,
            .complete_through = f->second,
            .part = part,
            .parts = (uint16_t)parts,
            .clock_err_us = 500,
            .n = to - from,
    };
    dm_buf_reset(b);
    int r = dm_frame_write(b, &head, f->samples, f->seals[worker], err);
    if (r < 0)
        return r;
    f->said.frames++;
    return (int)parts;
}

dm_mac *dm_fleet_seal_of(const dm_fleet *f, uint32_t worker)
{
    return f->seals[worker];
}

dm_fleet_said dm_fleet_said_of(const dm_fleet *f)
{
    return f->said;
}
