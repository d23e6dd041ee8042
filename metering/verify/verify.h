/* metering/verify/verify.h: a bundle of statements (sdk/FORMAT.md) judged from the attestations up, without us: no
 * clock, no network, no database. Memory is bounded whatever the bundle says: a file of it (DM_BUNDLE_ENTRY_MAX), its
 * parsed form, the lives of one sandbox in one statement (DM_VERIFY_LIVES_BYTES), the books and keys. What links a
 * sandbox's attestations from one statement to the next stands in two unnamed temporary files.
 *
 * The order of the checks is that of sdk/FORMAT.md, and the first that fails is the verdict. */
#ifndef DM_METERING_VERIFY_VERIFY_H
#define DM_METERING_VERIFY_VERIFY_H

#include "base/crypto.h"
#include "base/wire/id.h"

#include "metering/rules/money.h"
#include "metering/rules/ustar.h"
#include "metering/verify/unpack.h"

enum {
    DM_VERIFY_LIVES_BYTES = 64 << 20,
    DM_VERIFY_LIVES_MAX = 1 << 16,
    DM_VERIFY_CORRECTS_MAX = 512, /* periods that one statement corrects */
    DM_VERIFY_PARTS_MAX = 1 << 19 /* of the pool, in the last four months */
};

typedef enum dm_fault_kind {
    DM_FAULT_NONE,
    DM_FAULT_DAMAGED,   /* the archive cannot be read on behind the file that is named */
    DM_FAULT_EDITED,    /* it is not what its hash says */
    DM_FAULT_DROPPED,   /* it is not where it must be */
    DM_FAULT_DOUBLED,   /* it is there twice */
    DM_FAULT_REORDERED, /* another stands in its place, and it elsewhere */
    DM_FAULT_FOREIGN,   /* signed by a key that is not known, or was not valid then */
    DM_FAULT_WRONG,     /* as it was signed, and it does not follow from what it is made of */
    DM_FAULT_KINDS
} dm_fault_kind;
const char *dm_fault_word(dm_fault_kind kind);

/* The record. What it has no such thing of is 0 or "". */
typedef struct dm_fault {
    dm_fault_kind kind;
    char entry[DM_USTAR_NAME]; /* the file in the bundle */
    int64_t statement;
    uint32_t page, place; /* both from 1: the row of the page */
    bool has_sandbox;
    dm_sandbox_id sandbox;
    uint32_t epoch;
    bool has_hash;
    dm_digest hash; /* of the attestation */
    char words[200];
} dm_fault;

typedef struct dm_verdict {
    dm_fault fault;
    char unknown[200]; /* why this program cannot judge it: "" it can */
    char account[DM_UUID_TEXT], currency[4];
    int64_t first, last, statements,
            unpaged; /* unpaged: of version 1, of which signature and chain alone are checked */
    dm_money total;
    uint64_t pages, lines;
    uint64_t exact;      /* rows that follow from their attestation, second by second and line by line */
    uint64_t less;       /* billed less than is attested: our frames said less, which are not in the bundle */
    uint64_t unattested; /* the service signed for the worker; as exact as the others */
    uint64_t nothing;    /* attested and not charged */
    uint64_t followed, began, before, broken; /* attestations: name the one before; the first; that is not in here */
    dm_fault first_broken;                    /* where; its kind is DM_FAULT_NONE */
    uint64_t invoices, credit_notes;
    uint64_t invoices_partly; /* not all of whose statements are in the bundle: their lines are believed */
    uint64_t pools_unseen;    /* statements whose pool of minutes begins before the bundle */
    uint64_t pools_split;     /* and those whose split by price could not be recomputed, since rows are billed less */
    uint64_t tiers_unseen;    /* counts of what is sold in tiers that begin before the bundle */
    uint64_t corrected;       /* rows, among those above, of periods that are corrected; and rows beside those */
    uint64_t unseen;          /* whose period was stated before the bundle: their lines are checked by themselves */
} dm_verdict;

/* Called after each page. May be NULL. */
typedef void (*dm_verify_progress)(void *arg, int64_t statement, uint32_t page, uint32_t pages);

enum { DM_VERIFY_BAD = 1, DM_VERIFY_UNKNOWN };
/* 0: all of it holds. DM_VERIFY_BAD: out->fault says which does not; DM_VERIFY_UNKNOWN: out->unknown says why not. */
int dm_verify_bundle(dm_unpack_source source, void *arg, dm_verify_progress progress, void *of, dm_verdict *out,
        dm_err *err) DM_NODISCARD;

/* One object of JSON, and words for people. */
void dm_verdict_json(const dm_verdict *v, int outcome, dm_buf *out);
void dm_verdict_words(const dm_verdict *v, int outcome, dm_buf *out);

#endif
