#include "tenants/who/right.h"

#include <stdio.h>
#include <string.h>

static const char *const names[DM_RIGHTS] = {
        "",
#define RIGHT(name, text, who) text,
#include "tenants/who/rights.def"
#undef RIGHT
};

/* The letters of those who have it. */
static const char *const whose[DM_RIGHTS] = {
        "",
#define RIGHT(name, text, who) who,
#include "tenants/who/rights.def"
#undef RIGHT
};

static const struct {
    char letter;
    const char *name;
} roles[DM_ROLES] = {
        [DM_ROLE_VIEWER] = {'V', "viewer"},
        [DM_ROLE_DEVELOPER] = {'D', "developer"},
        [DM_ROLE_BILLING] = {'B', "billing"},
        [DM_ROLE_ADMIN] = {'A', "admin"},
        [DM_ROLE_OWNER] = {'O', "owner"},
        [DM_ROLE_KEY] = {'K', "key"},
        [DM_ROLE_OPERATOR] = {'P', "operator"},
        [DM_ROLE_LOOK] = {'L', "look"},
};

_Static_assert(DM_RIGHTS <= 64, "a set of rights is 64 bits");

const char *dm_right_name(dm_right right)
{
    return right < DM_RIGHTS ? names[right] : "";
}

dm_right dm_right_named(dm_str name)
{
    unsigned i = DM_RIGHT_NONE + 1;
    while (i < DM_RIGHTS && !dm_str_eq_c(name, names[i]))
        i++;
    return i < DM_RIGHTS ? (dm_right)i : DM_RIGHT_NONE;
}

/* They fit: a name has at most 20 bytes. */
void dm_rights_names(dm_rights rights, char out[DM_RIGHTS_TEXT])
{
    size_t n = 0;
    out[0] = '\0';
    for (unsigned i = DM_RIGHT_NONE + 1; i < DM_RIGHTS; i++) {
        if (dm_may(rights, (dm_right)i))
            n += (size_t)snprintf(out + n, DM_RIGHTS_TEXT - n, "%s%s", n > 0 ? "," : "", names[i]);
    }
}

dm_rights dm_rights_named(dm_str list)
{
    dm_rights rights = 0;
    for (dm_str name; dm_str_split(&list, ',', &name);)
        rights |= UINT64_C(1) << dm_right_named(name);
    return rights & ~(UINT64_C(1) << DM_RIGHT_NONE);
}

dm_rights dm_rights_of(dm_role role)
{
    dm_rights rights = 0;
    for (unsigned i = DM_RIGHT_NONE + 1; i < DM_RIGHTS; i++) {
        if (strchr(whose[i], roles[role].letter) != NULL)
            rights |= UINT64_C(1) << i;
    }
    return rights;
}

const char *dm_role_name(dm_role role)
{
    return roles[role].name;
}

dm_role dm_role_named(dm_str name)
{
    unsigned i = 0;
    while (i <= DM_ROLE_OWNER && !dm_str_eq_c(name, roles[i].name))
        i++;
    return i <= DM_ROLE_OWNER ? (dm_role)i : DM_ROLES;
}
