/* metering/ask/export.h: what an account's people, and operators of all accounts of a legal entity, have written out as
 * files: an order is a row, which dormouse-export carries out (metering/export/data). In the caller's transaction, of
 * role dm_api in the account's scope, or of dm_ops; whose mouth writes the audit. */
#ifndef DM_METERING_ASK_EXPORT_H
#define DM_METERING_ASK_EXPORT_H

#include "base/crypto.h"
#include "base/json.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum {
    DM_EXPORT_NONE = 1, /* the account has no such export */
    DM_EXPORT_AGAIN,    /* the key has ordered this before; of an act: it was done before. Nothing was changed */
    DM_EXPORT_OTHER,    /* the key came with another order before */
    DM_EXPORT_MANY,     /* the account has DM_EXPORT_WAITING_MAX that are not done */
    DM_EXPORT_OVER,     /* it has ended: there is nothing to cancel */
    DM_EXPORT_ENTITY,   /* there is no such legal entity, or none was named and there are several */
};
enum { DM_EXPORT_WAITING_MAX = 20, DM_EXPORT_KEY_MAX = 200 };

#define DM_EXPORT_DOCUMENT "document"   /* the dataset of an invoice's forms: pdf, ubl, cii */
#define DM_EXPORT_STATEMENT "statement" /* of a statement's: pdf */
#define DM_EXPORT_RECEIPT "receipt"     /* of a receipt's: pdf */

typedef struct dm_export_new {
    const char *dataset, *format;
    int64_t from, to; /* seconds of UTC */
    dm_str number;    /* of a document: then there are no times */
    const char *who;
    dm_str key; /* .p NULL: it comes once */
} dm_export_new;

/* Whose an export is: an account's, or a legal entity's, which is the operators' alone. Row-level security shows a
 * tenant none of the latter. */
typedef struct dm_export_whose {
    int64_t v; /* as dm.export has it: an account's number, or an entity's below 0 */
} dm_export_whose;
static inline dm_export_whose dm_export_of(dm_account_no account)
{
    return (dm_export_whose){account.v};
}

/* What is offered, each dataset in each format, with NULL behind the last; a document apart. */
extern const char *const dm_export_datasets[], *const dm_export_entity_datasets[], *const dm_export_formats[];
bool dm_export_offered(bool entity, const char *dataset, const char *format);
/* DM_E_INVALID, in words that say what is. */
int dm_export_not_offered(bool entity, dm_err *err);
/* Whether a dataset is of what stands at a range's end, which has to be over. */
bool dm_export_ends(const char *dataset);

/* What somebody asks for: dataset and format, and months, "2026-03"; to may be NULL. DM_E_INVALID: err has the cure. */
typedef struct dm_export_asked {
    bool entity;
    const char *dataset, *format, *from, *to;
    int64_t now_s;
} dm_export_asked;
int dm_export_asked_read(const dm_export_asked *b, dm_export_new *out, dm_err *err) DM_NODISCARD;
/* An order as the audit's detail. */
void dm_export_detail(const dm_export_new *o, char out[300]);

/* no 0: the only one there is. 0 or DM_EXPORT_ENTITY. */
int dm_export_entity(dm_pg *c, int64_t no, dm_export_whose *out, dm_err *err) DM_NODISCARD;

/* 0 or DM_EXPORT_AGAIN, with the order's id; DM_EXPORT_OTHER, _MANY. */
int dm_export_order(
        dm_pg *c, dm_export_whose whose, const dm_export_new *o, char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;
/* 0, DM_EXPORT_AGAIN, _NONE, _OVER. From then on it is nobody's, whatever becomes of it. */
int dm_export_cancel(dm_pg *c, dm_export_whose whose, dm_str id, dm_err *err) DM_NODISCARD;

/* Strings are borrowed of the rows; .p NULL: there is none. */
typedef struct dm_export {
    int64_t no, entity, from_us, to_us, asked_us, ended_us, expires_us, rows_done, rows_all, bytes; /* entity 0: none */
    dm_str id, dataset, format, number, who, state, why, file, sha256, manifest;                    /* sha256 in hex */
    dm_str delivery; /* JSON, of one that is put into a bucket: state, tries, next_at, object, why */
} dm_export;

/* 0 or DM_EXPORT_NONE. */
int dm_export_find(dm_pg *c, dm_export_whose whose, dm_str id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* The newest first, those below `before`, without their manifests; documents are not among them. */
int dm_export_list(dm_pg *c, dm_export_whose whose, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
/* As dm_ops: the same of all legal entities, with the names of those who asked. */
int dm_export_list_entities(
        dm_pg *c, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err) DM_NODISCARD;
/* As dm_ops: whose one of that id is, an account's or an entity's. 0 or DM_EXPORT_NONE. */
int dm_export_whose_of(dm_pg *c, dm_str id, dm_export_whose *out, dm_err *err) DM_NODISCARD;
void dm_export_read(const dm_pg_rows *rows, size_t i, dm_export *out);
/* Its members, within an object; not its manifest. */
void dm_export_write(dm_jw *j, const dm_export *e);

#endif
