/* metering/ask/sql_ask.h: what is written of what people order. Runs as dm_ops. */
#ifndef DM_METERING_ASK_SQL_ASK_H
#define DM_METERING_ASK_SQL_ASK_H

#include "base/crypto.h"

#include "metering/ask/book.h"

typedef enum dm_ask_status { DM_ASK_DRAFT, DM_ASK_APPROVED, DM_ASK_WITHDRAWN } dm_ask_status;

typedef struct dm_ask_found {
    bool there, wrote; /* who is one of its authors */
    dm_ask_status status;
    int64_t in_s; /* until it begins; below 0: it has */
} dm_ask_found;

/* Whether there are such a tier, price group and contract. */
int dm_sql_ask_book_may(dm_pg *c, const dm_ask_book *b, bool *out, dm_err *err) DM_NODISCARD;
int dm_sql_ask_book_add(
        dm_pg *c, const char *who, const char *why, const dm_ask_book *b, int64_t *id, dm_err *err) DM_NODISCARD;
/* Its row stays as it is until the end of the transaction. */
int dm_sql_ask_book_find(dm_pg *c, int64_t id, const char *who, dm_ask_found *out, dm_err *err) DM_NODISCARD;
int dm_sql_ask_book_edit(dm_pg *c, int64_t id, const char *who, int64_t valid_from_s, dm_err *err) DM_NODISCARD;
int dm_sql_ask_prices_drop(dm_pg *c, int64_t id, dm_err *err) DM_NODISCARD;
int dm_sql_ask_prices_add(dm_pg *c, int64_t id, dm_str prices, dm_err *err) DM_NODISCARD;
/* Of its canonical bytes, as its rows have it now. */
int dm_sql_ask_book_hash(dm_pg *c, int64_t id, dm_digest *out, dm_err *err) DM_NODISCARD;
/* The newest simulation that was finished of what that hash is of, 0: none; then whether it concerns a closed month. */
int dm_sql_ask_book_tried(
        dm_pg *c, int64_t id, const dm_digest *sha256, int64_t *simulation, bool *concerns, dm_err *err) DM_NODISCARD;
int dm_sql_ask_book_approve(
        dm_pg *c, int64_t id, const char *who, const char *why, int64_t simulation, dm_err *err) DM_NODISCARD;
int dm_sql_ask_book_withdraw(dm_pg *c, int64_t id, const char *who, const char *why, dm_err *err) DM_NODISCARD;

#endif
