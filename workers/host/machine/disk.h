/* workers/host/machine/disk.h: writable disks. Blocking. */
#ifndef DM_WORKERS_HOST_MACHINE_DISK_H
#define DM_WORKERS_HOST_MACHINE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A disk in two steps, so that a VMM can open it before it is known whose it becomes: empty, of the size of like; then
 * filled with a disk of that size. */
int dm_disk_blank(const char *like, const char *to, dm_err *err) DM_NODISCARD;
int dm_disk_fill(const char *from, const char *to, dm_err *err) DM_NODISCARD;
/* Allocated blocks, rounded up to 16 MiB units: what is charged. */
int dm_disk_units(const char *path, uint32_t *out, dm_err *err) DM_NODISCARD;

/* What the files in a folder take, in MiB, rounded up: of a sleeper's image. Links are not followed. */
int dm_disk_folder_mib(const char *dir, int64_t *out, dm_err *err) DM_NODISCARD;

#endif
