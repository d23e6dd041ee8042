/* metering/office.h: which of several meters writes. Each has a name of its own and says once a second that it is
 * there; one holds the office, the others stand by.
 *
 *   standing by   until the office is free: nobody's, given up, or its holder has not been heard for takeover_s. Who
 *                 does not reach the broker does not take it. The next life of the holder takes it at once.
 *   holding       until it stops; or until the broker has not answered for takeover_s while another stands by that
 *                 reaches it: then it gives the office up and is to stop
 *
 * Who takes it ends the sessions of the one before (dm_office_session), which may stand still in the middle of one.
 *
 * This is who should write, and never who may: that is asked in each transaction (metering/ledger/ledger.h), so that a
 * holder that was only slow, frozen or cut off writes nothing once another has taken over. */
#ifndef DM_METERING_OFFICE_H
#define DM_METERING_OFFICE_H

#include "base/log.h"
#include "base/metrics.h"
#include "base/pg.h"

#include "metering/sql_office.h"

typedef struct dm_office dm_office;

typedef struct dm_office_config {
    const char *db;    /* its sessions are called as dm_office_session says, as are all of this meter */
    dm_office_who who; /* .reaches is not looked at */
    int64_t takeover_s;
    /* Whether the broker answers; it may take a second or two. Asked while standing by. */
    bool (*reach)(void *arg);
    void *reach_arg;
    dm_log *log;
    dm_metrics *metrics;
} dm_office_config;

enum { DM_OFFICE_STOP = 1 };

int dm_office_new(const dm_office_config *config, dm_office **out, dm_err *err) DM_NODISCARD;
/* Gives the office up, where it holds it. */
void dm_office_free(dm_office *o);
DM_DEFINE_FREEP(dm_office)

/* Stands by until it holds the office: 0; or until stop_fd is readable: DM_OFFICE_STOP. What the database fails at is
 * tried again, up to takeover_s. From then on a thread of its own says that it is there. */
int dm_office_wait(dm_office *o, int stop_fd, dm_err *err) DM_NODISCARD;

/* The broker has answered. Any thread. */
void dm_office_heard(dm_office *o);
/* It has given the office up: stop. Any thread. */
bool dm_office_left(dm_office *o);

#endif
