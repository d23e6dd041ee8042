#include "base/parse.h"

#include "tenants/fleet/fleet.h"

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

static const dm_pg_stmt enrol = {"fleet_enrol",
        "INSERT INTO dm.worker AS w (name, region_no, boot, door, accel, slots, mem_mib, free_slots)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $6)"
        " ON CONFLICT (name) DO UPDATE SET region_no = excluded.region_no, boot = excluded.boot, door = excluded.door,"
        "  accel = excluded.accel, slots = excluded.slots, mem_mib = excluded.mem_mib, beat_at = now()"
        "  WHERE w.boot <= excluded.boot"
        " RETURNING worker_no",
        DM_PG_MAYBE};
static const dm_pg_stmt enrol_key = {"fleet_enrol_key",
        "INSERT INTO dm.worker_key (worker_no, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING", DM_PG_NONE};

int dm_fleet_enrol(dm_pg *c, const dm_wk_enrol *m, int64_t region_no, dm_worker_no *out, dm_err *err)
{
    uint8_t key[32];
    int r = dm_parse_hex(dm_str_c(m->public_key), key, sizeof key, err);
    if (r < 0)
        return dm_wrap(err, "\"public_key\"");
    const dm_pg_arg args[] = {dm_pa_c(m->name), dm_pa_i64(region_no), dm_pa_i64(m->boot), dm_pa_c(m->door),
            dm_pa_c(m->accel), dm_pa_i64(m->slots), dm_pa_i64(m->mem_mib)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    r = dm_pg_exec(c, &enrol, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_FLEET_OLD_BOOT;
    int64_t no = dm_pg_i64(rows, 0, 0);
    const dm_pg_arg key_args[] = {dm_pa_i64(no), dm_pa_bytes(key, sizeof key)};
    r = dm_pg_exec(c, &enrol_key, key_args, DM_LEN(key_args), NULL, NULL, err);
    if (r == 0)
        out->v = (uint64_t)no;
    return r;
}

static const dm_pg_stmt beat = {"fleet_beat",
        "UPDATE dm.worker SET beat_at = now(), running = $3, asleep = $4, free_slots = $5, refusing = $6"
        " WHERE worker_no = $1 AND boot = $2",
        DM_PG_NONE};

int dm_fleet_beat(dm_pg *c, dm_worker_no worker, const dm_wk_beat *m, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)worker.v), dm_pa_i64(m->boot), dm_pa_i64(m->running),
            dm_pa_i64(m->asleep), dm_pa_i64(m->free_slots), dm_pa_bool(m->refusing)};
    int64_t changed = 0;
    int r = dm_pg_exec(c, &beat, args, DM_LEN(args), NULL, &changed, err);
    return r == 0 && changed == 0 ? DM_FLEET_NONE : r;
}

static const dm_pg_stmt seq = {
        "fleet_event_seq", "SELECT event_seq FROM dm.worker WHERE worker_no = $1 FOR NO KEY UPDATE", DM_PG_MAYBE};
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

static const dm_pg_stmt place = {
        "fleet_place", "SELECT worker_no FROM dm.place($1::smallint, $2::int) LIMIT 8", DM_PG_ROWS};

int dm_fleet_place(
        dm_pg *c, int64_t region_no, int64_t lease_s, dm_worker_no workers[DM_FLEET_PLACES_MAX], size_t *n, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(region_no), dm_pa_i64(lease_s)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &place, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *n = dm_pg_count(rows);
    for (size_t i = 0; i < *n; i++)
        workers[i].v = (uint64_t)dm_pg_i64(rows, i, 0);
    return 0;
}
