/* workers/vmm/ram.h: a guest's memory inside a VMM process, seen from outside. The process maps one file of the size of
 * the guest's memory; a clone maps it privately, so its own pages are exactly those that are no longer the file's.
 * Blocking; the process should be stopped, or what is read is no moment's memory. */
#ifndef DM_WORKERS_VMM_RAM_H
#define DM_WORKERS_VMM_RAM_H

#include <stdint.h>

#include "base/str.h"

typedef struct dm_ram {
    int mem, pagemap; /* of that very process, also when its number is given to another meanwhile */
    uint64_t start, size;
} dm_ram;

/* Finds the mapping of the file in a process; proc_fd is an open /proc/PID. */
int dm_ram_open(int proc_fd, int file_fd, uint64_t size, dm_ram *out, dm_err *err) DM_NODISCARD;
void dm_ram_close(dm_ram *r);

#define DM_AUTO_RAM __attribute__((cleanup(dm_ram_close), unused)) dm_ram

/* Writes the private pages to a file at the offsets they have in memory, over what is there. *bytes: how much. */
int dm_ram_save(const dm_ram *r, int out_fd, uint64_t *bytes, dm_err *err) DM_NODISCARD;

/* The other way: the data of a sparse file over the process's memory, before its guest's devices are loaded: they check
 * themselves against it. */
int dm_ram_poke(const dm_ram *r, int delta_fd, dm_err *err) DM_NODISCARD;

/* One line of /proc/PID/maps; false when it is not one. */
typedef struct dm_map_line {
    uint64_t start, end, offset, inode;
} dm_map_line;
bool dm_map_line_read(dm_str line, dm_map_line *out);

#endif
