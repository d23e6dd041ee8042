/* tests/support/opsrig.h: an operator before the rig's API (apirig.h), signed in by the test's own word. What a route
 * asks of him, the gate's judge says as ever. */
#ifndef DM_TESTS_SUPPORT_OPSRIG_H
#define DM_TESTS_SUPPORT_OPSRIG_H

#include "tests/support/apirig.h"

#define DM_RIG_OPERATOR "operator:ada"

/* body NULL: none. */
dm_said dm_rig_operate(dm_rig *r, const char *method, const char *target, const char *body);

#endif
