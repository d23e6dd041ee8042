/* GET /v1/ops/health: what an operator looks at first. What is of the database is the same from each instance; what
 * this one alone knows (its requests, its lines) stands under `replica`. */
#include "tenants/fleet/health.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/pulse.h"
#include "api/ops/routes.h"
#include "metering/read/read.h"
#include "tenants/sandbox/hold.h"
#include "tenants/sandbox/row.h"

typedef struct work {
    dm_api *api;
    dm_health health;
    dm_read_meter meter;
    bool meter_there;
    int64_t sweep, held;
    dm_pg_rows *instances, *versions, *meters;
} work;

static void done(work *w)
{
    dm_pg_rows_free(w->instances);
    dm_pg_rows_free(w->versions);
    dm_pg_rows_free(w->meters);
    w->instances = w->versions = w->meters = NULL;
}

/* What the sweep and the holds would find now: they look for no more at a time. */
static int count_waiting(dm_pg *c, work *w, dm_err *err)
{
    DM_AUTO(dm_pg_rows) orphans = NULL;
    DM_AUTO(dm_pg_rows) held = NULL;
    int r = dm_sandbox_orphans(c, atomic_load(&w->api->instance), (int64_t)w->api->config->stuck_s, &orphans, err);
    if (r == 0)
        r = dm_held_running(c, DM_HEALTH_MOST, &held, err);
    if (r == 0) {
        w->sweep = (int64_t)dm_pg_count(orphans);
        w->held = (int64_t)dm_pg_count(held);
    }
    return r;
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    done(w); /* of a try before */
    int r = dm_health_read(c, (int64_t)w->api->config->lease_s, &w->health, err);
    if (r == 0)
        r = dm_health_instances(c, &w->instances, err);
    if (r == 0)
        r = dm_health_versions(c, &w->versions, err);
    if (r == 0)
        r = count_waiting(c, w, err);
    if (r == 0)
        r = dm_read_meters(c, &w->meters, err);
    if (r == 0)
        r = dm_read_meter_beat(c, &w->meter, err);
    w->meter_there = r == 0;
    return r == DM_READ_NONE ? 0 : r;
}

/* --- this instance ------------------------------------------------------------------------------------------ */

static void write_ms(dm_jw *j, const char *name, int64_t us)
{
    if (us == INT64_MAX)
        dm_jw_kc(j, name, NULL);
    else
        dm_jw_ki64(j, name, (us + 999) / 1000);
}

static void write_mouth(dm_jw *j, dm_pulse *p, dm_pulse_mouth mouth, int64_t span_s)
{
    dm_pulse_seen s;
    dm_pulse_look(p, mouth, span_s, &s);
    dm_jw_key(j, dm_pulse_name(mouth));
    dm_jw_obj(j);
    dm_jw_ku64(j, "count", s.count);
    write_ms(j, "p50_ms", s.p50_us);
    write_ms(j, "p99_ms", s.p99_us);
    dm_jw_key(j, "errors");
    dm_jw_obj(j);
    for (size_t i = 0; i < DM_PULSE_STATUSES; i++) {
        char status[16] = "other";
        if (dm_pulse_statuses[i] != 0)
            (void)snprintf(status, sizeof status, "%d", dm_pulse_statuses[i]);
        if (s.errors[i] > 0)
            dm_jw_ku64(j, status, s.errors[i]);
    }
    dm_jw_end(j);
    dm_jw_end(j);
}

static void write_span(dm_jw *j, const char *name, dm_pulse *p, int64_t span_s)
{
    dm_jw_key(j, name);
    dm_jw_obj(j);
    for (unsigned m = 0; m < DM_PULSE_MOUTHS && p != NULL; m++)
        write_mouth(j, p, (dm_pulse_mouth)m, span_s);
    dm_jw_end(j);
}

static void write_replica(dm_jw *j, dm_api *api)
{
    static const char *const lines[DM_LATER_LINES] = {"orders", "stops", "reads", "files", "proofs"};
    dm_jw_key(j, "replica");
    dm_jw_obj(j);
    dm_jw_ki64(j, "instance", atomic_load(&api->instance));
    dm_jw_kc(j, "version", DM_VERSION);
    dm_jw_key(j, "requests");
    dm_jw_obj(j);
    write_span(j, "minute", api->pulse, DM_PULSE_MINUTE_S);
    write_span(j, "hour", api->pulse, DM_PULSE_HOUR_S);
    dm_jw_end(j);
    dm_jw_key(j, "waiting");
    dm_jw_obj(j);
    for (unsigned i = 0; i < DM_LATER_LINES; i++)
        dm_jw_ku64(j, lines[i], dm_later_waiting(api->later, (dm_later_line)i));
    dm_jw_ku64(j, "parked", dm_later_parked(api->later));
    dm_jw_ku64(j, "db", dm_pg_pool_waiting(api->db));
    dm_jw_ku64(j, "db_ops", dm_pg_pool_waiting(api->ops));
    dm_jw_ku64(j, "db_who", dm_pg_pool_waiting(api->who));
    dm_jw_end(j);
    dm_jw_end(j);
}

/* --- all of them -------------------------------------------------------------------------------------------- */

static void write_instances(dm_jw *j, const dm_pg_rows *rows)
{
    dm_jw_key(j, "replicas");
    dm_jw_arr(j);
    for (size_t i = 0; i < dm_pg_count(rows); i++)
        dm_jw_i64(j, dm_pg_i64(rows, i, 0));
    dm_jw_arr_end(j);
}

static void write_workers(dm_jw *j, const work *w)
{
    const dm_health *h = &w->health;
    dm_jw_key(j, "workers");
    dm_jw_obj(j);
    dm_jw_ki64(j, "active", h->active);
    dm_jw_ki64(j, "draining", h->draining);
    dm_jw_ki64(j, "written_off", h->written_off);
    dm_jw_ki64(j, "late", h->late);
    dm_jw_ki64(j, "refusing", h->refusing);
    dm_jw_ki64(j, "running", h->running);
    dm_jw_ki64(j, "asleep", h->asleep);
    dm_jw_key(j, "versions");
    dm_jw_arr(j);
    for (size_t i = 0; i < dm_pg_count(w->versions); i++) {
        dm_str version = dm_pg_str(w->versions, i, 0);
        dm_jw_obj(j);
        dm_jw_kmaybe(j, "version", version.n > 0 ? version : (dm_str){NULL, 0});
        dm_jw_ki64(j, "workers", dm_pg_i64(w->versions, i, 1));
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
    dm_jw_end(j);
}

static void write_waiting(dm_jw *j, const work *w)
{
    dm_jw_key(j, "waiting");
    dm_jw_obj(j);
    dm_jw_ki64(j, "sweep", w->sweep);
    dm_jw_ki64(j, "held", w->held);
    dm_jw_ki64(j, "letters", w->health.letters);
    dm_jw_ki64(j, "letters_given_up", w->health.letters_gave_up);
    dm_jw_ki64(j, "outbox", w->health.outbox);
    dm_jw_end(j);
}

static void write_meter(dm_jw *j, const work *w)
{
    const dm_read_meter *m = &w->meter;
    dm_jw_key(j, "meter");
    if (!w->meter_there) {
        dm_jw_null(j);
        return;
    }
    dm_jw_obj(j);
    dm_jw_kc(j, "version", m->version);
    dm_write_time(j, "started_at", m->started_us);
    dm_jw_ki64(j, "beat_age_s", m->beat_age_s);
    dm_jw_ki64(j, "lag_frames", m->lag_frames);
    dm_jw_ki64(j, "lag_attestations", m->lag_attestations);
    dm_write_time(j, "watermark", m->watermark_us);
    dm_write_time(j, "closed_through", m->closed_through_us);
    dm_jw_end(j);
}

static void write_meters(dm_jw *j, const dm_pg_rows *meters)
{
    dm_jw_key(j, "meters");
    dm_jw_arr(j);
    for (size_t i = 0; i < dm_pg_count(meters); i++) {
        dm_jw_obj(j);
        dm_jw_kstr(j, "name", dm_pg_str(meters, i, 0));
        dm_jw_kbool(j, "holds", dm_pg_bool(meters, i, 1));
        dm_jw_kstr(j, "version", dm_pg_str(meters, i, 2));
        dm_jw_kbool(j, "reaches_broker", dm_pg_bool(meters, i, 3));
        dm_jw_ki64(j, "beat_age_s", dm_pg_i64(meters, i, 4));
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static int health(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.api = ctx};
    int r = dm_api_tx_ops(ctx, query, &w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_obj(&j);
        dm_write_time(&j, "at", dm_wall_us(w.api->clock));
        write_replica(&j, w.api);
        write_instances(&j, w.instances);
        write_workers(&j, &w);
        write_waiting(&j, &w);
        write_meter(&j, &w);
        write_meters(&j, w.meters);
        dm_jw_ki64(&j, "schema", w.health.schema);
        dm_jw_end(&j);
    }
    done(&w);
    return r;
}

int dm_route_ops_health(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, health, err);
}
