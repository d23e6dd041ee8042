/* tests/support/exportrig.h: dormouse-export in miniature on the billing rig (billrig.h): orders are made as the API
 * makes them, carried out in the test's own process, and their files read. What fails here stops the test. */
#ifndef DM_TESTS_SUPPORT_EXPORTRIG_H
#define DM_TESTS_SUPPORT_EXPORTRIG_H

#include "metering/export/data/job.h"
#include "tests/support/billrig.h"

typedef struct desk {
    rig r;
    dm_hand h;
    char folder[200], print[400];
    atomic_bool stop;
} desk;

void desk_open(desk *d, const cluster *c, const char *db);
void desk_close(desk *d);

/* An order of account's months (below 0: of that legal entity's), "2026-03-01", until the one that is not of it any
 * more; of a document: its number, and NULL. */
void desk_order(
        desk *d, int account, const char *set, const char *format, const char *from, const char *to, const char *key);
/* The next order is done: 0, or DM_JOB_IDLE. */
int desk_next(desk *d);
/* Of the export of that key; good until the next call but three. */
const char *desk_of(desk *d, const char *column, const char *key);
/* Its file; the caller's. */
void desk_file(desk *d, const char *key, dm_buf *out);
/* Its manifest; the caller's. */
void desk_manifest(desk *d, const char *key, dm_buf *out);
/* Ordered, done, and ready, else the test ends. */
void desk_make(
        desk *d, int account, const char *set, const char *format, const char *from, const char *to, dm_buf *out);

/* Account 1 from March to May, with all that can be charged: a contract with its least and prices below the list's,
 * tax, credit that was given, what came late, a sleeper's disk, tags that a spreadsheet would calculate, a credit note
 * in part, and an invoice that was voided and issued again. Three documents stand, and a credit note. */
void desk_rich(desk *d);

#endif
