#include <stdio.h>

#include "base/parse.h"

#include "tenants/plan/audit.h"
#include "tenants/plan/limits.h"

/* --- setting ------------------------------------------------------------------------------------------------ */

#define OVERRIDE                                                                                                       \
    " DO UPDATE SET value = excluded.value, set_by = excluded.set_by, reason = excluded.reason, until = "              \
    "excluded.until, set_at = now()"

static const dm_pg_stmt set_project = {"limit_set_project",
        "INSERT INTO dm.project_limit (account_no, project_no, name, value, set_by, reason, until)"
        " SELECT account_no, project_no, $2, $3, $4, $5, dm.ts($6) FROM dm.project WHERE slug = $1"
        " ON CONFLICT (account_no, project_no, name)" OVERRIDE " RETURNING account_no, project_no",
        DM_PG_MAYBE};
static const dm_pg_stmt set_account = {"limit_set_account",
        "INSERT INTO dm.account_limit (account_no, name, value, set_by, reason, until)"
        " SELECT account_no, $2, $3, $4, $5, dm.ts($6) FROM dm.account WHERE id = $1::uuid"
        " ON CONFLICT (account_no, name)" OVERRIDE " RETURNING account_no, 0",
        DM_PG_MAYBE};
static const dm_pg_stmt set_tier = {"limit_set_tier",
        "INSERT INTO dm.tier_limit (tier, name, value) SELECT name, $2, $3 FROM dm.tier WHERE name = $1"
        " ON CONFLICT (tier, name) DO UPDATE SET value = excluded.value RETURNING 0, 0",
        DM_PG_MAYBE};

static int set(dm_pg *c, const dm_limit_new *f, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(f->which), dm_pa_c(f->name), dm_pa_i64(f->value), dm_pa_c(f->who),
            dm_pa_c(f->reason != NULL ? f->reason : ""), f->until_us != 0 ? dm_pa_i64(f->until_us) : dm_pa_null()};
    switch (f->of) {
    case DM_LIMIT_OF_PROJECT:
        return dm_pg_exec(c, &set_project, args, DM_LEN(args), rows, NULL, err);
    case DM_LIMIT_OF_ACCOUNT:
        return dm_pg_exec(c, &set_account, args, DM_LEN(args), rows, NULL, err);
    case DM_LIMIT_OF_TIER:
        break;
    }
    return dm_pg_exec(c, &set_tier, args, 3, rows, NULL, err);
}

static void write_detail(const dm_limit_new *f, dm_buf *out)
{
    char until[32];
    dm_jw w;
    dm_jw_init(&w, out);
    dm_jw_obj(&w);
    if (f->reason != NULL)
        dm_jw_kc(&w, "reason", f->reason);
    if (f->until_us != 0) {
        dm_rfc3339(f->until_us, until);
        dm_jw_kc(&w, "until", until);
    }
    dm_jw_end(&w);
}

int dm_limit_set(dm_pg *c, const dm_limit_new *f, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    DM_AUTO_BUF detail;
    char object[256];
    dm_buf_init(&detail, 8192);
    if (dm_limit_named(dm_str_c(f->name)) == NULL)
        return DM_LIMIT_UNKNOWN;
    if (f->until_us != 0 && (f->of == DM_LIMIT_OF_TIER || strcmp(f->name, "included_seconds") == 0))
        return DM_LIMIT_NO_UNTIL;
    int r = set(c, f, &rows, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_LIMIT_OF_NOBODY;
    (void)snprintf(object, sizeof object, "limit:%s:%s=%lld", f->which, f->name, (long long)f->value);
    write_detail(f, &detail);
    const dm_audit line = {.owner = {{dm_pg_i64(rows, 0, 0)}, {dm_pg_i64(rows, 0, 1)}},
            .who = f->who,
            .verb = "limit.set",
            .object = object,
            .detail = dm_buf_view(&detail)};
    r = dm_buf_ok(&detail, err);
    return r < 0 ? r : dm_audit_add(c, &line, err);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

/* The nearest row wins. What is the account's is asked without its project's rows. */
static const dm_pg_stmt list = {"limit_list",
        "WITH l AS (SELECT t.name, t.value, 2 AS of, '' AS set_by, '' AS reason, NULL::timestamptz AS until"
        "  FROM dm.tier_limit t JOIN dm.account a ON a.tier = t.tier WHERE a.account_no = $1"
        " UNION ALL SELECT name, value, 1, set_by, reason, until FROM dm.account_limit"
        "  WHERE account_no = $1 AND (until IS NULL OR until > now())"
        " UNION ALL SELECT name, value, 0, set_by, reason, until FROM dm.project_limit"
        "  WHERE account_no = $1 AND project_no = $2 AND (until IS NULL OR until > now())),"
        " u AS (SELECT u.project_no = 0 AS account, v.name, v.used FROM dm.quota_use u, LATERAL (VALUES"
        "  ('running_max', u.running::bigint), ('vcpus_total_max', u.vcpus), ('mem_mib_total_max', u.mem_mib),"
        "  ('asleep_disk_mib_max', u.asleep_mib)) v (name, used)"
        "  WHERE u.account_no = $1 AND u.project_no IN (0, $2)"
        " UNION ALL SELECT false, v.name, v.used FROM (SELECT count(*) AS n, coalesce(sum(image_mib), 0)::bigint AS mib"
        "   FROM dm.snapshot WHERE account_no = $1 AND project_no = $2 AND state <> 'going') s,"
        "  LATERAL (VALUES ('snapshots_max', s.n), ('snapshot_mib_max', s.mib)) v (name, used)"
        " UNION ALL SELECT true, 'projects_max', dm.projects_in($1)"
        " UNION ALL SELECT b.project_no = 0, v.name, v.used FROM dm.budget_use b, LATERAL (VALUES"
        "  ('month_seconds_max', b.seconds), ('spend_cap_micros', b.spent_micros)) v (name, used)"
        "  WHERE b.account_no = $1 AND b.project_no IN (0, $2)"
        "   AND b.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date)"
        " SELECT b.account, b.name, b.value, b.of, b.set_by, b.reason, dm.us(b.until), u.used FROM ("
        "  (SELECT DISTINCT ON (name) false AS account, * FROM l ORDER BY name, of)"
        "  UNION ALL (SELECT DISTINCT ON (name) true, * FROM l WHERE of > 0 ORDER BY name, of)) b"
        " LEFT JOIN u ON u.account = b.account AND u.name = b.name ORDER BY b.name, b.account",
        DM_PG_ROWS};

static bool shown(const dm_limit_row *row, bool account)
{
    return row != NULL && (row->binds == DM_LIMIT_BINDS_BOTH || (row->binds == DM_LIMIT_BINDS_ACCOUNT) == account);
}

static const dm_pg_stmt denied = {"limit_denied",
        "SELECT rule, sum(count)::bigint FROM dm.denial WHERE account_no = $1 AND project_no = $2"
        " AND at > now() - interval '24 hours' GROUP BY rule",
        DM_PG_ROWS};

static bool is_rule(const dm_limit_is *l, dm_str rule)
{
    char of_account[64];
    (void)snprintf(of_account, sizeof of_account, "account.%s", l->row->name);
    return dm_str_eq_c(rule, l->account && l->row->binds == DM_LIMIT_BINDS_BOTH ? of_account : l->row->rule);
}

static int read_denied(dm_pg *c, dm_owner owner, dm_limit_list *l, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &denied, args, DM_LEN(args), &rows, NULL, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++)
        for (size_t k = 0; k < l->n; k++)
            if (is_rule(&l->of[k], dm_pg_str(rows, i, 0)))
                l->of[k].denied_24h = dm_pg_i64(rows, i, 1);
    return r;
}

int dm_limit_list_read(dm_pg *c, dm_owner owner, dm_limit_list *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    dm_limit_list_done(out);
    int r = dm_pg_exec(c, &list, args, DM_LEN(args), &out->rows, NULL, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < dm_pg_count(out->rows) && out->n < DM_LIMITS_MAX; i++) {
        bool account = dm_pg_bool(out->rows, i, 0);
        dm_str name = dm_pg_str(out->rows, i, 1);
        const dm_limit_row *row = dm_limit_named(name);
        if (!shown(row, account))
            continue;
        out->of[out->n++] = (dm_limit_is){.row = row,
                .account = account,
                .limit = dm_pg_i64(out->rows, i, 2),
                .used = dm_pg_i64(out->rows, i, 7),
                .of = (dm_limit_of)dm_pg_i64(out->rows, i, 3),
                .set_by = dm_pg_str(out->rows, i, 4),
                .reason = dm_pg_str(out->rows, i, 5),
                .until_us = dm_pg_i64(out->rows, i, 6)};
    }
    return read_denied(c, owner, out, err);
}

void dm_limit_list_done(dm_limit_list *l)
{
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    l->n = 0;
}
