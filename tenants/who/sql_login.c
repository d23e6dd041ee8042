#include "tenants/who/login.h"

/* Each twice: of a person, of an operator. */
static const dm_pg_stmt find_no[] = {{"login_find_person", "SELECT coalesce(dm.find_person($1), 0)", DM_PG_ONE},
        {"login_find_operator", "SELECT coalesce(dm.find_operator($1), 0)", DM_PG_ONE}};
static const dm_pg_stmt read_one[] = {
        {"login_read_person",
                "SELECT id, email, name, coalesce(password, ''), confirmed_at IS NOT NULL, false, totp_from IS NOT "
                "NULL,"
                " totp_step, coalesce(totp_sealed, '') FROM dm.person WHERE person_no = $1 AND closed_at IS NULL",
                DM_PG_MAYBE},
        {"login_read_operator",
                "SELECT id, email, name, coalesce(password, ''), true, one_time, totp_from IS NOT NULL, totp_step,"
                " coalesce(totp_sealed, '') FROM dm.operator WHERE operator_no = $1 AND disabled_at IS NULL",
                DM_PG_MAYBE}};
static const dm_pg_stmt set_password[] = {
        {"login_password_person", "UPDATE dm.person SET password = $2 WHERE person_no = $1", DM_PG_NONE},
        {"login_password_operator", "UPDATE dm.operator SET password = $2, one_time = false WHERE operator_no = $1",
                DM_PG_NONE}};
static const dm_pg_stmt confirm = {"login_confirm",
        "UPDATE dm.person SET confirmed_at = coalesce(confirmed_at, now()) WHERE person_no = $1", DM_PG_NONE};
static const dm_pg_stmt set_totp[] = {
        {"login_totp_person", "UPDATE dm.person SET totp_sealed = $2, totp_from = NULL WHERE person_no = $1",
                DM_PG_NONE},
        {"login_totp_operator", "UPDATE dm.operator SET totp_sealed = $2, totp_from = NULL WHERE operator_no = $1",
                DM_PG_NONE}};
static const dm_pg_stmt start_totp[] = {
        {"login_totp_on_person", "UPDATE dm.person SET totp_from = now(), totp_step = $2 WHERE person_no = $1",
                DM_PG_NONE},
        {"login_totp_on_operator", "UPDATE dm.operator SET totp_from = now(), totp_step = $2 WHERE operator_no = $1",
                DM_PG_NONE}};
static const dm_pg_stmt use_step[] = {
        {"login_step_person", "UPDATE dm.person SET totp_step = $2 WHERE person_no = $1 AND totp_step < $2 RETURNING 1",
                DM_PG_MAYBE},
        {"login_step_operator",
                "UPDATE dm.operator SET totp_step = $2 WHERE operator_no = $1 AND totp_step < $2 RETURNING 1",
                DM_PG_MAYBE}};
static const dm_pg_stmt drop_codes[] = {
        {"login_codes_drop_person", "DELETE FROM dm.recovery_code WHERE person_no = $1", DM_PG_NONE},
        {"login_codes_drop_operator", "DELETE FROM dm.recovery_code WHERE operator_no = $1", DM_PG_NONE}};
static const dm_pg_stmt add_code[] = {
        {"login_code_add_person", "INSERT INTO dm.recovery_code (person_no, sha256) VALUES ($1, $2)", DM_PG_NONE},
        {"login_code_add_operator", "INSERT INTO dm.recovery_code (operator_no, sha256) VALUES ($1, $2)", DM_PG_NONE}};
static const dm_pg_stmt use_code[] = {
        {"login_code_use_person",
                "UPDATE dm.recovery_code SET used_at = now() WHERE person_no = $1 AND sha256 = $2 AND used_at IS NULL"
                " RETURNING 1",
                DM_PG_MAYBE},
        {"login_code_use_operator",
                "UPDATE dm.recovery_code SET used_at = now() WHERE operator_no = $1 AND sha256 = $2 AND used_at IS NULL"
                " RETURNING 1",
                DM_PG_MAYBE}};
static const dm_pg_stmt add_owner = {"login_add_owner", "SELECT dm.add_owner($1, $2::uuid, $3, $4, $5, $6)", DM_PG_ONE};
static const dm_pg_stmt link_add = {"link_add",
        "INSERT INTO dm.person_link (person_no, purpose, sha256, expires_at)"
        " VALUES ($1, $2, $3, now() + make_interval(secs => $4::bigint))",
        DM_PG_NONE};
static const dm_pg_stmt link_find = {"link_find", "SELECT coalesce(dm.find_link($1, $2), 0)", DM_PG_ONE};
static const dm_pg_stmt link_use = {"link_use",
        "UPDATE dm.person_link SET used_at = now() WHERE person_no = $1 AND sha256 = $2 AND purpose = $3"
        " AND used_at IS NULL AND expires_at > now() RETURNING 1",
        DM_PG_MAYBE};
static const dm_pg_stmt link_others = {"link_others",
        "UPDATE dm.person_link SET used_at = now() WHERE person_no = $1 AND purpose = $2 AND used_at IS NULL",
        DM_PG_NONE};
static const dm_pg_stmt sign_up = {
        "login_sign_up", "SELECT coalesce(dm.sign_up($1, $2, $3, $4, $5, $6, $7), 0)", DM_PG_ONE};

static int number(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, int64_t *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, args, n, &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_i64(rows, 0, 0);
    return r;
}

/* 0, or DM_LOGIN_NONE: nothing was there to change. */
static int one_changed(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, args, n, &rows, NULL, err);
    return r < 0 || dm_pg_count(rows) == 1 ? r : DM_LOGIN_NONE;
}

int dm_login_find(dm_pg *c, bool ops, const char *email, int64_t *no, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_c(email);
    return number(c, &find_no[ops], &arg, 1, no, err);
}

int dm_login_read(dm_pg *c, bool ops, int64_t no, dm_login *out, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_i64(no);
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &read_one[ops], &arg, 1, &rows, NULL, err);
    if (r < 0)
        return r;
    dm_login l = {.ops = ops};
    if (dm_pg_count(rows) == 0) {
        *out = l;
        return 0;
    }
    const struct {
        char *to;
        size_t cap;
    } texts[] = {
            {l.id, sizeof l.id}, {l.email, sizeof l.email}, {l.name, sizeof l.name}, {l.password, sizeof l.password}};
    for (unsigned i = 0; r == 0 && i < DM_LEN(texts); i++)
        r = dm_str_to_array(dm_pg_str(rows, 0, i), texts[i].to, texts[i].cap, err);
    dm_str sealed = dm_pg_str(rows, 0, 8);
    if (r == 0 && sealed.n > sizeof l.totp_sealed)
        r = dm_fail(err, DM_E_CORRUPT, "a sealed secret of %zu bytes", sealed.n);
    if (r < 0)
        return r;
    l.no = no;
    l.confirmed = dm_pg_bool(rows, 0, 4);
    l.one_time = dm_pg_bool(rows, 0, 5);
    l.has_totp = dm_pg_bool(rows, 0, 6);
    l.totp_step = dm_pg_i64(rows, 0, 7);
    memcpy(l.totp_sealed, sealed.p, sealed.n);
    l.totp_n = sealed.n;
    *out = l;
    return 0;
}

int dm_login_set_password(dm_pg *c, const dm_login *l, const char *encoded, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(l->no), dm_pa_c(encoded)};
    return dm_pg_exec(c, &set_password[l->ops], args, DM_LEN(args), NULL, NULL, err);
}

int dm_login_confirm(dm_pg *c, const dm_login *l, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_i64(l->no);
    return l->ops ? 0 : dm_pg_exec(c, &confirm, &arg, 1, NULL, NULL, err);
}

int dm_login_set_totp(dm_pg *c, const dm_login *l, dm_str sealed, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(l->no), dm_pa_bytes(sealed.n > 0 ? sealed.p : NULL, sealed.n)};
    int r = dm_pg_exec(c, &set_totp[l->ops], args, DM_LEN(args), NULL, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &drop_codes[l->ops], args, 1, NULL, NULL, err);
}

int dm_login_start_totp(
        dm_pg *c, const dm_login *l, int64_t step, const dm_digest codes[DM_RECOVERY_CODES], dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(l->no), dm_pa_i64(step)};
    int r = dm_pg_exec(c, &start_totp[l->ops], args, DM_LEN(args), NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &drop_codes[l->ops], args, 1, NULL, NULL, err);
    for (size_t i = 0; r == 0 && i < DM_RECOVERY_CODES; i++) {
        const dm_pg_arg code[] = {dm_pa_i64(l->no), dm_pa_bytes(codes[i].b, sizeof codes[i].b)};
        r = dm_pg_exec(c, &add_code[l->ops], code, DM_LEN(code), NULL, NULL, err);
    }
    return r;
}

int dm_login_use_step(dm_pg *c, const dm_login *l, int64_t step, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(l->no), dm_pa_i64(step)};
    return one_changed(c, &use_step[l->ops], args, DM_LEN(args), err);
}

int dm_login_use_code(dm_pg *c, const dm_login *l, const dm_digest *code, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(l->no), dm_pa_bytes(code->b, sizeof code->b)};
    return one_changed(c, &use_code[l->ops], args, DM_LEN(args), err);
}

int dm_link_add(dm_pg *c, int64_t person_no, const char *purpose, const dm_digest *hash, int64_t good_s, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(person_no), dm_pa_c(purpose), dm_pa_bytes(hash->b, sizeof hash->b), dm_pa_i64(good_s)};
    return dm_pg_exec(c, &link_add, args, DM_LEN(args), NULL, NULL, err);
}

int dm_link_find(dm_pg *c, const dm_digest *hash, const char *purpose, int64_t *person_no, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_bytes(hash->b, sizeof hash->b), dm_pa_c(purpose)};
    return number(c, &link_find, args, DM_LEN(args), person_no, err);
}

int dm_link_use(dm_pg *c, int64_t person_no, const dm_digest *hash, const char *purpose, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(person_no), dm_pa_bytes(hash->b, sizeof hash->b), dm_pa_c(purpose)};
    const dm_pg_arg others[] = {args[0], args[2]};
    int r = one_changed(c, &link_use, args, DM_LEN(args), err);
    return r != 0 ? r : dm_pg_exec(c, &link_others, others, DM_LEN(others), NULL, NULL, err);
}

int dm_login_sign_up(dm_pg *c, const dm_sign_up *n, int64_t *person_no, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(n->email), dm_pa_c(n->name), dm_pa_c(n->password), dm_pa_c(n->project),
            dm_pa_c(n->region), dm_pa_bytes(n->link.b, sizeof n->link.b),
            dm_pa_bytes(n->invited ? n->invitation.b : NULL, sizeof n->invitation.b)};
    return number(c, &sign_up, args, DM_LEN(args), person_no, err);
}

int dm_login_add_owner(dm_pg *c, const char *who, const dm_owner_new *n, bool *made, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(who), dm_pa_c(n->account), dm_pa_c(n->email), dm_pa_c(n->name),
            dm_pa_c(n->encoded), dm_pa_bool(n->only_first)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &add_owner, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    dm_str said = dm_pg_str(rows, 0, 0);
    if (dm_str_eq_c(said, "none"))
        return DM_LOGIN_NONE;
    if (dm_str_eq_c(said, "taken"))
        return dm_fail(err, DM_E_EXISTS, "%s is somebody's address already", n->email);
    *made = dm_str_eq_c(said, "made");
    return 0;
}
