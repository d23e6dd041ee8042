/* A snapshot's manifest.json: refused with words, or within its bounds, and written again it reads the same. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#include "tests/fuzz/fuzz.h"
#include "workers/vmm/manifest.h"

static char dir[64];

static void gone(void)
{
    (void)!dm_remove_tree(dir, NULL);
}

static void put(dm_str text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/manifest.json", dir);
    HOLDS(dm_file_write(path, text, 0600, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DM_AUTO_MANIFEST m = {0}, again = {0};
    dm_err err = {0};
    if (dir[0] == '\0') {
        (void)snprintf(dir, sizeof(dir), "/dev/shm/dm-manifest-fuzz-XXXXXX");
        HOLDS(mkdtemp(dir) != NULL);
        HOLDS(atexit(gone) == 0);
    }
    put((dm_str){(const char *)data, size});
    int r = dm_manifest_read(dir, &m, &err);
    if (r < 0) {
        HOLDS(err.code == r && err.msg[0] != '\0');
        return 0;
    }
    HOLDS(m.format == DM_MANIFEST_FORMAT && m.vcpus > 0 && m.mem_mib > 0);
    HOLDS(dm_manifest_fits(&m, &m, &err) == 0);
    if (dm_manifest_write(dir, &m, &err) < 0)
        return 0; /* escapes made it longer than one may be */
    HOLDS(dm_manifest_read(dir, &again, &err) == 0);
    HOLDS(dm_manifest_fits(&m, &again, &err) == 0 && dm_manifest_fits(&again, &m, &err) == 0);
    HOLDS(strcmp(m.id, again.id) == 0 && strcmp(m.kind, again.kind) == 0 && strcmp(m.base, again.base) == 0);
    return 0;
}
