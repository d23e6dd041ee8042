/* meter_feed: the simulated workers in front of a real broker. It reads commands from standard input, a line each, and
 * answers each with one line of JSON when all it produced is acknowledged by the broker:
 *
 *   backlog N    the N seconds before now, as fast as the broker takes them
 *   live N       N seconds as they end, each 20 ms after its end, as a worker does
 *
 * Seconds never go back: a backlog must begin after the last second that was told. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/kafka.h"
#include "base/parse.h"
#include "base/wire/topic.h"

#include "tests/bench/fleet.h"

enum { QUEUE_BYTES = 96 << 20, LINGER_MS = 20, AFTER_END_US = 20000, COMMAND_MAX = 100, SECONDS_MAX = 3600 };

typedef struct feed {
    dm_fleet *fleet;
    dm_producer *producer;
    uint32_t workers;
    int64_t last; /* the last second told; -1 */
    uint64_t produced, delivered, failed, bytes;
    int64_t late_us_max; /* live: how long after its end a second was handed over, at most */
    dm_buf bytes_of;
} feed;

static void delivered(void *arg, uint64_t tag, bool ok, int64_t offset)
{
    feed *f = arg;
    (void)tag;
    (void)offset;
    f->delivered++;
    f->failed += !ok;
}

static void wait_ms(feed *f, int ms)
{
    struct pollfd p = {.fd = dm_producer_fd(f->producer), .events = POLLIN};
    (void)poll(&p, 1, ms);
    dm_producer_poll(f->producer);
}

static int produce(feed *f, uint32_t worker, dm_err *err)
{
    char key[24];
    (void)snprintf(key, sizeof(key), "%u", worker + 1);
    dm_str value = dm_buf_view(&f->bytes_of);
    int r;
    while ((r = dm_produce(f->producer, DM_TOPIC_USAGE, dm_str_c(key), value, f->produced, err)) == DM_KAFKA_FULL)
        wait_ms(f, 10);
    f->produced++;
    f->bytes += value.n;
    return r;
}

static int tell(feed *f, int64_t second, dm_err *err)
{
    int r = 0;
    if (second <= f->last)
        return dm_fail(err, DM_E_INVALID, "second %lld was told already", (long long)second);
    dm_fleet_second(f->fleet, second);
    for (uint32_t w = 0; r == 0 && w < f->workers; w++) {
        int parts = 1;
        for (int part = 0; r == 0 && part < parts; part++) {
            parts = dm_fleet_frame(f->fleet, w, (uint16_t)part, &f->bytes_of, err);
            r = parts < 0 ? parts : produce(f, w, err);
        }
        dm_producer_poll(f->producer);
    }
    f->last = second;
    return r;
}

static int acknowledged(feed *f, dm_err *err)
{
    int64_t until = dm_mono_us(&dm_clock_real) + 120000000;
    while (f->delivered < f->produced) {
        if (dm_mono_us(&dm_clock_real) > until)
            return dm_fail(err, DM_E_TIMEOUT, "the broker acknowledged %llu of %llu frames",
                    (unsigned long long)f->delivered, (unsigned long long)f->produced);
        wait_ms(f, 20);
    }
    return f->failed == 0 ? 0 : dm_fail(err, DM_E_IO, "%llu frames were not taken", (unsigned long long)f->failed);
}

static int backlog(feed *f, int64_t n, int64_t *from, dm_err *err)
{
    *from = dm_second_of(dm_wall_us(&dm_clock_real)) - n;
    int r = 0;
    for (int64_t s = *from; r == 0 && s < *from + n; s++)
        r = tell(f, s, err);
    return r;
}

static int live(feed *f, int64_t n, int64_t *from, dm_err *err)
{
    *from = dm_second_of(dm_wall_us(&dm_clock_real)) + 1;
    int r = 0;
    f->late_us_max = 0;
    for (int64_t s = *from; r == 0 && s < *from + n; s++) {
        int64_t at = (s + 1) * 1000000 + AFTER_END_US, left;
        while ((left = at - dm_wall_us(&dm_clock_real)) > 0)
            wait_ms(f, (int)(left / 1000) + 1);
        r = tell(f, s, err);
        int64_t late = dm_wall_us(&dm_clock_real) - at;
        if (late > f->late_us_max)
            f->late_us_max = late;
    }
    return r;
}

static int obey(feed *f, char *line, dm_err *err)
{
    dm_str rest = dm_str_trim(dm_str_c(line)), word;
    int64_t n = 0, from = 0, began = dm_mono_us(&dm_clock_real);
    uint64_t bytes = f->bytes, frames = f->produced, samples = dm_fleet_said_of(f->fleet).samples;
    if (!dm_str_split(&rest, ' ', &word))
        return 0;
    int r = dm_parse_i64(rest, 1, SECONDS_MAX, &n, err);
    if (r < 0)
        return r;
    if (dm_str_eq_c(word, "backlog"))
        r = backlog(f, n, &from, err);
    else if (dm_str_eq_c(word, "live"))
        r = live(f, n, &from, err);
    else
        r = dm_fail(err, DM_E_INVALID, "not a command: %.40s", line);
    if (r == 0)
        r = acknowledged(f, err);
    if (r < 0)
        return r;
    (void)printf(
            "{\"from\": %lld, \"seconds\": %lld, \"samples\": %llu, \"frames\": %llu, \"bytes\": %llu, \"ms\": %lld, "
            "\"late_ms_max\": %lld, \"cpu_ms\": %lld}\n",
            (long long)from, (long long)n, (unsigned long long)(dm_fleet_said_of(f->fleet).samples - samples),
            (unsigned long long)(f->produced - frames), (unsigned long long)(f->bytes - bytes),
            (long long)((dm_mono_us(&dm_clock_real) - began) / 1000), (long long)(f->late_us_max / 1000),
            (long long)(clock() / (CLOCKS_PER_SEC / 1000)));
    return fflush(stdout) == 0 ? 0 : dm_fail(err, DM_E_IO, "standard output");
}

static int run(feed *f, const char *brokers, dm_kafka_login login, const dm_fleet_config *config, dm_err *err)
{
    char line[COMMAND_MAX];
    dm_producer_config pc = {.brokers = brokers,
            .client_id = "dormouse-bench",
            .login = login,
            .linger_ms = LINGER_MS,
            .queue_max_bytes = QUEUE_BYTES,
            .delivered = delivered,
            .arg = f};
    int r = dm_fleet_new(config, &f->fleet, err);
    if (r == 0)
        r = dm_producer_new(&pc, &f->producer, err);
    while (r == 0 && fgets(line, sizeof(line), stdin) != NULL)
        r = obey(f, line, err);
    return r;
}

int main(int argc, char **argv)
{
    dm_err err = {0};
    uint64_t workers = 0, running = 0;
    uint8_t secret[DM_KEY];
    int r = -1;
    if (argc == 8)
        r = dm_parse_u64(dm_str_c(argv[2]), 1, DM_FLEET_WORKERS_MAX, &workers, &err);
    if (r == 0)
        r = dm_parse_u64(dm_str_c(argv[3]), 1, DM_FLEET_SANDBOXES_MAX, &running, &err);
    if (r == 0)
        r = dm_key_read(argv[7], secret, &err);
    if (r < 0) {
        (void)fprintf(stderr,
                "usage: meter_feed BROKERS WORKERS RUNNING-SANDBOXES USER PASSWORD-FILE CA-FILE FRAME-KEY-FILE\n%s\n",
                err.msg);
        return 2;
    }
    dm_fleet_config config = {
            .workers = (uint32_t)workers, .running = (uint32_t)running, .life_s = 600, .seed = 1, .secret = secret};
    feed f = {.workers = (uint32_t)workers, .last = -1};
    dm_buf_init(&f.bytes_of, DM_FRAME_BYTES_MAX);
    r = run(&f, argv[1], (dm_kafka_login){argv[4], argv[5], argv[6]}, &config, &err);
    dm_producer_free(f.producer);
    dm_fleet_free(f.fleet);
    dm_buf_done(&f.bytes_of);
    if (r < 0)
        (void)fprintf(stderr, "meter_feed: %s\n", err.msg);
    return r < 0 ? 1 : 0;
}
