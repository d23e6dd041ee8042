/* metering/rules/statement.h: the canonical body of a statement. Pure: the same account, evidence and prices give the
 * same bytes. Whoever rebuilds it from the attestations and the price books must come to the same SHA-256.
 *
 * One line of JSON: no blanks, no newline, members in the order of their names as bytes, UTF-8. Whole numbers are JSON
 * numbers. Money is a string with 18 decimals, a price one with 12, a quantity one with 6, '-' in front of a negative
 * one, at least one digit before the point. A time is "YYYY-MM-DDTHH:MM:SSZ". A hash is 64 hex digits in lower case.
 *
 * {"account": uuid,
 *  "attestations": {"count": how many, "root": hash, "unattested": how many of them the service signed},
 *  "books": [{"id": number, "sha256": hash}, by id],                      the price books that were applied
 *  "currency": "CNY",
 *  "hibernated_s": sum over sandboxes,
 *  "lines": [
 *    {"amount": money, "book": id, "epoch": number, "from": time, "kind": "usage", "per_unit": price, "project": uuid,
 *     "project_no": number, "qty": quantity, "region": name, "sandbox": "i...", "seconds": number, "sku": name,
 *     "spec": number, "spec_table": number, "tier": number, "to": time}],
 *  "number": from 1, without a gap in the account,
 *  "period": {"end": time, "start": time},
 *  "plans": [{"from": time, "included_s": number, "tier": name, "to": time}, by from],
 *  "pool": null | {"after_s": number, "before_s": number, "included_s": number},
 *  "previous": hash of the account's statement before this one; 64 zeros in the first,
 *  "running_s": sum over sandboxes,
 *  "sandboxes": [
 *    {"attestation": hash, "attested": false where the service signed, "basis": "frames" | "attestation" | "nothing",
 *     "epoch": number, "hibernated_s": number, "mem_mib": number, "project": uuid, "project_no": number,
 *     "region": name, "running_s": number, "sandbox": "i...", "spec": number, "spec_table": number, "vcpus": number}],
 *  "total": money,
 *  "version": 1}
 *
 * sandboxes: one for each (sandbox, epoch, spec) there is an attestation of, by project_no, sandbox, epoch, spec_table,
 *   spec, region_no, worker_no. running_s and hibernated_s are the seconds billed, after all rules.
 * lines: those of the account as a whole first (sku "minutes": epoch, project, project_no, region, sandbox, spec and
 *   spec_table are null), by from, book, tier; then by the order of sandboxes, sku, from. from..to is the part of
 *   the period in which that price held: the whole period unless a price changed in it. seconds: those in which
 * something was charged; of minutes, those pooled. tier: 1 for paid minutes, else 0. A line of quantity 0 is left out.
 * plans: what the account's seconds were rated by, with no gap from the period's start to its end: one, unless it was
 * changed in it. included_s: the running seconds a month that cost nothing, where the plan is one by minutes.
 * pool: of minutes plans: the account's running seconds in this UTC month before and after, and the allowance; where
 * that changes in the period, each part has its own, which is that of its plan, and the last one stands here. Where
 * prices change in the period or price groups share the pool, it fills by the time a price begins, then by the group's
 * name. root: Merkle tree of RFC 6962 with SHA-256 over the attestations' hashes in the order of sandboxes: leaf =
 * SHA-256(0x00 || hash), node = SHA-256(0x01 || left || right), the left of n is the largest power of two below n; of
 * none: SHA-256 of nothing. The hash of an attestation is SHA-256 of its whole message (base/wire/attest.h). sha256 of
 * a book: of its own canonical JSON, {"currency","group","prices":[{"per_unit","sku","unit"}, by sku],
 *   "rated_by","tier","valid_from": time}, all its prices, whether applied or not.
 *
 * The statement's hash is SHA-256 of the body, its signature Ed25519 over the body by a key of dm.service_key. */
#ifndef DM_METERING_RULES_STATEMENT_H
#define DM_METERING_RULES_STATEMENT_H

#include "base/crypto.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "metering/limits.h"
#include "metering/rules/judge.h"
#include "metering/rules/rate.h"

enum { DM_STATEMENT_VERSION = 1, DM_NAME_TEXT = 64 };

typedef struct dm_stated {
    dm_project_no project_no;
    char project[DM_UUID_TEXT];
    dm_sandbox_id sandbox;
    uint32_t epoch;
    uint16_t spec_table, spec, region_no;
    char region[DM_NAME_TEXT];
    uint32_t vcpus, mem_mib;
    dm_worker_no worker_no;
    uint64_t running_s, hibernated_s;
    dm_basis basis;
    bool attested;
    dm_digest attestation;
    /* not in the body; on the rows of its lines */
    bool has_row;
    dm_key_no key_no;
    char template_id[DM_TEMPLATE_ID_TEXT], build_id[DM_UUID_TEXT];
    char compute_type[DM_NAME_TEXT], compute_quality[DM_NAME_TEXT];
} dm_stated;

#define DM_OF_ACCOUNT SIZE_MAX

typedef struct dm_stated_line {
    size_t of; /* index of its sandbox; DM_OF_ACCOUNT */
    dm_rate_line rate;
} dm_stated_line;

typedef struct dm_stated_book {
    int64_t id;
    dm_digest sha256;
} dm_stated_book;

/* The seconds of a period in which one plan held, half-open. */
typedef struct dm_stated_plan {
    char tier[DM_NAME_TEXT];
    uint64_t included_s;
    uint32_t from, to;
} dm_stated_plan;

typedef struct dm_statement {
    char account[DM_UUID_TEXT], currency[4];
    dm_statement_no number;
    int64_t period_start;
    uint32_t period_s;
    dm_digest previous;
    dm_stated *sandboxes;
    size_t nsandboxes;
    dm_stated_line *lines;
    size_t nlines;
    dm_stated_book *books; /* by id */
    size_t nbooks;
    dm_stated_plan plans[DM_STATED_PLANS_MAX];
    size_t nplans;
    bool pooled;
    uint64_t pool_before_s, pool_after_s, included_s;
    /* filled by dm_statement_finish */
    dm_money total;
    uint64_t running_s, hibernated_s;
    size_t unattested;
    dm_digest root;
} dm_statement;

/* Sorts sandboxes and lines, sums up, and makes the root. */
int dm_statement_finish(dm_statement *s, dm_err *err) DM_NODISCARD;
/* Appends the body of a finished statement; DM_E_LIMIT where b's cap does not hold it. */
int dm_statement_body(const dm_statement *s, dm_buf *b, dm_err *err) DM_NODISCARD;

/* Of n hashes. */
int dm_merkle_root(const dm_digest *hashes, size_t n, dm_digest *out, dm_err *err) DM_NODISCARD;

/* A price as it stands in a book, for the book's hash; sorted by sku. */
typedef struct dm_book_price {
    dm_str sku, unit;
    dm_price per_unit;
} dm_book_price;
int dm_book_sha256(dm_str currency, dm_str group, dm_str rated_by, dm_str tier, int64_t valid_from_s,
        const dm_book_price *prices, size_t n, dm_digest *out, dm_err *err) DM_NODISCARD;

/* "2026-01-01T00:00:00Z" */
void dm_time_text(int64_t second, char out[32]);

#endif
