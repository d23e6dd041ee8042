/* base/file.h: files that are whole or not there. Each call blocks for the disk; nothing is kept between calls, so any
 * thread may make them. */
#ifndef DM_BASE_FILE_H
#define DM_BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"

/* The whole file into b, which is emptied first (its cap is the bound); also for /proc, whose sizes are 0. */
int dm_file_read(const char *path, dm_buf *b, dm_err *err) DM_NODISCARD;
/* The same of a regular file that dm_open_plain reaches. */
int dm_file_read_plain(const char *path, dm_buf *b, dm_err *err) DM_NODISCARD;

/* A descriptor of name below the folder dir. What is above dir is believed; dir itself and all below it is reached
 * through no link and over no "..", whoever may have put one there. Close-on-exec. With O_CREAT it is made anew:
 * O_EXCL is added. */
int dm_open_beneath(const char *dir, const char *name, int flags, mode_t mode, dm_err *err) DM_NODISCARD;
/* The same for a path: its folder, and its last name. */
int dm_open_plain(const char *path, int flags, mode_t mode, dm_err *err) DM_NODISCARD;

/* Writes aside, fsyncs, renames, fsyncs the folder: after 0 the file has the new bytes even if the power goes. */
int dm_file_write(const char *path, dm_str bytes, mode_t mode, dm_err *err) DM_NODISCARD;
/* The same, but never over what is there: DM_E_EXISTS then. */
int dm_file_write_new(const char *path, dm_str bytes, mode_t mode, dm_err *err) DM_NODISCARD;

/* All of n, through short writes and EINTR. */
int dm_write_all(int fd, const void *p, size_t n, dm_err *err) DM_NODISCARD;
int dm_pwrite_all(int fd, const void *p, size_t n, off_t at, dm_err *err) DM_NODISCARD;
/* Up to n; less only at the end of the file. */
int dm_pread_all(int fd, void *p, size_t n, off_t at, size_t *out, dm_err *err) DM_NODISCARD;

int dm_mkdir_p(const char *path, mode_t mode, dm_err *err) DM_NODISCARD;
int dm_sync_dir(const char *path, dm_err *err) DM_NODISCARD;
/* Everything below path and path itself; a missing path is fine. Follows no link and crosses no mount (a failure), and
 * goes at most 200 folders deep. */
int dm_remove_tree(const char *path, dm_err *err) DM_NODISCARD;

/* snprintf into a fixed array, DM_E_LIMIT when it does not fit. */
int dm_path(char *out, size_t cap, dm_err *err, const char *fmt, ...) DM_PRINTF(4, 5) DM_NODISCARD;

#endif
