/* metering/rules/statement.h: the canonical bytes of a statement: a head, which is signed, and pages, whose hashes are
 * the leaves of a tree that has its root in the head. Pure: the same account, evidence and prices give the same bytes.
 * Whoever rebuilds them from the attestations and the price books must come to the same SHA-256. A page is made, kept,
 * shown and verified by itself: a statement of a million sandboxes needs no more memory than one page of it.
 *
 * Head and page are one line of JSON each: no blanks, no newline, members in the order of their names as bytes, UTF-8.
 * Whole numbers are JSON numbers. Money is a string with 18 decimals, a price one with 12, a quantity one with 6, '-'
 * in front of a negative one, at least one digit before the point. A time is "YYYY-MM-DDTHH:MM:SSZ". A hash is 64 hex
 * digits in lower case.
 *
 * The head:
 * {"account": uuid,
 *  "attestations": {"count": how many, "root": hash, "unattested": how many of them the service signed},
 *  "books": [{"id": number, "sha256": hash}, by id],                      the price books that were applied
 *  "currency": "CNY",
 *  "hibernated_s": sum over sandboxes,
 *  "lines": [line],                                                       those of the account as a whole
 *  "number": from 1, without a gap in the account,
 *  "pages": {"count": how many, "lines": how many on all of them, "root": hash},
 *  "period": {"end": time, "start": time},
 *  "plans": [{"from": time, "included_s": number, "tier": name, "to": time}, by from],
 *  "pool": null | {"after_s": number, "before_s": number, "included_s": number},
 *  "previous": hash of the head of the account's statement before this one; 64 zeros in the first,
 *  "running_s": sum over sandboxes,
 *  "tiers": [{"after": quantity, "before": quantity, "book": id, "sku": name}, by book and sku]
 *  "total": money, of all lines,
 *  "version": 2}
 *
 * tiers is there only where something in it was sold in tiers (metering/rules/tier.h).
 *
 * A page:
 * {"account": uuid, "lines": [line], "number": that of the statement, "page": from 1,
 *  "sandboxes": [
 *    {"attestation": hash, "attested": false where the service signed, "basis": "frames" | "attestation" | "nothing",
 *     "epoch": number, "hibernated_s": number, "mem_mib": number, "project": uuid, "project_no": number,
 *     "region": name, "running_s": number, "sandbox": "i...", "spec": number, "spec_table": number, "vcpus": number}],
 *  "version": 2}
 *
 * A sandbox that began with another's memory has one member more, "parent": "i...", between "mem_mib" and "project":
 * whose memory that was, as the service has it; no worker swears to it, and nothing is rated by it. A page that has one
 * is of a version higher by 2 (4, or 5 where it corrects), and so is the head, where any of its pages has.
 *
 * A line:
 *    {"amount": money, "book": id, "epoch": number, "from": time, "kind": kind, "per_unit": price, "project": uuid,
 *     "project_no": number, "qty": quantity, "region": name, "sandbox": "i...", "seconds": number, "sku": name,
 *     "spec": number, "spec_table": number, "tier": number, "to": time}
 *
 * sandboxes: one for each (sandbox, epoch, spec) there is an attestation of, by sandbox, project_no, epoch, spec_table,
 *   spec, region_no, worker_no, throughout the pages. running_s and hibernated_s are the seconds billed, after all
 * rules. A page is full, and the next begins, where one more would be more than DM_STATED_PAGE sandboxes or
 * DM_STATED_PAGE_LINES lines: so the pages follow from what is stated. None is empty; where nothing is stated there is
 * none.
 * lines: on a page those of its sandboxes, in their order, by sku, from. In the head (sku "minutes": epoch, project,
 * project_no, region, sandbox, spec and spec_table are null) by from, book, tier. from..to is the part of
 *   the period in which that price held: the whole period unless a price changed in it. seconds: those in which
 * something was charged; of minutes, those pooled. tier: 1 for paid minutes, else 0. A line of quantity 0 is left out.
 * kind: "usage". What a book sells in tiers costs what the account's month comes to, so no sandbox's part of it has a
 * price: its line on the page is of the kind "measured", with the quantity, and price and amount 0. Those of one book,
 * SKU and `from`, added up over the pages, are the quantity of the head's lines of them, by from, book, sku, tier;
 * `tiers` says where the month's count stood before and stands after. So the head can be checked from the pages, and
 * the pages from the evidence. A line that takes back what a volume's lower tier had charged has a quantity below 0.
 * plans: what the account's seconds were rated by, with no gap from the period's start to its end: one, unless it was
 * changed in it. included_s: the running seconds a month that cost nothing, where the plan is one by minutes.
 * pool: of minutes plans: the account's running seconds in this UTC month before and after, and the allowance; where
 * that changes in the period, each part has its own, which is that of its plan, and the last one stands here. Where
 * prices change in the period or price groups share the pool, it fills by the time a price begins, then by the group's
 * name. attestations.root: the tree (metering/rules/merkle.h) over the attestations' hashes in the order of sandboxes;
 * pages.root: over the pages' hashes, in their order. The hash of an attestation is SHA-256 of its whole message
 * (base/wire/attest.h), that of a page of its bytes. sha256 of a book: of its own canonical JSON,
 *   {"currency","group","prices":[{"per_unit","sku","unit"}, by sku], "rated_by","tier","valid_from": time}, all its
 * prices, whether applied or not. What only some books have is there where it is: "compute_quality" and "compute_type"
 * where they are not `default` and `agent-sandbox`, "contract": uuid; of a price "discount_bp" and "list_per_unit",
 * which it follows from, "mode" ("graduated" or "volume") and "tiers": [{"from": quantity, "per_unit", and the same
 * two}].
 *
 * The statement's hash is SHA-256 of the head, its signature Ed25519 over the head by a key of dm.service_key.
 *
 * Version 3 is a statement that corrects others of its account, because evidence of their periods came when they were
 * written. What does not correct anything stays version 2. Its head has one member more, between "books" and
 * "currency",
 *  "corrects": [{"number": that of the statement of that period, null where there is none,
 *                "period": {"end": time, "start": time},
 *                "pool_s": what it adds to the pooled seconds of that month, may be negative}, by start],
 * one for each period of before its own that it corrects, and "version" 3. Behind its own pages, which are as those of
 * any statement ("version": 2), come pages of corrections, in the order of "corrects", none with two periods:
 * {"account": uuid, "corrects": {"number", "period"} as in the head, "lines": [line], "number": that of the statement,
 *  "page": counted on, "sandboxes": [as above], "version": 3}
 *
 * A corrected sandbox stands there with all that is billed of it in that period now, one for each (epoch, spec) as on
 * the first statement, with the hashes of the attestations that count now (made of all evidence there is, with what
 * came late; the service's own where the worker's is not whole). "attestation" is null where nobody swore to it any
 * more: nothing of it is charged, and it is no leaf of attestations.root. Its lines have "kind": "correction" and say
 * what changed. Rate what stands there (RUN over HIB, highest epoch, the books, plan and disk rules of *that* period)
 * and take away, by (sandbox, epoch, project_no, spec_table, spec, region, sku, tier, book, from, to, per_unit), the
 * qty and seconds of all lines that earlier statements have of it: those of that period's statement and those of
 * corrections of it. What is not 0 is a line here, with amount = qty * per_unit. Both may be negative, together they
 * never are: the sum of a line and those it corrects is the rating of evidence. A sandbox of which nothing changed is
 * not here.
 *
 * What is sold in tiers is not corrected: lines of the kind "measured" stand as they were stated, and so do the counts.
 *
 * Minutes. In plans by minutes what changes is the pool, of the month of UTC the corrected period lies in. That month
 * is rated twice as it is known so far, its periods in order, each in its parts as they stand under "pool" below: once
 * with the pooled seconds as stated, and once with pool_s more where they belong. What the second has by (book, tier)
 * that the first has not is a line of the head, behind those of the account, by the corrected period's start, book,
 * tier: "kind": "correction", from..to that whole period, "seconds": pool_s, "qty" the minutes more or less. So across
 * the edge of the allowance, or of a change of plan or price later in that month, it is the month that is rated with
 * and without. Where minutes of that month are sold in tiers, its pool is not corrected
 * either. Where that month is the statement's own, "pool"."before_s" is the after_s of the statement before plus
 * all pool_s of it.
 *
 * In the head running_s and hibernated_s are of the period's own sandboxes alone; attestations, pages, lines and total
 * are of all pages. Corrections are made in the account's next statement after the evidence came; a period may be
 * corrected by several, each against what all before it said. So a second is charged once, however often, in however
 * many pieces its evidence comes. Frames that contradict others under the same number, and come late, are not evidence.
 *
 * Version 1, of before there were pages, is one body, which has all of a head but "pages" and all "lines", and
 * "sandboxes" beside them; sandboxes stood by project_no, then sandbox. None is made any more, and none is changed: the
 * chain goes through both. */
#ifndef DM_METERING_RULES_STATEMENT_H
#define DM_METERING_RULES_STATEMENT_H

#include "base/wire/id.h"
#include "base/wire/number.h"

#include "metering/limits.h"
#include "metering/rules/judge.h"
#include "metering/rules/merkle.h"
#include "metering/rules/rate.h"

enum {
    DM_STATEMENT_VERSION = 2,
    DM_STATEMENT_CORRECTING = 3,
    DM_STATEMENT_FORKED = 2, /* so much higher where a parent is named */
    DM_STATEMENT_NEWEST = DM_STATEMENT_CORRECTING + DM_STATEMENT_FORKED,
    DM_NAME_TEXT = 64
};

/* A sandbox of a page. */
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
    bool bare;   /* of a correction: nobody swore to it */
    bool forked; /* it began with the memory of parent */
    dm_sandbox_id parent;
    size_t nlines; /* the page's lines that are its: those of the sandboxes before it come first */
    /* not in the body */
    bool counted; /* it belongs on a statement */
    bool has_row; /* with what follows, on the rows of its lines */
    dm_key_no key_no;
    char template_id[DM_TEMPLATE_ID_TEXT], build_id[DM_UUID_TEXT];
    char compute_type[DM_NAME_TEXT], compute_quality[DM_NAME_TEXT];
} dm_stated;

/* The order in which sandboxes are stated; as qsort wants it. */
int dm_stated_cmp(const void *a, const void *b);
/* The order of lines within a sandbox, and of those of the account; as qsort wants it, on dm_rate_line. */
int dm_stated_line_cmp(const void *a, const void *b);
int dm_stated_account_line_cmp(const void *a, const void *b);

/* What a statement says of a period that it corrects. */
typedef struct dm_stated_correction {
    int64_t start, end;
    dm_statement_no number; /* 0: it has no statement */
    int64_t pool_s;
    dm_rate_line *lines; /* of the account: minutes; in their order */
    size_t nlines;
} dm_stated_correction;

/* Borrowed: `lines` are those of the sandboxes, one sandbox's after the other's. */
typedef struct dm_stated_page {
    const char *account;
    dm_statement_no number;
    int64_t period_start;
    uint32_t page;
    const dm_stated *sandboxes;
    size_t nsandboxes;
    const dm_rate_line *lines;
    size_t nlines;
    const dm_stated_correction *corrects; /* NULL: it is of the statement's own period */
} dm_stated_page;

/* How many of n sandboxes, the first of what is not yet on a page, fill one; n where they do not. *lines: how many
 * lines are theirs. */
size_t dm_stated_full(const dm_stated *sandboxes, size_t n, size_t *lines);

/* Appends a page's bytes; DM_E_LIMIT where b's cap does not hold them: DM_STATED_PAGE_BYTES does. */
int dm_stated_page_body(const dm_stated_page *p, dm_buf *b, dm_err *err) DM_NODISCARD;

/* What pages come to. Zeroed it is of none; a copy goes on by itself. */
typedef struct dm_stated_sum {
    dm_money amount[DM_SKU_COUNT], total;
    uint64_t running_s, hibernated_s, unattested, forked;
    uint64_t lines;
    dm_merkle attestations, pages;
} dm_stated_sum;
/* Counts the next page in; sha256 is that of its bytes. On failure s is of no more use. */
int dm_stated_sum_page(dm_stated_sum *s, const dm_stated_page *p, const dm_digest *sha256, dm_err *err) DM_NODISCARD;
/* A line of the account as a whole. */
int dm_stated_sum_line(dm_stated_sum *s, const dm_rate_line *line, dm_err *err) DM_NODISCARD;

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

/* Where the count of what a book sells in tiers stood, and stands. */
typedef struct dm_stated_tier {
    int64_t book_id;
    dm_sku sku;
    dm_qty before, after;
} dm_stated_tier;
int dm_stated_tier_cmp(const void *a, const void *b); /* as qsort wants it */

/* A head. sum has all pages and all lines of the account. */
typedef struct dm_statement {
    char account[DM_UUID_TEXT], currency[4];
    dm_statement_no number;
    int64_t period_start;
    uint32_t period_s;
    dm_digest previous;
    dm_stated_sum sum;
    dm_rate_line *lines; /* of the account, in their order */
    size_t nlines;
    dm_stated_book *books; /* by id */
    size_t nbooks;
    dm_stated_plan plans[DM_STATED_PLANS_MAX];
    size_t nplans;
    dm_stated_correction *corrections; /* by start */
    size_t ncorrections;
    bool pooled;
    uint64_t pool_before_s, pool_after_s, included_s;
    dm_stated_tier tiers[DM_STATED_TIERS_MAX]; /* in their order */
    size_t ntiers;
} dm_statement;

/* 2 to 5. */
int dm_statement_version(const dm_statement *s);
/* Appends the head; DM_E_LIMIT where b's cap does not hold it: DM_STATEMENT_BYTES_MAX does. */
int dm_statement_head(const dm_statement *s, dm_buf *b, dm_err *err) DM_NODISCARD;

/* A discount as it stands beside a price: in basis points of another, or none. */
typedef struct dm_book_discount {
    bool has;
    uint32_t basis_points;
    dm_price list;
} dm_book_discount;

/* A price as it stands in a book; sorted by sku. */
typedef struct dm_book_price {
    dm_str sku, unit;
    dm_price per_unit;
} dm_book_price;

/* What some have beside it. */
typedef struct dm_book_terms {
    dm_book_discount discount;
    dm_tiers tiers;
    dm_book_discount tier_discount[DM_TIERS_MAX];
} dm_book_terms;

/* A book, borrowed. A text with p NULL is what every book has if nothing else is said. */
typedef struct dm_book_body {
    dm_str currency, group, rated_by, tier, compute_type, compute_quality, contract;
    int64_t valid_from_s;
    const dm_book_price *prices;
    const dm_book_terms *terms; /* as many; NULL: none has any */
    size_t n;
} dm_book_body;
int dm_book_canonical(const dm_book_body *book, dm_buf *b, dm_err *err) DM_NODISCARD;
int dm_book_hash(const dm_book_body *book, dm_digest *out, dm_err *err) DM_NODISCARD;
/* Of a book of the usual kind. */
int dm_book_sha256(dm_str currency, dm_str group, dm_str rated_by, dm_str tier, int64_t valid_from_s,
        const dm_book_price *prices, size_t n, dm_digest *out, dm_err *err) DM_NODISCARD;

/* "2026-01-01T00:00:00Z" */
void dm_time_text(int64_t second, char out[32]);

#endif
