/* tenants/sandbox/template.h: what a sandbox is made from, and how it is named: [namespace/]alias[:tag] or a template's
 * id. A tag may be virtual, or end in a virtual part: "2c1g", "v2-2c1g" choose a size from the spec table. */
#ifndef DM_TENANTS_SANDBOX_TEMPLATE_H
#define DM_TENANTS_SANDBOX_TEMPLATE_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum { DM_TEMPLATE_WORD = 129 };

typedef struct dm_template_name {
    char space[DM_TEMPLATE_WORD]; /* "": none given */
    char alias[DM_TEMPLATE_WORD]; /* alias or id */
    char tag[DM_TEMPLATE_WORD];   /* "default" when none was given */
    bool tagged;                  /* a tag of any kind was given */
    bool sized;                   /* with a size, vcpus and mem_mib */
    uint32_t vcpus, mem_mib;
} dm_template_name;

/* Trims and folds to lower case. DM_E_INVALID for what cannot be a name. */
int dm_template_name_parse(dm_str text, dm_template_name *out, dm_err *err) DM_NODISCARD;

typedef struct dm_template {
    dm_str template_id;
    dm_project_no owner;
    bool public;
    dm_str alias;    /* its first; .p NULL: it has none */
    dm_str build_id; /* of the tag; .p NULL: the tag has no build that is ready */
    dm_str image;
    int64_t vcpus, mem_mib, disk_mib;
    dm_str user, workdir, env;
    bool tagged;      /* the tag exists */
    dm_pg_rows *rows; /* what the strings point into, or: dm_template_done */
    void *own;
} dm_template;
void dm_template_done(dm_template *t);
#define DM_AUTO_TEMPLATE __attribute__((cleanup(dm_template_done), unused)) dm_template

enum { DM_TEMPLATE_NONE = 1 };

/* By id or own alias or public alias or namespace/alias: whether the project may use it is the caller's to judge. */
int dm_template_find(
        dm_pg *c, dm_project_no project, const dm_template_name *name, dm_template *out, dm_err *err) DM_NODISCARD;

/* A row of a list. JSON arrays are text as the database made it. */
typedef struct dm_template_row {
    dm_str template_id;
    bool public;
    dm_str aliases; /* JSON array of strings */
    dm_str names;   /* the same, with the project's slug in front */
    int64_t created_us, updated_us, last_spawned_us, spawn_count;
    dm_str build_id, status; /* the newest build; empty: none */
    int64_t vcpus, mem_mib, disk_mib, build_count;
} dm_template_row;

/* Newest first; only what comes after (before_us, before_id) when before_us is not 0. template_id.p NULL: all. */
int dm_template_list(dm_pg *c, dm_owner owner, dm_str template_id, int64_t before_us, dm_str before_id, int64_t limit,
        dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
void dm_template_row_read(const dm_pg_rows *rows, size_t i, dm_template_row *out);

/* What the sandboxes of a build are made of. rows: what the strings point into, the caller frees it. */
typedef struct dm_build_made_of {
    dm_str image, user, workdir, env;
    dm_pg_rows *rows;
} dm_build_made_of;

/* 0 or DM_TEMPLATE_NONE. */
int dm_build_find(dm_pg *c, dm_str build_id, dm_build_made_of *out, dm_err *err) DM_NODISCARD;

/* The build that stands behind a template's tag `default`. */
typedef struct dm_build_spec {
    const char *image;
    int64_t vcpus, mem_mib, disk_mib;
} dm_build_spec;

/* An operator's act, in his transaction: the owner has a public template of that alias, and its tag `default` is a
 * ready build of that make; what is so already stays. Another make is a new build under the same tag, as it would be
 * for a customer. *changed: something was written, and a line of the audit with it. */
int dm_template_offer(dm_pg *c, const char *who, dm_owner owner, const char *alias, const dm_build_spec *build,
        bool *changed, dm_err *err) DM_NODISCARD;

/* Adds to what is shown of a template's use; one batch (dm_pg_batch_flush is the caller's). Role dm_ops. */
int dm_template_spawned(dm_pg *c, const char *template_id, int64_t count, int64_t last_us, dm_err *err) DM_NODISCARD;

typedef struct dm_build_row {
    dm_str build_id, status;
    int64_t created_us, updated_us, finished_us, vcpus, mem_mib, disk_mib;
} dm_build_row;

int dm_build_list(dm_pg *c, dm_owner owner, dm_str template_id, int64_t before_us, dm_str before_id, int64_t limit,
        dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
void dm_build_row_read(const dm_pg_rows *rows, size_t i, dm_build_row *out);

#endif
