/* What the broker refused for good is kept, each record in a file of its own, and nothing that was kept is lost again:
 * by another record that stands where it stood, or by what else may have its name. */
#include <dirent.h>

#include "tests/support/workerrig.h"
#include "workers/host/dead.h"

typedef struct written {
    bool is;
    int r;
    char name[64];
} written;

static void on_written(void *arg, int r, const char *name, const dm_err *err)
{
    written *w = arg;
    (void)err;
    w->is = true;
    w->r = r;
    (void)snprintf(w->name, sizeof(w->name), "%s", name);
}

static written write_letter(rig *r, dm_str record)
{
    written w = {.is = false};
    dm_dead *d = NULL;
    dm_err err;
    assert_int_equal(dm_dead_write(&r->h, 7, DM_RECORD_FRAME, record, on_written, &w, &d, &err), 0);
    rig_until(r, w.is);
    return w;
}

static bool holds(const rig *r, const char *name, const char *text)
{
    char path[PATH_MAX];
    DM_AUTO_BUF is;
    dm_buf_init(&is, 1 << 16);
    (void)snprintf(path, sizeof(path), "%s/dead-letters/%s", r->data, name);
    return dm_file_read(path, &is, NULL) == 0 && dm_str_eq_c(dm_buf_view(&is), text);
}

static unsigned letters(const rig *r)
{
    char dir[PATH_MAX];
    unsigned n = 0;
    (void)snprintf(dir, sizeof(dir), "%s/dead-letters", r->data);
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    if (d != NULL)
        (void)closedir(d);
    return n;
}

/* A segment that is written anew moves its records: another one may come to stand where the first one stood. */
static void two_records_of_one_place_are_two_letters(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    written first = write_letter(r, DM_STR("the first"));
    written second = write_letter(r, DM_STR("the other"));
    assert_int_equal(first.r, 0);
    assert_int_equal(second.r, 0);
    assert_int_equal(letters(r), 2);
    assert_true(holds(r, first.name, "the first"));
    assert_true(holds(r, second.name, "the other"));
    assert_non_null(strstr(first.name, "00000007-"));
    assert_non_null(strstr(first.name, ".frame"));
}

static void a_record_has_one_letter(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    written first = write_letter(r, DM_STR("it")), again = write_letter(r, DM_STR("it"));
    assert_int_equal(again.r, 0);
    assert_string_equal(again.name, first.name);
    assert_int_equal(letters(r), 1);
    assert_true(holds(r, first.name, "it"));
}

static void no_letter_is_written_over_a_file(void **state)
{
    rig *r = *state;
    char dir[PATH_MAX];
    NEED_ROOT();
    written w = write_letter(r, DM_STR("it"));
    (void)snprintf(dir, sizeof(dir), "%s/dead-letters", r->data);
    rig_file(dir, w.name, "what an operator has put there");
    w = write_letter(r, DM_STR("it"));
    assert_int_equal(w.r, DM_E_EXISTS);
    assert_true(holds(r, w.name, "what an operator has put there"));
    assert_int_equal(letters(r), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
            TEST(two_records_of_one_place_are_two_letters),
            TEST(a_record_has_one_letter),
            TEST(no_letter_is_written_over_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
