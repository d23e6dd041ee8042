#include "tests/support/adminrig.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#include "tests/unit/test.h"

int dm_adminrig_run(dm_tenantrig *r, const char *who, const char *command, dm_admin_args args,
        char out[DM_ADMINRIG_PRINTED], dm_err *err)
{
    char path[256];
    DM_AUTO_BUF text;
    const dm_admin_command *c = dm_admin_find(command);
    assert_non_null(c);
    args.who = who;
    dm_buf_init(&text, DM_ADMINRIG_PRINTED - 1);
    (void)snprintf(path, sizeof path, "%s/printed", dm_pgtest_dir(r->pg));
    (void)fflush(stdout);
    int saved = dup(1);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && file >= 0 && dup2(file, 1) == 1);
    int result = c->run(r->ops, &args, err);
    (void)fflush(stdout);
    assert_int_equal(dup2(saved, 1), 1);
    (void)close(saved);
    (void)close(file);
    assert_int_equal(dm_file_read(path, &text, NULL), 0);
    assert_int_equal(dm_str_to_array(dm_buf_view(&text), out, DM_ADMINRIG_PRINTED, NULL), 0);
    return result;
}

void dm_adminrig_must(
        dm_tenantrig *r, const char *who, const char *command, dm_admin_args args, char out[DM_ADMINRIG_PRINTED])
{
    dm_err err = {0};
    if (dm_adminrig_run(r, who, command, args, out, &err) < 0)
        fail_msg("%s: %s", command, err.msg);
}
