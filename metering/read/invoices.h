/* metering/read/invoices.h: invoices and credit notes, as the API shows them. Runs where metering/read/read.h runs;
 * with account_no 0 as dm_ops, of all accounts. What is borrowed is so from the rows. */
#ifndef DM_METERING_READ_INVOICES_H
#define DM_METERING_READ_INVOICES_H

#include "base/json.h"

#include "metering/read/read.h"

enum { DM_INVOICE_BODY_MAX = 16 << 20 };

typedef struct dm_invoices_find {
    dm_account_no account_no; /* 0: all */
    dm_str status;            /* .n 0: any; of credit notes "issued" */
    int64_t before;           /* below that row; INT64_MAX: from the newest on */
    int64_t limit;
} dm_invoices_find;

typedef struct dm_invoices_row {
    int64_t no, issued_us, from_us, to_us;
    dm_str account; /* its id */
    dm_str number, kind, status, why, currency;
    dm_str net, tax, total, prepaid, paid, credited, open; /* 18 decimals */
    dm_str due_on, refers_to, reason;                      /* .p NULL: none */
} dm_invoices_row;

/* Newest first. total may be NULL. */
int dm_read_invoices(
        dm_pg *c, const dm_invoices_find *f, dm_pg_rows **out, dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_invoices_row_read(const dm_pg_rows *rows, size_t i, dm_invoices_row *out);
/* Its members, into an object that is open. */
void dm_invoices_row_write(dm_jw *w, const dm_invoices_row *row);
/* DM_E_INVALID: no invoice is ever called so; "" is fine. */
int dm_invoices_status_ok(dm_str status, dm_err *err) DM_NODISCARD;

/* What an account owes in all, what of it is overdue, and when the next is due: one row. */
typedef struct dm_invoices_owed {
    dm_str currency, owed, overdue;
    dm_str due_on; /* .p NULL: nothing is open */
} dm_invoices_owed;
int dm_read_owed(dm_pg *c, dm_account_no account_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_owed_read(const dm_pg_rows *rows, dm_invoices_owed *out);

/* One, and its events, oldest first: at, status, why, who. 0 or DM_READ_NONE. */
int dm_read_invoice(dm_pg *c, dm_account_no account_no, dm_str number, dm_pg_rows **out, dm_pg_rows **events,
        dm_err *err) DM_NODISCARD;
typedef struct dm_invoices_event {
    int64_t at_us;
    dm_str status, why, who;
} dm_invoices_event;
void dm_invoices_event_read(const dm_pg_rows *rows, size_t i, dm_invoices_event *out);

/* The bytes as they were signed. 0 or DM_READ_NONE. */
int dm_read_invoice_body(dm_pg *c, dm_account_no account_no, dm_str number, dm_buf *body, dm_read_signature *sig,
        dm_err *err) DM_NODISCARD;

typedef struct dm_invoices_line {
    int64_t line, project_no, tier, seconds, book, of_line;
    dm_str kind, project, project_name, sku, qty, per_unit, amount, net; /* .p NULL: none */
} dm_invoices_line;
/* Those after a line. 0 or DM_READ_NONE: there is no such invoice. */
int dm_read_invoice_lines(dm_pg *c, dm_account_no account_no, dm_str number, int64_t after, int64_t limit,
        dm_pg_rows **out, dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_invoices_line_read(const dm_pg_rows *rows, size_t i, dm_invoices_line *out);

#endif
