#include "metering/ask/seller.h"

/* --- drafts ------------------------------------------------------------------------------------------------- */

static int may(dm_pg *c, int64_t entity_no, bool *entity, bool *room, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_seller_may",
            "SELECT EXISTS (SELECT FROM dm.legal_entity WHERE entity_no = $1::bigint), (SELECT count(*) FROM dm.seller "
            "WHERE status = 'draft') < $2::bigint",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(entity_no), dm_pa_i64(DM_ASK_SELLER_DRAFTS_MAX)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *entity = dm_pg_bool(rows, 0, 0);
    *room = dm_pg_bool(rows, 0, 1);
    return 0;
}

int dm_ask_seller_draft(
        dm_pg *c, const char *who, const char *why, const dm_seller_draft *seller, int64_t *no, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_seller_add",
            "INSERT INTO dm.seller (entity_no, name, address, country, tax_id, legal_id, email, iban, bic, terms_days, "
            "valid_from, status, drafted_by, drafted_at, drafted_why) VALUES ($1::smallint, $2, coalesce($3, ''), $4, "
            "$5, $6, $7, $8, $9, $10::int, dm.ts($11::bigint * 1000000), 'draft', $12, now(), $13) RETURNING seller_no",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(seller->entity_no), dm_pa_c(seller->name), dm_pa_c(seller->address),
            dm_pa_c(seller->country), dm_pa_c(seller->tax_id), dm_pa_c(seller->legal_id), dm_pa_c(seller->email),
            dm_pa_c(seller->iban), dm_pa_c(seller->bic), dm_pa_i64(seller->terms_days), dm_pa_i64(seller->from_s),
            dm_pa_c(who), dm_pa_c(why)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    bool entity = false, room = false;
    int r = may(c, seller->entity_no, &entity, &room, err);
    if (r == 0 && !entity)
        return DM_ASK_SELLER_ENTITY;
    if (r == 0 && !room)
        return DM_ASK_SELLER_MANY;
    if (r == 0)
        r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *no = dm_pg_i64(rows, 0, 0);
    return r;
}

/* --- the second person -------------------------------------------------------------------------------------- */

const dm_draft_kind dm_ask_seller = {
        .turn = {"ask_seller_turn", "SELECT pg_advisory_xact_lock(hashtext('dm.seller'))", DM_PG_ONE},
        .find = {"ask_seller_find",
                "SELECT s.status = 'draft', s.drafted_by IS NOT DISTINCT FROM $2, "
                "floor(extract(epoch FROM s.valid_from - clock_timestamp()))::bigint, EXISTS (SELECT FROM dm.seller o "
                "WHERE o.status = 'approved' AND (o.entity_no, o.valid_from) = (s.entity_no, s.valid_from)) "
                "FROM dm.seller s WHERE s.seller_no = $1::bigint FOR UPDATE OF s",
                DM_PG_MAYBE},
        .approve = {"ask_seller_approve",
                "UPDATE dm.seller SET status = 'approved', approved_by = $2, approved_at = now(), approved_why = $3 "
                "WHERE seller_no = $1::bigint",
                DM_PG_NONE},
        .withdraw = {"ask_seller_withdraw",
                "UPDATE dm.seller SET status = 'withdrawn', withdrawn_by = $2, withdrawn_at = now(), withdrawn_why = "
                "$3 "
                "WHERE seller_no = $1::bigint",
                DM_PG_NONE},
};

/* --- what there is ------------------------------------------------------------------------------------------ */

#define FOUND                                                                                                          \
    "FROM dm.seller s WHERE ($1::text IS NULL OR s.status = $1) AND ($2::bigint = 0 OR s.valid_from <= "               \
    "dm.ts($2::bigint) AND (s.valid_to IS NULL OR s.valid_to > dm.ts($2::bigint))) AND $3::bigint IN (0, "             \
    "s.seller_no) "

int dm_seller_rows(
        dm_pg *c, const dm_seller_which *which, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"sellers",
            "SELECT s.seller_no, s.entity_no, s.terms_days, dm.us(s.valid_from), dm.us(s.valid_to), "
            "dm.us(s.drafted_at), dm.us(s.approved_at), dm.us(s.withdrawn_at), s.name, s.address, s.country, s.tax_id, "
            "s.legal_id, s.email, s.iban, s.bic, s.status, s.drafted_by, s.drafted_why, s.approved_by, "
            "s.approved_why, s.withdrawn_by, s.withdrawn_why " FOUND
            "AND s.seller_no < $4::bigint ORDER BY s.seller_no DESC LIMIT $5::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_sellers", DM_PG_COUNT(FOUND), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_text(which->status), dm_pa_i64(which->at_us), dm_pa_i64(which->no),
            dm_pa_i64(which->before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 3, total, err);
}

#define COL(type, name)                                                                                                \
    {                                                                                                                  \
        DM_COL_##type, offsetof(dm_seller_row, name)                                                                   \
    }
void dm_seller_row_read(const dm_pg_rows *rows, size_t i, dm_seller_row *out)
{
    static const dm_pg_field columns[] = {COL(I64, no), COL(I64, entity_no), COL(I64, terms_days), COL(I64, from_us),
            COL(I64, to_us), COL(I64, drafted_us), COL(I64, approved_us), COL(I64, withdrawn_us), COL(STR, name),
            COL(STR, address), COL(STR, country), COL(MAYBE, tax_id), COL(MAYBE, legal_id), COL(MAYBE, email),
            COL(MAYBE, iban), COL(MAYBE, bic), COL(STR, status), COL(MAYBE, drafted_by), COL(MAYBE, drafted_why),
            COL(MAYBE, approved_by), COL(MAYBE, approved_why), COL(MAYBE, withdrawn_by), COL(MAYBE, withdrawn_why)};
    dm_pg_read(rows, i, 0, columns, DM_LEN(columns), out);
}
#undef COL
