/* tests/support/asperson.h: a request to apirig by somebody of tenantrig's, who signs in for it. */
#ifndef DM_TESTS_SUPPORT_ASPERSON_H
#define DM_TESTS_SUPPORT_ASPERSON_H

#include "tests/support/apirig.h"

dm_said dm_rig_as_person(
        dm_rig *r, const dm_tenantrig_person *who, const char *method, const char *target, const char *body);

#endif
