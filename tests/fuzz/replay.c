/* Runs a fuzz target over each file of the folders it is given. */
#include <dirent.h>
#include <stdio.h>

#include "base/file.h"

#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static int replay_folder(const char *folder, unsigned *count, dm_err *err)
{
    DIR *d = opendir(folder);
    if (d == NULL)
        return dm_fail(err, DM_E_NOTFOUND, "no folder %s", folder);
    int r = 0;
    DM_AUTO_BUF b;
    dm_buf_init(&b, INPUT_MAX);
    for (const struct dirent *e = readdir(d); r == 0 && e != NULL; e = readdir(d)) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        r = dm_path(path, sizeof(path), err, "%s/%s", folder, e->d_name);
        if (r == 0)
            r = dm_file_read(path, &b, err);
        if (r == 0) {
            (void)LLVMFuzzerTestOneInput((const uint8_t *)dm_buf_view(&b).p, b.len);
            ++*count;
        }
    }
    (void)closedir(d);
    return r;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    dm_err err;
    for (int i = 1; i < argc; i++) {
        if (replay_folder(argv[i], &count, &err) < 0) {
            (void)fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
    }
    (void)printf("%u inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
