/* metering/export/statement.h: a statement as paper needs it, read from what was signed: its head, then its pages, one
 * after the other (metering/rules/statement.h). However many they are, what is kept of them is bounded: the sums of
 * each project and SKU, and the first lines. The pages are held to the head by the tree over their hashes, their number
 * and that of their lines, and the head's total to all lines, so that nothing is printed that was not signed. Pure. */
#ifndef DM_METERING_EXPORT_STATEMENT_H
#define DM_METERING_EXPORT_STATEMENT_H

#include "base/json.h"
#include "base/wire/id.h"

#include "metering/rules/merkle.h"
#include "metering/rules/rate.h"

enum {
    DM_EXPORT_LINES = 1000,   /* printed one by one */
    DM_EXPORT_PROJECTS = 500, /* with sums of their own; what there are more of are one */
};

typedef enum dm_export_kind {
    DM_EXPORT_USAGE,
    DM_EXPORT_CORRECTION,
    DM_EXPORT_MEASURED,
    DM_EXPORT_KINDS
} dm_export_kind;

typedef struct dm_export_line {
    char sandbox[DM_SANDBOX_ID_TEXT]; /* "": of the account as a whole */
    int64_t epoch, tier;
    dm_sku sku;
    dm_export_kind kind;
    dm_qty qty;
    dm_price per_unit;
    dm_money amount;
} dm_export_line;

typedef struct dm_export_sum {
    uint64_t lines;
    dm_qty qty;
    dm_money amount;
} dm_export_sum;

typedef struct dm_export_project {
    int64_t no;            /* 0: the account as a whole */
    char id[DM_UUID_TEXT]; /* "": that, or the rest of them */
    uint64_t running_s, asleep_s;
    dm_money amount;
    dm_export_sum sums[DM_SKU_COUNT][DM_EXPORT_KINDS];
} dm_export_project;

typedef struct dm_export_statement {
    json_t *head; /* texts are borrowed of it */
    dm_digest hash, previous;
    const char *account, *currency, *from, *to; /* times as they are written */
    int64_t number, version, running_s, asleep_s, sandboxes, unattested;
    dm_money total;
    dm_export_project *projects, rest; /* by their numbers */
    size_t nprojects;
    uint64_t nrest; /* how many sandboxes and lines are the rest's */
    dm_export_line *lines;
    size_t nlines;
    dm_money printed; /* what those come to */
    /* so far */
    uint64_t all;   /* lines */
    uint64_t paged; /* of them those on pages */
    dm_money sum;
    dm_merkle pages;
} dm_export_statement;

/* Whether a document begins as a head does; whether it is one, reading it says. */
bool dm_export_is_statement(dm_str line);

/* The head; a line end is not part of it. DM_E_INVALID: it is none, or not as they are written. On 0 *out is the
 * caller's. */
int dm_export_statement_new(dm_str head, dm_export_statement **out, dm_err *err) DM_NODISCARD;
/* The next page. DM_E_INVALID: it is none, or not of this statement. */
int dm_export_statement_page(dm_export_statement *s, dm_str page, dm_err *err) DM_NODISCARD;
/* There are no more. DM_E_INVALID: these are not the pages that were signed, or do not come to the total. */
int dm_export_statement_end(const dm_export_statement *s, dm_err *err) DM_NODISCARD;
void dm_export_statement_free(dm_export_statement *s); /* NULL is fine */
DM_DEFINE_FREEP(dm_export_statement)

#endif
