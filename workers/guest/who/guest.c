#include "workers/guest/who/guest.h"

#include <stdio.h>

int dm_guest_user(dm_guest *g, const char *name, dm_user *out, char *message, size_t size)
{
    const char *asked = name != NULL ? name : g->identity.user;
    if (dm_users_find(g->users, dm_str_c(asked), out, NULL) == 0)
        return 0;
    (void)snprintf(message, size, "invalid %s: '%s'", name == NULL ? "default user" : "username", asked);
    return 1;
}

void dm_guest_say(dm_guest *g, const char *level, const char *message)
{
    if (g->say != NULL)
        g->say(g->say_arg, level, message);
}
