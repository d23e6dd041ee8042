/* metering/ask/export.h: what an account's people have written out as files: an order is a row, which dormouse-export
 * carries out (metering/export/data). In the caller's transaction, of role dm_api in the account's scope, or of dm_ops;
 * whose mouth writes the audit. */
#ifndef DM_METERING_ASK_EXPORT_H
#define DM_METERING_ASK_EXPORT_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum {
    DM_EXPORT_NONE = 1, /* the account has no such export */
    DM_EXPORT_AGAIN,    /* the key has ordered this before; of an act: it was done before. Nothing was changed */
    DM_EXPORT_OTHER,    /* the key came with another order before */
    DM_EXPORT_MANY,     /* the account has DM_EXPORT_WAITING_MAX that are not done */
    DM_EXPORT_OVER,     /* it has ended: there is nothing to cancel */
};
enum { DM_EXPORT_WAITING_MAX = 20, DM_EXPORT_KEY_MAX = 200 };

#define DM_EXPORT_DOCUMENT "document" /* the dataset of an invoice's forms: pdf, ubl, cii */

typedef struct dm_export_new {
    const char *dataset, *format;
    int64_t from, to; /* seconds of UTC */
    dm_str number;    /* of a document: then there are no times */
    const char *who;
    dm_str key; /* .p NULL: it comes once */
} dm_export_new;

/* What is offered, each dataset in each format, with NULL behind the last; a document apart. */
extern const char *const dm_export_datasets[], *const dm_export_formats[];
bool dm_export_offered(const char *dataset, const char *format);

/* 0 or DM_EXPORT_AGAIN, with the order's id; DM_EXPORT_OTHER, _MANY. */
int dm_export_order(
        dm_pg *c, dm_account_no account, const dm_export_new *o, char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;
/* 0, DM_EXPORT_AGAIN, _NONE, _OVER. From then on it is nobody's, whatever becomes of it. */
int dm_export_cancel(dm_pg *c, dm_account_no account, dm_str id, dm_err *err) DM_NODISCARD;

/* Strings are borrowed of the rows; .p NULL: there is none. */
typedef struct dm_export {
    int64_t no, from_us, to_us, asked_us, ended_us, expires_us, rows_done, rows_all, bytes;
    dm_str id, dataset, format, number, who, state, why, file, sha256, manifest; /* sha256 in hex */
} dm_export;

/* 0 or DM_EXPORT_NONE. */
int dm_export_find(dm_pg *c, dm_account_no account, dm_str id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* The newest first, those below `before`, without their manifests; documents are not among them. */
int dm_export_list(dm_pg *c, dm_account_no account, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
void dm_export_read(const dm_pg_rows *rows, size_t i, dm_export *out);

#endif
