#include <stddef.h>
#include <stdio.h>

#include "base/json.h"

#include "tenants/plan/alerts.h"
#include "tenants/plan/audit.h"
#include "tenants/plan/part.h"

/* --- what people want --------------------------------------------------------------------------------------- */

static const dm_pg_stmt put = {"alert_put",
        "INSERT INTO dm.alert_setting AS s (account_no, project_no, percents, ends, times, muted, set_by)"
        " SELECT $1::bigint, $2::int, coalesce($3::int[], a.percents, '{50,80,90,100}'),"
        "  coalesce($4::boolean, a.ends, true),"
        "  CASE WHEN $5 THEN $6::int WHEN a.set_by IS NULL THEN 24 ELSE a.times END,"
        "  coalesce($7::boolean, a.muted, false), $8"
        " FROM (VALUES (1)) v LEFT JOIN dm.alert_setting a ON a.account_no = $1 AND a.project_no = 0"
        " ON CONFLICT (account_no, project_no) DO UPDATE SET percents = coalesce($3, s.percents),"
        " ends = coalesce($4, s.ends), times = CASE WHEN $5 THEN $6 ELSE s.times END, muted = coalesce($7, s.muted),"
        " set_by = $8, set_at = now() RETURNING array_to_json(percents)::text, ends, coalesce(times, 0), muted",
        DM_PG_ONE};

/* As it is now. */
static int audit(dm_pg *c, const dm_alert_change *k, const dm_pg_rows *now, dm_err *err)
{
    DM_AUTO_BUF detail;
    char object[80];
    dm_jw w;
    dm_buf_init(&detail, 1024);
    dm_jw_init(&w, &detail);
    dm_jw_obj(&w);
    dm_jw_key(&w, "percents");
    dm_jw_raw(&w, dm_pg_str(now, 0, 0));
    dm_jw_kbool(&w, "ends", dm_pg_bool(now, 0, 1));
    dm_jw_ki64(&w, "times", dm_pg_i64(now, 0, 2));
    dm_jw_kbool(&w, "muted", dm_pg_bool(now, 0, 3));
    dm_jw_end(&w);
    (void)snprintf(object, sizeof object, "alerts:%s", k->slug != NULL ? k->slug : "account");
    const dm_audit line = {.owner = {.account = k->account},
            .who = k->who,
            .verb = "alerts.set",
            .object = object,
            .detail = dm_buf_view(&detail)};
    int r = dm_buf_ok(&detail, err);
    return r < 0 ? r : dm_audit_add(c, &line, err);
}

int dm_alert_set(dm_pg *c, const dm_alert_change *k, dm_err *err)
{
    DM_AUTO(dm_pg_rows) now = NULL;
    int64_t project;
    int r = dm_part_find(c, k->account, k->slug, &project, err);
    if (r != 0)
        return r < 0 ? r : DM_ALERTS_NO_PROJECT;
    const dm_pg_arg args[] = {dm_pa_i64(k->account.v), dm_pa_i64(project), dm_pa_text(k->percents),
            k->sets_ends ? dm_pa_bool(k->ends) : dm_pa_null(), dm_pa_bool(k->sets_times),
            k->times != 0 ? dm_pa_i64(k->times) : dm_pa_null(), k->sets_muted ? dm_pa_bool(k->muted) : dm_pa_null(),
            dm_pa_c(k->who)};
    r = dm_pg_exec(c, &put, args, DM_LEN(args), &now, NULL, err);
    return r < 0 ? r : audit(c, k, now, err);
}

static const dm_pg_stmt settings = {"alert_settings",
        "SELECT p.slug, array_to_json(coalesce(s.percents, '{50,80,90,100}'))::text, coalesce(s.ends, true),"
        " CASE WHEN s.set_by IS NULL THEN 24 ELSE coalesce(s.times, 0) END, coalesce(s.muted, false)"
        " FROM (SELECT 0 AS no UNION SELECT project_no FROM dm.alert_setting WHERE account_no = $1) n"
        " LEFT JOIN dm.alert_setting s ON s.account_no = $1 AND s.project_no = n.no"
        " LEFT JOIN dm.project p ON p.account_no = $1 AND p.project_no = n.no"
        " ORDER BY p.slug NULLS FIRST LIMIT $2",
        DM_PG_ROWS};
static const dm_pg_field setting[] = {{DM_COL_MAYBE, offsetof(dm_alert_setting, slug)},
        {DM_COL_STR, offsetof(dm_alert_setting, percents)}, {DM_COL_BOOL, offsetof(dm_alert_setting, ends)},
        {DM_COL_I64, offsetof(dm_alert_setting, times)}, {DM_COL_BOOL, offsetof(dm_alert_setting, muted)}};

int dm_alert_settings(dm_pg *c, dm_account_no account, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account.v), dm_pa_i64(DM_ALERT_SETTINGS)};
    return dm_pg_exec(c, &settings, args, DM_LEN(args), rows, NULL, err);
}

void dm_alert_setting_read(const dm_pg_rows *rows, size_t row, dm_alert_setting *out)
{
    dm_pg_read(rows, row, 0, setting, DM_LEN(setting), out);
}

/* --- alerts ------------------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                                        \
    "n.alert_no, dm.us(n.at), n.project_no::bigint, p.slug, n.budget, n.kind, n.mark::bigint,"                         \
    " trim_scale(round(n.used, 6))::text, trim_scale(round(n.bound, 6))::text, a.currency"
#define JOINED                                                                                                         \
    " JOIN dm.account a ON a.account_no = n.account_no"                                                                \
    " LEFT JOIN dm.project p ON p.account_no = n.account_no AND p.project_no = n.project_no"

#define OF "n.account_no = $1 AND ($2::int = 0 OR n.project_no IN (0, $2))"

static const dm_pg_stmt list = {"alerts_list",
        "SELECT " COLUMNS ", false FROM dm.alert n" JOINED " WHERE " OF
        " AND n.alert_no < $3 ORDER BY n.alert_no DESC LIMIT $4",
        DM_PG_ROWS};
static const dm_pg_stmt count = {"alerts_count", DM_PG_COUNT("FROM dm.alert n WHERE " OF), DM_PG_ONE};
static const dm_pg_stmt some = {"alerts_of",
        "SELECT " COLUMNS ", false FROM dm.alert n" JOINED " WHERE " OF " AND n.alert_no = ANY ($3::bigint[])",
        DM_PG_ROWS};
static const dm_pg_stmt since = {"alerts_since",
        "SELECT p.project_no::bigint, n.alert_no, dm.us(n.at) FROM dm.alert n JOIN dm.project p"
        " ON p.account_no = n.account_no AND n.project_no IN (0, p.project_no)"
        " WHERE n.at >= dm.ts($1) AND p.project_no = ANY ($2::int[]) ORDER BY n.at DESC LIMIT $3",
        DM_PG_ROWS};
static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_alert, no)}, {DM_COL_I64, offsetof(dm_alert, at_us)},
        {DM_COL_I64, offsetof(dm_alert, project_no)}, {DM_COL_MAYBE, offsetof(dm_alert, slug)},
        {DM_COL_STR, offsetof(dm_alert, budget)}, {DM_COL_STR, offsetof(dm_alert, kind)},
        {DM_COL_I64, offsetof(dm_alert, mark)}, {DM_COL_STR, offsetof(dm_alert, used)},
        {DM_COL_STR, offsetof(dm_alert, bound)}, {DM_COL_STR, offsetof(dm_alert, currency)},
        {DM_COL_BOOL, offsetof(dm_alert, told)}};

int dm_alerts_list(
        dm_pg *c, dm_owner owner, int64_t before, int64_t limit, dm_pg_rows **rows, dm_pg_total *total, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 2, total, err);
}

int dm_alerts_of(dm_pg *c, dm_owner owner, const int64_t *numbers, size_t n, dm_pg_rows **rows, dm_err *err)
{
    DM_AUTO_BUF text;
    int r = dm_pg_list(&text, numbers, n, sizeof *numbers, err);
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(dm_buf_view(&text))};
    return r < 0 ? r : dm_pg_exec(c, &some, args, DM_LEN(args), rows, NULL, err);
}

int dm_alerts_since(dm_pg *c, const dm_project_no *projects, size_t nprojects, int64_t since_us, size_t max,
        dm_alert_came *out, size_t *n, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_list(&text, &projects->v, nprojects, sizeof *projects, err);
    const dm_pg_arg args[] = {dm_pa_i64(since_us), dm_pa_text(dm_buf_view(&text)), dm_pa_i64((int64_t)max)};
    if (r == 0)
        r = dm_pg_exec(c, &since, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *n = dm_pg_count(rows);
    for (size_t i = 0; i < *n; i++)
        out[i] = (dm_alert_came){{dm_pg_i64(rows, i, 0)}, dm_pg_i64(rows, i, 1), dm_pg_i64(rows, i, 2)};
    return 0;
}

void dm_alert_read(const dm_pg_rows *rows, size_t row, dm_alert *out)
{
    dm_pg_read(rows, row, 0, fields, DM_LEN(fields), out);
}

dm_str dm_alert_unit(const dm_alert *a)
{
    bool money = dm_str_eq_c(a->budget, "money") || dm_str_eq_c(a->budget, "wallet");
    return money ? a->currency : dm_str_c("seconds");
}

/* --- noting them -------------------------------------------------------------------------------------------- */

#define USING_MONTH "u.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date"
#define WINDOW                                                                                                         \
    "(SELECT DISTINCT u.account_no FROM dm.budget_use u WHERE u.account_no > $1 AND u.account_no <= $2"                \
    " AND " USING_MONTH ")"
#define SAME(x, y)                                                                                                     \
    x ".account_no = " y ".account_no AND " x ".project_no = " y ".project_no AND " x ".budget = " y ".budget"

static const dm_pg_stmt window = {"alerts_window",
        "SELECT max(w.account_no) FROM (SELECT DISTINCT u.account_no FROM dm.budget_use u"
        " WHERE u.account_no > $1 AND " USING_MONTH " ORDER BY u.account_no LIMIT $2) w",
        DM_PG_ONE};
/* Five minutes apart, and only where it has changed: of what stands still the last mark is good for ever. */
static const dm_pg_stmt marked = {"alerts_marked",
        "INSERT INTO dm.alert_mark (account_no, project_no, budget, at, used)"
        " SELECT w.account_no, b.project_no, b.budget, now(), b.used"
        " FROM " WINDOW " w, LATERAL dm.alert_budgets(w.account_no, false) b"
        " LEFT JOIN LATERAL (SELECT k.at, k.used FROM dm.alert_mark k WHERE k.account_no = w.account_no"
        "  AND k.project_no = b.project_no AND k.budget = b.budget ORDER BY k.at DESC LIMIT 1) l ON true"
        " WHERE b.budget <> 'wallet' AND (l.at IS NULL OR l.at <= now() - interval '5 minutes' AND l.used <> b.used)"
        " ON CONFLICT DO NOTHING",
        DM_PG_NONE};
static const dm_pg_stmt forget = {"alerts_forget",
        "DELETE FROM dm.alert_mark k WHERE k.account_no > $1 AND k.account_no <= $2 AND EXISTS"
        " (SELECT FROM dm.alert_mark n WHERE " SAME("n", "k") " AND n.at > k.at"
                                                              "  AND n.at <= now() - interval '70 minutes')",
        DM_PG_NONE};
static const dm_pg_stmt low = {
        "alerts_low", "SELECT dm.budget_low_note(w.account_no, false, $3) FROM " WINDOW " w", DM_PG_ROWS};
static const dm_pg_stmt low_one = {"alerts_low_one", "SELECT dm.budget_low_note($1::bigint, true, $2)", DM_PG_ONE};
static const dm_pg_stmt due = {"alerts_due",
        "SELECT w.account_no FROM " WINDOW " w WHERE EXISTS (SELECT FROM dm.alert_news(w.account_no, false))"
        " ORDER BY w.account_no",
        DM_PG_ROWS};
/* Who comes second waits for the first one's commit, and gets nothing. */
static const dm_pg_stmt note = {"alerts_note",
        "WITH n AS (INSERT INTO dm.alert (account_no, project_no, month, budget, kind, mark, used, bound, fill_no)"
        " SELECT $1, x.project_no, x.month, x.budget, x.kind, x.mark, x.used, x.bound, x.fill_no"
        " FROM dm.alert_news($1::bigint, true) x WHERE $2 > (SELECT count(*) FROM dm.alert o"
        "  WHERE o.account_no = $1 AND o.month = x.month)"
        " ORDER BY x.project_no, x.budget, x.kind, x.mark ON CONFLICT DO NOTHING RETURNING *)"
        " SELECT " COLUMNS ", NOT coalesce(s.muted, false) AND n.kind <> 'last' AND (n.kind <> 'percent'"
        "  OR n.mark = max(n.mark) FILTER (WHERE n.kind = 'percent') OVER (PARTITION BY n.project_no, n.budget))"
        " FROM n" JOINED " LEFT JOIN LATERAL (SELECT x.muted FROM dm.alert_setting x WHERE x.account_no = n.account_no"
        "  AND x.project_no IN (0, n.project_no) ORDER BY x.project_no DESC LIMIT 1) s ON true ORDER BY n.alert_no",
        DM_PG_ROWS};

int dm_alerts_window(dm_pg *c, int64_t after, int64_t *upto, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(DM_ALERT_ACCOUNTS)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &window, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_is_null(rows, 0, 0))
        return r < 0 ? r : DM_ALERTS_NONE;
    const dm_pg_arg range[] = {dm_pa_i64(after), dm_pa_i64(dm_pg_i64(rows, 0, 0))};
    r = dm_pg_exec(c, &marked, range, DM_LEN(range), NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &forget, range, DM_LEN(range), NULL, NULL, err);
    if (r == 0)
        *upto = range[1].i;
    return r;
}

int dm_alerts_due(dm_pg *c, int64_t after, int64_t upto, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(upto), dm_pa_i64(DM_BUDGET_LOW_PERCENT)};
    DM_AUTO(dm_pg_rows) noted = NULL;
    int r = dm_pg_exec(c, &low, args, DM_LEN(args), &noted, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &due, args, 2, rows, NULL, err);
}

int dm_alerts_note(dm_pg *c, dm_account_no account, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account.v), dm_pa_i64(DM_ALERTS_MONTH_MAX)};
    const dm_pg_arg within[] = {args[0], dm_pa_i64(DM_BUDGET_LOW_PERCENT)};
    DM_AUTO(dm_pg_rows) noted = NULL;
    int r = dm_pg_exec(c, &low_one, within, DM_LEN(within), &noted, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &note, args, DM_LEN(args), rows, NULL, err);
}

static const dm_pg_stmt low_list = {"budget_low_list",
        "SELECT u.account_no, u.project_no::bigint, CASE WHEN u.budget IN ('money', 'wallet') THEN 'spend_cap'"
        " ELSE 'allowance_exhausted' END, u.left_percent::bigint FROM dm.budget_low u WHERE " USING_MONTH
        " ORDER BY u.account_no, u.project_no, u.left_percent LIMIT $1",
        DM_PG_ROWS};

int dm_budget_low_list(dm_pg *c, int64_t limit, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(limit)};
    return dm_pg_exec(c, &low_list, args, DM_LEN(args), rows, NULL, err);
}
