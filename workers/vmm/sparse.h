/* workers/vmm/sparse.h: files with holes. Holes stay holes in every copy. Blocking. */
#ifndef DM_WORKERS_VMM_SPARSE_H
#define DM_WORKERS_VMM_SPARSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* A whole file to a path that does not exist, also on another file system: reflink where the file system can, the data
 * by copy_file_range or sendfile else. The copy has from's size and mode; it is removed again on failure. sync:
 * fdatasync'd before it returns. */
int dm_sparse_copy(const char *from, const char *to, bool sync, dm_err *err) DM_NODISCARD;
/* The same into a file that exists, is empty and of the same size; who has it open sees what is copied. */
int dm_sparse_copy_over(const char *from, const char *to, dm_err *err) DM_NODISCARD;

/* Calls fn for each run of data, in order; a negative answer ends it and is handed on. The next runs, some MiB of them,
 * are on their way from the disk meanwhile: fn is expected to read what it is told of. */
typedef int (*dm_sparse_fn)(void *arg, uint64_t at, uint64_t length, dm_err *err);
int dm_sparse_each(int fd, dm_sparse_fn fn, void *arg, dm_err *err) DM_NODISCARD;

/* Copies the data of from over to at the same offsets, leaving out pages of zeros: to must read as zero there. */
int dm_sparse_fill(int from, int to, dm_err *err) DM_NODISCARD;
/* All of its data, zeros too: over whatever to holds. */
int dm_sparse_lay(int from, int to, dm_err *err) DM_NODISCARD;

#endif
