#include <stdio.h>

#include "base/json.h"
#include "base/parse.h"

#include "tenants/plan/audit.h"
#include "tenants/who/key.h"

#define VALID "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())"

/* Two that are made at once are counted one after the other. */
static const dm_pg_stmt one_by_one = {
        "key_one_by_one", "SELECT pg_advisory_xact_lock(hashtext('dm.api_key'), $1::int)", DM_PG_ONE};
static const dm_pg_stmt room = {"key_room",
        "SELECT count(*), dm.us(clock_timestamp()) FROM dm.api_key"
        " WHERE account_no = $1 AND project_no = $2 AND fetched_by IS NULL AND " VALID,
        DM_PG_ONE};
static const dm_pg_stmt add = {"key_add",
        "INSERT INTO dm.api_key (account_no, project_no, name, sha256, mask, rights, expires_at, made_by)"
        " VALUES ($1, $2, $3, $4, $5, string_to_array($6, ','), dm.ts($7), $8) RETURNING id",
        DM_PG_ONE};
static const dm_pg_stmt valid = {"key_valid",
        "SELECT id FROM dm.api_key WHERE account_no = $1 AND project_no = $2 AND sha256 = $3 AND " VALID, DM_PG_MAYBE};
static const dm_pg_stmt revoke_one = {"key_revoke",
        "UPDATE dm.api_key SET revoked_at = now() WHERE id = $1::uuid AND revoked_at IS NULL"
        " AND ($2 = 0 OR account_no = $2 AND project_no = $3) RETURNING account_no, project_no",
        DM_PG_MAYBE};
static const dm_pg_stmt find_to_alter = {"key_find_to_alter",
        "SELECT coalesce(array_to_string(rights, ','), '*'), dm.us(clock_timestamp()) FROM dm.api_key"
        " WHERE account_no = $1 AND project_no = $2 AND id = $3::uuid AND " VALID " FOR NO KEY UPDATE",
        DM_PG_MAYBE};
static const dm_pg_stmt alter = {"key_alter",
        "UPDATE dm.api_key SET name = coalesce($4, name),"
        " expires_at = CASE WHEN $5 THEN dm.ts($6) ELSE expires_at END"
        " WHERE account_no = $1 AND project_no = $2 AND id = $3::uuid",
        DM_PG_NONE};

static const dm_pg_stmt fetched = {"key_fetched",
        "SELECT count(*) FROM dm.api_key"
        " WHERE account_no = $1 AND project_no = $2 AND fetched_by = $3 AND revoked_at IS NOT NULL",
        DM_PG_ONE};
static const dm_pg_stmt fetch = {"key_fetch",
        "INSERT INTO dm.api_key (account_no, project_no, name, sha256, mask, fetched_by, made_by)"
        " VALUES ($1, $2, 'e2b command line', $3, $4, $5, $6) ON CONFLICT (sha256) DO NOTHING RETURNING id",
        DM_PG_MAYBE};

#define LISTED                                                                                                         \
    "SELECT k.id, k.name, k.mask, coalesce(array_to_string(k.rights, ','), '*'), k.made_by, p.id::text, p.email,"      \
    " p.name, dm.us(k.created_at), dm.us(k.last_used_at), dm.us(k.expires_at)"                                         \
    " FROM dm.api_key k LEFT JOIN dm.people() p ON k.made_by = 'person:' || p.id"                                      \
    " WHERE k.account_no = $1 AND k.project_no = $2 AND k.revoked_at IS NULL"
static const dm_pg_stmt list = {"key_list",
        LISTED " AND (k.expires_at IS NULL OR k.expires_at > now() - interval '30 days')"
               " ORDER BY k.key_no DESC LIMIT $3",
        DM_PG_ROWS};
static const dm_pg_stmt find = {"key_find_one", LISTED " AND k.id = $3::uuid", DM_PG_MAYBE};
static const dm_pg_field listed[] = {{DM_COL_STR, offsetof(dm_key_row, id)}, {DM_COL_STR, offsetof(dm_key_row, name)},
        {DM_COL_STR, offsetof(dm_key_row, mask)}, {DM_COL_STR, offsetof(dm_key_row, rights)},
        {DM_COL_STR, offsetof(dm_key_row, made_by)}, {DM_COL_STR, offsetof(dm_key_row, maker_id)},
        {DM_COL_STR, offsetof(dm_key_row, maker_email)}, {DM_COL_STR, offsetof(dm_key_row, maker_name)},
        {DM_COL_I64, offsetof(dm_key_row, created_us)}, {DM_COL_I64, offsetof(dm_key_row, last_used_us)},
        {DM_COL_I64, offsetof(dm_key_row, expires_us)}};

/* Several replicas write, each what it saw: the latest counts. */
static const dm_pg_stmt used = {"key_used",
        "UPDATE dm.api_key k SET last_used_at = dm.ts(u.at) FROM (SELECT * FROM"
        "  unnest(string_to_array($1, ',')::bigint[], string_to_array($2, ',')::bigint[]) AS v (key_no, at)) u"
        " WHERE k.key_no = u.key_no AND (k.last_used_at IS NULL OR k.last_used_at < dm.ts(u.at))",
        DM_PG_NONE};

/* --- the audit ---------------------------------------------------------------------------------------------- */

static int audit(
        dm_pg *c, const char *who, dm_owner owner, const char *verb, const char *id, dm_str detail, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "key:%s", id);
    const dm_audit line = {.owner = owner, .who = who, .verb = verb, .object = object, .detail = detail};
    return dm_audit_add(c, &line, err);
}

static void write_expiry(dm_jw *w, int64_t expires_us)
{
    char text[32];
    dm_rfc3339(expires_us, text);
    dm_jw_kc(w, "expires_at", expires_us != 0 ? text : NULL);
}

/* --- made --------------------------------------------------------------------------------------------------- */

static const dm_str nothing = {NULL, 0};

static dm_pg_arg expiry(int64_t expires_us)
{
    return expires_us != 0 ? dm_pa_i64(expires_us) : dm_pa_null();
}

static int may_be_added(dm_pg *c, const dm_caller *by, const dm_key_new *want, dm_err *err)
{
    const dm_pg_arg project = dm_pa_i64(by->owner.project.v);
    const dm_pg_arg owner[] = {dm_pa_i64(by->owner.account.v), project};
    DM_AUTO(dm_pg_rows) rows = NULL;
    if ((want->rights & ~(by->rights & dm_rights_of(DM_ROLE_KEY))) != 0)
        return DM_KEY_MORE;
    int r = dm_pg_exec(c, &one_by_one, &project, 1, NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &room, owner, DM_LEN(owner), &rows, NULL, err);
    if (r < 0)
        return r;
    if (want->expires_us != 0 && want->expires_us <= dm_pg_i64(rows, 0, 1))
        return DM_KEY_PAST;
    return dm_pg_i64(rows, 0, 0) < DM_KEYS_MAX ? 0 : DM_KEY_FULL;
}

/* rights: names, or NULL for all. */
static int insert(
        dm_pg *c, const dm_caller *by, const dm_key_new *want, const char *rights, dm_key_made *made, dm_err *err)
{
    dm_digest digest;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_key_random(&made->key, err);
    if (r == 0)
        r = dm_key_hash(dm_str_c(made->key.s), &digest, err);
    if (r < 0)
        return r;
    dm_key_mask mask = dm_key_mask_of(&made->key);
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v),
            dm_pa_text(want->name.p != NULL ? want->name : DM_STR("")), dm_pa_bytes(digest.b, sizeof digest.b),
            dm_pa_c(mask.s), rights != NULL ? dm_pa_c(rights) : dm_pa_null(), expiry(want->expires_us),
            dm_pa_c(by->who)};
    r = dm_pg_exec(c, &add, args, DM_LEN(args), &rows, NULL, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 0), made->id, sizeof made->id, err);
}

int dm_key_add(dm_pg *c, const dm_caller *by, const dm_key_new *want, dm_key_made *out, dm_err *err)
{
    const dm_rights all = dm_rights_of(DM_ROLE_KEY), given = want->rights != 0 ? want->rights : by->rights & all;
    char names[DM_RIGHTS_TEXT];
    dm_key_made made;
    DM_AUTO_BUF detail;
    dm_jw w;
    dm_buf_init(&detail, 4096);
    int r = may_be_added(c, by, want, err);
    if (r != 0)
        return r;
    dm_rights_names(given, names);
    dm_jw_init(&w, &detail);
    dm_jw_obj(&w);
    dm_jw_kstr(&w, "name", want->name);
    dm_jw_kc(&w, "rights", given == all ? "*" : names);
    write_expiry(&w, want->expires_us);
    dm_jw_end(&w);
    r = insert(c, by, want, given == all ? NULL : names, &made, err);
    if (r == 0)
        r = dm_buf_ok(&detail, err);
    if (r == 0)
        r = audit(c, by->who, by->owner, "key.add", made.id, dm_buf_view(&detail), err);
    if (r == 0)
        *out = made;
    explicit_bzero(&made, sizeof made);
    return r;
}

int dm_key_fetched(dm_pg *c, const dm_caller *by, int64_t token_no, int64_t *revoked, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v), dm_pa_i64(token_no)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &fetched, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *revoked = dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_key_fetch(dm_pg *c, const dm_caller *by, int64_t token_no, const dm_key *key, dm_err *err)
{
    char id[DM_UUID_TEXT];
    dm_digest digest;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_key_hash(dm_str_c(key->s), &digest, err);
    if (r < 0)
        return r;
    dm_key_mask mask = dm_key_mask_of(key);
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v),
            dm_pa_bytes(digest.b, sizeof digest.b), dm_pa_c(mask.s), dm_pa_i64(token_no), dm_pa_c(by->who)};
    r = dm_pg_exec(c, &fetch, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    r = dm_str_to_array(dm_pg_str(rows, 0, 0), id, sizeof id, err);
    return r < 0 ? r : audit(c, by->who, by->owner, "key.add", id, DM_STR("{\"fetched\": true}"), err);
}

/* --- changed ------------------------------------------------------------------------------------------------ */

static int may_be_altered(dm_pg *c, const dm_caller *by, const char *id, const dm_key_change *want, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v), dm_pa_c(id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &find_to_alter, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_KEY_NONE;
    if (!want->expiry)
        return 0;
    dm_str names = dm_pg_str(rows, 0, 0);
    dm_rights has = dm_str_eq_c(names, "*") ? dm_rights_of(DM_ROLE_KEY) : dm_rights_named(names);
    if ((has & ~by->rights) != 0)
        return DM_KEY_MORE;
    return want->expires_us != 0 && want->expires_us <= dm_pg_i64(rows, 0, 1) ? DM_KEY_PAST : 0;
}

int dm_key_alter(dm_pg *c, const dm_caller *by, const char *id, const dm_key_change *want, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v), dm_pa_c(id),
            dm_pa_text(want->name), dm_pa_bool(want->expiry), expiry(want->expires_us)};
    DM_AUTO_BUF detail;
    dm_jw w;
    dm_buf_init(&detail, 4096);
    int r = may_be_altered(c, by, id, want, err);
    if (r == 0)
        r = dm_pg_exec(c, &alter, args, DM_LEN(args), NULL, NULL, err);
    if (r != 0)
        return r;
    dm_jw_init(&w, &detail);
    dm_jw_obj(&w);
    if (want->name.p != NULL)
        dm_jw_kstr(&w, "name", want->name);
    if (want->expiry)
        write_expiry(&w, want->expires_us);
    dm_jw_end(&w);
    r = dm_buf_ok(&detail, err);
    return r < 0 ? r : audit(c, by->who, by->owner, "key.change", id, dm_buf_view(&detail), err);
}

int dm_key_revoke(dm_pg *c, const dm_caller *by, const char *id, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(id), dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &revoke_one, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_KEY_NONE;
    const dm_owner owner = {{dm_pg_i64(rows, 0, 0)}, {dm_pg_i64(rows, 0, 1)}};
    return audit(c, by->who, owner, "key.revoke", id, nothing, err);
}

int dm_key_used(dm_pg *c, dm_str key_nos, dm_str at_us, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_text(key_nos), dm_pa_text(at_us)};
    return dm_pg_exec(c, &used, args, DM_LEN(args), NULL, NULL, err);
}

/* --- read --------------------------------------------------------------------------------------------------- */

int dm_key_valid(dm_pg *c, dm_owner owner, dm_str text, char id[DM_UUID_TEXT], dm_err *err)
{
    dm_digest digest;
    DM_AUTO(dm_pg_rows) rows = NULL;
    if (dm_key_hash(text, &digest, NULL) < 0)
        return DM_KEY_NONE;
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bytes(digest.b, sizeof digest.b)};
    int r = dm_pg_exec(c, &valid, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    return dm_pg_count(rows) == 0 ? DM_KEY_NONE : dm_str_to_array(dm_pg_str(rows, 0, 0), id, DM_UUID_TEXT, err);
}

int dm_key_list(dm_pg *c, dm_owner owner, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(DM_KEYS_SHOWN)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), out, NULL, err);
}

int dm_key_find(dm_pg *c, dm_owner owner, const char *id, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_c(id)};
    return dm_pg_exec(c, &find, args, DM_LEN(args), out, NULL, err);
}

void dm_key_row_read(const dm_pg_rows *rows, size_t row, dm_key_row *out)
{
    dm_pg_read(rows, row, 0, listed, DM_LEN(listed), out);
}
