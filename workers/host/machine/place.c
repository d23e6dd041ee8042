#include "workers/host/machine/place.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"

#define VMS "vms"
#define SLEEPERS "sleepers"
#define GOING "going"
#define STORE "store"

/* Ours alone, also one that an earlier version let others pass through: VMMs get descriptors, and need no path. */
static int make_own(const char *path, dm_err *err)
{
    int r = dm_mkdir_p(path, 0700, err);
    return r == 0 && chmod(path, 0700) < 0 ? dm_fail_sys(err, errno, "chmod %s", path) : r;
}

int dm_place_make(const dm_host_config *c, dm_err *err)
{
    static const char *const below[] = {VMS, SLEEPERS, STORE, GOING};
    char path[PATH_MAX];
    int r = 0;
    for (size_t i = 0; r == 0 && i < DM_LEN(below); i++) {
        r = dm_path(path, sizeof(path), err, "%s/%s", c->data_dir, below[i]);
        if (r == 0)
            r = make_own(path, err);
    }
    return r == 0 ? make_own(c->templates_dir, err) : r;
}

int dm_place_vm(const dm_host_config *c, uint32_t slot, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/" VMS "/%u", c->data_dir, slot);
}

int dm_place_going(const dm_host_config *c, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/" GOING, c->data_dir);
}

int dm_place_sleepers(const dm_host_config *c, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/" SLEEPERS, c->data_dir);
}

int dm_place_sleeper(
        const dm_host_config *c, const dm_sandbox_name *name, int64_t epoch, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/" SLEEPERS "/%s.%" PRId64, c->data_dir, name->s, epoch);
}

int dm_place_image(const dm_host_config *c, const char *image, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/%s", c->images_dir, image);
}

int dm_place_snapshot(
        const dm_host_config *c, const char *digest, uint32_t vcpus, uint32_t mem_mib, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/%s-%uc%um", c->templates_dir, digest, vcpus, mem_mib);
}

const char *dm_place_template_name(const char *dir)
{
    const char *slash = strrchr(dir, '/');
    return slash != NULL ? slash + 1 : "";
}

int dm_place_template(const dm_host_config *c, const char *name, char out[PATH_MAX], dm_err *err)
{
    if (dm_place_is_checkpoint(name))
        return dm_path(out, PATH_MAX, err, "%s/" STORE "/%s", c->data_dir, name);
    return dm_path(out, PATH_MAX, err, "%s/%s", c->templates_dir, name);
}

bool dm_place_is_checkpoint(const char *template_name)
{
    return strncmp(template_name, DM_PLACE_CHECKPOINT, sizeof(DM_PLACE_CHECKPOINT) - 1) == 0;
}

int dm_place_store(const dm_host_config *c, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/" STORE, c->data_dir);
}

int dm_place_disk(const char *dir, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/disk.ext4", dir);
}

bool dm_place_read(const char *entry, dm_sandbox_id *id, int64_t *epoch, dm_str *rest)
{
    dm_str name, digits;
    uint64_t no;
    *rest = dm_str_c(entry);
    if (!dm_str_split(rest, '.', &name) || !dm_str_split(rest, '.', &digits) ||
            dm_sandbox_id_parse(name, id, NULL) < 0 || dm_parse_u64(digits, 1, INT32_MAX, &no, NULL) < 0)
        return false;
    *epoch = (int64_t)no;
    return true;
}
