#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#include "tenants/who/secret.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/dm-secret-XXXXXX";
static char path[64];

static dm_master *opened(void)
{
    dm_master *m = NULL;
    dm_err err = {0};
    if (dm_master_open(path, &m, &err) < 0)
        fail_msg("%s", err.msg);
    return m;
}

static dm_sandbox_id id_of(uint8_t n)
{
    dm_sandbox_id id = {{0}};
    id.b[0] = n;
    return id;
}

static int is_refused(const char *text, mode_t mode)
{
    dm_master *m = NULL;
    assert_int_equal(dm_file_write(path, dm_str_c(text), mode, NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
    int r = dm_master_open(path, &m, NULL);
    assert_null(m);
    assert_int_equal(unlink(path), 0);
    return r;
}

/* Made when there is none, for its owner alone, and the same the next time. */
static void the_master_key_is_made_once(void **state)
{
    (void)state;
    struct stat st;
    const dm_sandbox_id id = id_of(1);
    char first[DM_TOKEN_TEXT], again[DM_TOKEN_TEXT];
    DM_AUTO(dm_master) a = opened();
    DM_AUTO(dm_master) b = opened();
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 65);
    assert_int_equal(dm_secret_token(a, "traffic", &id, first, NULL), 0);
    assert_int_equal(dm_secret_token(b, "traffic", &id, again, NULL), 0);
    assert_string_equal(first, again);
    assert_int_equal(unlink(path), 0);
    DM_AUTO(dm_master) c = opened();
    assert_int_equal(dm_secret_token(c, "traffic", &id, again, NULL), 0);
    assert_string_not_equal(first, again);
    assert_int_equal(unlink(path), 0);
}

static void a_master_key_that_is_none(void **state)
{
    (void)state;
    static const char hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
    assert_int_equal(is_refused(hex, 0640), DM_E_DENIED);
    assert_int_equal(is_refused(hex, 0604), DM_E_DENIED);
    assert_int_equal(is_refused("", 0600), DM_E_CORRUPT);
    assert_int_equal(
            is_refused("zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0600), DM_E_CORRUPT);
    assert_int_equal(is_refused("0001", 0600), DM_E_CORRUPT);
}

/* It opens with the same key, in the same column of the same row, and nowhere else; the same twice is not the same
 * bytes. */
static void a_sealed_value_opens_where_it_belongs(void **state)
{
    (void)state;
    static const char plain[] = "correct horse";
    const dm_sandbox_id id = id_of(1), other = id_of(2);
    DM_AUTO_BUF sealed, twice, out;
    dm_buf_init(&sealed, 256);
    dm_buf_init(&twice, 256);
    dm_buf_init(&out, 256);
    DM_AUTO(dm_master) m = opened();
    assert_int_equal(dm_secret_seal(m, "env", &id, dm_str_c(plain), &sealed, NULL), 0);
    assert_int_equal(dm_secret_seal(m, "env", &id, dm_str_c(plain), &twice, NULL), 0);
    assert_null(memmem(sealed.p, sealed.len, plain, strlen(plain)));
    assert_true(sealed.len == twice.len && memcmp(sealed.p, twice.p, sealed.len) != 0);
    assert_int_equal(dm_secret_open(m, "env", &id, dm_buf_view(&sealed), &out, NULL), 0);
    assert_str(dm_buf_view(&out), "correct horse");
    assert_true(dm_secret_open(m, "token", &id, dm_buf_view(&sealed), &out, NULL) < 0);
    assert_true(dm_secret_open(m, "env", &other, dm_buf_view(&sealed), &out, NULL) < 0);
    sealed.p[sealed.len - 1] ^= 1;
    assert_true(dm_secret_open(m, "env", &id, dm_buf_view(&sealed), &out, NULL) < 0);
    assert_int_equal(unlink(path), 0);
    DM_AUTO(dm_master) another = opened();
    assert_true(dm_secret_open(another, "env", &id, dm_buf_view(&twice), &out, NULL) < 0);
    assert_int_equal(unlink(path), 0);
}

static void an_access_token_may_be_none(void **state)
{
    (void)state;
    const dm_sandbox_id id = id_of(1);
    dm_err err = {0};
    DM_AUTO_BUF sealed, out;
    dm_buf_init(&sealed, 256);
    dm_buf_init(&out, 256);
    DM_AUTO(dm_master) m = opened();
    assert_int_equal(dm_secret_access_token(m, &id, (dm_str){NULL, 0}, &out, NULL), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(dm_secret_seal(m, "token", &id, DM_STR("secret"), &sealed, NULL), 0);
    assert_int_equal(dm_secret_access_token(m, &id, dm_buf_view(&sealed), &out, NULL), 0);
    assert_str(dm_buf_view(&out), "secret");
    assert_true(dm_secret_access_token(m, &id, DM_STR("no seal"), &out, &err) < 0);
    assert_says(err, dm_sandbox_name_of(&id).s);
    assert_int_equal(unlink(path), 0);
}

static void a_derived_token_is_of_its_purpose(void **state)
{
    (void)state;
    const dm_sandbox_id id = id_of(1), other = id_of(2);
    char a[DM_TOKEN_TEXT], b[DM_TOKEN_TEXT], c[DM_TOKEN_TEXT];
    DM_AUTO(dm_master) m = opened();
    assert_int_equal(dm_secret_token(m, "traffic", &id, a, NULL), 0);
    assert_int_equal(dm_secret_token(m, "other", &id, b, NULL), 0);
    assert_int_equal(dm_secret_token(m, "traffic", &other, c, NULL), 0);
    assert_int_equal(strlen(a), DM_TOKEN_TEXT - 1);
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, c);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_master_key_is_made_once),
            cmocka_unit_test(a_master_key_that_is_none), cmocka_unit_test(a_sealed_value_opens_where_it_belongs),
            cmocka_unit_test(an_access_token_may_be_none), cmocka_unit_test(a_derived_token_is_of_its_purpose)};
    if (mkdtemp(dir) == NULL)
        return 1;
    (void)snprintf(path, sizeof path, "%s/master.key", dir);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dm_remove_tree(dir, NULL) < 0 ? 1 : failed;
}
