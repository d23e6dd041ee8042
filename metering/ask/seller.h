/* metering/ask/seller.h: who sells, as two people say it: one drafts what a legal entity is called, where it is and
 * where it is paid, another approves (draft.h). What is approved is never edited: it holds until the next one of its
 * entity begins, and not else. An invoice has in it what held when it was issued. */
#ifndef DM_METERING_ASK_SELLER_H
#define DM_METERING_ASK_SELLER_H

#include "base/json.h"

#include "metering/ask/draft.h"

enum { DM_ASK_SELLER_DRAFTS_MAX = 64, DM_ASK_SELLER_TERMS_MAX = 365 };

/* Beside those of draft.h. */
enum {
    DM_ASK_SELLER_ENTITY = DM_DRAFT_OUTCOMES, /* there is no such legal entity */
    DM_ASK_SELLER_MANY,                       /* DM_ASK_SELLER_DRAFTS_MAX drafts are there */
};

/* Of strings NULL is none; name and country are never. */
typedef struct dm_seller_draft {
    int64_t entity_no, terms_days, from_s;
    const char *name, *address, *country, *tax_id, *legal_id, *email, *iban, *bic;
} dm_seller_draft;

int dm_ask_seller_draft(dm_pg *c, const char *who, const char *why, const dm_seller_draft *seller, int64_t *no,
        dm_err *err) DM_NODISCARD;
extern const dm_draft_kind dm_ask_seller;

typedef struct dm_seller_row { /* borrowed from the rows; .p NULL, time 0: none */
    int64_t no, entity_no, terms_days, from_us, to_us, drafted_us, approved_us, withdrawn_us;
    dm_str name, address, country, tax_id, legal_id, email, iban, bic, status;
    dm_str drafted_by, drafted_why, approved_by, approved_why, withdrawn_by, withdrawn_why;
} dm_seller_row;

typedef struct dm_seller_which {
    dm_str status;  /* .p NULL: any */
    int64_t at_us;  /* those that are valid then, by their times; 0: whenever */
    int64_t no;     /* that one alone; 0: all */
    int64_t before; /* those of lower numbers */
} dm_seller_which;

/* Newest first. */
int dm_seller_rows(dm_pg *c, const dm_seller_which *which, int64_t limit, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
void dm_seller_row_read(const dm_pg_rows *rows, size_t i, dm_seller_row *out);
void dm_seller_row_write(dm_jw *w, const dm_seller_row *row); /* an object */

#endif
