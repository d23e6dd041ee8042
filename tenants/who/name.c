#include "tenants/who/name.h"

#include "base/parse.h"
#include "base/wire/id.h"

#include "tenants/limits.h"

enum { STEM_MAX = 40 };

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

bool dm_name_fits(dm_str name, size_t most)
{
    size_t n = 0;
    while (name.n > 0) {
        size_t step = dm_utf8_step(name);
        if (step == 0 || harmful((dm_str){name.p, step}) || ++n > most)
            return false;
        name = (dm_str){name.p + step, name.n - step};
    }
    return n > 0;
}

bool dm_name_ok(dm_str name)
{
    return dm_name_fits(name, DM_NAME_MAX);
}

bool dm_address_ok(dm_str address)
{
    size_t n = 0;
    for (dm_str line; dm_str_split(&address, '\n', &line);)
        if (!dm_name_ok(line) || ++n > DM_ADDRESS_LINES_MAX)
            return false;
    return true;
}

bool dm_slug_ok(dm_str slug)
{
    return slug.n >= DM_SLUG_MIN && slug.n <= DM_SLUG_MAX &&
           dm_str_only(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") && slug.p[0] != '-' &&
           slug.p[slug.n - 1] != '-' && !dm_uuid_ok(slug);
}

/* Runs of what cannot stand there are one dash; none begins it or ends it. */
void dm_slug_of(dm_str name, char out[DM_SLUG_TEXT])
{
    size_t n = 0;
    bool gap = false;
    for (size_t i = 0; i < name.n && n < STEM_MAX - 1; i++) {
        char ch = name.p[i];
        char low = ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
        if (!dm_str_only((dm_str){&low, 1}, "abcdefghijklmnopqrstuvwxyz0123456789")) {
            gap = n > 0;
            continue;
        }
        if (gap)
            out[n++] = '-';
        out[n++] = low;
        gap = false;
    }
    out[n] = '\0';
    if (!dm_slug_ok((dm_str){out, n}))
        memcpy(out, "project", sizeof "project");
}
