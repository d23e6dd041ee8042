/* The memory of a child that maps a file as a VMM maps its guest's memory. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/vmmrig.h"
#include "workers/vmm/ram.h"

enum { PAGE = 4096, PAGES = 4096, SIZE = PAGE * PAGES };

typedef struct child {
    pid_t pid;
    int dir; /* /proc/PID */
    int go;  /* a byte makes it do the next thing */
    int did;
} child;

/* Touches its private mapping: some pages written, some only read. */
static void child_body(int file, int go, int did)
{
    char byte;
    char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (p == MAP_FAILED)
        _exit(1);
    for (size_t i = 0; i < 300; i++) {
        size_t page = i * 13 % PAGES;
        p[page * PAGE + 5] = (char)('a' + i % 26);
    }
    volatile char sum = 0;
    for (size_t i = 0; i < PAGES; i += 7)
        sum = (char)(sum + p[i * PAGE]);
    p[100 * PAGE] = 0; /* a page of zeros over one that is not */
    memset(p + 100 * PAGE, 0, PAGE);
    if (write(did, "x", 1) != 1 || read(go, &byte, 1) != 1)
        _exit(1);
    /* Tells what it sees at a place that the test has poked. */
    if (write(did, p + 2000 * PAGE + 1, 1) == 1)
        (void)pause();
    _exit(0);
}

static void child_start(child *c, int file)
{
    int go[2], did[2];
    char byte, path[64];
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pipe2(did, O_CLOEXEC), 0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid == 0)
        child_body(file, go[0], did[1]);
    (void)close(go[0]);
    (void)close(did[1]);
    c->go = go[1];
    c->did = did[0];
    assert_int_equal(read(c->did, &byte, 1), 1);
    (void)snprintf(path, sizeof(path), "/proc/%d", (int)c->pid);
    c->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(c->dir >= 0);
}

static void child_stop(child *c)
{
    assert_int_equal(kill(c->pid, SIGKILL), 0);
    assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
    (void)close(c->dir);
    (void)close(c->go);
    (void)close(c->did);
}

static int make(const rig *g, const char *name, char fill)
{
    char path[128], buf[PAGE];
    int fd = open(rig_path(g, name, path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    memset(buf, fill, sizeof(buf));
    for (int i = 0; fill != 0 && i < PAGES; i++)
        assert_int_equal(pwrite(fd, buf, PAGE, (off_t)i * PAGE), PAGE);
    return fd;
}

static char at(int fd, off_t where)
{
    char c;
    assert_int_equal(pread(fd, &c, 1, where), 1);
    return c;
}

static void delta_is_what_was_written(void **state)
{
    rig *g = *state;
    child c;
    uint64_t bytes = 0;
    DM_AUTO_FD base = make(g, "base", 'B');
    DM_AUTO_FD delta = make(g, "delta", 0);
    child_start(&c, base);
    DM_AUTO_RAM ram = {.mem = -1, .pagemap = -1};
    assert_int_equal(dm_ram_open(c.dir, base, SIZE, &ram, NULL), 0);
    assert_int_equal(dm_ram_save(&ram, delta, &bytes, NULL), 0);
    struct stat st;
    assert_int_equal(fstat(delta, &st), 0);
    assert_int_equal(bytes, 301 * PAGE);
    assert_int_equal(st.st_blocks, 301 * PAGE / 512);
    assert_int_equal(at(delta, 13 * PAGE + 5), 'b');
    assert_int_equal(at(delta, 13 * PAGE + 6), 'B');
    assert_int_equal(at(delta, 14 * PAGE), 0); /* only read: a hole */
    off_t data = lseek(delta, 100 * PAGE, SEEK_DATA);
    assert_int_equal(data, 100 * PAGE); /* zeros that were written are data: the base is not zero there */
    child_stop(&c);
}

static void poke_puts_it_there(void **state)
{
    rig *g = *state;
    child c;
    char seen;
    DM_AUTO_FD base = make(g, "base", 'B');
    DM_AUTO_FD delta = make(g, "delta", 0);
    assert_int_equal(pwrite(delta, "pqr", 3, (off_t)2000 * PAGE), 3);
    child_start(&c, base);
    DM_AUTO_RAM ram = {.mem = -1, .pagemap = -1};
    assert_int_equal(dm_ram_open(c.dir, base, SIZE, &ram, NULL), 0);
    assert_int_equal(dm_ram_poke(&ram, delta, NULL), 0);
    assert_int_equal(write(c.go, "x", 1), 1);
    assert_int_equal(read(c.did, &seen, 1), 1);
    assert_int_equal(seen, 'q');
    assert_int_equal(at(base, (off_t)2000 * PAGE + 1), 'B'); /* the base is nobody's to change */
    child_stop(&c);
}

static void refusals(void **state)
{
    rig *g = *state;
    child c;
    dm_err err;
    uint64_t bytes;
    DM_AUTO_FD base = make(g, "base", 'B');
    DM_AUTO_FD other = make(g, "other", 0);
    child_start(&c, base);
    DM_AUTO_RAM ram = {.mem = -1, .pagemap = -1};
    assert_int_equal(dm_ram_open(c.dir, other, SIZE, &ram, &err), DM_E_NOTFOUND);
    assert_int_equal(dm_ram_open(c.dir, base, SIZE / 2, &ram, &err), DM_E_NOTFOUND);
    assert_int_equal(dm_ram_open(c.dir, base, SIZE, &ram, &err), 0);
    assert_int_equal(ftruncate(other, SIZE + PAGE), 0);
    assert_int_equal(dm_ram_poke(&ram, other, &err), DM_E_CORRUPT);
    assert_int_equal(ftruncate(other, SIZE), 0);
    child_stop(&c);
    assert_true(dm_ram_save(&ram, other, &bytes, &err) < 0); /* gone meanwhile */
    assert_int_equal(pwrite(other, "x", 1, 0), 1);
    assert_true(dm_ram_poke(&ram, other, &err) < 0);
}

static void map_lines(void **state)
{
    (void)state;
    dm_map_line m;
    assert_true(dm_map_line_read(
            dm_str_c("7f0000000000-7f0020000000 rw-p 00001000 fe:00 131072          /a/ram file"), &m));
    assert_int_equal(m.start, 0x7f0000000000);
    assert_int_equal(m.end, 0x7f0020000000);
    assert_int_equal(m.offset, 0x1000);
    assert_int_equal(m.inode, 131072);
    static const char *const bad[] = {"", "-", "7f-7f rw-p 0 0:0 1", "zz-7f rw-p 0 0:0 1", "1-2 rw-p 0 0:0",
            "1-2 rw-p x 0:0 1", "1-2 rw-p 0 0:0 -1", "11111111111111111-2 rw-p 0 0:0 1"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_false(dm_map_line_read(dm_str_c(bad[i]), &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(delta_is_what_was_written, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(poke_puts_it_there, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(refusals, rig_open, rig_close),
            cmocka_unit_test(map_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
