/* metering/ask/book.h: price books as two people make them: one drafts, another approves. Runs as dm_ops, inside the
 * caller's transaction; the database holds to the order of it by itself (triggers of dm.price_book), here it is told in
 * outcomes. Whoever wrote anything of a book does not approve it, and what is approved is what was looked at: it is
 * named by its hash. */
#ifndef DM_METERING_ASK_BOOK_H
#define DM_METERING_ASK_BOOK_H

#include "base/json.h"
#include "base/pg.h"

enum { DM_ASK_PRICES_BYTES = 64 << 10, DM_ASK_BOOK_AHEAD_S = 60 };
/* Of what a client writes: prices of a book, and bytes of each of its names. */
enum { DM_ASK_BOOK_PRICES_MAX = 16, DM_ASK_BOOK_NAME_BYTES = 63 };

enum {
    DM_ASK_BOOK_NONE = 1, /* there is no such book */
    DM_ASK_BOOK_STATE,    /* it is no draft any more; or, to be withdrawn, it holds or is withdrawn already */
    DM_ASK_BOOK_OWN,      /* who would approve it has written of it */
    DM_ASK_BOOK_OTHER,    /* it is not what that hash is of */
    DM_ASK_BOOK_LATE,     /* it would begin in less than DM_ASK_BOOK_AHEAD_S */
    DM_ASK_BOOK_UNTRIED,  /* it concerns a closed month, and no simulation of what it is now has been finished */
    DM_ASK_BOOK_WRONG, /* drafted: no such tier, group, currency or contract; approved: a price lacks, its tiers do not
                          rise, or its contract does not hold then */
};

/* What it is of; borrowed. contract: its id, or p NULL. An empty type or quality is the usual one. */
typedef struct dm_ask_book {
    dm_str price_group, tier, currency, rated_by, compute_type, compute_quality, contract;
    int64_t valid_from_s;
} dm_ask_book;

/* Prices as a client writes them, to rows as the database takes them: [{"sku", "per_unit" or "list_per_unit" and
 * "discount_bp", "label"?, "mode"?, "tiers"?: [{"from", and a price as above}]}]. Each SKU once; what a discount leaves
 * must be exact. DM_E_INVALID says what is wrong. out: JSON, within DM_ASK_PRICES_BYTES. */
int dm_ask_prices(const json_t *prices, dm_buf *out, dm_err *err) DM_NODISCARD;

/* What a client says of it: minutes or resources, and three capital letters; when it begins, in whole seconds.
 * DM_E_INVALID. */
int dm_ask_book_kind_ok(const char *rated_by, const char *currency, dm_err *err) DM_NODISCARD;
int dm_ask_book_begins(const char *valid_from, int64_t *out, dm_err *err) DM_NODISCARD;

/* prices: of dm_ask_prices. 0 or DM_ASK_BOOK_WRONG. */
int dm_ask_book_draft(dm_pg *c, const char *who, const char *why, const dm_ask_book *b, dm_str prices, int64_t *id,
        dm_err *err) DM_NODISCARD;
/* Other prices, and another begin, of a draft. */
int dm_ask_book_edit(
        dm_pg *c, const char *who, int64_t id, int64_t valid_from_s, dm_str prices, dm_err *err) DM_NODISCARD;
/* From valid_from on it holds, and what held before it ends there. sha256: hex, as the book is shown with it. By the
 * newest simulation of it, which its row then names; without one where it concerns no month that is closed. */
int dm_ask_book_approve(
        dm_pg *c, const char *who, const char *why, int64_t id, dm_str sha256, dm_err *err) DM_NODISCARD;
/* A draft; or one that was approved and does not hold yet: what it would have followed goes on. */
int dm_ask_book_withdraw(dm_pg *c, const char *who, const char *why, int64_t id, dm_err *err) DM_NODISCARD;

#endif
