/* metering/invoice/state.h: what becomes of an invoice, as events beside it. Inside a transaction of role dm_meter that
 * has the account's turn (dm_invoice_turn): so of two acts on one invoice the second sees the first. */
#ifndef DM_METERING_INVOICE_STATE_H
#define DM_METERING_INVOICE_STATE_H

#include "base/crypto.h"

#include "metering/invoice/status.h"
#include "metering/kit/journal.h"

enum { DM_STATE_NONE = 1 };

/* Waits for whoever is at this account's invoices, until his commit. */
int dm_invoice_turn(dm_pg *c, dm_account_no account_no, dm_err *err) DM_NODISCARD;

/* 0 or DM_STATE_NONE: there is no such invoice, or it is a credit note. */
int dm_state_load(dm_pg *c, int64_t invoice_no, dm_invoice_facts *out, dm_err *err) DM_NODISCARD;

/* Writes what has changed of it, and the event. why and who stand in it. */
int dm_state_put(
        dm_pg *c, const dm_invoice_facts *f, int64_t now_s, const char *why, const char *who, dm_err *err) DM_NODISCARD;

/* The first, of what was issued just now. */
int dm_state_first(dm_pg *c, const dm_invoice_facts *f, int64_t now_s, const char *who, dm_err *err) DM_NODISCARD;

/* A booking whose content is its key: entries as name and amount, of the account where `customers` says so. */
typedef struct dm_booking_entry {
    bool customers;
    const char *name;
    dm_money amount;
} dm_booking_entry;
int dm_state_book(
        dm_pg *c, const dm_journal_head *head, const dm_booking_entry *entries, size_t n, dm_err *err) DM_NODISCARD;

#endif
