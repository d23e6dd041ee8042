/* meter_naive: what one would write instead of the meter: each sample a row, INSERT ... ON CONFLICT DO NOTHING, one
 * transaction a frame, with arrays as parameters, so that a round trip carries 10,000 rows. It gets what favours it:
 * frames that were made before the clock runs, no broker in front, an empty table without further indexes, text made by
 * hand. The table is a schema of its own, dm_bench, which is made and dropped. One line of JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/pg.h"

#include "tests/bench/fleet.h"

enum { WORKERS = 30, RUNNING = 300000, FRAMES_MAX = 60, ARRAY_MAX = 1 << 20 };

/* A table left by a run that was broken off is in the way of nobody. */
static const char make_table[] =
        "DROP SCHEMA IF EXISTS dm_bench CASCADE; CREATE SCHEMA dm_bench;"
        "CREATE TABLE dm_bench.usage_second (sandbox bytea, epoch int, second bigint, project_no int, spec smallint,"
        " state smallint, disk int, PRIMARY KEY (sandbox, epoch, second))";
static const char drop_table[] = "DROP SCHEMA dm_bench CASCADE";

static const dm_pg_stmt insert = {"bench_naive_insert",
        "INSERT INTO dm_bench.usage_second SELECT u.sandbox, u.epoch, $1, u.project_no, u.spec, u.state, u.disk FROM"
        " unnest($2::bytea[], $3::int[], $4::int[], $5::smallint[], $6::smallint[], $7::int[])"
        " AS u (sandbox, epoch, project_no, spec, state, disk) ON CONFLICT DO NOTHING",
        DM_PG_NONE};

enum { COL_ID, COL_EPOCH, COL_PROJECT, COL_SPEC, COL_STATE, COL_DISK, COLS };

typedef struct naive {
    dm_fleet *fleet;
    dm_pg *pg;
    dm_buf frames[FRAMES_MAX];
    size_t nframes;
    dm_buf cols[COLS];
    int64_t second;
    uint64_t samples;
} naive;

static void put_number(dm_buf *b, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%s%lld", b->len > 1 ? "," : "", (long long)v);
    (void)dm_buf_add(b, text, (size_t)n);
}

static void put_sample(naive *n, const dm_sample *s)
{
    char hex[2 * DM_SANDBOX_ID_BYTES + 1];
    dm_hex(s->sandbox.b, DM_SANDBOX_ID_BYTES, hex);
    (void)dm_buf_c(&n->cols[COL_ID], n->cols[COL_ID].len > 1 ? ",\"\\\\x" : "\"\\\\x");
    (void)dm_buf_add(&n->cols[COL_ID], hex, sizeof(hex) - 1);
    (void)dm_buf_ch(&n->cols[COL_ID], '"');
    put_number(&n->cols[COL_EPOCH], s->epoch);
    put_number(&n->cols[COL_PROJECT], s->project_no);
    put_number(&n->cols[COL_SPEC], s->spec);
    put_number(&n->cols[COL_STATE], s->state);
    put_number(&n->cols[COL_DISK], s->disk_16mib == DM_DISK_UNKNOWN ? -1 : (int64_t)s->disk_16mib);
}

static int insert_frame(dm_pg *c, void *arg, dm_err *err)
{
    naive *n = arg;
    dm_pg_arg args[COLS + 1] = {dm_pa_i64(n->second)};
    for (int i = 0; i < COLS; i++) {
        int r = dm_buf_ok(&n->cols[i], err);
        if (r < 0)
            return r;
        args[i + 1] = dm_pa_text(dm_buf_view(&n->cols[i]));
    }
    return dm_pg_exec(c, &insert, args, DM_LEN(args), NULL, NULL, err);
}

static int take(naive *n, dm_str bytes, dm_err *err)
{
    dm_frame_head head;
    const uint8_t *samples;
    int r = dm_frame_open(bytes, &head, &samples, err);
    if (r < 0)
        return r;
    for (int i = 0; i < COLS; i++) {
        dm_buf_reset(&n->cols[i]);
        (void)dm_buf_ch(&n->cols[i], '{');
    }
    for (uint32_t i = 0; i < head.n; i++) {
        dm_sample s;
        r = dm_frame_sample(samples, i, &s, err);
        if (r < 0)
            return r;
        put_sample(n, &s);
    }
    for (int i = 0; i < COLS; i++)
        (void)dm_buf_ch(&n->cols[i], '}');
    n->second = head.second;
    n->samples += head.n;
    return dm_pg_tx_on(n->pg, &(dm_pg_scope){0}, insert_frame, n, err);
}

static int make_frames(naive *n, int64_t second, dm_err *err)
{
    dm_fleet_second(n->fleet, second);
    for (n->nframes = 0; n->nframes < WORKERS; n->nframes++) {
        int r = dm_fleet_frame(n->fleet, (uint32_t)n->nframes, 0, &n->frames[n->nframes], err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Whole seconds of the fleet, until the time is over; a second that was begun is finished. */
static int run(naive *n, const char *conninfo, int64_t us, int64_t *took, dm_err *err)
{
    dm_fleet_config config = {.workers = WORKERS, .running = RUNNING, .life_s = 600, .seed = 1};
    int64_t second = dm_second_of(dm_wall_us(&dm_clock_real));
    int r = dm_fleet_new(&config, &n->fleet, err);
    if (r == 0)
        r = dm_pg_open(conninfo, &n->pg, err);
    if (r == 0)
        r = dm_pg_script(n->pg, make_table, err);
    for (*took = 0; r == 0 && *took < us; second++) {
        r = make_frames(n, second, err);
        int64_t began = dm_mono_us(&dm_clock_real);
        for (size_t i = 0; r == 0 && i < n->nframes; i++)
            r = take(n, dm_buf_view(&n->frames[i]), err);
        *took += dm_mono_us(&dm_clock_real) - began;
    }
    return r == 0 ? dm_pg_script(n->pg, drop_table, err) : r;
}

int main(int argc, char **argv)
{
    dm_err err = {0};
    uint64_t seconds = 0;
    int64_t took = 0;
    int r = argc == 3 ? dm_parse_u64(dm_str_c(argv[2]), 1, 600, &seconds, &err) : -1;
    if (r < 0) {
        (void)fprintf(stderr, "usage: meter_naive CONNINFO SECONDS\n%s\n", err.msg);
        return 2;
    }
    naive n = {0};
    for (size_t i = 0; i < FRAMES_MAX; i++)
        dm_buf_init(&n.frames[i], DM_FRAME_BYTES_MAX);
    for (size_t i = 0; i < COLS; i++)
        dm_buf_init(&n.cols[i], ARRAY_MAX);
    r = run(&n, argv[1], (int64_t)seconds * 1000000, &took, &err);
    if (r == 0)
        (void)printf("{\"samples\": %llu, \"ms\": %lld, \"naive_sql_samples_per_s\": %.0f}\n",
                (unsigned long long)n.samples, (long long)(took / 1000), (double)n.samples * 1e6 / (double)took);
    else
        (void)fprintf(stderr, "meter_naive: %s\n", err.msg);
    for (size_t i = 0; i < FRAMES_MAX; i++)
        dm_buf_done(&n.frames[i]);
    for (size_t i = 0; i < COLS; i++)
        dm_buf_done(&n.cols[i]);
    if (n.pg != NULL)
        dm_pg_close(n.pg);
    dm_fleet_free(n.fleet);
    return r < 0 ? 1 : 0;
}
