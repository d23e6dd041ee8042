#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"

#include "tests/unit/test.h"
#include "workers/vmm/jail/cell.h"
#include "workers/vmm/jail/group.h"

enum { NO = 7 };

/* This process's own, so that programs, and checkouts, may run side by side. */
static const char *ours(void)
{
    static char name[32];
    (void)snprintf(name, sizeof(name), "dormouse-unittest-%d", (int)getpid());
    return name;
}

static void finds_each_where_it_is(void **state)
{
    (void)state;
    dm_group_mount at[DM_CONTROLLERS];
    /* The old way, with the new one beside it for nothing. */
    dm_group_mounts(
            DM_STR("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
                   "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n"
                   "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                   "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
                   "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"),
            at);
    assert_string_equal(at[DM_GROUP_CPU].dir, "/sys/fs/cgroup/cpu,cpuacct");
    assert_string_equal(at[DM_GROUP_MEMORY].dir, "/sys/fs/cgroup/memory");
    assert_string_equal(at[DM_GROUP_PIDS].dir, "/sys/fs/cgroup/pids");
    assert_false(at[DM_GROUP_CPU].v2 || at[DM_GROUP_MEMORY].v2 || at[DM_GROUP_PIDS].v2);
    assert_string_equal(at[DM_GROUP_IO].dir, "/sys/fs/cgroup/unified");
    assert_true(at[DM_GROUP_IO].v2);
    /* The new way alone. */
    dm_group_mounts(DM_STR("30 23 0:27 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"), at);
    for (int c = 0; c < DM_CONTROLLERS; c++) {
        assert_string_equal(at[c].dir, "/sys/fs/cgroup");
        assert_true(at[c].v2);
    }
    /* None, and lines that are none. */
    dm_group_mounts(DM_STR("\nx\n1 2 3 4 5\n1 2 3 4 /a rw - cgroup\n- - - - - - -\n"), at);
    for (int c = 0; c < DM_CONTROLLERS; c++)
        assert_string_equal(at[c].dir, "");
}

/* As it reads back, 0: it is not there. */
static uint64_t value(const char *dir, const char *file)
{
    char path[PATH_MAX + 128];
    uint64_t v = 0;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 256);
    assert_int_equal(dm_path(path, sizeof(path), NULL, "%s/%s/%d/%s", dir, ours(), (int)NO, file), 0);
    if (dm_file_read(path, &b, NULL) < 0)
        return 0;
    dm_str text = dm_str_trim(dm_buf_view(&b)), word = text;
    while (dm_str_split(&text, ' ', &word)) /* io.weight: "default 80" */
        ;
    return dm_parse_u64(word, 0, UINT64_MAX, &v, NULL) == 0 ? v : 0;
}

static void remove_all(const dm_group_mount at[DM_CONTROLLERS])
{
    char path[PATH_MAX + 128];
    for (int c = 0; c < DM_CONTROLLERS; c++) {
        assert_int_equal(dm_path(path, sizeof(path), NULL, "%s/%s/%d", at[c].dir, ours(), (int)NO), 0);
        (void)rmdir(path);
        *strrchr(path, '/') = '\0';
        (void)rmdir(path);
    }
}

static bool is_in(pid_t pid, const char *controller)
{
    char path[64], place[64];
    DM_AUTO_BUF b;
    dm_str rest, line;
    dm_buf_init(&b, 65536);
    (void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
    (void)snprintf(place, sizeof(place), "/%s/%d", ours(), (int)NO);
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    rest = dm_buf_view(&b);
    while (dm_str_split(&rest, '\n', &line))
        if (memmem(line.p, line.n, controller, strlen(controller)) != NULL &&
                memmem(line.p, line.n, place, strlen(place)) != NULL)
            return true;
    return false;
}

/* Whoever is a single thread joins as one: nobody else on the host is to wait for it. */
static bool joins_as_thread(int fd)
{
    char link[64], path[PATH_MAX];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    assert_true(n > 0);
    path[n] = '\0';
    return strcmp(strrchr(path, '/'), "/tasks") == 0;
}

/* On this machine's own hierarchies, whichever it has. */
static void bounds_who_joins(void **state)
{
    (void)state;
    dm_group_mount at[DM_CONTROLLERS];
    DM_AUTO(dm_groups) g = NULL;
    DM_AUTO_BUF mounts;
    int fds[DM_GROUP_FDS];
    size_t n = 0;
    if (geteuid() != 0) {
        print_message("      skipped: it makes control groups: root only\n");
        skip();
    }
    dm_buf_init(&mounts, 1 << 22);
    assert_int_equal(dm_file_read("/proc/self/mountinfo", &mounts, NULL), 0);
    dm_group_mounts(dm_buf_view(&mounts), at);
    assert_int_equal(dm_groups_new(ours(), &g, NULL), 0);
    print_message("      lacking: \"%s\"\n", dm_groups_lacking(g));
    bool memory = strstr(dm_groups_lacking(g), "memory") == NULL, cpu = strstr(dm_groups_lacking(g), "cpu") == NULL,
         pids = strstr(dm_groups_lacking(g), "pids") == NULL;
    if (!memory && !cpu && !pids)
        skip();
    assert_int_equal(dm_group_make(g, NO, 256, DM_GROUP_HURRY, NULL), 0);
    if (memory)
        assert_int_equal(
                value(at[DM_GROUP_MEMORY].dir, at[DM_GROUP_MEMORY].v2 ? "memory.max" : "memory.limit_in_bytes"),
                (256 + DM_GROUP_MEM_MIB) << 20);
    if (pids)
        assert_int_equal(value(at[DM_GROUP_PIDS].dir, "pids.max"), DM_JAIL_TASKS);
    const char *weight = at[DM_GROUP_CPU].v2 ? "cpu.weight" : "cpu.shares";
    uint64_t hurried = value(at[DM_GROUP_CPU].dir, weight);
    assert_int_equal(dm_group_weigh(g, NO, 1, NULL), 0);
    uint64_t one = value(at[DM_GROUP_CPU].dir, weight);
    assert_int_equal(dm_group_weigh(g, NO, 8, NULL), 0);
    if (cpu) {
        assert_int_equal(value(at[DM_GROUP_CPU].dir, weight), one * 8);
        assert_true(hurried >= one * 8 * 4);
    }
    assert_int_equal(dm_group_join(g, NO, fds, &n, NULL), 0);
    assert_true(n >= 1);
    if (memory && !at[DM_GROUP_MEMORY].v2)
        assert_true(joins_as_thread(fds[0]));
    pid_t pid = fork();
    if (pid == 0) {
        for (size_t i = 0; i < n; i++)
            if (write(fds[i], "0", 1) != 1)
                _exit(1);
        (void)pause();
        _exit(0);
    }
    for (int i = 0; i < 200 && !(is_in(pid, pids ? "pids" : cpu ? "cpu" : "memory") || is_in(pid, "0::")); i++)
        (void)usleep(10000);
    assert_true(!memory || at[DM_GROUP_MEMORY].v2 || is_in(pid, "memory"));
    assert_true(!cpu || at[DM_GROUP_CPU].v2 || is_in(pid, "cpu"));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (size_t i = 0; i < n; i++)
        (void)close(fds[i]);
    /* The slot's next machine: another size, and somebody waits for it. */
    assert_int_equal(dm_group_make(g, NO, 128, DM_GROUP_HURRY, NULL), 0);
    if (cpu)
        assert_int_equal(value(at[DM_GROUP_CPU].dir, weight), hurried);
    remove_all(at);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(finds_each_where_it_is), cmocka_unit_test(bounds_who_joins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
