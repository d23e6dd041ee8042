/* metering/limits.h: how much of everything. Metering's ceilings that more than one file knows, or that whoever meets
 * one looks for; what a single function bounds stands beside it. What lies past one is an anomaly or waits, and is
 * never left out of a sum in silence. Every room of metering may include this file. */
#ifndef DM_METERING_LIMITS_H
#define DM_METERING_LIMITS_H

#include "base/wire/period.h"

/* --- the stream and the ledger ------------------------------------------------------------------------------ */

enum {
    DM_WORKERS_MAX = 65536,    /* that one deployment has had; more are strangers */
    DM_WORKER_KEYS_MAX = 16,   /* of one worker, ever */
    DM_LEDGER_PARTS_MAX = 512, /* partitions that one meter reads */
    DM_LEDGER_WINDOW_BYTES = 128 << 20,
    DM_LEDGER_DLQ_MAX = 1024, /* dead letters between two writes */
    DM_LEDGER_ATTESTS_MAX = 20000,
    DM_LEDGER_GAPS_MAX = 4096,
    DM_LEDGER_CHUNKS_FULL = 1 << 17,
    DM_LEDGER_HELD_MAX = 1024,       /* frames of workers that are not known yet, */
    DM_LEDGER_HELD_BYTES = 16 << 20, /* and their bytes */
    DM_LEDGER_DISPUTED_MAX = 1024,   /* second frames of a number, in open periods */
    DM_LEDGER_DISPUTED_BYTES = 16 << 20,
    DM_LEDGER_LATE_ROWS = 1 << 17, /* of usage for periods that are written, between two writes */
    DM_LEDGER_LATE_FULL = 1 << 16,
    DM_LEDGER_BACK_S = 35 * 86400, /* older evidence is not taken */
    DM_LEDGER_AHEAD_S = 5,
    DM_TRACK_PARTS_MAX = 64,        /* of one frame */
    DM_TRACK_PENDING_MAX = 1 << 17, /* frames past a gap */
    DM_CHUNK_RAW_MAX = 32 << 20,    /* bytes of a chunk; a frame is less than 1 MiB */
    DM_PERIODS_OPEN_MAX = 65536,    /* at once */
    DM_MINUTES_MAX = DM_PERIOD_S_MAX / 60,
    DM_ANOMALIES_MAX = 10000, /* between two writes */
};

/* --- the live view ------------------------------------------------------------------------------------------ */

enum {
    DM_COUNTED_MAX = 1 << 18, /* counters of open periods, one a project, size and region; more are not shown */
};

/* --- past metrics ------------------------------------------------------------------------------------------- */

enum {
    DM_PAST_ROWS_MAX = 1 << 17,         /* of a slot: sandboxes that have figures of their own, of 0.6 KiB */
    DM_PAST_PROJECT_ROWS_MAX = 1 << 15, /* of these one project's */
    DM_PAST_PROJECTS_MAX = 1 << 15,
};

/* --- the bill ----------------------------------------------------------------------------------------------- */

enum {
    DM_RATE_SECONDS_MAX = DM_PERIOD_S_MAX,
    DM_RATE_SEGMENTS_MAX = 16, /* of a period, by price and plan */
    DM_RATE_LINES_MAX = 4 * DM_RATE_SEGMENTS_MAX,
    DM_TIERS_MAX = 8,         /* of a price, after the first */
    DM_STATED_PLANS_MAX = 16, /* of one statement */
    DM_STATED_PAGE = 500,     /* sandboxes of a page of a statement, */
    DM_STATED_PAGE_LINES = 4000,
    DM_STATED_PAGE_BYTES = 4 << 20,   /* and its bytes */
    DM_STATEMENT_BYTES_MAX = 2 << 20, /* of its head */
    DM_BOOKS_MAX = 128,               /* price books, and their groups, that hold for one account in one period */
    DM_GROUPS_MAX = 32,
    DM_STATED_TIERS_MAX = 128, /* counts of what is sold in tiers, in a head */
    /* in a head: of pooled minutes, and of what is sold in tiers */
    DM_STATED_ACCOUNT_LINES = 2 * DM_GROUPS_MAX * DM_RATE_SEGMENTS_MAX + DM_STATED_TIERS_MAX * (DM_TIERS_MAX + 1),
};

/* --- invoices ----------------------------------------------------------------------------------------------- */

enum {
    DM_INVOICE_LINES_MAX = 20000, /* projects times SKUs, prices and tiers */
    DM_INVOICE_TAXES_MAX = 16,
    DM_INVOICE_COMMITMENTS_MAX = 240,  /* months */
    DM_INVOICE_STATEMENTS_MAX = 50000, /* a month of 60 s periods has 44,640 */
    DM_INVOICE_BYTES_MAX = 16 << 20,
};

/* --- a bundle of statements --------------------------------------------------------------------------------- */

enum {
    DM_BUNDLE_FORMAT = 1,
    DM_BUNDLE_ENTRY_MAX = 16 << 20,    /* bytes of one file in it */
    DM_BUNDLE_STATEMENTS_MAX = 100000, /* of one bundle, */
    DM_BUNDLE_PAGES_MAX = 65536,       /* and pages of one of them */
    DM_BUNDLE_BOOKS_MAX = 4096,
    DM_BUNDLE_REGIONS_MAX = 4096,
    DM_BUNDLE_WORKERS_MAX = DM_WORKERS_MAX,
    DM_BUNDLE_SERVICE_KEYS_MAX = 1024,
    DM_BUNDLE_INVOICES_MAX = 4096, /* and credit notes */
};

#endif
