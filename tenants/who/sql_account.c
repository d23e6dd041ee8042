#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/who/account.h"
#include "tenants/who/sql.h"

static const dm_pg_stmt add = {"account_add",
        "INSERT INTO dm.account (legal_name, country, currency, tier) VALUES ($1, $2, $3, $4) RETURNING account_no, id",
        DM_PG_ONE};
static const dm_pg_stmt tier_there = {"account_tier_there", "SELECT 1 FROM dm.tier WHERE name = $1", DM_PG_MAYBE};
static const dm_pg_stmt priced = {"account_priced",
        "WITH b AS (SELECT price_group FROM dm.priced_groups($1, $2) AS price_group)"
        " SELECT EXISTS (SELECT FROM b) AND NOT EXISTS (SELECT FROM dm.project p JOIN dm.region r USING (region_no)"
        "  WHERE p.account_no = $3 AND r.price_group NOT IN (SELECT price_group FROM b))",
        DM_PG_ONE};
static const dm_pg_stmt find = {"account_find_lock",
        "SELECT account_no, tier, currency FROM dm.account WHERE id = $1::uuid FOR NO KEY UPDATE", DM_PG_MAYBE};
static const dm_pg_stmt set_tier = {
        "account_set_tier", "UPDATE dm.account SET tier = $2 WHERE account_no = $1", DM_PG_NONE};
static const dm_pg_stmt newest_plan = {"account_newest_plan",
        "SELECT dm.us(valid_from), tier FROM dm.account_plan WHERE account_no = $1 ORDER BY valid_from DESC LIMIT 1",
        DM_PG_ONE};

int dm_sql_priced(dm_pg *c, dm_str tier, dm_str currency, dm_account_no account, bool *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_text(tier), dm_pa_text(currency), dm_pa_i64(account.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &priced, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_bool(rows, 0, 0);
    return r;
}

/* 0, DM_ACCOUNT_NO_TIER or DM_ACCOUNT_NO_PRICES. */
static int can_be_billed(dm_pg *c, dm_str tier, dm_str currency, int64_t account_no, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_text(tier);
    DM_AUTO(dm_pg_rows) there = NULL;
    bool is = false;
    int r = dm_pg_exec(c, &tier_there, &arg, 1, &there, NULL, err);
    if (r == 0 && dm_pg_count(there) == 0)
        return DM_ACCOUNT_NO_TIER;
    if (r == 0)
        r = dm_sql_priced(c, tier, currency, (dm_account_no){account_no}, &is, err);
    return r < 0 || is ? r : DM_ACCOUNT_NO_PRICES;
}

int dm_account_add(dm_pg *c, const char *who, const dm_account_new *a, dm_account *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(a->legal_name), dm_pa_c(a->country), dm_pa_c(a->currency), dm_pa_c(a->tier)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    char object[64];
    int r = can_be_billed(c, dm_str_c(a->tier), dm_str_c(a->currency), 0, err);
    if (r == 0)
        r = dm_pg_exec(c, &add, args, DM_LEN(args), &rows, NULL, err);
    if (r != 0)
        return r;
    dm_account made = {.no = {dm_pg_i64(rows, 0, 0)}};
    r = dm_str_to_array(dm_pg_str(rows, 0, 1), made.id, sizeof made.id, err);
    if (r < 0)
        return r;
    (void)snprintf(object, sizeof object, "account:%s", made.id);
    const dm_audit line = {.owner = {.account = made.no}, .who = who, .verb = "account.add", .object = object};
    r = dm_audit_add(c, &line, err);
    if (r == 0)
        *out = made;
    return r;
}

static int change_tier(dm_pg *c, const char *who, const char *reason, int64_t account_no, const char *tier, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_c(tier)};
    char object[128];
    int r = dm_pg_exec(c, &set_tier, args, DM_LEN(args), NULL, NULL, err);
    (void)snprintf(object, sizeof object, "tier:%.100s", tier);
    const dm_audit line = {
            .owner = {.account = {account_no}}, .who = who, .verb = "tier.set", .object = object, .reason = reason};
    return r < 0 ? r : dm_audit_add(c, &line, err);
}

int dm_account_set_tier(dm_pg *c, const char *who, const char *reason, const char *account_id, const char *tier,
        int64_t *from_us, dm_err *err)
{
    const dm_pg_arg id = dm_pa_c(account_id);
    DM_AUTO(dm_pg_rows) account = NULL;
    DM_AUTO(dm_pg_rows) plan = NULL;
    int r = dm_pg_exec(c, &find, &id, 1, &account, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(account) == 0)
        return DM_ACCOUNT_NONE;
    const dm_pg_arg no = dm_pa_i64(dm_pg_i64(account, 0, 0));
    if (!dm_str_eq_c(dm_pg_str(account, 0, 1), tier)) {
        r = can_be_billed(c, dm_str_c(tier), dm_pg_str(account, 0, 2), no.i, err);
        if (r == 0)
            r = change_tier(c, who, reason, no.i, tier, err);
        if (r != 0)
            return r;
    }
    r = dm_pg_exec(c, &newest_plan, &no, 1, &plan, NULL, err);
    if (r < 0)
        return r;
    if (!dm_str_eq_c(dm_pg_str(plan, 0, 1), tier))
        return dm_fail(err, DM_E_INTERNAL, "the account's tier has no plan");
    *from_us = dm_pg_i64(plan, 0, 0);
    return 0;
}

static const dm_pg_stmt set_blocked = {"account_set_blocked",
        "UPDATE dm.account SET blocked = $2 WHERE id = $1::uuid AND blocked IS DISTINCT FROM $2 RETURNING account_no",
        DM_PG_MAYBE};
static const dm_pg_stmt there = {"account_there", "SELECT 1 FROM dm.account WHERE id = $1::uuid", DM_PG_MAYBE};

static int set_block(
        dm_pg *c, const char *who, const char *reason, const char *account_id, const char *why, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(account_id), dm_pa_c(why)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    DM_AUTO(dm_pg_rows) found = NULL;
    char object[64];
    int r = dm_pg_exec(c, &set_blocked, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0) {
        r = dm_pg_exec(c, &there, args, 1, &found, NULL, err);
        return r < 0 || dm_pg_count(found) == 1 ? r : DM_ACCOUNT_NONE;
    }
    if (r < 0)
        return r;
    (void)snprintf(object, sizeof object, "account:%s", account_id);
    const dm_audit line = {.owner = {.account = {dm_pg_i64(rows, 0, 0)}},
            .who = who,
            .verb = why != NULL ? "account.block" : "account.unblock",
            .object = object,
            .reason = reason};
    return dm_audit_add(c, &line, err);
}

int dm_account_block(dm_pg *c, const char *who, const char *reason, const char *account_id, dm_err *err)
{
    return set_block(c, who, reason, account_id, reason, err);
}

int dm_account_unblock(dm_pg *c, const char *who, const char *reason, const char *account_id, dm_err *err)
{
    return set_block(c, who, reason, account_id, NULL, err);
}
