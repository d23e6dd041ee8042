/* metering/read/read.h: the side of the ledger that the API shows. Runs inside a transaction of role dm_api whose scope
 * has the account set: row-level security shows that account's rows and no others. Times are seconds of UTC. */
#ifndef DM_METERING_READ_READ_H
#define DM_METERING_READ_READ_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "metering/limits.h"
#include "metering/rules/merkle.h"
#include "metering/rules/money.h"

enum { DM_READ_NONE = 1, DM_READ_PAGE_MAX = 1001 /* a thousand, and the one that says that there are more */ };
enum { DM_READ_PAGE_BYTES = DM_STATED_PAGE_BYTES }; /* of a statement's page */

typedef struct dm_read_statement {
    dm_statement_no number;
    int64_t period_start;
    uint32_t period_s;
    char currency[4];
    char total[DM_MONEY_TEXT]; /* 18 decimals */
    uint64_t running_s, hibernated_s;
    uint32_t unattested;
    dm_digest sha256;
    int64_t closed_at_us;
} dm_read_statement;

/* Newest first, those of a number below `before` ({INT64_MAX}: from the newest on): the number of the last one is the
 * next page's `before`. out has room for max (1 to DM_READ_PAGE_MAX). total: of all of them; NULL: it is not counted.
 */
int dm_read_statements(dm_pg *c, dm_account_no account_no, dm_statement_no before, size_t max, dm_read_statement *out,
        size_t *n, dm_pg_total *total, dm_err *err) DM_NODISCARD;

typedef struct dm_read_signature {
    dm_digest sha256;
    dm_public_key key;
    dm_signature signature;
    uint32_t version, pages; /* of version 1 the body is the whole; else so many pages belong to it */
} dm_read_signature;

/* Appends the canonical body, byte for byte as it was signed: the head, from version 2 on (metering/rules/statement.h).
 * 0 or DM_READ_NONE. */
int dm_read_statement_body(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_buf *body,
        dm_read_signature *sig, dm_err *err) DM_NODISCARD;

/* Whether there is such a statement: 0 or DM_READ_NONE. */
int dm_read_statement_is(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_err *err) DM_NODISCARD;

/* A page, byte for byte as its hash has it, and what leads from that to the root in the head. */
typedef struct dm_read_page {
    dm_buf body; /* the caller's, with room for DM_READ_PAGE_BYTES; emptied first */
    dm_digest sha256;
    dm_digest proof[DM_MERKLE_PATH_MAX]; /* from below */
    size_t nproof;
} dm_read_page;
/* page is from 1. 0 or DM_READ_NONE. */
int dm_read_statement_page(dm_pg *c, dm_account_no account_no, dm_statement_no number, uint32_t page, dm_read_page *out,
        dm_err *err) DM_NODISCARD;

/* One line of a statement as it stands in the ledger; what a line of the whole account does not have is 0 or "". */
typedef struct dm_read_line {
    uint32_t line_no;
    dm_project_no project_no;
    bool has_sandbox;
    dm_sandbox_id sandbox;
    uint32_t epoch;
    char sku[24];
    uint32_t tier;
    int64_t book_id, charge_from, charge_to;
    int64_t seconds, corrects; /* corrects: of a correction, the start of the period it is of; else -1 */
    char qty[DM_MONEY_TEXT], per_unit[DM_MONEY_TEXT], amount[DM_MONEY_TEXT];
} dm_read_line;

/* Those after line_no `after` (0: from the first), of one project (0: of all). max is 1 to DM_READ_PAGE_MAX; total may
 * be NULL. */
int dm_read_lines(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_project_no project_no, uint32_t after,
        size_t max, dm_read_line *out, size_t *n, dm_pg_total *total, dm_err *err) DM_NODISCARD;

typedef struct dm_read_key {
    bool service; /* else of a worker */
    dm_worker_no worker_no;
    dm_public_key key;
    int64_t valid_from_us, valid_to_us; /* INT64_MAX: still */
} dm_read_key;

/* The keys attestations and statements are verified with, those of the service first, then by worker, beginning and
 * key; only those behind `after` (worker_no 0 for the service's, valid_from_us and key are looked at), NULL: from the
 * first on. out has room for max (1 to 10000). total as above. No scope is needed. */
int dm_read_keys(dm_pg *c, const dm_read_key *after, size_t max, dm_read_key *out, size_t *n, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;

/* The meter's last word of itself, and how far the ledger is; as dm_ops. DM_READ_NONE: it was never there. */
typedef struct dm_read_meter {
    char version[33];
    int64_t started_us, beat_age_s;
    int64_t lag_frames, lag_attestations; /* messages of the stream that it had not read */
    int64_t watermark_us; /* all evidence before it is there, of all workers that are not written off; 0: of none */
    int64_t closed_through_us; /* the last period that is closed ends then; 0: none is */
} dm_read_meter;
int dm_read_meter_beat(dm_pg *c, dm_read_meter *out, dm_err *err) DM_NODISCARD;

/* The meters that were heard in the last day, by name, at most DM_READ_METERS_MAX: one writes, the others stand by.
 * Rows of name, whether it holds the office, version, whether it reaches the broker, seconds since it was heard. */
enum { DM_READ_METERS_MAX = 16 };
int dm_read_meters(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* Up to which frame the ledger has everything of a worker: 0, 0 when nothing. No scope is needed. */
int dm_read_mark(dm_pg *c, dm_worker_no worker_no, int64_t *boot, int64_t *frame, dm_err *err) DM_NODISCARD;

#endif
