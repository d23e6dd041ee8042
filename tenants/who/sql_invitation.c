#include <stdio.h>

#include "base/crypto.h"
#include "base/parse.h"

#include "tenants/plan/audit.h"
#include "tenants/who/invitation.h"
#include "tenants/who/mail.h"
#include "tenants/who/membership.h"

enum { BYTES = 20 };

static const dm_pg_stmt one_by_one = {"invitation_one_by_one",
        "SELECT pg_advisory_xact_lock(hashtext('dm.invitation'), ($1::bigint % 2147483647)::int)", DM_PG_ONE};
/* Open: what its link still opens. A letter a turn. */
static const dm_pg_stmt room = {"invitation_room",
        "SELECT count(*) FILTER (WHERE taken_at IS NULL AND withdrawn_at IS NULL AND expires_at > now() AND"
        "  NOT (project_no = $2 AND email = $3)),"
        " coalesce(sum(turn) FILTER (WHERE made_at > now() - interval '1 day'), 0)::bigint,"
        " EXISTS (SELECT FROM dm.people() p JOIN dm.member m ON m.person_no = p.person_no"
        "  WHERE m.account_no = $1 AND m.project_no IN (0, $2) AND p.email = $3)"
        " FROM dm.invitation WHERE account_no = $1",
        DM_PG_ONE};
static const dm_pg_stmt add = {"invitation_add",
        "INSERT INTO dm.invitation AS i (account_no, project_no, email, role, sha256, made_by, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, now() + interval '7 days')"
        " ON CONFLICT (account_no, project_no, email) WHERE taken_at IS NULL AND withdrawn_at IS NULL"
        " DO UPDATE SET role = $4, sha256 = $5, made_by = $6, made_at = now(), expires_at = now() + interval '7 days',"
        "  turn = i.turn + 1"
        " RETURNING id, turn::bigint, coalesce((SELECT p.email FROM dm.people() p WHERE 'person:' || p.id = $6), '')",
        DM_PG_ONE};
static const dm_pg_stmt withdraw = {"invitation_withdraw",
        "UPDATE dm.invitation SET withdrawn_at = now() WHERE account_no = $1 AND project_no = $2 AND id = $3::uuid"
        " AND taken_at IS NULL AND withdrawn_at IS NULL",
        DM_PG_NONE};
static const dm_pg_stmt list = {"invitation_list",
        "SELECT id, email, role, made_by, dm.us(made_at), dm.us(expires_at) FROM dm.invitation"
        " WHERE account_no = $1 AND project_no = $2 AND taken_at IS NULL AND withdrawn_at IS NULL"
        " ORDER BY made_at DESC, invitation_no DESC LIMIT $3",
        DM_PG_ROWS};
static const dm_pg_field listed[] = {{DM_COL_STR, offsetof(dm_invitation_row, id)},
        {DM_COL_STR, offsetof(dm_invitation_row, email)}, {DM_COL_STR, offsetof(dm_invitation_row, role)},
        {DM_COL_STR, offsetof(dm_invitation_row, made_by)}, {DM_COL_I64, offsetof(dm_invitation_row, made_us)},
        {DM_COL_I64, offsetof(dm_invitation_row, expires_us)}};

static const dm_pg_stmt look = {"invitation_look",
        "SELECT id, email, role, account_id, account, coalesce(slug, ''), coalesce(project, ''), coalesce(inviter, ''),"
        " dm.us(expires_at) FROM dm.find_invitation($1)",
        DM_PG_MAYBE};
static const dm_pg_field seen[] = {{DM_COL_STR, offsetof(dm_invitation_seen, id)},
        {DM_COL_STR, offsetof(dm_invitation_seen, email)}, {DM_COL_STR, offsetof(dm_invitation_seen, role)},
        {DM_COL_STR, offsetof(dm_invitation_seen, account_id)}, {DM_COL_STR, offsetof(dm_invitation_seen, account)},
        {DM_COL_STR, offsetof(dm_invitation_seen, slug)}, {DM_COL_STR, offsetof(dm_invitation_seen, project)},
        {DM_COL_STR, offsetof(dm_invitation_seen, inviter)}, {DM_COL_I64, offsetof(dm_invitation_seen, expires_us)}};
static const dm_pg_stmt take = {"invitation_take", "SELECT dm.take_invitation($1)::bigint", DM_PG_ONE};

static int audit(dm_pg *c, const dm_caller *by, const char *verb, const char *id, dm_str detail, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "invitation:%s", id);
    const dm_audit line = {.owner = by->owner, .who = by->who, .verb = verb, .object = object, .detail = detail};
    return dm_audit_add(c, &line, err);
}

/* --- written ------------------------------------------------------------------------------------------------ */

static int may_be_added(dm_pg *c, const dm_caller *by, const dm_invitation_new *want, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v), dm_pa_c(want->email)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    if (!dm_membership_role_ok(by->owner, want->role))
        return DM_INVITATION_ROLE;
    if ((dm_rights_of(want->role) & ~by->rights) != 0)
        return DM_INVITATION_MORE;
    int r = dm_pg_exec(c, &one_by_one, args, 1, NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &room, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_bool(rows, 0, 2))
        return DM_INVITATION_MEMBER;
    if (dm_pg_i64(rows, 0, 0) >= DM_INVITATIONS_OPEN_MAX)
        return DM_INVITATION_FULL;
    return dm_pg_i64(rows, 0, 1) < DM_INVITATIONS_DAY_MAX ? 0 : DM_INVITATION_DAY;
}

/* Who invites is named by his address and the account not at all: names are anybody's words, and would make our letters
 * say whatever somebody wants to tell strangers. */
static int write_mail(dm_pg *c, const dm_invitation_new *want, const char *token, const char *id, int64_t turn,
        dm_str inviter, dm_err *err)
{
    char cause[128];
    DM_AUTO_BUF body;
    dm_buf_init(&body, 4096);
    (void)snprintf(cause, sizeof cause, "invitation:%s:%lld", id, (long long)turn);
    (void)dm_buf_fmt(&body,
            "%.*s invites you to work together on Dormouse, as %s. To what, the link shows:\n\n"
            "%s/console/invite/%s\n\n"
            "It works once, for this address, within seven days. If you expected nothing of the kind,\n"
            "there is nothing to do.\n",
            (int)inviter.n, inviter.p, dm_role_name(want->role), want->api_url, token);
    int r = dm_buf_ok(&body, err);
    if (r == 0)
        r = dm_mail_add(c, cause, want->email, "An invitation to Dormouse", body.p, err);
    if (body.p != NULL)
        explicit_bzero(body.p, body.len);
    return r;
}

static int insert(dm_pg *c, const dm_caller *by, const dm_invitation_new *want, char token[DM_INVITATION_TEXT],
        char id[DM_UUID_TEXT], dm_err *err)
{
    uint8_t raw[BYTES];
    dm_digest digest;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_random(raw, sizeof raw, err);
    if (r == 0)
        r = dm_sha256((dm_str){(const char *)raw, sizeof raw}, &digest, err);
    if (r < 0)
        return r;
    dm_hex(raw, sizeof raw, token);
    explicit_bzero(raw, sizeof raw);
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v), dm_pa_c(want->email),
            dm_pa_c(dm_role_name(want->role)), dm_pa_bytes(digest.b, sizeof digest.b), dm_pa_c(by->who)};
    r = dm_pg_exec(c, &add, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 0), id, DM_UUID_TEXT, err);
    dm_str inviter = r == 0 ? dm_pg_str(rows, 0, 2) : DM_STR("");
    if (inviter.n == 0)
        inviter = DM_STR("The operator");
    return r < 0 ? r : write_mail(c, want, token, id, dm_pg_i64(rows, 0, 1), inviter, err);
}

int dm_invitation_add(dm_pg *c, const dm_caller *by, const dm_invitation_new *want, char id[DM_UUID_TEXT], dm_err *err)
{
    char token[DM_INVITATION_TEXT], detail[400];
    int r = may_be_added(c, by, want, err);
    if (r == 0)
        r = insert(c, by, want, token, id, err);
    explicit_bzero(token, sizeof token);
    if (r != 0)
        return r;
    (void)snprintf(
            detail, sizeof detail, "{\"email\": \"%s\", \"role\": \"%s\"}", want->email, dm_role_name(want->role));
    return audit(c, by, "invitation.add", id, dm_str_c(detail), err);
}

int dm_invitation_withdraw(dm_pg *c, const dm_caller *by, const char *id, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v), dm_pa_c(id)};
    int64_t n = 0;
    int r = dm_pg_exec(c, &withdraw, args, DM_LEN(args), NULL, &n, err);
    if (r < 0)
        return r;
    return n == 0 ? DM_INVITATION_NONE : audit(c, by, "invitation.withdraw", id, (dm_str){NULL, 0}, err);
}

int dm_invitation_list(dm_pg *c, dm_owner owner, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(DM_MEMBERS_SHOWN)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), out, NULL, err);
}

void dm_invitation_row_read(const dm_pg_rows *rows, size_t row, dm_invitation_row *out)
{
    dm_pg_read(rows, row, 0, listed, DM_LEN(listed), out);
}

/* --- taken -------------------------------------------------------------------------------------------------- */

bool dm_invitation_hash(dm_str token, dm_digest *out)
{
    uint8_t raw[BYTES];
    return token.n == 2 * sizeof raw && dm_parse_hex(token, raw, sizeof raw, NULL) == 0 &&
           dm_sha256((dm_str){(const char *)raw, sizeof raw}, out, NULL) == 0;
}

int dm_invitation_look(dm_pg *c, dm_str token, dm_pg_rows **rows, dm_invitation_seen *out, dm_err *err)
{
    dm_digest digest;
    if (!dm_invitation_hash(token, &digest))
        return DM_INVITATION_NONE;
    const dm_pg_arg arg = dm_pa_bytes(digest.b, sizeof digest.b);
    int r = dm_pg_exec(c, &look, &arg, 1, rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(*rows) == 0)
        return DM_INVITATION_NONE;
    dm_pg_read(*rows, 0, 0, seen, DM_LEN(seen), out);
    return 0;
}

int dm_invitation_take(dm_pg *c, dm_str token, dm_err *err)
{
    dm_digest digest;
    DM_AUTO(dm_pg_rows) rows = NULL;
    if (!dm_invitation_hash(token, &digest))
        return DM_INVITATION_NONE;
    const dm_pg_arg arg = dm_pa_bytes(digest.b, sizeof digest.b);
    int r = dm_pg_exec(c, &take, &arg, 1, &rows, NULL, err);
    if (r < 0)
        return r;
    switch (dm_pg_i64(rows, 0, 0)) {
    case 0:
        return 0;
    case 1:
        return DM_INVITATION_NONE;
    default:
        return DM_INVITATION_OTHER;
    }
}
