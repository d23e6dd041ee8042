/* documents FOLDER: writes FOLDER/NAME.json, of docrig.h each, for what is no part of this program. */
#include <stdio.h>

#include "base/file.h"

#include "tests/support/docrig.h"

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
    return argc == 2 ? 0 : 1;
}
