#include "tests/support/opsrig.h"

dm_said dm_rig_operate(dm_rig *r, const char *method, const char *target, const char *body)
{
    const dm_rig_in op = dm_rig_operator(r, "ada");
    return dm_rig_call_in(r, &op, method, target, body);
}
