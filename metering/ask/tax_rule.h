/* metering/ask/tax_rule.h: rules of tax (metering/rules/tax.h) as two people make them: one drafts, after a tax
 * adviser's word, another approves (draft.h). A rule is never edited. It ends where the next one for the same seller,
 * buyer and business begins, and not else: so whatever had a rule has one from then on, and one alone. */
#ifndef DM_METERING_ASK_TAX_RULE_H
#define DM_METERING_ASK_TAX_RULE_H

#include "base/json.h"
#include "base/pg.h"

#include "metering/ask/draft.h"
#include "metering/rules/tax.h"

/* Beside those of draft.h. */
enum {
    DM_ASK_TAX_AREA = DM_DRAFT_OUTCOMES, /* the buyer is neither a country nor an area that there is */
    DM_ASK_TAX_MANY,                     /* DM_TAX_RULES_MAX are there */
};

/* country: whether the buyer is one, or "*". rule->no and to_s are of no account. DM_E_INVALID says what dm_tax_check
 * has against it. */
int dm_ask_tax_draft(dm_pg *c, const char *who, const char *why, const dm_tax_rule *rule, bool country, int64_t *no,
        dm_err *err) DM_NODISCARD;
extern const dm_draft_kind dm_ask_tax;

typedef struct dm_tax_row { /* borrowed from the rows; .p NULL, time 0: none */
    int64_t no, rate_ppm, from_us, to_us, drafted_us, approved_us, withdrawn_us;
    bool reverse_charge, either, business;
    dm_str seller, buyer, category, jurisdiction, reason_code, reason, status;
    dm_str drafted_by, drafted_why, approved_by, approved_why, withdrawn_by, withdrawn_why;
} dm_tax_row;

typedef struct dm_tax_which {
    dm_str country; /* of those that name it, or its area, as seller or buyer; .p NULL: all */
    dm_str status;  /* .p NULL: any */
    int64_t at_us;  /* those that are valid then, by their times; 0: whenever */
    int64_t no;     /* that one alone; 0: all */
    int64_t before; /* those of lower numbers */
} dm_tax_which;

/* Newest first. */
int dm_tax_rows(dm_pg *c, const dm_tax_which *which, int64_t limit, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
void dm_tax_row_read(const dm_pg_rows *rows, size_t i, dm_tax_row *out);
void dm_tax_row_write(dm_jw *w, const dm_tax_row *row); /* an object */

#endif
