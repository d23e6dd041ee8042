/* tests/support/opsrig.h: the operator ada, signed in, before the rig's API (apirig.h). */
#ifndef DM_TESTS_SUPPORT_OPSRIG_H
#define DM_TESTS_SUPPORT_OPSRIG_H

#include "tests/support/apirig.h"

#define DM_RIG_OPERATOR "operator:ada"

/* body NULL: none. */
dm_said dm_rig_operate(dm_rig *r, const char *method, const char *target, const char *body);

#endif
