#include "workers/vmm/manifest.h"

#include "base/file.h"

enum { PATH_MAX_ = 4096, WORD_MAX = 256 };

#define STR(member, min)                                                                                               \
    {                                                                                                                  \
#member, DM_JSON_STR, offsetof(dm_manifest, member), DM_JSON_NEED, min, WORD_MAX                               \
    }
#define INT(member, min, max)                                                                                          \
    {                                                                                                                  \
#member, DM_JSON_I64, offsetof(dm_manifest, member), DM_JSON_NEED, min, max                                    \
    }

static const dm_json_field fields[] = {
        INT(format, DM_MANIFEST_FORMAT, DM_MANIFEST_FORMAT),
        STR(id, 1),
        STR(kind, 1),
        STR(base, 0),
        STR(vmm, 1),
        STR(machine, 1),
        STR(devices, 1),
        STR(accel, 1),
        STR(cpu, 1),
        STR(firmware, 1),
        STR(image, 1),
        INT(vcpus, 1, 1024),
        INT(mem_mib, 1, INT32_MAX),
        INT(tsc_khz, 0, INT32_MAX),
        INT(created_us, 0, INT64_MAX),
};

/* What has to be equal, in the order in which a difference is told. */
static const size_t compared[] = {offsetof(dm_manifest, vmm), offsetof(dm_manifest, machine),
        offsetof(dm_manifest, devices), offsetof(dm_manifest, accel), offsetof(dm_manifest, cpu),
        offsetof(dm_manifest, firmware), offsetof(dm_manifest, image)};

int dm_manifest_write(const char *dir, const dm_manifest *m, dm_err *err)
{
    char path[PATH_MAX_];
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_MANIFEST_MAX);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_json_encode(&w, fields, DM_LEN(fields), m);
    (void)dm_buf_ch(&b, '\n');
    int r = dm_buf_ok(&b, err);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/manifest.json", dir);
    return r < 0 ? r : dm_file_write(path, dm_buf_view(&b), 0600, err);
}

int dm_manifest_read(const char *dir, dm_manifest *out, dm_err *err)
{
    char path[PATH_MAX_];
    DM_AUTO_BUF b;
    DM_AUTO(json_t) root = NULL;
    dm_buf_init(&b, DM_MANIFEST_MAX);
    int r = dm_path(path, sizeof(path), err, "%s/manifest.json", dir);
    if (r == 0)
        r = dm_file_read_plain(path, &b, err);
    if (r == 0)
        r = dm_json_load(dm_buf_view(&b), DM_MANIFEST_MAX, &root, err);
    if (r == 0)
        r = dm_json_decode(root, fields, DM_LEN(fields), out, err);
    return r < 0 ? dm_wrap(err, "snapshot %s", dir) : 0;
}

void dm_manifest_done(dm_manifest *m)
{
    dm_json_done(fields, DM_LEN(fields), m);
}

static const char *text_at(const dm_manifest *m, size_t offset)
{
    return *(char *const *)(const void *)((const char *)m + offset);
}

static const char *name_at(size_t offset)
{
    for (size_t i = 0; i < DM_LEN(fields); i++)
        if (fields[i].offset == offset)
            return fields[i].name;
    return "";
}

int dm_manifest_fits(const dm_manifest *m, const dm_manifest *here, dm_err *err)
{
    for (size_t i = 0; i < DM_LEN(compared); i++) {
        const char *was = text_at(m, compared[i]), *is = text_at(here, compared[i]);
        if (is != NULL && strcmp(was, is) != 0)
            return dm_fail(err, DM_E_CONFLICT, "the snapshot's %s is \"%.80s\", here it is \"%.80s\"",
                    name_at(compared[i]), was, is);
    }
    if (m->vcpus != here->vcpus || m->mem_mib != here->mem_mib)
        return dm_fail(err, DM_E_CONFLICT, "the snapshot is of %d vCPU and %d MiB, wanted are %d and %d", (int)m->vcpus,
                (int)m->mem_mib, (int)here->vcpus, (int)here->mem_mib);
    return 0;
}
