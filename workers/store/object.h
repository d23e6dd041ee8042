/* workers/store/object.h: an image as one thing. A guest's memory, its devices and its disk are files of one folder,
 * which is there whole or not at all:
 *
 *   NAME.making/   being made; nobody looks into it but its maker
 *   NAME/          whole and durable; object.json says what it is made of and what it stands on. Nothing in it changes,
 *                  but that it may be marked as released
 *   NAME.going/    nobody needs it any more; it is being removed
 *
 * Whatever dies, and whenever: what has no name of its own is removed by the next sweep, and nothing of it was told to
 * anybody. Calls block; any thread, but for one name one at a time. */
#ifndef DM_WORKERS_STORE_OBJECT_H
#define DM_WORKERS_STORE_OBJECT_H

#include <limits.h>

#include "base/str.h"

enum {
    DM_OBJECT_NAME = 64, /* with its NUL */
    DM_OBJECT_PARENT = 96,
    DM_OBJECT_FILES_MAX = 8,
    DM_OBJECT_FILE_NAME = 32,
    DM_OBJECT_HEX = 65,
};

#define DM_OBJECT_MAKING ".making" /* behind the name of one that is not whole */
#define DM_OBJECT_GOING ".going"

typedef enum dm_object_kind { DM_OBJECT_SLEEPER, DM_OBJECT_CHECKPOINT, DM_OBJECT_KINDS } dm_object_kind;

typedef struct dm_object_file {
    char name[DM_OBJECT_FILE_NAME];
    int64_t bytes;              /* its size, holes included */
    char sha256[DM_OBJECT_HEX]; /* of its pages that are not zero, each with its number; "" : it was not taken */
} dm_object_file;

typedef struct dm_object {
    dm_object_kind kind;
    char parent[DM_OBJECT_PARENT]; /* the template or checkpoint that it was made from; "" : none */
    char of[DM_OBJECT_NAME];       /* the sandbox that it is an image of */
    int64_t made_us;
    bool kept; /* somebody has its name, across restarts */
    size_t nfiles;
    dm_object_file files[DM_OBJECT_FILES_MAX];
} dm_object;

/* Letters, digits, '-', '_' and '.', which neither begins it nor is followed by one of the words above. */
bool dm_object_name_ok(const char *name);

/* An empty folder to make NAME in: dir is its path. What was left under that name before is removed. */
int dm_object_begin(const char *root, const char *name, char dir[PATH_MAX], dm_err *err) DM_NODISCARD;
/* Makes all that is in the folder durable, writes object.json of about (nfiles and files are filled in), and gives it
 * its name. hash: with the digests of its files. DM_E_EXISTS: one of that name is there. When it fails before it has
 * its name, the folder stays as it is; dm_object_unseal takes a name back. */
int dm_object_seal(const char *root, const char *name, dm_object *about, bool hash, dm_err *err) DM_NODISCARD;
/* It is not whole any more, from the moment this begins; it is fine if it never was. */
int dm_object_unseal(const char *root, const char *name, dm_err *err) DM_NODISCARD;

/* DM_E_NOTFOUND; DM_E_CORRUPT. */
int dm_object_read(const char *root, const char *name, dm_object *out, dm_err *err) DM_NODISCARD;
/* Reads all of it: DM_E_CORRUPT names the file that is not what was sealed. */
int dm_object_check(const char *root, const char *name, dm_err *err) DM_NODISCARD;

/* What it takes on the disk, and what of that nothing else has: neither another name nor, where the file system shares
 * blocks, another file. */
typedef struct dm_object_size {
    int64_t stored, unique; /* bytes */
} dm_object_size;
int dm_object_measure(const char *root, const char *name, dm_object_size *out, dm_err *err) DM_NODISCARD;

/* Nobody has its name any more, also across restarts; it stays for what stands on it. Again is fine. */
int dm_object_release(const char *root, const char *name, dm_err *err) DM_NODISCARD;
/* Loses its name at once, durably, and then its bytes. One that is not there, or was not whole, is fine. */
int dm_object_discard(const char *root, const char *name, dm_err *err) DM_NODISCARD;

/* Removes what has no name of its own, and tells of each that has one; fn may be NULL. A negative answer of fn ends it.
 */
typedef int (*dm_object_fn)(void *arg, const char *name, const dm_object *o, dm_err *err);
int dm_objects_sweep(const char *root, dm_object_fn fn, void *arg, dm_err *err) DM_NODISCARD;

#endif
