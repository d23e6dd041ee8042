#include "tenants/who/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"

enum { KEY = 32 };

struct dm_master {
    uint8_t key[KEY];
};

/* O_EXCL, so that of two programs that start at once one makes the key and both read it. */
static int make(const char *path, dm_err *err)
{
    uint8_t key[KEY];
    char text[2 * KEY + 2];
    int r = dm_random(key, sizeof key, err);
    if (r < 0)
        return r;
    dm_hex(key, sizeof key, text);
    text[2 * KEY] = '\n';
    DM_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return dm_fail_sys(err, errno, "make %s", path);
    r = dm_write_all(fd, text, 2 * KEY + 1, err);
    if (r == 0 && fsync(fd) < 0)
        r = dm_fail_sys(err, errno, "sync %s", path);
    explicit_bzero(key, sizeof key);
    explicit_bzero(text, sizeof text);
    return r;
}

static int check_mode(const char *path, dm_err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return dm_fail_sys(err, errno, "%s", path);
    if ((st.st_mode & 077) != 0)
        return dm_fail(err, DM_E_DENIED, "%s may be read by others: its mode must be 0600", path);
    return 0;
}

int dm_master_open(const char *path, dm_master **out, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 256);
    int r = make(path, err);
    if (r < 0 && r != DM_E_EXISTS)
        return r;
    r = check_mode(path, err);
    if (r == 0)
        r = dm_file_read(path, &text, err);
    if (r < 0)
        return r;
    DM_AUTO(dm_master) m = calloc(1, sizeof *m);
    if (m == NULL)
        return dm_fail(err, DM_E_NOMEM, "master key");
    dm_str hex = dm_str_trim(dm_buf_view(&text));
    if (hex.n != 2 * sizeof m->key || dm_parse_hex(hex, m->key, sizeof m->key, NULL) < 0)
        r = dm_fail(err, DM_E_CORRUPT, "%s does not hold 64 hex digits", path);
    explicit_bzero(text.p, text.len);
    if (r == 0)
        *out = dm_steal(&m);
    return r;
}

void dm_master_free(dm_master *m)
{
    if (m == NULL)
        return;
    explicit_bzero(m, sizeof *m);
    free(m);
}

/* "token:i0123..." */
static int bind(const char *what, const dm_sandbox_id *id, char *out, size_t cap, dm_err *err)
{
    return dm_path(out, cap, err, "%s:%s", what, dm_sandbox_name_of(id).s);
}

int dm_secret_seal(
        const dm_master *m, const char *what, const dm_sandbox_id *id, dm_str plain, dm_buf *sealed, dm_err *err)
{
    char bound[64];
    int r = bind(what, id, bound, sizeof bound, err);
    return r < 0 ? r : dm_seal(m->key, dm_str_c(bound), plain, sealed, err);
}

int dm_secret_open(
        const dm_master *m, const char *what, const dm_sandbox_id *id, dm_str sealed, dm_buf *plain, dm_err *err)
{
    char bound[64];
    int r = bind(what, id, bound, sizeof bound, err);
    return r < 0 ? r : dm_unseal(m->key, dm_str_c(bound), sealed, plain, err);
}

int dm_secret_seal_as(const dm_master *m, const char *bound, dm_str plain, dm_buf *sealed, dm_err *err)
{
    return dm_seal(m->key, dm_str_c(bound), plain, sealed, err);
}

int dm_secret_open_as(const dm_master *m, const char *bound, dm_str sealed, dm_buf *plain, dm_err *err)
{
    return dm_unseal(m->key, dm_str_c(bound), sealed, plain, err);
}

int dm_secret_mac(const dm_master *m, const char *use, dm_str data, dm_digest *out, dm_err *err)
{
    char label[64];
    dm_digest key;
    int r = dm_path(label, sizeof label, err, "dormouse mac %s", use);
    if (r == 0)
        r = dm_hmac_sha256((dm_str){(const char *)m->key, sizeof m->key}, dm_str_c(label), &key, err);
    if (r == 0)
        r = dm_hmac_sha256((dm_str){(const char *)key.b, sizeof key.b}, data, out, err);
    explicit_bzero(&key, sizeof key);
    return r;
}

int dm_secret_access_token(const dm_master *m, const dm_sandbox_id *id, dm_str sealed, dm_buf *out, dm_err *err)
{
    dm_buf_reset(out);
    if (sealed.p == NULL)
        return dm_buf_c(out, "");
    int r = dm_secret_open(m, "token", id, sealed, out, err);
    return r < 0 ? dm_wrap(err, "token of %s", dm_sandbox_name_of(id).s) : 0;
}

int dm_secret_token(const dm_master *m, const char *what, const dm_sandbox_id *id, char out[DM_TOKEN_TEXT], dm_err *err)
{
    char bound[64];
    dm_digest mac;
    int r = bind(what, id, bound, sizeof bound, err);
    if (r == 0)
        r = dm_hmac_sha256((dm_str){(const char *)m->key, sizeof m->key}, dm_str_c(bound), &mac, err);
    if (r < 0)
        return r;
    dm_hex(mac.b, sizeof mac.b, out);
    return 0;
}
