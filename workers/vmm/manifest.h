/* workers/vmm/manifest.h: what a snapshot was made of and by: manifest.json beside its bytes. Device state carries no
 * check of its own, so a snapshot is loaded only where all of this is the same. */
#ifndef DM_WORKERS_VMM_MANIFEST_H
#define DM_WORKERS_VMM_MANIFEST_H

#include "base/json.h"

enum { DM_MANIFEST_FORMAT = 1, DM_MANIFEST_MAX = 16 * 1024 };

typedef struct dm_manifest {
    int64_t format;
    char *id;   /* random */
    char *kind; /* "full" or "delta" */
    char *base; /* delta: the id of the snapshot it belongs to; else "" */
    char *vmm;  /* program and version */
    char *machine;
    char *devices; /* in the order they are attached */
    char *accel;
    char *cpu;
    char *firmware; /* digest */
    char *image;    /* digest of the guest image's manifest */
    int64_t vcpus, mem_mib;
    int64_t tsc_khz; /* what the guest believes; 0: it asks its hypervisor */
    int64_t created_us;
} dm_manifest;

/* DIR/manifest.json. Written last and synced: a snapshot without it is none. */
int dm_manifest_write(const char *dir, const dm_manifest *m, dm_err *err) DM_NODISCARD;
/* Strings are malloc'd. */
int dm_manifest_read(const char *dir, dm_manifest *out, dm_err *err) DM_NODISCARD;
void dm_manifest_done(dm_manifest *m); /* after read */

/* Whether a snapshot may be loaded where `here` is true; NULL members of here are not compared. DM_E_CONFLICT names
 * the first difference. */
int dm_manifest_fits(const dm_manifest *m, const dm_manifest *here, dm_err *err) DM_NODISCARD;

#define DM_AUTO_MANIFEST __attribute__((cleanup(dm_manifest_done), unused)) dm_manifest

#endif
