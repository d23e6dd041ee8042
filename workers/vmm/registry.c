#include <string.h>

#include "workers/vmm/qemu/qemu.h"

static const dm_vmm_driver *const drivers[] = {&dm_vmm_qemu};

const dm_vmm_driver *dm_vmm_find(const char *name)
{
    for (size_t i = 0; i < DM_LEN(drivers); i++)
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    return NULL;
}
