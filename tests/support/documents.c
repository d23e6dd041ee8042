/* documents FOLDER: writes FOLDER/NAME.json, of docrig.h each, statements of some sizes as FOLDER/NAME.stated, and
 * receipts as FOLDER/NAME.receipt, for what is no part of this program. */
#include <stdio.h>

#include "base/file.h"

#include "tests/support/docrig.h"

static int statements(const char *folder, dm_err *err)
{
    static const struct {
        const char *name;
        size_t sandboxes;
        bool late;
    } some[] = {{"nothing", 0, false}, {"few", 7, true}, {"many", 3000, false}};
    char path[4096];
    int r = 0;
    for (size_t i = 0; r == 0 && i < DM_LEN(some); i++) {
        DM_AUTO_BUF body;
        dm_buf_init(&body, DOC_BODY_MAX);
        r = doc_state(some[i].sandboxes, some[i].late, &body)
                    ? dm_path(path, sizeof path, err, "%s/%s.stated", folder, some[i].name)
                    : dm_fail(err, DM_E_NOMEM, "a statement");
        if (r == 0)
            r = dm_file_write(path, dm_buf_view(&body), 0600, err);
    }
    return r;
}

static int receipts(const char *folder, dm_err *err)
{
    char path[4096];
    int r = 0;
    for (int top_up = 0; r == 0 && top_up < 2; top_up++) {
        DM_AUTO_BUF body;
        dm_buf_init(&body, DOC_BODY_MAX);
        r = doc_receive(top_up == 1, &body)
                    ? dm_path(path, sizeof path, err, "%s/%s.receipt", folder, top_up == 1 ? "top-up" : "payment")
                    : dm_fail(err, DM_E_NOMEM, "a receipt");
        if (r == 0)
            r = dm_file_write(path, dm_buf_view(&body), 0600, err);
    }
    return r;
}

int main(int argc, char **argv)
{
    char path[4096];
    dm_err err = {0};
    for (size_t i = 0; argc == 2 && doc_name(i) != NULL; i++) {
        DM_AUTO_BUF body;
        dm_buf_init(&body, DOC_BODY_MAX);
        if (!doc_make(doc_name(i), &body) || dm_path(path, sizeof path, &err, "%s/%s.json", argv[1], doc_name(i)) < 0 ||
                dm_file_write(path, dm_buf_view(&body), 0600, &err) < 0) {
            (void)fprintf(stderr, "documents: %s: %s\n", doc_name(i), err.msg);
            return 1;
        }
    }
    if (argc != 2)
        return 1;
    if (statements(argv[1], &err) < 0 || receipts(argv[1], &err) < 0) {
        (void)fprintf(stderr, "documents: %s\n", err.msg);
        return 1;
    }
    return 0;
}
