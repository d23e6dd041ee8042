#include <stddef.h>

#include "metering/read/contract.h"

#define ACT(by, at, why) "dm.us(c." at "), c." by ", c." why
#define FOUND                                                                                                          \
    "FROM dm.contract c JOIN dm.account a USING (account_no) WHERE ($1::bigint = 0 OR c.account_no = $1::bigint) AND " \
    "($2::text IS NULL OR c.id::text = $2) AND ($3::text IS NULL OR a.id::text = $3) AND ($4::text IS NULL OR "        \
    "c.status = $4) "

#define ACT_FIELDS(name)                                                                                               \
    {DM_COL_I64, offsetof(dm_contract_row, name.us)}, {DM_COL_MAYBE, offsetof(dm_contract_row, name.by)},              \
    {                                                                                                                  \
        DM_COL_MAYBE, offsetof(dm_contract_row, name.why)                                                              \
    }
static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_contract_row, no)},
        {DM_COL_I64, offsetof(dm_contract_row, from_us)}, {DM_COL_I64, offsetof(dm_contract_row, to_us)},
        {DM_COL_I64, offsetof(dm_contract_row, ends_us)}, {DM_COL_STR, offsetof(dm_contract_row, id)},
        {DM_COL_STR, offsetof(dm_contract_row, account)}, {DM_COL_STR, offsetof(dm_contract_row, name)},
        {DM_COL_STR, offsetof(dm_contract_row, reference)}, {DM_COL_STR, offsetof(dm_contract_row, currency)},
        {DM_COL_STR, offsetof(dm_contract_row, least)}, {DM_COL_STR, offsetof(dm_contract_row, status)},
        ACT_FIELDS(drafted), ACT_FIELDS(approved), ACT_FIELDS(withdrawn), ACT_FIELDS(end), ACT_FIELDS(ended)};

static dm_pg_arg given(dm_str s)
{
    return dm_pa_text(s.n > 0 ? s : (dm_str){NULL, 0});
}

int dm_read_contracts(dm_pg *c, const dm_contract_find *f, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"read_contracts",
            "SELECT c.contract_no, dm.us(c.valid_from), dm.us(c.valid_to), dm.us(c.ends_at), c.id, a.id, c.name, "
            "c.reference, c.currency, c.least_monthly, c.status, " ACT("drafted_by", "drafted_at",
                    "drafted_why") ", " ACT("approved_by", "approved_at", "approved_why") ", " ACT("withdrawn_by",
                    "withdrawn_at",
                    "withdrawn_why") ", " ACT("end_by", "end_at", "end_why") ", " ACT("ended_by", "ended_at",
                    "ended_why") " " FOUND
                                 "AND c.contract_no < $5::bigint ORDER BY c.contract_no DESC LIMIT $6::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_contracts", DM_PG_COUNT(FOUND), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(f->account_no.v), given(f->id), given(f->account), given(f->status),
            dm_pa_i64(f->before), dm_pa_i64(f->limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 4, total, err);
}

void dm_contract_row_read(const dm_pg_rows *rows, size_t i, dm_contract_row *out)
{
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}
