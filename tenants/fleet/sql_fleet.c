#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/wire/frame.h"

#include "tenants/fleet/fleet.h"
#include "tenants/plan/audit.h"

static const dm_pg_stmt region = {"fleet_region", "SELECT region_no FROM dm.region WHERE name = $1", DM_PG_MAYBE};

int dm_fleet_region(dm_pg *c, const char *name, int64_t *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(name)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &region, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return dm_fail(err, DM_E_INTERNAL, "no region '%s'", name);
    *out = dm_pg_i64(rows, 0, 0);
    return 0;
}

/* A new name alone takes a number: ON CONFLICT burns one at each try, and a worker enrols at each of its starts. */
static const dm_pg_stmt known = {"fleet_known",
        "SELECT worker_no, boot, state = 'written_off' FROM dm.worker WHERE name = $1 FOR NO KEY UPDATE", DM_PG_MAYBE};
static const dm_pg_stmt enrol_new = {"fleet_enrol_new",
        "INSERT INTO dm.worker (name, region_no, boot, door, accel, slots, mem_mib, free_slots, sealed_from_boot)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $8) ON CONFLICT (name) DO NOTHING RETURNING worker_no",
        DM_PG_MAYBE};
static const dm_pg_stmt enrol_again = {"fleet_enrol_again",
        "UPDATE dm.worker SET region_no = $2, boot = $3, door = $4, accel = $5, slots = $6, mem_mib = $7,"
        " mem_free_mib = NULL, beat_at = now(), sealed_from_boot = coalesce(sealed_from_boot, $8) WHERE name = $1",
        DM_PG_NONE};
static const dm_pg_stmt enrol_key = {"fleet_enrol_key",
        "INSERT INTO dm.worker_key (worker_no, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING", DM_PG_NONE};

/* Whether the name is there, its row locked. DM_FLEET_NONE, DM_FLEET_OLD_BOOT, DM_FLEET_WRITTEN_OFF. */
static int find_known(dm_pg *c, const dm_wk_enrol *m, int64_t *no, dm_err *err)
{
    const dm_pg_arg name = dm_pa_c(m->name);
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &known, &name, 1, &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_FLEET_NONE;
    if (dm_pg_bool(rows, 0, 2))
        return DM_FLEET_WRITTEN_OFF;
    *no = dm_pg_i64(rows, 0, 0);
    return dm_pg_i64(rows, 0, 1) > m->boot ? DM_FLEET_OLD_BOOT : 0;
}

static int enrol(dm_pg *c, const dm_wk_enrol *m, int64_t region_no, int64_t *no, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(m->name), dm_pa_i64(region_no), dm_pa_i64(m->boot), dm_pa_c(m->door),
            dm_pa_c(m->accel), dm_pa_i64(m->slots), dm_pa_i64(m->mem_mib),
            m->frames >= DM_FRAME_SEALED ? dm_pa_i64(m->boot) : dm_pa_null()};
    DM_AUTO(dm_pg_rows) made = NULL;
    int r = find_known(c, m, no, err);
    if (r == DM_FLEET_NONE) {
        r = dm_pg_exec(c, &enrol_new, args, DM_LEN(args), &made, NULL, err);
        if (r < 0)
            return r;
        if (dm_pg_count(made) == 1) {
            *no = dm_pg_i64(made, 0, 0);
            return 0;
        }
        r = find_known(c, m, no, err); /* another of this name was quicker, and has committed */
        if (r == DM_FLEET_NONE)
            return dm_fail(err, DM_E_CONFLICT, "worker '%s' is being enrolled", m->name);
    }
    return r != 0 ? r : dm_pg_exec(c, &enrol_again, args, DM_LEN(args), NULL, NULL, err);
}

int dm_fleet_enrol(dm_pg *c, const dm_wk_enrol *m, int64_t region_no, dm_worker_no *out, dm_err *err)
{
    uint8_t key[32];
    int64_t no = 0;
    int r = dm_parse_hex(dm_str_c(m->public_key), key, sizeof key, err);
    if (r < 0)
        return dm_wrap(err, "\"public_key\"");
    r = enrol(c, m, region_no, &no, err);
    if (r != 0)
        return r;
    const dm_pg_arg key_args[] = {dm_pa_i64(no), dm_pa_bytes(key, sizeof key)};
    r = dm_pg_exec(c, &enrol_key, key_args, DM_LEN(key_args), NULL, NULL, err);
    if (r == 0)
        out->v = (uint64_t)no;
    return r;
}

static const dm_pg_stmt beat = {"fleet_beat",
        "UPDATE dm.worker SET beat_at = now(), running = $3, asleep = $4, free_slots = $5, refusing = $6,"
        " mem_free_mib = $7, pooled = $8, why = $9, version = $10"
        " WHERE worker_no = $1 AND boot = $2 AND state <> 'written_off' RETURNING state = 'draining',"
        " (SELECT n FROM dm.budget_bounds)",
        DM_PG_MAYBE};

int dm_fleet_beat(dm_pg *c, dm_worker_no worker, const dm_wk_beat *m, dm_wk_beat_answer *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)worker.v), dm_pa_i64(m->boot), dm_pa_i64(m->running),
            dm_pa_i64(m->asleep), dm_pa_i64(m->free_slots), dm_pa_bool(m->refusing),
            m->has_mem_free_mib ? dm_pa_i64(m->mem_free_mib) : dm_pa_null(), dm_pa_i64(m->pooled), dm_pa_c(m->why),
            dm_pa_c(m->version)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &beat, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_FLEET_NONE;
    out->drain = dm_pg_bool(rows, 0, 0);
    out->bounds = dm_pg_i64(rows, 0, 1);
    return 0;
}

static const dm_pg_stmt seq = {"fleet_event_seq",
        "SELECT event_seq FROM dm.worker WHERE worker_no = $1 AND state <> 'written_off' FOR NO KEY UPDATE",
        DM_PG_MAYBE};
static const dm_pg_stmt taken = {
        "fleet_event_taken", "UPDATE dm.worker SET event_seq = $2 WHERE worker_no = $1", DM_PG_NONE};

int dm_fleet_event_seq(dm_pg *c, dm_worker_no worker, int64_t *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)worker.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &seq, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_FLEET_NONE;
    *out = dm_pg_i64(rows, 0, 0);
    return 0;
}

int dm_fleet_event_taken(dm_pg *c, dm_worker_no worker, int64_t event_seq, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)worker.v), dm_pa_i64(event_seq)};
    return dm_pg_exec(c, &taken, args, DM_LEN(args), NULL, NULL, err);
}

/* --- an operator's ------------------------------------------------------------------------------------------ */

static const dm_pg_stmt write_off = {"fleet_write_off",
        "WITH was AS (SELECT worker_no, state FROM dm.worker WHERE name = $1 OR ($1::text IS NULL AND worker_no = $2)"
        "  FOR NO KEY UPDATE)"
        " UPDATE dm.worker w SET state = 'written_off', gone_at = coalesce(w.gone_at, now()), running = 0, asleep = 0"
        " FROM was WHERE w.worker_no = was.worker_no RETURNING w.worker_no, w.name, was.state <> 'written_off'",
        DM_PG_MAYBE};

int dm_fleet_write_off(dm_pg *c, const char *who, const char *name, dm_worker_no no, dm_worker_no *out, dm_err *err)
{
    const dm_pg_arg args[] = {name != NULL ? dm_pa_c(name) : dm_pa_null(), dm_pa_i64((int64_t)no.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    char object[128];
    int r = dm_pg_exec(c, &write_off, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_FLEET_NONE;
    out->v = (uint64_t)dm_pg_i64(rows, 0, 0);
    if (!dm_pg_bool(rows, 0, 2))
        return 0;
    dm_str called = dm_pg_str(rows, 0, 1);
    (void)snprintf(object, sizeof object, "worker:%llu:%.*s", (unsigned long long)out->v, (int)called.n, called.p);
    const dm_audit line = {.who = who, .verb = "worker.write_off", .object = object};
    return dm_audit_add(c, &line, err);
}

static const dm_pg_stmt drain_one = {"fleet_drain",
        "WITH was AS (SELECT worker_no, state FROM dm.worker WHERE worker_no = $1 FOR NO KEY UPDATE)"
        " UPDATE dm.worker w SET state = CASE was.state WHEN 'written_off' THEN was.state ELSE $2 END"
        " FROM was WHERE w.worker_no = was.worker_no RETURNING w.state <> $2, w.state <> was.state, w.name",
        DM_PG_MAYBE};
/* Whose sandboxes are about to be put to sleep. */
static const dm_pg_stmt tell_tenants = {"fleet_tell_tenants",
        "INSERT INTO dm.audit (account_no, project_no, who, verb, object, detail)"
        " SELECT DISTINCT account_no, project_no, $2, 'worker.drain', 'worker:' || $1::bigint,"
        "  jsonb_build_object('reason', $3::text) FROM dm.sandbox"
        " WHERE worker_no = $1 AND state IN ('starting', 'running', 'resuming')",
        DM_PG_NONE};

int dm_fleet_drain(dm_pg *c, const char *who, const char *reason, dm_worker_no worker, bool drain, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)worker.v), dm_pa_c(drain ? "draining" : "active")};
    const dm_pg_arg telling[] = {args[0], dm_pa_c(who), dm_pa_c(reason)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    char object[128];
    int r = dm_pg_exec(c, &drain_one, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_FLEET_NONE;
    if (dm_pg_bool(rows, 0, 0))
        return DM_FLEET_WRITTEN_OFF;
    if (!dm_pg_bool(rows, 0, 1))
        return 0;
    dm_str called = dm_pg_str(rows, 0, 2);
    (void)snprintf(object, sizeof object, "worker:%llu:%.*s", (unsigned long long)worker.v, (int)called.n, called.p);
    const dm_audit line = {
            .who = who, .verb = drain ? "worker.drain" : "worker.undrain", .object = object, .reason = reason};
    r = dm_audit_add(c, &line, err);
    return r < 0 || !drain ? r : dm_pg_exec(c, &tell_tenants, telling, DM_LEN(telling), NULL, NULL, err);
}

#define WORKER                                                                                                         \
    "SELECT w.worker_no, w.name, r.name, w.state, w.accel, w.why, w.version, w.boot, w.slots, w.mem_mib, w.running,"   \
    " w.asleep, w.pooled, w.free_slots, coalesce(w.mem_free_mib, -1), w.refusing,"                                     \
    " (extract(epoch FROM clock_timestamp() - w.beat_at) * 1000)::bigint, dm.us(w.enrolled_at)"                        \
    " FROM dm.worker w JOIN dm.region r USING (region_no)"

static const dm_pg_field worker_fields[] = {
        {DM_COL_I64, offsetof(dm_fleet_worker, no.v)},
        {DM_COL_STR, offsetof(dm_fleet_worker, name)},
        {DM_COL_STR, offsetof(dm_fleet_worker, region)},
        {DM_COL_STR, offsetof(dm_fleet_worker, state)},
        {DM_COL_STR, offsetof(dm_fleet_worker, accel)},
        {DM_COL_MAYBE, offsetof(dm_fleet_worker, why)},
        {DM_COL_MAYBE, offsetof(dm_fleet_worker, version)},
        {DM_COL_I64, offsetof(dm_fleet_worker, boot)},
        {DM_COL_I64, offsetof(dm_fleet_worker, slots)},
        {DM_COL_I64, offsetof(dm_fleet_worker, mem_mib)},
        {DM_COL_I64, offsetof(dm_fleet_worker, running)},
        {DM_COL_I64, offsetof(dm_fleet_worker, asleep)},
        {DM_COL_I64, offsetof(dm_fleet_worker, pooled)},
        {DM_COL_I64, offsetof(dm_fleet_worker, free_slots)},
        {DM_COL_I64, offsetof(dm_fleet_worker, mem_free_mib)},
        {DM_COL_BOOL, offsetof(dm_fleet_worker, refusing)},
        {DM_COL_I64, offsetof(dm_fleet_worker, beat_age_ms)},
        {DM_COL_I64, offsetof(dm_fleet_worker, enrolled_us)},
};

static const dm_pg_stmt count = {"fleet_count", DM_PG_COUNT("FROM dm.worker"), DM_PG_ONE};
static const dm_pg_stmt list = {
        "fleet_list", WORKER " WHERE w.worker_no > $1 ORDER BY w.worker_no LIMIT $2", DM_PG_ROWS};
static const dm_pg_stmt find_one = {"fleet_find", WORKER " WHERE w.worker_no = $1", DM_PG_MAYBE};

int dm_fleet_list(dm_pg *c, dm_worker_no after, int64_t limit, dm_pg_rows **rows, dm_pg_total *total, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)after.v), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, NULL, 0, total, err);
}

int dm_fleet_find(dm_pg *c, dm_worker_no worker, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)worker.v)};
    int r = dm_pg_exec(c, &find_one, args, DM_LEN(args), rows, NULL, err);
    return r == 0 && dm_pg_count(*rows) == 0 ? DM_FLEET_NONE : r;
}

void dm_fleet_read(const dm_pg_rows *rows, size_t i, dm_fleet_worker *out)
{
    dm_pg_read(rows, i, 0, worker_fields, DM_LEN(worker_fields), out);
}

static const dm_pg_stmt place = {
        "fleet_place", "SELECT worker_no FROM dm.place($1::smallint, $2::int, $3::int) LIMIT 8", DM_PG_ROWS};

int dm_fleet_place(dm_pg *c, int64_t region_no, int64_t lease_s, int64_t mem_mib,
        dm_worker_no workers[DM_FLEET_PLACES_MAX], size_t *n, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(region_no), dm_pa_i64(lease_s), dm_pa_i64(mem_mib)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &place, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *n = dm_pg_count(rows);
    for (size_t i = 0; i < *n; i++)
        workers[i].v = (uint64_t)dm_pg_i64(rows, i, 0);
    return 0;
}
