/* tests/support/opsrig.h: the operator ada, signed in, before the rig's API (apirig.h). */
#ifndef DM_TESTS_SUPPORT_OPSRIG_H
#define DM_TESTS_SUPPORT_OPSRIG_H

#include "tests/support/apirig.h"

#define DM_RIG_OPERATOR "operator:ada"

/* body NULL: none. */
dm_said dm_rig_operate(dm_rig *r, const char *method, const char *target, const char *body);

/* The first cell of what a superuser asks; good until the next call. */
const char *dm_rig_text(dm_rig *r, const char *sql);
/* A second so far from now ("3 hours"), as RFC 3339; good until the next call. */
const char *dm_rig_ahead(dm_rig *r, const char *span);
/* The rule by which it was refused; NULL: it was not. */
const char *dm_said_rule(const dm_said *said);

#endif
