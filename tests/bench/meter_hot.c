/* meter_hot: how many samples a second one core takes through the meter's hot path: a frame is read and its worker's
 * seal verified (dm_frame_read, dm_frame_sealed_by), the tracker says whether it is new (dm_track_take), its samples go
 * into the bit maps (dm_accum_frame), the second is covered (dm_accum_cover): what metering/ledger/ledger.c does with a
 * message, without the message. Beside it, the same with the bytes kept and packed into chunks every five seconds, as
 * the ledger keeps them.
 *
 * Frames are made outside the measured time, one second of the whole fleet at once (some 20 MB: the caches do not hold
 * it), each 50th is delivered twice. Afterwards the bit maps are counted against what was said: a wrong sum is an
 * error. Each run is done twice, with sealed frames and with frames of before there were seals, of which the checksum
 * is verified (dm_frame_open): what a seal costs is read off one machine in one minute. One line of JSON each. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/parse.h"

#include "metering/ledger/accum.h"
#include "metering/ledger/track.h"
#include "metering/ledger/window.h"
#include "tests/bench/fleet.h"

enum { PERIOD_S = 3600, FLUSH_S = 5, TWICE = 50, ROWS_MAX = 1 << 24, MESSAGES_MAX = 8192, PACKED_MAX = 64 << 20 };
static const int64_t first_second = 1800000000; /* the beginning of a period */

typedef struct hot {
    dm_fleet *fleet;
    dm_accum *accum;
    dm_track *track;
    dm_window *window;
    dm_buf *messages;
    size_t nmessages;
    uint64_t frames_seen_twice;
    int64_t hot_ns, kept_ns, wall_ns; /* CPU time but for wall_ns */
    uint64_t packed_bytes;
} hot;

static int64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void hot_done(hot *h)
{
    for (size_t i = 0; h->messages != NULL && i < MESSAGES_MAX; i++)
        dm_buf_done(&h->messages[i]);
    free(h->messages);
    dm_window_free(h->window);
    dm_track_free(h->track);
    dm_accum_free(h->accum);
    dm_fleet_free(h->fleet);
}

/* All frames of one second, not measured. */
static int make_messages(hot *h, uint32_t workers, int64_t second, dm_err *err)
{
    dm_fleet_second(h->fleet, second);
    h->nmessages = 0;
    for (uint32_t w = 0; w < workers; w++) {
        int parts = 1;
        for (int part = 0; part < parts; part++) {
            if (h->nmessages == MESSAGES_MAX)
                return dm_fail(err, DM_E_LIMIT, "a second of more than %d frames", MESSAGES_MAX);
            parts = dm_fleet_frame(h->fleet, w, (uint16_t)part, &h->messages[h->nmessages], err);
            if (parts < 0)
                return parts;
            h->nmessages++;
        }
    }
    return 0;
}

static void bad_sample(void *arg, uint32_t i, const dm_err *why)
{
    (void)arg;
    (void)fprintf(stderr, "meter_hot: sample %u: %s\n", i, why->msg);
}

static int take(hot *h, dm_str bytes, dm_frame_head *head, dm_err *err)
{
    const uint8_t *samples;
    bool whole = false;
    int r = dm_frame_read(bytes, head, &samples, err);
    if (r == 0 && !(head->version == DM_FRAME_SEALED
                                  ? dm_frame_sealed_by(bytes, dm_fleet_seal_of(h->fleet, (uint32_t)head->worker_no - 1))
                                  : dm_frame_whole(bytes)))
        r = dm_fail(err, DM_E_CORRUPT, "a frame that is not as it was made");
    if (r == 0)
        r = dm_track_take(h->track, head, &whole, err);
    if (r != DM_TRACK_NEW)
        return r;
    r = dm_accum_frame(h->accum, head, samples, bad_sample, NULL, err);
    return r == 0 && whole ? dm_accum_cover(h->accum, (dm_worker_no){head->worker_no}, head->second, err) : r;
}

/* One second through the hot path; what the window does is on a clock of its own. */
static int take_second(hot *h, dm_err *err)
{
    int64_t wall = clock_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < h->nmessages; i++) {
        dm_str bytes = dm_buf_view(&h->messages[i]);
        dm_frame_head head;
        int64_t t0 = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        int r = take(h, bytes, &head, err);
        if (r == 0 && i % TWICE == 0) {
            r = take(h, bytes, &head, err);
            h->frames_seen_twice += r == DM_TRACK_SEEN;
            r = r == DM_TRACK_SEEN ? 0 : r;
        }
        int64_t t1 = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        if (r == 0)
            r = dm_window_add(h->window, &head, dm_period_start(head.second, PERIOD_S), bytes, false, err);
        if (r < 0)
            return r;
        h->hot_ns += t1 - t0;
        h->kept_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - t1;
    }
    h->wall_ns += clock_ns(CLOCK_MONOTONIC) - wall;
    return 0;
}

static int pack(hot *h, dm_err *err)
{
    int64_t t0 = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    DM_AUTO_BUF packed;
    dm_buf_init(&packed, PACKED_MAX);
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_window_count(h->window); i++) {
        dm_buf_reset(&packed);
        r = dm_chunk_pack(dm_buf_view(&dm_window_get(h->window, i)->raw), &packed, err);
        h->packed_bytes += packed.len;
    }
    dm_window_clear(h->window);
    h->kept_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - t0;
    return r;
}

static uint64_t bits(const dm_accum_bits *p)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < PERIOD_S; i++)
        n += dm_accum_bit(p, i);
    return n;
}

/* Sleepers' spans reach back before the first second; those go into the period before. */
static int check(const hot *h, uint64_t *run, uint64_t *hib, dm_err *err)
{
    *run = *hib = 0;
    for (int64_t start = first_second - PERIOD_S; start <= first_second; start += PERIOD_S) {
        const dm_accum_row **rows;
        size_t n;
        int r = dm_accum_rows(h->accum, start, &rows, &n, err);
        if (r < 0)
            return r;
        for (size_t i = 0; i < n; i++) {
            *run += bits(&rows[i]->run);
            *hib += bits(&rows[i]->hib);
        }
        free(rows);
    }
    dm_fleet_said said = dm_fleet_said_of(h->fleet);
    if (*run != said.run_seconds || *hib != said.hib_seconds)
        return dm_fail(err, DM_E_INTERNAL, "said %llu and %llu seconds, the bit maps have %llu and %llu",
                (unsigned long long)said.run_seconds, (unsigned long long)said.hib_seconds, (unsigned long long)*run,
                (unsigned long long)*hib);
    return 0;
}

static int run_once(const dm_fleet_config *config, uint32_t seconds, hot *h, dm_err *err)
{
    int r = dm_fleet_new(config, &h->fleet, err);
    h->messages = calloc(MESSAGES_MAX, sizeof(*h->messages));
    if (r == 0 && h->messages == NULL)
        r = dm_fail(err, DM_E_NOMEM, "no memory for messages");
    for (size_t i = 0; r == 0 && i < MESSAGES_MAX; i++)
        dm_buf_init(&h->messages[i], DM_FRAME_BYTES_MAX);
    if (r == 0)
        r = dm_accum_new(PERIOD_S, ROWS_MAX, ROWS_MAX, &h->accum, err);
    if (r == 0)
        r = dm_track_new(&h->track, err);
    if (r == 0)
        r = dm_window_new(&h->window, err);
    for (uint32_t s = 0; r == 0 && s < seconds; s++) {
        r = make_messages(h, config->workers, first_second + s, err);
        if (r == 0)
            r = take_second(h, err);
        if (r == 0 && (s % FLUSH_S == FLUSH_S - 1 || s + 1 == seconds))
            r = pack(h, err);
    }
    return r;
}

static int report(const hot *h, bool sealed, dm_err *err)
{
    uint64_t run, hib;
    int r = check(h, &run, &hib, err);
    if (r < 0)
        return r;
    dm_fleet_said said = dm_fleet_said_of(h->fleet);
    double samples = (double)said.samples;
    (void)printf("{\"sealed\": %s, \"samples\": %llu, \"frames\": %llu, \"repeated_frames\": %llu, \"rows\": %zu, "
                 "\"hot_samples_per_s_core\": %.0f, \"hot_chunked_samples_per_s_core\": %.0f, "
                 "\"wall_ms\": %lld, \"chunk_bytes_per_sample\": %.2f, \"run_seconds\": %llu, \"hib_seconds\": %llu}\n",
            sealed ? "true" : "false", (unsigned long long)said.samples, (unsigned long long)said.frames,
            (unsigned long long)h->frames_seen_twice, dm_accum_count(h->accum), samples * 1e9 / (double)h->hot_ns,
            samples * 1e9 / (double)(h->hot_ns + h->kept_ns), (long long)(h->wall_ns / 1000000),
            (double)h->packed_bytes / samples, (unsigned long long)run, (unsigned long long)hib);
    return fflush(stdout) == 0 ? 0 : dm_fail(err, DM_E_IO, "standard output");
}

/* What a sandbox costs in memory for a period in which it ran all the time: all that the bit maps allocated. */
static int memory(dm_err *err)
{
    enum { SANDBOXES = 30000, WORKERS = 3 };
    dm_fleet_config config = {.workers = WORKERS, .running = SANDBOXES, .life_s = UINT32_MAX, .seed = 7};
    hot h = {0};
    struct mallinfo2 held = {0}, freed = {0};
    int r = run_once(&config, 1, &h, err);
    size_t rows = r == 0 ? dm_accum_count(h.accum) : 1;
    held = mallinfo2();
    dm_accum_free(dm_steal(&h.accum));
    freed = mallinfo2();
    if (r == 0)
        (void)printf("{\"bytes_per_sandbox_period\": %zu, \"memory_rows\": %zu}\n",
                (held.uordblks + held.hblkhd - freed.uordblks - freed.hblkhd) / rows, rows);
    hot_done(&h);
    return r;
}

int main(int argc, char **argv)
{
    dm_err err = {0};
    uint64_t running = 300000, seconds = 60, runs = 3;
    int r = 0;
    if (argc > 1)
        r = dm_parse_u64(dm_str_c(argv[1]), 30, DM_FLEET_SANDBOXES_MAX, &running, &err);
    if (r == 0 && argc > 2)
        r = dm_parse_u64(dm_str_c(argv[2]), 1, PERIOD_S, &seconds, &err);
    if (r == 0 && argc > 3)
        r = dm_parse_u64(dm_str_c(argv[3]), 1, 100, &runs, &err);
    if (argc > 4 || r < 0) {
        (void)fprintf(stderr, "usage: meter_hot [RUNNING-SANDBOXES [SECONDS [RUNS]]]\n%s\n", err.msg);
        return 2;
    }
    r = memory(&err);
    for (uint64_t i = 0; r == 0 && i < 2 * runs; i++) {
        static const uint8_t secret[DM_KEY] = {7};
        bool sealed = i % 2 != 0;
        dm_fleet_config config = {.workers = 30,
                .running = (uint32_t)running,
                .asleep = (uint32_t)running / 5,
                .life_s = 600,
                .seed = i / 2 + 1,
                .secret = sealed ? secret : NULL};
        hot h = {0};
        r = run_once(&config, (uint32_t)seconds, &h, &err);
        if (r == 0)
            r = report(&h, sealed, &err);
        hot_done(&h);
    }
    if (r < 0)
        (void)fprintf(stderr, "meter_hot: %s\n", err.msg);
    return r < 0 ? 1 : 0;
}
