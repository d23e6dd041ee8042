#include "workers/guest/who/user.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/grow.h"
#include "base/parse.h"

enum { FILE_MAX_BYTES = 1024 * 1024, ENTRIES_MAX = 65536 };

typedef struct stamp {
    struct timespec mtime, ctime;
    off_t size;
    ino_t ino;
} stamp;

/* A line of either file. Strings point into the file's text, whose separators have become NUL. */
typedef struct entry {
    const char *name;
    const char *rest; /* passwd: home; group: members */
    uint32_t id;      /* uid or gid */
    uint32_t gid;     /* passwd only */
} entry;

typedef struct table {
    const char *path;
    unsigned columns, rest_column;
    stamp stamp;
    char *text;
    entry *v;
    size_t n;
    const entry *last; /* of the latest search by number */
} table;

struct dm_users {
    table passwd, group;
};

static void table_drop(table *t)
{
    free(t->text);
    free(t->v);
    t->text = NULL;
    t->v = NULL;
    t->n = 0;
    t->last = NULL;
}

static bool parse_id(const char *z, uint32_t *out)
{
    uint64_t v;
    if (dm_parse_u64(dm_str_c(z), 0, UINT32_MAX - 1, &v, NULL) != 0)
        return false;
    *out = (uint32_t)v;
    return true;
}

/* name:x:uid:gid:gecos:home:shell, name:x:gid:members. False for a line that is neither. */
static bool parse_line(const table *t, char *line, entry *out)
{
    const char *col[7] = {NULL};
    unsigned n = 0;
    for (char *p = line; p != NULL && n < t->columns; n++) {
        col[n] = p;
        p = strchr(p, ':');
        if (p != NULL)
            *p++ = '\0';
    }
    if (n < t->columns || col[0][0] == '\0' || col[0][0] == '#' || col[0][0] == '+')
        return false;
    *out = (entry){.name = col[0], .rest = col[t->rest_column]};
    if (!parse_id(col[2], &out->id))
        return false;
    return t->columns == 4 || parse_id(col[3], &out->gid);
}

static void table_parse(table *t)
{
    size_t room = 0;
    char *next;
    for (char *line = t->text; line != NULL && t->n < ENTRIES_MAX; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (dm_grow(&t->v, &room, t->n, ENTRIES_MAX, "entries", NULL) < 0)
            return;
        if (parse_line(t, line, &t->v[t->n]))
            t->n++;
    }
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static void table_refresh(table *t)
{
    struct stat st;
    if (stat(t->path, &st) != 0 || !S_ISREG(st.st_mode)) {
        table_drop(t);
        t->stamp = (stamp){.size = -1};
        return;
    }
    stamp now = {st.st_mtim, st.st_ctim, st.st_size, st.st_ino};
    if (same_time(&now.mtime, &t->stamp.mtime) && same_time(&now.ctime, &t->stamp.ctime) && now.size == t->stamp.size &&
            now.ino == t->stamp.ino)
        return;
    table_drop(t);
    DM_AUTO_BUF b;
    dm_buf_init(&b, FILE_MAX_BYTES);
    if (dm_file_read(t->path, &b, NULL) != 0)
        return;
    t->text = dm_buf_take(&b);
    t->stamp = now;
    table_parse(t);
}

int dm_users_new(dm_users **out, dm_err *err)
{
    dm_users *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return dm_fail(err, DM_E_NOMEM, "users");
    u->passwd = (table){.path = "/etc/passwd", .columns = 7, .rest_column = 5, .stamp = {.size = -1}};
    u->group = (table){.path = "/etc/group", .columns = 4, .rest_column = 3, .stamp = {.size = -1}};
    *out = u;
    return 0;
}

void dm_users_free(dm_users *u)
{
    if (u == NULL)
        return;
    table_drop(&u->passwd);
    table_drop(&u->group);
    free(u);
}

void dm_users_refresh(dm_users *u)
{
    table_refresh(&u->passwd);
    table_refresh(&u->group);
}

int dm_users_find(dm_users *u, dm_str name, dm_user *out, dm_err *err)
{
    table_refresh(&u->passwd);
    for (size_t i = 0; i < u->passwd.n; i++) {
        const entry *e = &u->passwd.v[i];
        if (!dm_str_eq_c(name, e->name))
            continue;
        dm_user found = {.uid = e->id, .gid = e->gid};
        if (dm_str_to_array(name, found.name, sizeof(found.name), err) != 0 ||
                dm_str_to_array(dm_str_c(e->rest[0] != '\0' ? e->rest : "/"), found.home, sizeof(found.home), err) != 0)
            return DM_E_LIMIT;
        *out = found;
        return 0;
    }
    return dm_fail(err, DM_E_NOTFOUND, "no user of that name");
}

size_t dm_users_groups(dm_users *u, const dm_user *user, gid_t out[DM_USER_GROUPS])
{
    size_t n = 0;
    table_refresh(&u->group);
    out[n++] = user->gid;
    for (size_t i = 0; i < u->group.n && n < DM_USER_GROUPS; i++) {
        const entry *e = &u->group.v[i];
        dm_str members = dm_str_c(e->rest), one;
        while (e->id != user->gid && dm_str_split(&members, ',', &one)) {
            if (dm_str_eq_c(one, user->name)) {
                out[n++] = e->id;
                break;
            }
        }
    }
    return n;
}

static const char *name_in(table *t, uint32_t id)
{
    if (t->last != NULL && t->last->id == id)
        return t->last->name;
    for (size_t i = 0; i < t->n; i++) {
        if (t->v[i].id == id) {
            t->last = &t->v[i];
            return t->last->name;
        }
    }
    return NULL;
}

const char *dm_users_name_of(dm_users *u, uid_t uid)
{
    return name_in(&u->passwd, uid);
}

const char *dm_users_group_of(dm_users *u, gid_t gid)
{
    return name_in(&u->group, gid);
}
