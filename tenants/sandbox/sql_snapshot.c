#include <stddef.h>

#include "tenants/sandbox/snapshot.h"
#include "tenants/sandbox/sql.h"

#define COLUMNS                                                                                                        \
    "s.sandbox_id, s.state, s.account_no, s.project_no, s.checkpoint, s.snapshot_id, s.alias, s.tag, s.worker_no,"     \
    " s.template_id, s.template_name, s.build_id, s.vcpus, s.mem_mib, s.disk_mib, s.image_mib, dm.us(s.made_at)"

enum { COL_ID, COL_STATE, COL_FIELDS };

static const dm_pg_field fields[] = {
        {DM_COL_I64, offsetof(dm_snapshot_row, owner.account.v)},
        {DM_COL_I64, offsetof(dm_snapshot_row, owner.project.v)},
        {DM_COL_STR, offsetof(dm_snapshot_row, checkpoint)},
        {DM_COL_STR, offsetof(dm_snapshot_row, snapshot_id)},
        {DM_COL_MAYBE, offsetof(dm_snapshot_row, alias)},
        {DM_COL_STR, offsetof(dm_snapshot_row, tag)},
        {DM_COL_I64, offsetof(dm_snapshot_row, worker.v)},
        {DM_COL_STR, offsetof(dm_snapshot_row, template_id)},
        {DM_COL_MAYBE, offsetof(dm_snapshot_row, template_name)},
        {DM_COL_STR, offsetof(dm_snapshot_row, build_id)},
        {DM_COL_I64, offsetof(dm_snapshot_row, vcpus)},
        {DM_COL_I64, offsetof(dm_snapshot_row, mem_mib)},
        {DM_COL_I64, offsetof(dm_snapshot_row, disk_mib)},
        {DM_COL_I64, offsetof(dm_snapshot_row, image_mib)},
        {DM_COL_I64, offsetof(dm_snapshot_row, made_us)},
};

static const char *const state_names[DM_SNAPSHOT_STATES] = {
        [DM_SNAPSHOT_MAKING] = "making",
        [DM_SNAPSHOT_KEPT] = "kept",
        [DM_SNAPSHOT_DROPPING] = "dropping",
        [DM_SNAPSHOT_GOING] = "going",
};

static int parse_state(dm_str text, dm_snapshot_state *out, dm_err *err)
{
    for (unsigned i = 0; i < DM_SNAPSHOT_STATES; i++) {
        if (dm_str_eq_c(text, state_names[i])) {
            *out = (dm_snapshot_state)i;
            return 0;
        }
    }
    return dm_fail(err, DM_E_INTERNAL, "a snapshot is '%.*s'", (int)text.n, text.p);
}

int dm_snapshot_read(const dm_pg_rows *rows, size_t i, dm_snapshot_row *out, dm_err *err)
{
    dm_snapshot_row s = {.state = DM_SNAPSHOT_MAKING};
    dm_pg_read(rows, i, COL_FIELDS, fields, DM_LEN(fields), &s);
    int r = dm_pg_bytes(rows, i, COL_ID, s.sandbox.b, sizeof s.sandbox.b, err);
    if (r == 0)
        r = parse_state(dm_pg_str(rows, i, COL_STATE), &s.state, err);
    if (r == 0)
        *out = s;
    return r < 0 ? dm_wrap(err, "row %zu of snapshot", i) : 0;
}

void dm_snapshot_one_done(dm_snapshot_one *o)
{
    dm_pg_rows_free(o->rows);
    o->rows = NULL;
}

static int read_one(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_snapshot_one *o, dm_err *err)
{
    dm_snapshot_one_done(o);
    int r = dm_pg_exec(c, st, args, n, &o->rows, NULL, err);
    if (r < 0)
        return r;
    return dm_pg_count(o->rows) == 0 ? DM_SNAPSHOT_NONE : dm_snapshot_read(o->rows, 0, &o->s, err);
}

/* --- making ------------------------------------------------------------------------------------------------- */

/* Who adds or keeps one waits for the others of its project, so that what is counted is all there is. */
static const dm_pg_stmt turn = {
        "snapshot_one_by_one", "SELECT pg_advisory_xact_lock(hashtext('dm.snapshot'), $1::int)", DM_PG_ONE};
static const dm_pg_stmt count = {"snapshot_count",
        "SELECT count(*), coalesce(sum(image_mib), 0)::bigint FROM dm.snapshot"
        " WHERE account_no = $1 AND project_no = $2 AND state <> 'going' AND checkpoint <> $3",
        DM_PG_ONE};

typedef struct held {
    int64_t n, mib;
} held;

/* What the project has beside this one. */
static int count_others(dm_pg *c, dm_owner owner, const char *checkpoint, held *out, dm_err *err)
{
    const dm_pg_arg whose[] = {dm_pa_i64(owner.project.v)};
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_c(checkpoint)};
    DM_AUTO(dm_pg_rows) turned = NULL;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &turn, whose, DM_LEN(whose), &turned, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &count, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return dm_wrap(err, "count snapshots");
    *out = (held){dm_pg_i64(rows, 0, 0), dm_pg_i64(rows, 0, 1)};
    return 0;
}

static const dm_pg_stmt add = {"snapshot_add",
        "INSERT INTO dm.snapshot (account_no, project_no, checkpoint, snapshot_id, alias, tag, state, sandbox_id,"
        " worker_no, template_id, template_name, build_id, vcpus, mem_mib, disk_mib, ordered_by)"
        " VALUES ($1, $2, $3, $4, $5, $6, 'making', $7, $8, $9, $10, $11::uuid, $12, $13, $14, $15)",
        DM_PG_NONE};

int dm_snapshot_add(dm_pg *c, const dm_sandbox *s, const dm_snapshot_add_args *a, const dm_limits *limits,
        dm_snapshot_over *over, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(s->owner.account.v), dm_pa_i64(s->owner.project.v), dm_pa_c(a->checkpoint),
            dm_pa_c(a->snapshot_id), a->name != NULL ? dm_pa_c(a->name->alias) : dm_pa_null(),
            dm_pa_c(a->name != NULL ? a->name->tag : "default"), dm_pa_bytes(s->id.b, sizeof s->id.b),
            dm_pa_i64((int64_t)s->worker.v), dm_pa_text(s->template_id), dm_pa_text(s->alias), dm_pa_text(s->build_id),
            dm_pa_i64(s->asked_vcpus), dm_pa_i64(s->asked_mem_mib), dm_pa_i64(s->disk_mib), dm_pa_i64(a->by)};
    held others;
    int r = count_others(c, s->owner, a->checkpoint, &others, err);
    if (r < 0)
        return r;
    *over = (dm_snapshot_over){.limit = limits->snapshots_max, .current = others.n};
    if (others.n >= limits->snapshots_max)
        return DM_SNAPSHOT_OVER;
    *over = (dm_snapshot_over){.mib = true, .limit = limits->snapshot_mib_max, .current = others.mib};
    if (others.mib >= limits->snapshot_mib_max)
        return DM_SNAPSHOT_OVER;
    return dm_pg_exec(c, &add, args, DM_LEN(args), NULL, NULL, err);
}

static const dm_pg_stmt replace = {"snapshot_replace",
        "UPDATE dm.snapshot o SET state = 'going', due_at = now() FROM dm.snapshot n"
        " WHERE n.account_no = $1 AND n.project_no = $2 AND n.checkpoint = $3 AND n.state = 'making'"
        " AND o.account_no = n.account_no AND o.project_no = n.project_no AND o.alias = n.alias AND o.tag = n.tag"
        " AND o.state = 'kept'",
        DM_PG_NONE};
static const dm_pg_stmt keep = {"snapshot_keep",
        "UPDATE dm.snapshot SET state = 'kept', image_mib = $4, ordered_by = 0"
        " WHERE account_no = $1 AND project_no = $2 AND checkpoint = $3 AND state = 'making'",
        DM_PG_NONE};
static const dm_pg_stmt let_go = {"snapshot_let_go",
        "UPDATE dm.snapshot SET state = 'going', due_at = now() + $4 * interval '1 s'"
        " WHERE account_no = $1 AND project_no = $2 AND checkpoint = $3 AND state = 'making'",
        DM_PG_NONE};
static const dm_pg_stmt forget = {"snapshot_forget",
        "DELETE FROM dm.snapshot WHERE account_no = $1 AND project_no = $2 AND checkpoint = $3 AND state = 'making'",
        DM_PG_NONE};

int dm_snapshot_keep(dm_pg *c, dm_owner owner, const char *checkpoint, int64_t image_mib, const dm_limits *limits,
        dm_snapshot_over *over, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_c(checkpoint), dm_pa_i64(image_mib)};
    held others;
    int64_t changed = 0;
    int r = count_others(c, owner, checkpoint, &others, err);
    if (r < 0)
        return r;
    *over = (dm_snapshot_over){.mib = true, .limit = limits->snapshot_mib_max, .current = others.mib + image_mib};
    if (over->current > over->limit) {
        r = dm_snapshot_give_up(c, owner, checkpoint, false, 0, err);
        return r < 0 ? r : DM_SNAPSHOT_OVER;
    }
    r = dm_pg_exec(c, &replace, args, 3, NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &keep, args, DM_LEN(args), NULL, &changed, err);
    return r < 0 ? r : changed == 1 ? 0 : DM_SNAPSHOT_NONE;
}

int dm_snapshot_give_up(dm_pg *c, dm_owner owner, const char *checkpoint, bool nothing, int64_t later_s, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_c(checkpoint), dm_pa_i64(later_s)};
    return nothing ? dm_pg_exec(c, &forget, args, 3, NULL, NULL, err)
                   : dm_pg_exec(c, &let_go, args, DM_LEN(args), NULL, NULL, err);
}

/* --- finding ------------------------------------------------------------------------------------------------ */

/* $3: alias or id; $4: tag; $5: a namespace was given, which is the project's own or nobody's. */
#define NAMED                                                                                                          \
    " WHERE s.account_no = $1 AND s.project_no = $2 AND s.state = 'kept' AND s.tag = $4"                               \
    " AND (s.alias = $3 OR (s.alias IS NULL AND s.snapshot_id = $3 AND NOT $5))"

static const dm_pg_stmt find = {"snapshot_find", "SELECT " COLUMNS " FROM dm.snapshot s" NAMED " LIMIT 1", DM_PG_MAYBE};
static const dm_pg_stmt drop = {"snapshot_drop",
        "UPDATE dm.snapshot s SET state = 'dropping', ordered_by = $6, due_at = now()" NAMED " RETURNING " COLUMNS,
        DM_PG_MAYBE};

static int by_name(dm_pg *c, const dm_pg_stmt *st, dm_owner owner, const char *slug, const dm_template_name *name,
        int64_t by, dm_snapshot_one *o, dm_err *err)
{
    bool spaced = name->space[0] != '\0';
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_c(name->alias),
            dm_pa_c(name->tag), dm_pa_bool(spaced), dm_pa_i64(by)};
    if (name->sized || (spaced && strcmp(name->space, slug) != 0))
        return DM_SNAPSHOT_NONE;
    return read_one(c, st, args, st == &drop ? DM_LEN(args) : DM_LEN(args) - 1, o, err);
}

int dm_snapshot_find(
        dm_pg *c, dm_owner owner, const char *slug, const dm_template_name *name, dm_snapshot_one *o, dm_err *err)
{
    return by_name(c, &find, owner, slug, name, 0, o, err);
}

int dm_snapshot_drop(dm_pg *c, dm_owner owner, const char *slug, const dm_template_name *name, int64_t by,
        dm_snapshot_one *o, dm_err *err)
{
    return by_name(c, &drop, owner, slug, name, by, o, err);
}

static const dm_pg_stmt list = {"snapshot_list",
        "SELECT " COLUMNS " FROM dm.snapshot s"
        " WHERE s.account_no = $1 AND s.project_no = $2 AND s.state = 'kept'"
        " AND ($3::bytea IS NULL OR s.sandbox_id = $3::bytea)"
        " AND ($4::text IS NULL OR s.alias = $4::text OR (s.alias IS NULL AND s.snapshot_id = $4::text))"
        " AND ($5::text IS NULL OR s.tag = $5::text)"
        " AND ($6::bigint IS NULL OR s.made_at < dm.ts($6::bigint)"
        "      OR (s.made_at = dm.ts($6::bigint) AND s.snapshot_id > $7::text))"
        " ORDER BY s.made_at DESC, s.snapshot_id LIMIT $8",
        DM_PG_ROWS};

int dm_snapshot_list(dm_pg *c, dm_owner owner, const dm_snapshot_filter *f, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v),
            f->sandbox != NULL ? dm_pa_bytes(f->sandbox->b, sizeof f->sandbox->b) : dm_pa_null(),
            f->name != NULL ? dm_pa_c(f->name->alias) : dm_pa_null(),
            f->name != NULL && f->name->tagged ? dm_pa_c(f->name->tag) : dm_pa_null(),
            f->before_us != 0 ? dm_pa_i64(f->before_us) : dm_pa_null(), dm_pa_text(f->before_id), dm_pa_i64(f->limit)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
}

/* --- ends --------------------------------------------------------------------------------------------------- */

static const dm_pg_stmt gone = {"snapshot_gone",
        "DELETE FROM dm.snapshot WHERE account_no = $1 AND project_no = $2 AND checkpoint = $3"
        " AND state IN ('dropping', 'going')",
        DM_PG_NONE};
static const dm_pg_stmt stays = {"snapshot_stays",
        "UPDATE dm.snapshot s SET ordered_by = 0, due_at = now(), state = CASE WHEN EXISTS (SELECT FROM dm.snapshot n"
        "  WHERE n.account_no = s.account_no AND n.project_no = s.project_no AND n.alias = s.alias AND n.tag = s.tag"
        "  AND n.state = 'kept') THEN 'going' ELSE 'kept' END"
        " WHERE s.account_no = $1 AND s.project_no = $2 AND s.checkpoint = $3 AND s.state = 'dropping'",
        DM_PG_NONE};

static int end_as(dm_pg *c, const dm_pg_stmt *st, dm_owner owner, dm_str checkpoint, dm_err *err)
{
    const dm_pg_arg whose[] = {dm_pa_i64(owner.project.v)};
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(checkpoint)};
    DM_AUTO(dm_pg_rows) turned = NULL;
    int r = dm_pg_exec(c, &turn, whose, DM_LEN(whose), &turned, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_snapshot_gone(dm_pg *c, dm_owner owner, dm_str checkpoint, dm_err *err)
{
    return end_as(c, &gone, owner, checkpoint, err);
}

int dm_snapshot_stays(dm_pg *c, dm_owner owner, dm_str checkpoint, dm_err *err)
{
    return end_as(c, &stays, owner, checkpoint, err);
}

/* --- the sweep ---------------------------------------------------------------------------------------------- */

static const dm_pg_stmt abandon = {"snapshots_abandon",
        "UPDATE dm.snapshot s SET state = 'going', due_at = now() + $3 * interval '1 s' WHERE s.state = 'making'"
        " AND (s.made_at < now() - $2 * interval '1 s' OR " DM_SQL_NOBODYS("s.ordered_by") ")",
        DM_PG_NONE};
static const dm_pg_stmt lost = {"snapshots_lost",
        "DELETE FROM dm.snapshot s USING dm.worker w WHERE w.state = 'written_off' AND s.worker_no = w.worker_no",
        DM_PG_NONE};

int dm_snapshots_mend(dm_pg *c, int64_t own, int64_t stuck_s, int64_t later_s, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(own), dm_pa_i64(stuck_s), dm_pa_i64(later_s)};
    int r = dm_pg_exec(c, &lost, NULL, 0, NULL, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &abandon, args, DM_LEN(args), NULL, NULL, err);
}

/* A worker that is away is not asked about the same one each second. */
static const dm_pg_stmt due = {"snapshots_due",
        "UPDATE dm.snapshot s SET due_at = now() + interval '10 s' FROM (SELECT d.account_no, d.project_no,"
        "  d.checkpoint FROM dm.snapshot d WHERE d.due_at <= now() AND (d.state = 'going'"
        "   OR (d.state = 'dropping' AND (d.due_at < now() - $3 * interval '1 s'"
        "    OR " DM_SQL_NOBODYS("d.ordered_by") ")))"
                                                 "  ORDER BY d.due_at LIMIT $2 FOR UPDATE SKIP LOCKED) o"
                                                 " WHERE s.account_no = o.account_no AND s.project_no = o.project_no "
                                                 "AND s.checkpoint = o.checkpoint"
                                                 " RETURNING " COLUMNS,
        DM_PG_ROWS};

int dm_snapshots_due(dm_pg *c, int64_t own, int64_t stuck_s, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(own), dm_pa_i64(DM_SNAPSHOTS_DUE_MAX), dm_pa_i64(stuck_s)};
    return dm_pg_exec(c, &due, args, DM_LEN(args), rows, NULL, err);
}
