/* metering/verify/own.h: what the files of the verifier share, and nobody else includes. walk.c goes through the bundle
 * in its order, file.c takes its files and fault.c names what is wrong, known.c reads what it brings of keys and
 * prices and read.c members of JSON, head.c and page.c read what was signed, row.c looks at one attestation, life.c at
 * a sandbox's together, rated.c at what one may be billed, late.c at those of a period that is corrected, said.c keeps
 * what was stated for that, pool.c looks at the account's minutes and at what it was sold in tiers, month.c at minutes
 * that are corrected, link.c at what follows what; sums.c adds up what invoice.c then finds in a document that doc.c
 * reads. */
#ifndef DM_METERING_VERIFY_OWN_H
#define DM_METERING_VERIFY_OWN_H

#include <stdio.h>

#include "base/json.h"
#include "base/wire/attest.h"

#include "metering/limits.h"
#include "metering/rules/invoice.h"
#include "metering/rules/said.h"
#include "metering/rules/statement.h"
#include "metering/verify/verify.h"

/* --- what the bundle brings --------------------------------------------------------------------------------- */

typedef struct dm_v_book {
    int64_t id, valid_from, valid_to; /* valid_to INT64_MAX: it holds still */
    dm_digest sha256;
    dm_rate_book rate;
    char currency[4], group[DM_NAME_TEXT], tier[DM_NAME_TEXT];
    bool contract;      /* of the account's own: it goes before everybody's */
    bool in_head, used; /* of the statement at hand */
} dm_v_book;

typedef struct dm_v_region {
    uint16_t no;
    char name[DM_NAME_TEXT], group[DM_NAME_TEXT];
} dm_v_region;

/* Valid in [from, to). */
typedef struct dm_v_key {
    dm_public_key key;
    int64_t from, to;
} dm_v_key;

typedef struct dm_v_keys {
    uint64_t of; /* a worker; 0: the service */
    dm_v_key *v;
    size_t n;
} dm_v_keys;

/* The prices of a group in a period, and what of it is the account's: minutes, and what is sold in tiers. */
typedef struct dm_v_group {
    char name[DM_NAME_TEXT];
    dm_rate_segment segments[DM_RATE_SEGMENTS_MAX];
    uint64_t included_s[DM_RATE_SEGMENTS_MAX], pooled_s[DM_RATE_SEGMENTS_MAX];
    dm_rate_line measured[DM_RATE_SEGMENTS_MAX][DM_SKU_COUNT]; /* quantity 0: nothing */
    size_t n;
    bool minutes; /* some of it is rated by them */
    bool lone;    /* of a row whose period has no statement: its segments are those of its lines */
} dm_v_group;

/* A period that rows are of: the statement's own, or one that it corrects. */
typedef struct dm_v_span {
    int64_t start, end;
    uint32_t period_s;
    bool any_book; /* prices are all that the bundle has, not those of the head alone */
    dm_stated_plan plans[DM_STATED_PLANS_MAX];
    size_t nplans;
    dm_v_group groups[DM_GROUPS_MAX];
    size_t ngroups;
} dm_v_span;

/* --- what was stated, until it is corrected ----------------------------------------------------------------- */

/* Running seconds in the pool of a month: in the part of a period in which one price and one plan held. */
typedef struct dm_v_part {
    int64_t of_start, book_id, seconds;
    uint64_t included_s;
    uint32_t from, to;
    uint16_t region; /* of the bundle's: says the group */
} dm_v_part;

/* What statements say so far of an (epoch, project, size, region) of a sandbox: lines, and parts of the pool. */
typedef struct dm_v_was {
    dm_sandbox_id sandbox;
    int64_t project_no;
    uint32_t epoch;
    uint16_t spec_table, spec, region;
    bool split; /* its parts are not known */
    bool used;
    uint64_t pooled_s;
    uint32_t nlines, nparts;
} dm_v_was;

/* One as it is put. */
typedef struct dm_v_said_row {
    dm_v_was was;
    dm_v_part parts[DM_RATE_SEGMENTS_MAX];
} dm_v_said_row;

typedef struct dm_v_said_list dm_v_said_list; /* of one statement and period, in the file */
typedef struct dm_v_said_at dm_v_said_at;     /* where such a list is read */

typedef struct dm_v_said {
    FILE *file;
    dm_v_said_list *lists;
    size_t nlists, lists_room;
    uint64_t end;
    dm_v_said_at *open; /* of the period that is corrected, the newest first */
    size_t nopen;
    /* what was found of a sandbox; lines and parts of one entry after the other */
    dm_v_was *was;
    dm_rate_line *lines;
    dm_v_part *parts;
    size_t nwas, was_room, nlines, lines_room, nparts, parts_room;
} dm_v_said;

/* --- what is invoiced --------------------------------------------------------------------------------------- */

/* Lines of statements that an invoice has as one. project_no 0: of the account as a whole. */
typedef struct dm_v_sum {
    int64_t project_no, book, seconds;
    char project[DM_UUID_TEXT];
    bool correction;
    bool commitment; /* of what a month is short of its least: sku says nothing */
    dm_sku sku;
    uint8_t tier;
    dm_price per_unit;
    dm_qty qty;
    dm_money amount;
} dm_v_sum;

/* What a statement charges for the seconds of a month. */
typedef struct dm_v_charge {
    size_t of; /* which statement of the bundle */
    int month; /* dm_v_month_of */
    dm_money amount;
} dm_v_charge;

typedef struct dm_v_of dm_v_of;
typedef struct dm_v_sums {
    dm_v_sum *v; /* of the statement or invoice at hand; the first `settled` are sorted, and each key is there once */
    size_t n, settled, room;
    FILE *file;
    uint64_t end;
    dm_v_of *of; /* of each statement of the bundle */
    size_t nof, of_room;
    dm_v_charge *charges; /* statement after statement */
    size_t ncharges, charges_room;
} dm_v_sums;

/* What an invoice has of its statements beside their lines. */
typedef struct dm_v_billed {
    int64_t start, end;
    dm_merkle tree;
    dm_invoice_book *books; /* by id */
    dm_stated_plan *plans;  /* tiers alone, by name */
    size_t nbooks, books_room, nplans, plans_room;
} dm_v_billed;

/* A document of before, for those that follow it. */
typedef struct dm_v_doc {
    char number[40], currency[4];
    int64_t seller, chain;
    dm_digest hash;
    bool invoice;
    dm_invoice_line *lines; /* of an invoice: net is what is left of it to be credited, and the words are gone */
    dm_v_sum *of;           /* what each is of */
    size_t nlines;
    bool whole;         /* all of its statements are in the bundle: */
    size_t *statements; /* these of the bundle */
    size_t nstatements;
    dm_invoice_commitment *commitments; /* month and amount */
    size_t ncommitments;
    dm_invoice_tax taxes[DM_INVOICE_TAXES_MAX]; /* base, amount and rate */
    dm_money credited[DM_INVOICE_TAXES_MAX], taxed[DM_INVOICE_TAXES_MAX];
    size_t ntaxes;
} dm_v_doc;

/* --- a statement -------------------------------------------------------------------------------------------- */

/* What is found of a period that a statement corrects; beside the head's dm_stated_correction of it. */
typedef struct dm_v_correcting {
    bool seen;   /* all that was stated of it is in the bundle */
    bool lone;   /* it has no statement, so nothing says which plans held */
    bool split;  /* which part of the pool changed is not known, */
    bool unsure; /* nor by how much in all */
    int64_t pool_s;
    dm_v_part *more; /* by which its pool changed */
    size_t nmore, more_room;
} dm_v_correcting;

typedef struct dm_v_head {
    int64_t number, closed_at, end;
    uint32_t npages;
    dm_digest *pages; /* as the .sig has them */
    size_t pages_room;
    dm_statement st; /* what is rebuilt; sum, lines and books come last */
    size_t lines_room;
    dm_v_correcting *correcting; /* as many as st.corrections */
    bool has_pool;
    uint64_t pool_before_s;
    json_t *json; /* what was signed */
} dm_v_head;

/* A life of the sandbox at hand, until all of them are read. */
typedef struct dm_v_life {
    dm_stated s;
    uint32_t page, place;
    size_t lines;      /* where its lines begin */
    size_t message, n; /* and its attestation */
} dm_v_life;

enum { DM_V_OWN = -1 }; /* a page is of the statement's own period */
typedef struct dm_v_page {
    uint32_t no;
    int of;    /* which of the head's corrections; or DM_V_OWN */
    bool good; /* it is what the list says */
    dm_stated *rows;
    size_t nrows, rows_room;
    dm_rate_line *lines;
    size_t nlines, lines_room;
} dm_v_page;

enum { DM_V_MONTHS = 4 };

/* Of one life. */
typedef struct dm_v_lines {
    dm_rate_line *v;
    size_t n, room;
} dm_v_lines;

/* What links attestations of a sandbox: the newest of each, of the statements before and of this one. */
typedef struct dm_v_link {
    dm_sandbox_id sandbox;
    dm_digest hash, previous;
    uint64_t worker, boot; /* boot 0: the service signed it */
    int64_t statement;
} dm_v_link;

typedef struct dm_v_links {
    FILE *before, *now;
    bool any, has; /* has: `next` is of before, not yet passed; any: `at` is the sandbox at hand */
    dm_v_link next, at;
} dm_v_links;

/* A month's pool, as far as the bundle shows it. */
typedef struct dm_v_month {
    int month;
    bool split; /* not all of its parts are known */
    int64_t total_s;
} dm_v_month;

/* How much of what a book sells in tiers is charged for in the month. */
typedef struct dm_v_count {
    int64_t book_id;
    dm_sku sku;
    dm_qty qty;
} dm_v_count;

typedef struct dm_v {
    dm_verdict *out;
    dm_unpack *in;
    bool peeked, ended; /* name and body have the file that comes next; there is none */
    char name[DM_USTAR_NAME], last[DM_USTAR_NAME];
    dm_buf body, text, head_text, oaths;

    dm_v_book *books;
    size_t nbooks, books_room;
    dm_v_region *regions;
    size_t nregions, regions_room;
    dm_v_keys *keys; /* by whose */
    size_t nkeys, keys_room;

    bool has_previous;
    dm_digest previous;
    int64_t previous_end;
    int64_t first_start; /* of the bundle's first statement */
    int64_t unpaged_end; /* of the newest one of version 1 */
    int month;           /* of the pool; 0: none yet */
    int believed_month;  /* it and those before it are not in the bundle as a whole; 0: all are */
    bool pool_known;
    uint64_t pool_s;
    dm_v_count counts[DM_STATED_TIERS_MAX];
    size_t ncounts;
    dm_v_month months[DM_V_MONTHS];
    dm_v_part *parts; /* of those months, in the order in which they fill */
    size_t nparts, parts_room;

    dm_v_head head;
    dm_v_page page;
    dm_v_span own, late, *at; /* at: that of the rows at hand */
    int at_of;                /* as page.of: whose rows those are */
    dm_v_group lone;          /* scratch */
    dm_v_lines was, now, want;
    dm_v_said said;
    bool pooled, pool_split, included_known;
    uint64_t pooled_sum;              /* running seconds in the pool, however split */
    size_t rows_before, lines_before; /* of the page before this one */
    bool any_row;
    dm_stated last_row;

    dm_v_life *lives;
    size_t nlives, lives_room;
    dm_rate_line *life_lines;
    size_t nlife_lines, life_lines_room;
    dm_buf messages;
    dm_v_sums sums;
    char (*numbers)[40]; /* of the bundle's documents, as the manifest has them */
    dm_v_doc *docs;      /* those that were read */
    size_t nnumbers, numbers_room, ndocs;
    dm_v_links links;
    dm_attest *attest;                  /* scratch */
    uint8_t state[DM_RATE_SECONDS_MAX]; /* scratch */
    dm_held held[DM_RATE_SECONDS_MAX];
} dm_v;

/* Where a file stands among all: the first number that differs decides. at[0] is 0 of what is none of a bundle's;
 * DM_V_OF_STATEMENT: at[1] is which, and at[2] is 2 of what belongs to page at[3] / 2. */
enum { DM_V_OF_STATEMENT = 4, DM_V_OF_INVOICE };
typedef struct dm_v_rank {
    int64_t at[4];
} dm_v_rank;
dm_v_rank dm_v_rank_of(const char *name);

/* Sets the verdict's fault and returns DM_VERIFY_BAD. Statement and page are those of the file's name. */
int dm_v_fault(dm_v *v, dm_fault_kind kind, const char *entry, const char *fmt, ...) DM_PRINTF(4, 5);
/* Of a row: its page's, when that is not as it should be, else of its attestations'. */
int dm_v_row_fault(dm_v *v, dm_fault_kind kind, const dm_stated *row, uint32_t page, uint32_t place, bool of_page,
        const char *fmt, ...) DM_PRINTF(7, 8);
int dm_v_unknown(dm_v *v, const char *fmt, ...) DM_PRINTF(2, 3);
void dm_v_entry(char out[DM_USTAR_NAME], const char *fmt, ...) DM_PRINTF(2, 3);

/* The next file must have this name: 0, its bytes in v->body, or the fault that it has another. */
int dm_v_want(dm_v *v, const char *name, dm_err *err) DM_NODISCARD;
/* There is none any more: 0, or the fault that there is. */
int dm_v_want_end(dm_v *v, dm_err *err) DM_NODISCARD;
/* Whether the next file's name begins so. 0, or why there is none to be seen. */
int dm_v_next_is(dm_v *v, const char *prefix, bool *is, dm_err *err) DM_NODISCARD;

/* --- reading JSON ------------------------------------------------------------------------------------------- */

/* null is INT64_MAX. */
int dm_v_end(const json_t *obj, const char *name, int64_t *out, dm_err *err) DM_NODISCARD;
int dm_v_text(const json_t *obj, const char *name, char *out, size_t cap, dm_err *err) DM_NODISCARD;
/* A line of a page or head, its times from start on. */
int dm_v_line(const json_t *obj, int64_t start, uint32_t period_s, dm_rate_line *out, dm_err *err) DM_NODISCARD;
/* A period of a head or page: of a length that there is. */
int dm_v_period(const json_t *obj, int64_t *start, int64_t *end, dm_err *err) DM_NODISCARD;
/* Whether a file that nobody signed ends in the hash of what stands before. */
bool dm_v_sum_ok(dm_str text);

/* --- known.c ------------------------------------------------------------------------------------------------ */

int dm_v_manifest(dm_v *v, dm_err *err) DM_NODISCARD;
int dm_v_keys_of(dm_v *v, dm_err *err) DM_NODISCARD; /* v->body is a keys/... */
int dm_v_book_of(dm_v *v, dm_v_book *b, dm_err *err) DM_NODISCARD;
const dm_v_keys *dm_v_keys_find(const dm_v *v, uint64_t of);
dm_v_book *dm_v_book_find(dm_v *v, int64_t id);
const dm_v_region *dm_v_region_named(const dm_v *v, dm_str name);
const dm_v_region *dm_v_region_no(const dm_v *v, uint16_t no);
/* Of the period at hand; NULL: there are more groups than fit, or their prices overlap. */
dm_v_group *dm_v_group_of(dm_v *v, const char *name);
/* This key is one of the service, was valid then, and made the signature. */
bool dm_v_signed_at(const dm_v *v, int64_t at, dm_str message, const dm_signature *sig, const dm_public_key *key);
/* Some key of it that was valid when the statement at hand was signed. */
bool dm_v_service_attested(const dm_v *v, dm_str message);

/* --- head.c, page.c, row.c, life.c, late.c, pool.c, month.c, said.c, link.c --------------------------------- */

int dm_v_head_read(dm_v *v, int64_t number, dm_err *err) DM_NODISCARD;
int dm_v_head_check(dm_v *v, dm_err *err) DM_NODISCARD;
void dm_v_head_done(dm_v_head *h);
/* Calendar months of UTC; never 0. */
int dm_v_month_of(int64_t second);

int dm_v_page_check(dm_v *v, uint32_t no, dm_err *err) DM_NODISCARD;

/* One row against its message, by itself. */
int dm_v_row_check(dm_v *v, size_t i, dm_str message, dm_err *err) DM_NODISCARD;

/* The row is a life of the sandbox at hand; and judging them all. */
int dm_v_life_add(dm_v *v, size_t i, size_t lines, dm_str message, dm_err *err) DM_NODISCARD;
int dm_v_lives_judge(dm_v *v, dm_err *err) DM_NODISCARD;

/* What a life is billed by its attestation, under a group's prices. */
typedef struct dm_v_rated {
    uint64_t running_s, hibernated_s;
    dm_rate_line lines[DM_RATE_LINES_MAX];
    size_t n;
    dm_money about; /* with what is sold in tiers at the first one's price */
} dm_v_rated;
/* v->attest is the life's; state: what of it is billed, changed. DM_E_NOTFOUND: a second that is charged has no price.
 */
int dm_v_rate(const dm_v *v, const dm_v_life *l, const dm_v_group *g, uint8_t *state, dm_v_rated *out,
        dm_err *err) DM_NODISCARD;
bool dm_v_same_line(const dm_rate_line *a, const dm_rate_line *b);
/* Whether what a life is billed is possible and comes to no more than the bound. tiers: lines of what is sold in tiers
 * are among them. */
bool dm_v_not_more(const dm_v_life *l, const dm_v_group *g, const dm_rate_line *lines, size_t n,
        const dm_v_rated *bound, bool tiers);
int dm_v_wrong(dm_v *v, const dm_v_life *l, const char *words);
/* Whose it is, and what of it is in the pool; lines: all that it is charged. */
void dm_v_said_pool(const dm_v *v, const dm_v_life *l, const dm_v_group *g, const dm_rate_line *lines, size_t n,
        const dm_rate_use *use, bool exact, dm_v_said_row *out);

/* Makes the rows that follow those of a correction, or (DM_V_OWN) of the period itself. */
int dm_v_late_turn(dm_v *v, int of, dm_err *err) DM_NODISCARD;
/* Of a corrected period: what was stated of the sandbox at hand; one of its lives, whose attestation is in v->attest,
 * with what of it is billed in v->state; and that nothing which was stated is left over. */
int dm_v_late_begin(dm_v *v, dm_err *err) DM_NODISCARD;
int dm_v_late_judge(dm_v *v, const dm_v_life *l, bool *less, dm_err *err) DM_NODISCARD;
int dm_v_late_end(dm_v *v, dm_err *err) DM_NODISCARD;

/* The lines of the account as a whole. */
int dm_v_pool(dm_v *v, dm_err *err) DM_NODISCARD;
/* What of the head's lines corrects minutes, and the month as corrected. */
int dm_v_month_correct(dm_v *v, dm_err *err) DM_NODISCARD;
/* The statement's own seconds are in the month's pool now. */
int dm_v_month_add(dm_v *v, dm_err *err) DM_NODISCARD;
/* A line of the head; sums it up. */
int dm_v_head_line(dm_v *v, const dm_rate_line *line, dm_err *err) DM_NODISCARD;
/* Some book of the bundle sells minutes in tiers: then a month's pool may stay as it was stated. */
bool dm_v_minutes_in_tiers(const dm_v *v);
/* Minutes at a price of their book. */
bool dm_v_minutes_ok(dm_v *v, const dm_rate_line *x);

/* A line of the statement at hand, of a row or (NULL) of the account as a whole, of the period that begins at start;
 * and its end. */
int dm_v_sums_line(dm_v_sums *s, const dm_stated *of, bool correction, int64_t start, const dm_rate_line *x,
        dm_err *err) DM_NODISCARD;
/* known: it has pages, so that its lines have been seen. */
int dm_v_sums_end(dm_v_sums *s, const dm_statement *st, const dm_digest *hash, bool known, dm_err *err) DM_NODISCARD;
bool dm_v_sums_known(const dm_v_sums *s, size_t i);
/* The i-th statement of the bundle is one of the invoice at hand: its lines are added to s->v, the rest to b; and all
 * are there. */
int dm_v_sums_take(dm_v_sums *s, size_t i, dm_v_billed *b, dm_err *err) DM_NODISCARD;
int dm_v_sums_settle(dm_v_sums *s, dm_err *err) DM_NODISCARD;
int dm_v_sum_cmp(const void *a, const void *b); /* as qsort wants it */
void dm_v_sums_done(dm_v_sums *s);
void dm_v_billed_done(dm_v_billed *b);

/* The k-th document, from 0. */
int dm_v_invoice(dm_v *v, size_t k, dm_err *err) DM_NODISCARD;
void dm_v_invoices_done(dm_v *v);

/* Begins a list of what a statement says of a period: its own, with the plans that held in it, or one it corrects. */
int dm_v_said_begin(dm_v_said *s, int64_t start, int64_t number, const dm_stated_plan *plans, size_t nplans,
        dm_err *err) DM_NODISCARD;
/* Sandboxes come in their order. */
int dm_v_said_put(
        dm_v_said *s, const dm_v_was *was, const dm_rate_line *lines, const dm_v_part *parts, dm_err *err) DM_NODISCARD;
/* The statement of the period that begins then: 0: there is none in the bundle. */
int64_t dm_v_said_number(const dm_v_said *s, int64_t start);
/* Opens all lists of a period; what is put from now on is of none of them. plans, room for DM_STATED_PLANS_MAX. */
int dm_v_said_open(dm_v_said *s, int64_t start, dm_stated_plan *plans, size_t *nplans, dm_err *err) DM_NODISCARD;
/* s->was and what belongs to it: the newest that was said of a sandbox. They come in their order. */
int dm_v_said_find(dm_v_said *s, const dm_sandbox_id *sandbox, dm_err *err) DM_NODISCARD;
void dm_v_said_done(dm_v_said *s);

int dm_v_links_begin(dm_v_links *l, dm_err *err) DM_NODISCARD;
/* What the sandbox's newest attestation before this one is: *known, before. Sandboxes come in their order. */
int dm_v_links_see(dm_v_links *l, const dm_v_link *one, bool *known, dm_v_link *before, dm_err *err) DM_NODISCARD;
int dm_v_links_end(dm_v_links *l, int64_t statement, dm_err *err) DM_NODISCARD; /* of a statement */
void dm_v_links_done(dm_v_links *l);

#endif
