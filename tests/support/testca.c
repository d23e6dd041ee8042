#include "tests/support/testca.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/err.h"

enum { ARGS_MAX = 24 };

extern char **environ;

static void run(const char *const *argv)
{
    posix_spawn_file_actions_t fa;
    char *args[ARGS_MAX + 1] = {NULL};
    pid_t pid;
    int status = 0;
    for (size_t i = 0; i < ARGS_MAX && argv[i] != NULL; i++)
        memcpy(&args[i], &argv[i], sizeof args[i]); /* posix_spawn takes them without const and does not write */
    (void)posix_spawn_file_actions_init(&fa);
    (void)posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0); /* it draws a picture */
    if (posix_spawnp(&pid, args[0], &fa, NULL, args, environ) != 0 || waitpid(pid, &status, 0) != pid || status != 0)
        abort();
    (void)posix_spawn_file_actions_destroy(&fa);
}

static dm_testca make(const dm_testca *by, const char *dir, const char *name, const char *alt)
{
    dm_testca out;
    char subject[64], names[96];
    (void)snprintf(out.pem, sizeof out.pem, "%s/%s.pem", dir, name);
    (void)snprintf(out.key, sizeof out.key, "%s/%s.key", dir, name);
    (void)snprintf(subject, sizeof subject, "/CN=%s", name);
    (void)snprintf(names, sizeof names, "subjectAltName=%s", alt);
    const char *argv[ARGS_MAX + 1] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", subject, "-addext", names, "-keyout",
            out.key, "-out", out.pem};
    if (by != NULL) {
        const char *const more[] = {"-CA", by->pem, "-CAkey", by->key};
        memcpy(argv + 18, more, sizeof more);
    }
    run(argv);
    return out;
}

dm_testca dm_testca_new(const char *dir, const char *name)
{
    return make(NULL, dir, name, "DNS:authority.test");
}

dm_testca dm_testca_issue(const dm_testca *by, const char *dir, const char *name, const char *alt)
{
    return make(by, dir, name, alt);
}
