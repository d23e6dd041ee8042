#include "metering/ask/contract.h"

/* The database refuses what cannot be. */
static int or_wrong(int r)
{
    return r == DM_E_INVALID || r == DM_E_EXISTS ? DM_ASK_CONTRACT_WRONG : r;
}

int dm_ask_contract_draft(dm_pg *c, const char *who, const char *why, const dm_ask_contract *k, char id[DM_UUID_TEXT],
        dm_account_no *account_no, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_contract_draft",
            "INSERT INTO dm.contract (account_no, name, currency, least_monthly, valid_from, valid_to, reference, "
            "drafted_by, drafted_why) SELECT a.account_no, $2, $3, $4::numeric, dm.ts($5::bigint * 1000000), "
            "dm.ts($6::bigint * 1000000), coalesce($7, ''), $8, $9 FROM dm.account a WHERE a.id::text = $1 AND "
            "a.currency = $3 RETURNING id, account_no",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(k->account), dm_pa_c(k->name), dm_pa_c(k->currency), dm_pa_c(k->least),
            dm_pa_i64(k->from_s), k->to_s != 0 ? dm_pa_i64(k->to_s) : dm_pa_null(), dm_pa_c(k->reference), dm_pa_c(who),
            dm_pa_c(why)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? or_wrong(r) : DM_ASK_CONTRACT_WRONG;
    account_no->v = dm_pg_i64(rows, 0, 1);
    return dm_str_to_array(dm_pg_str(rows, 0, 0), id, DM_UUID_TEXT, err);
}

/* Where it stands; its row stays as it is until the end of the transaction. */
typedef struct found {
    bool draft, approved, drafter, ordered, orderer, ended, begins_later, ends_later, room, other;
} found;

static int find(
        dm_pg *c, const char *id, const char *who, int64_t ends_s, found *f, dm_account_no *account_no, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_contract_find",
            "SELECT c.account_no, c.status = 'draft', c.status = 'approved', c.drafted_by = $2, c.ends_at IS NOT NULL, "
            "coalesce(c.end_by = $2, false), c.ended_by IS NOT NULL, c.valid_from > t.soon, "
            "coalesce(dm.ts($3::bigint * 1000000), c.ends_at) > t.soon, "
            "coalesce(dm.ts($3::bigint * 1000000), c.ends_at) > c.valid_from AND (c.valid_to IS NULL OR "
            "coalesce(dm.ts($3::bigint * 1000000), c.ends_at) < c.valid_to), "
            "EXISTS (SELECT FROM dm.contract o WHERE o.account_no = c.account_no AND o.status = 'approved' AND "
            "o.contract_no <> c.contract_no AND tstzrange(o.valid_from, o.valid_to) && tstzrange(c.valid_from, "
            "c.valid_to)) OR a.currency <> c.currency "
            "FROM dm.contract c JOIN dm.account a USING (account_no), (SELECT clock_timestamp() + interval '65 s' AS "
            "soon) t WHERE c.id::text = $1 FOR UPDATE OF c",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(id), dm_pa_c(who), ends_s != 0 ? dm_pa_i64(ends_s) : dm_pa_null()};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_ASK_CONTRACT_NONE;
    bool *const flags[] = {&f->draft, &f->approved, &f->drafter, &f->ordered, &f->orderer, &f->ended, &f->begins_later,
            &f->ends_later, &f->room, &f->other};
    account_no->v = dm_pg_i64(rows, 0, 0);
    for (unsigned i = 0; i < DM_LEN(flags); i++)
        *flags[i] = !dm_pg_is_null(rows, 0, 1 + i) && dm_pg_bool(rows, 0, 1 + i);
    return 0;
}

static int may(const found *f, dm_ask_contract_what what)
{
    bool open = f->approved && f->ordered && !f->ended;
    switch (what) {
    case DM_CONTRACT_APPROVE:
        return !f->draft          ? DM_ASK_CONTRACT_STATE
               : f->drafter       ? DM_ASK_CONTRACT_OWN
               : !f->begins_later ? DM_ASK_CONTRACT_LATE
               : f->other         ? DM_ASK_CONTRACT_WRONG
                                  : 0;
    case DM_CONTRACT_WITHDRAW:
        return f->draft ? 0 : DM_ASK_CONTRACT_STATE;
    case DM_CONTRACT_END:
        return !f->approved || f->ordered   ? DM_ASK_CONTRACT_STATE
               : !f->ends_later || !f->room ? DM_ASK_CONTRACT_LATE
                                            : 0;
    case DM_CONTRACT_END_APPROVE:
        return !open           ? DM_ASK_CONTRACT_STATE
               : f->orderer    ? DM_ASK_CONTRACT_OWN
               : f->ends_later ? 0
                               : DM_ASK_CONTRACT_LATE;
    case DM_CONTRACT_END_WITHDRAW:
        return open ? 0 : DM_ASK_CONTRACT_STATE;
    }
    return DM_ASK_CONTRACT_STATE;
}

int dm_ask_contract_act(dm_pg *c, dm_ask_contract_what what, const char *id, const char *who, const char *why,
        int64_t ends_s, dm_account_no *account_no, dm_err *err)
{
    static const dm_pg_stmt acts[] = {
            [DM_CONTRACT_APPROVE] = {"ask_contract_approve",
                    "UPDATE dm.contract SET status = 'approved', approved_by = $2, approved_at = now(), approved_why = "
                    "$3 WHERE id::text = $1",
                    DM_PG_NONE},
            [DM_CONTRACT_WITHDRAW] = {"ask_contract_withdraw",
                    "UPDATE dm.contract SET status = 'withdrawn', withdrawn_by = $2, withdrawn_at = now(), "
                    "withdrawn_why = $3 WHERE id::text = $1",
                    DM_PG_NONE},
            [DM_CONTRACT_END] = {"ask_contract_end",
                    "UPDATE dm.contract SET end_by = $2, end_at = now(), end_why = $3, ends_at = dm.ts($4::bigint * "
                    "1000000) WHERE id::text = $1",
                    DM_PG_NONE},
            [DM_CONTRACT_END_APPROVE] = {"ask_contract_end_approve",
                    "UPDATE dm.contract SET ended_by = $2, ended_at = now(), ended_why = $3, valid_to = ends_at WHERE "
                    "id::text = $1",
                    DM_PG_NONE},
            [DM_CONTRACT_END_WITHDRAW] = {"ask_contract_end_withdraw",
                    "UPDATE dm.contract SET end_by = NULL, end_at = NULL, end_why = NULL, ends_at = NULL WHERE "
                    "id::text = $1",
                    DM_PG_NONE},
    };
    const dm_pg_arg args[] = {dm_pa_c(id), dm_pa_c(who), dm_pa_c(why), dm_pa_i64(ends_s)};
    static const size_t nargs[] = {3, 3, 4, 3, 1};
    found f = {.draft = false};
    int r = find(c, id, who, ends_s, &f, account_no, err);
    if (r == 0)
        r = may(&f, what);
    return r != 0 ? r : or_wrong(dm_pg_exec(c, &acts[what], args, nargs[what], NULL, NULL, err));
}
