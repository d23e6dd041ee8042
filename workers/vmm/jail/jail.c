#include "workers/vmm/jail/jail.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/file.h"

#include "workers/vmm/jail/cell.h"

enum { WORDS = 256, NUMBERS = 4 + DM_JAIL_VIEWS + DM_JAIL_GROUPS, NUMBER_MAX = 32 };

struct dm_jail {
    char program[PATH_MAX];
    int root, filter;
};

static int open_parts(dm_jail *j, const char *tree, dm_err *err)
{
    int r = dm_path(j->program, sizeof(j->program), err, "%s/" DM_TREE_PROGRAM, tree);
    if (r < 0)
        return r;
    j->root = dm_open_beneath(tree, DM_TREE_ROOT, O_PATH | O_DIRECTORY, 0, err);
    if (j->root < 0)
        return j->root;
    j->filter = dm_open_beneath(tree, DM_TREE_FILTER, O_RDONLY, 0, err);
    return j->filter < 0 ? j->filter : 0;
}

int dm_jail_new(const dm_tree_config *config, dm_jail **out, dm_err *err)
{
    char tree[PATH_MAX];
    int r = dm_tree_make(config, tree, err);
    if (r < 0)
        return r;
    DM_AUTO(dm_jail) j = calloc(1, sizeof(*j));
    if (j == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a jail");
    j->root = j->filter = -1;
    r = open_parts(j, tree, err);
    if (r < 0)
        return r;
    *out = dm_steal(&j);
    return 0;
}

void dm_jail_free(dm_jail *j)
{
    if (j == NULL)
        return;
    dm_fd_closep(&j->root);
    dm_fd_closep(&j->filter);
    free(j);
}

/* The command line of the program that goes before. */
struct line {
    const char *argv[WORDS + 1];
    size_t n;
    char numbers[NUMBERS][NUMBER_MAX];
    size_t n_numbers;
    dm_proc_fd fds[DM_PROC_FDS];
    size_t n_fds;
    bool full;
};

static void add(struct line *l, const char *word)
{
    if (l->n == WORDS)
        l->full = true;
    else
        l->argv[l->n++] = word;
}

static void DM_PRINTF(3, 4) add_fmt(struct line *l, const char *option, const char *fmt, ...)
{
    va_list ap;
    assert(l->n_numbers < NUMBERS);
    char *to = l->numbers[l->n_numbers++];
    va_start(ap, fmt);
    int n = vsnprintf(to, NUMBER_MAX, fmt, ap);
    va_end(ap);
    assert(n > 0 && n < NUMBER_MAX);
    add(l, option);
    add(l, to);
}

static void give(struct line *l, int from, int to)
{
    if (l->n_fds == DM_PROC_FDS)
        l->full = true;
    else
        l->fds[l->n_fds++] = (dm_proc_fd){.from = from, .to = to};
}

static void describe(struct line *l, const dm_jail *j, const dm_jail_cell *cell, uint64_t file_max)
{
    add(l, j->program);
    add_fmt(l, "-u", "%" PRIu32, cell->uid);
    add_fmt(l, "-s", "%" PRIu64, file_max);
    add_fmt(l, "-r", "%d", DM_JAIL_FD_ROOT);
    give(l, j->root, DM_JAIL_FD_ROOT);
    add_fmt(l, "-f", "%d", DM_JAIL_FD_FILTER);
    give(l, j->filter, DM_JAIL_FD_FILTER);
    for (size_t i = 0; i < cell->n_views; i++) {
        const dm_jail_view *v = &cell->views[i];
        add_fmt(l, v->writable ? "-w" : "-b", "%d=%s", DM_JAIL_FD_VIEWS + (int)i, v->name);
        give(l, v->fd, DM_JAIL_FD_VIEWS + (int)i);
    }
    for (size_t i = 0; i < cell->n_groups; i++) {
        add_fmt(l, "-g", "%d", DM_JAIL_FD_GROUPS + (int)i);
        give(l, cell->groups[i], DM_JAIL_FD_GROUPS + (int)i);
    }
    add(l, "--");
}

int dm_jail_spawn(const dm_jail *j, const dm_jail_cell *cell, const char *const *argv, const dm_proc_fd *fds, size_t n,
        uint64_t file_max, dm_proc *out, dm_err *err)
{
    struct line l = {.n = 0};
    if (cell->uid == 0 || cell->n_views > DM_JAIL_VIEWS || cell->n_groups > DM_JAIL_GROUPS)
        return dm_fail(err, DM_E_INVALID, "that is no cell of a jail");
    describe(&l, j, cell, file_max);
    for (size_t i = 0; argv[i] != NULL; i++)
        add(&l, argv[i]);
    for (size_t i = 0; i < n; i++) {
        assert(fds[i].to < DM_JAIL_FDS);
        give(&l, fds[i].from, fds[i].to);
    }
    if (l.full)
        return dm_fail(err, DM_E_LIMIT, "too many words or descriptors for a jail");
    return dm_proc_spawn(l.argv, l.fds, l.n_fds, DM_PROC_APART, file_max, out, err);
}
