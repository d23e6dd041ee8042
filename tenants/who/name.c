#include "tenants/who/name.h"

#include "base/parse.h"

#include "tenants/limits.h"

/* Controls of both sets, line and paragraph separators, and what embeds, overrides or isolates a direction: a name that
 * has one looks like another's. */
static bool harmful(dm_str ch)
{
    const unsigned char *u = (const unsigned char *)ch.p;
    switch (ch.n) {
    case 1:
        return u[0] < 0x20 || u[0] == 0x7f;
    case 2:
        return u[0] == 0xc2 && u[1] < 0xa0;
    case 3:
        return u[0] == 0xe2 && ((u[1] == 0x80 && (u[2] == 0x8e || u[2] == 0x8f || (u[2] >= 0xa8 && u[2] <= 0xae))) ||
                                       (u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9));
    default:
        return false;
    }
}

bool dm_name_ok(dm_str name)
{
    size_t n = 0;
    while (name.n > 0) {
        size_t step = dm_utf8_step(name);
        if (step == 0 || harmful((dm_str){name.p, step}) || ++n > DM_NAME_MAX)
            return false;
        name = (dm_str){name.p + step, name.n - step};
    }
    return n > 0;
}
