#include "workers/guest/files/metadata.h"

#include <errno.h>
#include <sys/xattr.h>

static const char header_prefix[] = "x-metadata-";
static const char attr_prefix[] = "user.e2b.";

enum { LIST_MAX = 64 * 1024, PAIRS_MAX = 1024, ATTR_NAME_MAX = 256 };

static bool printable(dm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return true;
}

static char *copy(dm_message *memory, dm_str s)
{
    char *z = dm_message_alloc(memory, s.n + 1);
    if (z != NULL && s.n > 0)
        memcpy(z, s.p, s.n);
    return z;
}

static bool add(dm_message *memory, dm_pairs *out, dm_str key, dm_str value)
{
    char *k = copy(memory, key), *v = copy(memory, value);
    if (k == NULL || v == NULL)
        return false;
    out->v[out->n++] = (dm_pair){k, v};
    return true;
}

static bool has(const dm_pairs *set, dm_str key)
{
    for (size_t i = 0; i < set->n; i++)
        if (dm_str_ieq_c(key, set->v[i].key))
            return true;
    return false;
}

static void lower(dm_pair *pair)
{
    union {
        const char *from;
        char *to; /* ours: copy made it */
    } key = {.from = pair->key};
    for (char *p = key.to; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
}

int dm_metadata_from_head(const dm_head *h, dm_message *memory, dm_pairs *out, dm_err *err)
{
    size_t prefix = sizeof(header_prefix) - 1, total = 0;
    *out = (dm_pairs){dm_message_alloc(memory, (h->n + 1) * sizeof(dm_pair)), 0};
    if (out->v == NULL)
        return dm_fail(err, DM_E_NOMEM, "metadata");
    for (size_t i = 0; i < h->n; i++) {
        dm_str name = h->fields[i].name, value = h->fields[i].value;
        if (name.n <= prefix || !dm_str_ieq_c((dm_str){name.p, prefix}, header_prefix))
            continue;
        dm_str key = {name.p + prefix, name.n - prefix};
        if (has(out, key))
            continue;
        if (key.n > DM_METADATA_KEY_MAX)
            return dm_fail(err, DM_E_INVALID, "a metadata key is longer than %d bytes", DM_METADATA_KEY_MAX);
        if (!printable(key) || !printable(value))
            return dm_fail(err, DM_E_INVALID, "metadata must be printable ASCII");
        total += sizeof(attr_prefix) - 1 + key.n + value.n;
        if (total > DM_METADATA_TOTAL_MAX)
            return dm_fail(err, DM_E_INVALID, "metadata is larger than %d bytes", DM_METADATA_TOTAL_MAX);
        if (!add(memory, out, key, value))
            return dm_fail(err, DM_E_NOMEM, "metadata");
        lower(&out->v[out->n - 1]);
    }
    return 0;
}

/* The attribute's key when it is one of ours. */
static bool is_ours(const char *attr, dm_str *key)
{
    size_t prefix = sizeof(attr_prefix) - 1;
    if (strncmp(attr, attr_prefix, prefix) != 0 || attr[prefix] == '\0')
        return false;
    *key = dm_str_c(attr + prefix);
    return true;
}

void dm_metadata_read(const char *path, dm_message *memory, dm_pairs *out)
{
    *out = (dm_pairs){NULL, 0};
    ssize_t size = listxattr(path, NULL, 0); /* mostly 0: nothing more to do */
    if (size <= 0 || size > LIST_MAX)
        return;
    DM_AUTO_MEM char *names = calloc(1, (size_t)size + 1);
    size = names != NULL ? listxattr(path, names, (size_t)size) : 0;
    if (size <= 0)
        return;
    for (const char *p = names; p < names + size; p += strlen(p) + 1) {
        char value[DM_METADATA_TOTAL_MAX];
        dm_str key;
        if (!is_ours(p, &key) || out->n == PAIRS_MAX)
            continue;
        ssize_t n = getxattr(path, p, value, sizeof(value));
        if (n < 0 || !printable(key) || !printable((dm_str){value, (size_t)n}))
            continue;
        if (out->v == NULL)
            out->v = dm_message_alloc(memory, PAIRS_MAX * sizeof(dm_pair));
        if (out->v == NULL || !add(memory, out, key, (dm_str){value, (size_t)n}))
            return;
    }
}

static int remove_old(int fd, dm_err *err)
{
    ssize_t size = flistxattr(fd, NULL, 0);
    if (size <= 0 || size > LIST_MAX)
        return 0;
    DM_AUTO_MEM char *names = calloc(1, (size_t)size + 1);
    size = names != NULL ? flistxattr(fd, names, (size_t)size) : 0;
    for (const char *p = names; p != NULL && p < names + size; p += strlen(p) + 1) {
        dm_str key;
        if (is_ours(p, &key) && fremovexattr(fd, p) != 0 && errno != ENODATA)
            return dm_fail_sys(err, errno, "remove metadata");
    }
    return 0;
}

int dm_metadata_replace(int fd, const dm_pairs *set, dm_err *err)
{
    int r = remove_old(fd, err);
    for (size_t i = 0; i < set->n && r == 0; i++) {
        char attr[ATTR_NAME_MAX];
        dm_buf b;
        dm_buf_init(&b, sizeof(attr) - 1);
        (void)dm_buf_fmt(&b, "%s%s", attr_prefix, set->v[i].key);
        r = dm_str_to_array(dm_buf_view(&b), attr, sizeof(attr), err);
        dm_buf_done(&b);
        if (r == 0 && fsetxattr(fd, attr, set->v[i].value, strlen(set->v[i].value), 0) != 0)
            r = dm_fail_sys(err, errno, "set metadata");
    }
    return r;
}
