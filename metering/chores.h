/* metering/chores.h: the thread that goes through the meter's chores (metering/kit/chore.h), one after the other, each
 * when it is due, on a connection of its own. Evidence and statements wait for none of them, and a chore that fails is
 * logged, counted and tried again, later each time; the others go on. */
#ifndef DM_METERING_CHORES_H
#define DM_METERING_CHORES_H

#include "metering/kit/chore.h"

enum { DM_CHORES_MAX = 32, DM_CHORE_LATER_MS = 60000 /* at most, after a failure */ };

typedef struct dm_chores dm_chores;

typedef struct dm_chores_config {
    const char *db;         /* libpq's */
    const dm_chore *chores; /* borrowed, as what is in `with`; at most DM_CHORES_MAX */
    dm_chore_config with;   /* pg is set here */
} dm_chores_config;

int dm_chores_new(const dm_chores_config *config, dm_chores **out, dm_err *err) DM_NODISCARD;
/* Waits for the chore it is in. NULL is fine. */
void dm_chores_free(dm_chores *c);
DM_DEFINE_FREEP(dm_chores)

#endif
