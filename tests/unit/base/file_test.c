#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"

#include "tests/unit/test.h"

/* A folder of its own for each test; the paths below are formatted into it. */
typedef struct scene {
    char dir[64];
    char path[PATH_MAX];
    dm_buf b;
} scene;

static int open_scene(void **state)
{
    scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    memcpy(s->dir, "/tmp/dm-file-test.XXXXXX", 25);
    assert_non_null(mkdtemp(s->dir));
    dm_buf_init(&s->b, 100000);
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    scene *s = *state;
    dm_buf_done(&s->b);
    assert_int_equal(dm_remove_tree(s->dir, NULL), 0);
    assert_int_equal(access(s->dir, F_OK), -1);
    free(s);
    return 0;
}

static const char *at(scene *s, const char *name)
{
    assert_int_equal(dm_path(s->path, sizeof(s->path), NULL, "%s/%s", s->dir, name), 0);
    return s->path;
}

static void put(scene *s, const char *name, const char *text)
{
    assert_int_equal(dm_file_write(at(s, name), dm_str_c(text), 0644, NULL), 0);
}

/* --- reading and writing ------------------------------------------------------------------------------------ */

static void writes_and_reads_whole(void **state)
{
    scene *s = *state;
    DM_AUTO_MEM char *big = calloc(1, 70000);
    assert_non_null(big);
    for (size_t i = 0; i < 70000; i++)
        big[i] = (char)(i * 7);
    assert_int_equal(dm_file_write(at(s, "f"), (dm_str){big, 70000}, 0640, NULL), 0);
    assert_int_equal(dm_file_read(s->path, &s->b, NULL), 0);
    assert_int_equal(s->b.len, 70000);
    assert_memory_equal(s->b.p, big, 70000);
    struct stat st;
    assert_int_equal(stat(s->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_nlink, 1);
    /* Anew and empty; what the buffer had goes. */
    put(s, "f", "");
    assert_int_equal(dm_file_read(s->path, &s->b, NULL), 0);
    assert_int_equal(s->b.len, 0);
}

static void reading_is_bounded_by_the_cap(void **state)
{
    scene *s = *state;
    put(s, "f", "0123456789");
    for (size_t cap = 0; cap < 13; cap++) {
        DM_AUTO_BUF b;
        dm_buf_init(&b, cap);
        dm_err err;
        assert_int_equal(dm_file_read(s->path, &b, &err), cap < 10 ? DM_E_LIMIT : 0);
        assert_int_equal(b.len, cap < 10 ? 0 : 10);
        assert_int_equal(dm_buf_ok(&b, NULL), 0);
    }
}

static void reads_proc(void **state)
{
    scene *s = *state;
    assert_int_equal(dm_file_read("/proc/self/status", &s->b, NULL), 0);
    assert_true(dm_str_starts(dm_buf_view(&s->b), DM_STR("Name:")));
}

static void failures_leave_nothing_behind(void **state)
{
    scene *s = *state;
    dm_err err;
    assert_int_equal(dm_file_read(at(s, "none"), &s->b, &err), DM_E_NOTFOUND);
    assert_says(err, s->path);
    assert_int_equal(dm_file_read(s->dir, &s->b, &err), DM_E_IO);
    assert_int_equal(err.sys, EISDIR);
    assert_int_equal(dm_file_write(at(s, "no/such"), DM_STR("x"), 0600, &err), DM_E_NOTFOUND);
    /* The rename over a folder fails at the end; the bytes beside it go again. */
    assert_int_equal(dm_mkdir_p(at(s, "d"), 0755, NULL), 0);
    assert_int_equal(dm_file_write(s->path, DM_STR("x"), 0600, &err), DM_E_IO);
    assert_int_equal(rmdir(s->path), 0);
    assert_int_equal(rmdir(s->dir), 0); /* so it is empty */
    assert_int_equal(mkdir(s->dir, 0755), 0);
}

static void a_new_file_is_never_over_another(void **state)
{
    scene *s = *state;
    assert_int_equal(dm_file_write_new(at(s, "f"), DM_STR("first"), 0600, NULL), 0);
    assert_int_equal(dm_file_write_new(s->path, DM_STR("second"), 0600, NULL), DM_E_EXISTS);
    assert_int_equal(dm_file_read(s->path, &s->b, NULL), 0);
    assert_str(dm_buf_view(&s->b), "first");
    assert_int_equal(unlink(s->path), 0);
    assert_int_equal(rmdir(s->dir), 0); /* nothing lies beside it */
    assert_int_equal(mkdir(s->dir, 0755), 0);
}

static void a_bare_name_is_in_the_working_folder(void **state)
{
    scene *s = *state;
    DM_AUTO_FD was = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(s->dir), 0);
    assert_int_equal(dm_file_write("bare", DM_STR("x"), 0600, NULL), 0);
    assert_int_equal(dm_mkdir_p("a/b", 0700, NULL), 0);
    assert_int_equal(dm_remove_tree("a", NULL), 0);
    assert_int_equal(fchdir(was), 0);
    assert_int_equal(access(at(s, "bare"), F_OK), 0);
    assert_int_equal(access(at(s, "a"), F_OK), -1);
}

/* Links that somebody planted where a file is expected, and ways out of the folder. */
static void opens_through_no_link(void **state)
{
    scene *s = *state;
    char link[PATH_MAX], dir[PATH_MAX];
    dm_err err;
    struct stat st;
    put(s, "f", "good");
    (void)snprintf(dir, sizeof(dir), "%s/d", s->dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    put(s, "d/g", "below");
    (void)snprintf(link, sizeof(link), "%s/l", s->dir);
    assert_int_equal(symlink("f", link), 0);
    assert_int_equal(dm_file_read_plain(at(s, "f"), &s->b, NULL), 0);
    assert_int_equal(s->b.len, 4);
    assert_true(dm_file_read_plain(link, &s->b, &err) < 0);
    assert_true(dm_open_plain(link, O_WRONLY, 0, &err) < 0);
    assert_int_equal(dm_open_plain(link, O_WRONLY | O_CREAT, 0600, &err), DM_E_EXISTS);
    assert_int_equal(dm_open_plain(at(s, "f"), O_WRONLY | O_CREAT, 0600, &err), DM_E_EXISTS); /* anew, or not */
    DM_AUTO_FD below = dm_open_beneath(s->dir, "d/g", O_RDONLY, 0, NULL);
    assert_true(below >= 0);
    assert_true(dm_open_beneath(dir, "../f", O_RDONLY, 0, &err) < 0);
    assert_true(dm_open_beneath(dir, "/etc/passwd", O_RDONLY, 0, &err) < 0);
    /* The folder itself, or one on the way. */
    (void)snprintf(link, sizeof(link), "%s/k", s->dir);
    assert_int_equal(symlink("d", link), 0);
    assert_true(dm_open_beneath(link, "g", O_RDONLY, 0, &err) < 0);
    assert_true(dm_open_beneath(s->dir, "k/g", O_RDONLY, 0, &err) < 0);
    DM_AUTO_FD made = dm_open_beneath(s->dir, "d/new", O_WRONLY | O_CREAT, 0600, NULL);
    assert_int_equal(fstat(made, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true((fcntl(made, F_GETFD) & FD_CLOEXEC) != 0);
}

/* One that would keep its reader waiting for ever. */
static void reads_files_alone(void **state)
{
    scene *s = *state;
    dm_err err;
    assert_int_equal(mkfifo(at(s, "p"), 0600), 0);
    assert_int_equal(dm_file_read_plain(s->path, &s->b, &err), DM_E_INVALID);
    assert_true(dm_file_read_plain(s->dir, &s->b, &err) < 0);
}

/* --- short writes ------------------------------------------------------------------------------------------- */

typedef struct drain {
    int fd;
    size_t n;
} drain;

static void *drain_slowly(void *arg)
{
    drain *d = arg;
    char part[777];
    ssize_t n;
    while ((n = read(d->fd, part, sizeof(part))) > 0)
        d->n += (size_t)n;
    return NULL;
}

static void writes_all_through_a_pipe(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    drain d = {.fd = p[0]};
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, drain_slowly, &d), 0);
    DM_AUTO_MEM char *big = calloc(1, N);
    assert_non_null(big);
    assert_int_equal(dm_write_all(p[1], big, N, NULL), 0);
    (void)close(p[1]);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(d.n, N);
    (void)close(p[0]);
    dm_err err;
    assert_int_equal(dm_write_all(-1, big, 1, &err), DM_E_IO);
    assert_int_equal(err.sys, EBADF);
}

static void a_full_pipe_is_an_error(void **state)
{
    (void)state;
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    DM_AUTO_MEM char *big = calloc(1, 1 << 20);
    assert_non_null(big);
    dm_err err;
    assert_int_equal(dm_write_all(p[1], big, 1 << 20, &err), DM_E_IO);
    assert_int_equal(err.sys, EAGAIN);
    (void)close(p[0]);
    (void)close(p[1]);
}

static void reads_and_writes_in_place(void **state)
{
    scene *s = *state;
    DM_AUTO_FD fd = open(at(s, "f"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(dm_pwrite_all(fd, "abcdef", 6, 3, NULL), 0);
    char got[10];
    size_t n = 99;
    assert_int_equal(dm_pread_all(fd, got, sizeof(got), 0, &n, NULL), 0);
    assert_int_equal(n, 9);
    assert_memory_equal(got, "\0\0\0abcdef", 9);
    assert_int_equal(dm_pread_all(fd, got, 2, 4, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_memory_equal(got, "bc", 2);
    assert_int_equal(dm_pread_all(fd, got, 2, 100, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(dm_pread_all(-1, got, 2, 0, &n, NULL), DM_E_IO);
    assert_int_equal(dm_pwrite_all(-1, got, 2, 0, NULL), DM_E_IO);
}

/* --- folders ------------------------------------------------------------------------------------------------ */

static void makes_folders(void **state)
{
    scene *s = *state;
    dm_err err;
    assert_int_equal(dm_mkdir_p(at(s, "a//b/c/"), 0755, NULL), 0);
    assert_int_equal(dm_mkdir_p(s->path, 0755, NULL), 0);
    put(s, "file", "x");
    assert_int_equal(dm_mkdir_p(at(s, "file"), 0755, &err), DM_E_IO);
    assert_int_equal(err.sys, ENOTDIR);
    assert_int_equal(dm_mkdir_p(at(s, "file/below"), 0755, &err), DM_E_IO);
    assert_int_equal(dm_mkdir_p("", 0755, &err), DM_E_INVALID);
    assert_int_equal(dm_mkdir_p("/", 0755, &err), 0);
}

static void removes_a_tree_and_no_more(void **state)
{
    scene *s = *state;
    put(s, "kept", "x");
    assert_int_equal(dm_mkdir_p(at(s, "outside"), 0755, NULL), 0);
    put(s, "outside/kept", "x");
    assert_int_equal(dm_mkdir_p(at(s, "t/a/b"), 0755, NULL), 0);
    put(s, "t/a/f", "x");
    put(s, "t/.hidden", "x");
    char target[PATH_MAX];
    memcpy(target, at(s, "outside"), sizeof(target));
    assert_int_equal(symlink(target, at(s, "t/a/link")), 0);
    assert_int_equal(symlink("/nowhere", at(s, "t/dangling")), 0);
    for (unsigned i = 0; i < 2000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "t/a/b/%u", i);
        assert_int_equal(mknod(at(s, name), S_IFREG | 0600, 0), 0);
    }
    assert_int_equal(dm_remove_tree(at(s, "t//"), NULL), 0);
    assert_int_equal(access(at(s, "t"), F_OK), -1);
    assert_int_equal(access(at(s, "outside/kept"), F_OK), 0);
    assert_int_equal(access(at(s, "kept"), F_OK), 0);
    /* A link to a folder, and a file: only they go. */
    assert_int_equal(symlink(target, at(s, "link")), 0);
    assert_int_equal(dm_remove_tree(s->path, NULL), 0);
    assert_int_equal(access(at(s, "outside/kept"), F_OK), 0);
    assert_int_equal(dm_remove_tree(at(s, "kept"), NULL), 0);
    assert_int_equal(dm_remove_tree(at(s, "kept"), NULL), 0);
    assert_int_equal(dm_remove_tree(at(s, "no/such/thing"), NULL), 0);
    assert_int_equal(dm_remove_tree("/", NULL), DM_E_INVALID);
    assert_int_equal(dm_remove_tree(at(s, "outside/.."), NULL), DM_E_INVALID);
    assert_int_equal(dm_remove_tree(at(s, "."), NULL), DM_E_INVALID);
    assert_int_equal(dm_remove_tree("", NULL), DM_E_INVALID);
}

static void too_deep_a_tree_is_refused(void **state)
{
    scene *s = *state;
    DM_AUTO_FD was = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(s->dir), 0);
    for (int i = 0; i < 202; i++) {
        assert_int_equal(mkdir("d", 0755), 0);
        assert_int_equal(chdir("d"), 0);
    }
    assert_int_equal(dm_remove_tree(at(s, "d"), NULL), DM_E_LIMIT);
    /* Two levels less and it goes. */
    assert_int_equal(chdir("../.."), 0);
    assert_int_equal(rmdir("d/d"), 0);
    assert_int_equal(rmdir("d"), 0);
    assert_int_equal(fchdir(was), 0);
    assert_int_equal(dm_remove_tree(at(s, "d"), NULL), 0);
}

/* In a child, since it takes a mount namespace of its own. 77: not allowed here. */
static int remove_across_a_mount(scene *s)
{
    char outside[PATH_MAX];
    memcpy(outside, at(s, "outside"), sizeof(outside));
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(outside, at(s, "t/inner"), NULL, MS_BIND, NULL) < 0)
        return 77;
    dm_err err;
    if (dm_remove_tree(at(s, "t"), &err) != DM_E_IO || err.sys != EXDEV)
        return 1;
    return access(at(s, "outside/kept"), F_OK) == 0 ? 0 : 2;
}

static void stops_at_a_mount(void **state)
{
    scene *s = *state;
    assert_int_equal(dm_mkdir_p(at(s, "outside"), 0755, NULL), 0);
    put(s, "outside/kept", "x");
    assert_int_equal(dm_mkdir_p(at(s, "t/inner"), 0755, NULL), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(remove_across_a_mount(s));
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        print_message("not checked: no mount namespace without privileges\n");
    else
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void paths_fit_or_fail(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(dm_path(out, sizeof(out), NULL, "%s/%d", "abcd", 12), 0);
    assert_string_equal(out, "abcd/12");
    assert_int_equal(dm_path(out, sizeof(out), NULL, "%s/%d", "abcde", 12), DM_E_LIMIT);
    assert_string_equal(out, "");
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

int main(void)
{
    static const struct CMUnitTest tests[] = {
            IN_SCENE(opens_through_no_link),
            IN_SCENE(reads_files_alone),
            IN_SCENE(writes_and_reads_whole),
            IN_SCENE(reading_is_bounded_by_the_cap),
            IN_SCENE(reads_proc),
            IN_SCENE(failures_leave_nothing_behind),
            IN_SCENE(a_new_file_is_never_over_another),
            IN_SCENE(a_bare_name_is_in_the_working_folder),
            IN_SCENE(writes_all_through_a_pipe),
            IN_SCENE(a_full_pipe_is_an_error),
            IN_SCENE(reads_and_writes_in_place),
            IN_SCENE(makes_folders),
            IN_SCENE(removes_a_tree_and_no_more),
            IN_SCENE(too_deep_a_tree_is_refused),
            IN_SCENE(stops_at_a_mount),
            cmocka_unit_test(paths_fit_or_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
