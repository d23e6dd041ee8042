/* metering/ask/orders.h: what an operator wants done to an account's invoices, as rows that the meter carries out
 * within a second or two (metering/invoice/order.c). In a transaction of role dm_ops. */
#ifndef DM_METERING_ASK_ORDERS_H
#define DM_METERING_ASK_ORDERS_H

#include "base/json.h"
#include "base/pg.h"
#include "base/wire/number.h"

enum {
    DM_ASK_NONE = 1, /* there is no such account, invoice or order */
    DM_ASK_OTHER,    /* the key is of another order */
    DM_ASK_SELF,     /* who ordered it cannot approve it */
    DM_ASK_NOT,      /* it waits for nobody */
};

typedef struct dm_ask_order {
    const char *account; /* its id */
    const char *kind;    /* as dm.invoice_order has them */
    dm_str number;       /* of the invoice; .p NULL: of a month */
    const char *month;   /* "2026-03-01"; NULL: of an invoice */
    const char *amount;  /* of a payment; NULL: what the invoice comes to */
    dm_str detail;       /* a JSON object */
    const char *who, *why, *idem_key;
} dm_ask_order;

typedef struct dm_asked {
    int64_t order_no;
    dm_account_no account_no;
    char state[16]; /* "ordered", or "waiting" for a second person; of one that was ordered before also "done",
                       "refused" */
    bool again;     /* it was ordered before, with that key */
} dm_asked;

int dm_ask_invoice(dm_pg *c, const dm_ask_order *o, dm_asked *out, dm_err *err) DM_NODISCARD;

/* A second person's word. */
int dm_ask_approve(dm_pg *c, int64_t order_no, const char *who, dm_asked *out, dm_err *err) DM_NODISCARD;

typedef struct dm_orders_row {               /* borrowed from the rows */
    int64_t no, at_us, approved_us, done_us; /* 0: not yet */
    dm_str account, kind, number, month, currency, amount, who, why, approved_by, state, outcome; /* .p NULL: none */
} dm_orders_row;
/* Newest first; state .n 0: any; order_no not 0: that one alone. */
int dm_ask_orders(dm_pg *c, dm_str state, int64_t order_no, int64_t before, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_orders_row_read(const dm_pg_rows *rows, size_t i, dm_orders_row *out);
void dm_orders_row_write(dm_jw *w, const dm_orders_row *row); /* an object */

#endif
