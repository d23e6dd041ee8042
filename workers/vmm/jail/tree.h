/* workers/vmm/jail/tree.h: the folder that is all a jailed process sees: its program, its libraries, and the few files
 * it reads, under their own names. Made once of what the distribution has installed, then never written to. Blocking.
 */
#ifndef DM_WORKERS_VMM_JAIL_TREE_H
#define DM_WORKERS_VMM_JAIL_TREE_H

#include <limits.h>

#include "base/str.h"

enum { DM_TREE_FILES = 512 };

typedef struct dm_tree_config {
    const char *dir;          /* trees are kept in it, a folder each; it is made, root's alone */
    const char *program;      /* what starts jailed processes: kept beside the tree, as it is now */
    const char *binary;       /* what is started: an absolute path, inside as outside */
    const char *const *files; /* what else it reads, absolute, ends in NULL; those that are missing are left out. A
                               *.so brings its libraries along */
} dm_tree_config;

#define DM_TREE_ROOT "root"
#define DM_TREE_PROGRAM "dormouse-jail"
#define DM_TREE_FILTER "filter"

/* The folder of a tree made of these files as they are now; of another version of any of them it is another folder.
 * What else is in dir is removed: a process that began in it has what it needs. */
int dm_tree_make(const dm_tree_config *c, char out[PATH_MAX], dm_err *err) DM_NODISCARD;

/* The path of a line of what the loader lists: "\tlibz.so.1 => /lib/libz.so.1 (0x7f00)". 0: path; DM_TREE_NO_FILE: it
 * names none (the kernel's own). DM_E_NOTFOUND: a library is missing. */
enum { DM_TREE_NO_FILE = 1 };
int dm_tree_line(dm_str line, dm_str *path, dm_err *err) DM_NODISCARD;

#endif
