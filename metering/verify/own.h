/* metering/verify/own.h: what the files of the verifier share, and nobody else includes. walk.c goes through the bundle
 * in its order, file.c takes its files and fault.c names what is wrong, known.c reads what it brings of keys and
 * prices, head.c and page.c read what was signed, row.c looks at one attestation, life.c at a sandbox's together,
 * pool.c at the account's minutes, link.c at what follows what. */
#ifndef DM_METERING_VERIFY_OWN_H
#define DM_METERING_VERIFY_OWN_H

#include <stdio.h>

#include "base/json.h"
#include "base/wire/attest.h"

#include "metering/limits.h"
#include "metering/rules/statement.h"
#include "metering/verify/verify.h"

/* --- what the bundle brings --------------------------------------------------------------------------------- */

typedef struct dm_v_book {
    int64_t id, valid_from, valid_to; /* valid_to INT64_MAX: it holds still */
    dm_digest sha256;
    dm_rate_book rate;
    char currency[4], group[DM_NAME_TEXT], tier[DM_NAME_TEXT];
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

/* The prices of a group in the statement at hand, and what its minutes come to. */
typedef struct dm_v_group {
    char name[DM_NAME_TEXT];
    dm_rate_segment segments[DM_RATE_SEGMENTS_MAX];
    uint64_t included_s[DM_RATE_SEGMENTS_MAX], pooled_s[DM_RATE_SEGMENTS_MAX];
    size_t n;
    bool minutes; /* some of it is rated by them */
} dm_v_group;

/* --- a statement -------------------------------------------------------------------------------------------- */

typedef struct dm_v_head {
    int64_t number, closed_at, end;
    uint32_t npages;
    dm_digest *pages; /* as the .sig has them */
    size_t pages_room;
    dm_statement st; /* what is rebuilt; sum, lines and books come last */
    size_t lines_room;
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

typedef struct dm_v_page {
    uint32_t no;
    bool good; /* it is what the list says */
    dm_stated *rows;
    size_t nrows, rows_room;
    dm_rate_line *lines;
    size_t nlines, lines_room;
} dm_v_page;

/* What links attestations of a sandbox: the newest of each, of the statements before and of this one. */
typedef struct dm_v_link {
    dm_sandbox_id sandbox;
    dm_digest hash;
    int64_t statement;
} dm_v_link;

typedef struct dm_v_links {
    FILE *before, *now;
    bool any, has; /* has: `next` is of before, not yet passed; any: `at` is the sandbox at hand */
    dm_v_link next, at;
} dm_v_links;

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
    int month; /* of the pool; 0: none yet */
    bool pool_known;
    uint64_t pool_s;

    dm_v_head head;
    dm_v_page page;
    dm_v_group groups[DM_GROUPS_MAX];
    size_t ngroups;
    bool pooled, pool_split;
    uint64_t pooled_sum;              /* running seconds in the pool, however split */
    size_t rows_before, lines_before; /* of the page before this one */
    bool any_row;
    dm_stated last_row;

    dm_v_life *lives;
    size_t nlives, lives_room;
    dm_rate_line *life_lines;
    size_t nlife_lines, life_lines_room;
    dm_buf messages;
    dm_v_links links;
    dm_attest *attest;                  /* scratch */
    uint8_t state[DM_RATE_SECONDS_MAX]; /* scratch */
    dm_held held[DM_RATE_SECONDS_MAX];
} dm_v;

/* Where a file stands among all: the first number that differs decides. at[0] is 0 of what is none of a bundle's;
 * DM_V_OF_STATEMENT: at[1] is which, and at[2] is 2 of what belongs to page at[3] / 2. */
enum { DM_V_OF_STATEMENT = 4 };
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

int dm_v_time(const json_t *obj, const char *name, int64_t *out, dm_err *err) DM_NODISCARD;
/* null is INT64_MAX. */
int dm_v_end(const json_t *obj, const char *name, int64_t *out, dm_err *err) DM_NODISCARD;
int dm_v_hex(const json_t *obj, const char *name, void *out, size_t n, dm_err *err) DM_NODISCARD;
int dm_v_text(const json_t *obj, const char *name, char *out, size_t cap, dm_err *err) DM_NODISCARD;
/* A line of a page or head, its times from start on. */
int dm_v_line(const json_t *obj, int64_t start, uint32_t period_s, dm_rate_line *out, dm_err *err) DM_NODISCARD;
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
/* Of the statement at hand; NULL: there are more groups than fit, or their prices overlap. */
dm_v_group *dm_v_group_of(dm_v *v, const char *name);
/* Some key of the service was valid when the statement at hand was signed: by this message, or NULL. */
bool dm_v_service_signed(const dm_v *v, dm_str message, const dm_signature *sig, const dm_public_key *key);
bool dm_v_service_attested(const dm_v *v, dm_str message);

/* --- head.c, page.c, row.c, life.c, pool.c, link.c ---------------------------------------------------------- */

int dm_v_head_read(dm_v *v, int64_t number, dm_err *err) DM_NODISCARD;
int dm_v_head_check(dm_v *v, dm_err *err) DM_NODISCARD;
void dm_v_head_done(dm_v_head *h);

int dm_v_page_check(dm_v *v, uint32_t no, dm_err *err) DM_NODISCARD;

/* One row against its message, by itself. */
int dm_v_row_check(dm_v *v, size_t i, dm_str message, dm_err *err) DM_NODISCARD;

/* The row is a life of the sandbox at hand; and judging them all. */
int dm_v_life_add(dm_v *v, size_t i, size_t lines, dm_str message, dm_err *err) DM_NODISCARD;
int dm_v_lives_judge(dm_v *v, dm_err *err) DM_NODISCARD;

int dm_v_pool(dm_v *v, dm_err *err) DM_NODISCARD;

int dm_v_links_begin(dm_v_links *l, dm_err *err) DM_NODISCARD;
/* What the sandbox's newest attestation before this one is: *known, hash. Sandboxes come in their order. */
int dm_v_links_see(dm_v_links *l, const dm_sandbox_id *sandbox, int64_t statement, const dm_digest *hash, bool *known,
        dm_digest *before, dm_err *err) DM_NODISCARD;
int dm_v_links_end(dm_v_links *l, int64_t statement, dm_err *err) DM_NODISCARD; /* of a statement */
void dm_v_links_done(dm_v_links *l);

#endif
