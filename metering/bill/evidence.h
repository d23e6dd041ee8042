/* metering/bill/evidence.h: rows of the ledger become claims to be judged. */
#ifndef DM_METERING_BILL_EVIDENCE_H
#define DM_METERING_BILL_EVIDENCE_H

#include "base/pg.h"

#include "metering/rules/judge.h"
#include "metering/rules/statement.h"

/* One row of dm_sql_bill_evidence; scratch is for the attestation. Segments are left to the caller. */
int dm_evidence_claim(const dm_pg_rows *rows, size_t i, dm_account_no account_no, uint32_t period_s, dm_attest *scratch,
        dm_claim *out, dm_err *err) DM_NODISCARD;
/* What its statement says about it, as far as the row knows. */
int dm_evidence_stated(const dm_pg_rows *rows, size_t i, const dm_claim *c, uint32_t period_s, dm_stated *out,
        dm_err *err) DM_NODISCARD;

#endif
