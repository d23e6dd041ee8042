#include "workers/vmm/ram.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"

#include "workers/vmm/sparse.h"

enum { PAGE = 4096, STEP = 1024 * 1024, REGIONS = 512, MAPS_MAX = 1024 * 1024 };

/* PAGEMAP_SCAN is Linux 6.7's; the C library's headers may be older, so the kernel's interface is written down here. */
struct scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct region {
    uint64_t start, end, categories;
};
#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)
enum { IS_FILE = 1 << 2, IS_PRESENT = 1 << 3, IS_SWAPPED = 1 << 4 };

/* The same from a word of /proc/PID/pagemap, for older kernels. */
#define PM_PRESENT (1ULL << 63)
#define PM_SWAPPED (1ULL << 62)
#define PM_FILE (1ULL << 61)

static bool hex_of(dm_str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

bool dm_map_line_read(dm_str line, dm_map_line *out)
{
    dm_str start, end, perms, offset, device, inode;
    dm_map_line m;
    if (!dm_str_split(&line, '-', &start) || !dm_str_split(&line, ' ', &end) || !dm_str_split(&line, ' ', &perms) ||
            !dm_str_split(&line, ' ', &offset) || !dm_str_split(&line, ' ', &device) ||
            !dm_str_split(&line, ' ', &inode))
        return false;
    if (!hex_of(start, &m.start) || !hex_of(end, &m.end) || !hex_of(offset, &m.offset) || m.end <= m.start ||
            dm_parse_u64(inode, 0, UINT64_MAX, &m.inode, NULL) < 0)
        return false;
    *out = m;
    return true;
}

/* By inode, size and offset: some file systems show another device number here than stat does. */
static int find_mapping(int proc_fd, uint64_t inode, uint64_t size, uint64_t *out, dm_err *err)
{
    char path[64];
    DM_AUTO_BUF maps;
    dm_buf_init(&maps, MAPS_MAX);
    int r = dm_path(path, sizeof(path), err, "/proc/self/fd/%d/maps", proc_fd);
    if (r == 0)
        r = dm_file_read(path, &maps, err);
    if (r < 0)
        return dm_wrap(err, "read the process's mappings");
    dm_str rest = dm_buf_view(&maps), line;
    unsigned found = 0;
    while (dm_str_split(&rest, '\n', &line)) {
        dm_map_line m;
        if (dm_map_line_read(line, &m) && m.inode == inode && m.offset == 0 && m.end - m.start == size) {
            *out = m.start;
            found++;
        }
    }
    if (found == 1)
        return 0;
    return dm_fail(err, DM_E_NOTFOUND, "the guest's memory is mapped %u times, expected once", found);
}

int dm_ram_open(int proc_fd, int file_fd, uint64_t size, dm_ram *out, dm_err *err)
{
    struct stat st;
    if (fstat(file_fd, &st) < 0)
        return dm_fail_sys(err, errno, "stat the memory's file");
    uint64_t start = 0;
    int r = find_mapping(proc_fd, st.st_ino, size, &start, err);
    if (r < 0)
        return r;
    DM_AUTO_FD mem = openat(proc_fd, "mem", O_RDWR | O_CLOEXEC);
    if (mem < 0)
        return dm_fail_sys(err, errno, "open the process's memory");
    DM_AUTO_FD pagemap = openat(proc_fd, "pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0)
        return dm_fail_sys(err, errno, "open the process's page map");
    *out = (dm_ram){.start = start, .size = size};
    out->mem = dm_steal_fd(&mem);
    out->pagemap = dm_steal_fd(&pagemap);
    return 0;
}

void dm_ram_close(dm_ram *r)
{
    dm_fd_closep(&r->mem);
    dm_fd_closep(&r->pagemap);
}

struct saver {
    const dm_ram *ram;
    int out;
    uint8_t *buf; /* STEP bytes */
    uint64_t bytes;
};

/* [start, end) are addresses in the process. */
static int save_run(struct saver *s, uint64_t start, uint64_t end, dm_err *err)
{
    assert(start >= s->ram->start && end <= s->ram->start + s->ram->size);
    for (uint64_t at = start; at < end;) {
        size_t want = end - at < STEP ? (size_t)(end - at) : STEP, got;
        int r = dm_pread_all(s->ram->mem, s->buf, want, (off_t)at, &got, err);
        if (r == 0 && got != want)
            r = dm_fail(err, DM_E_UNAVAILABLE, "the process went away");
        if (r == 0)
            r = dm_pwrite_all(s->out, s->buf, want, (off_t)(at - s->ram->start), err);
        if (r < 0)
            return r;
        at += want;
        s->bytes += want;
    }
    return 0;
}

enum { SCAN_UNKNOWN = 1 }; /* the kernel has no PAGEMAP_SCAN */

static int save_by_scan(struct saver *s, dm_err *err)
{
    DM_AUTO_MEM struct region *regions = calloc(REGIONS, sizeof(*regions));
    if (regions == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to scan with");
    uint64_t end = s->ram->start + s->ram->size;
    for (uint64_t at = s->ram->start; at < end;) {
        struct scan_arg arg = {.size = sizeof(arg),
                .start = at,
                .end = end,
                .vec = (uint64_t)(uintptr_t)regions,
                .vec_len = REGIONS,
                .category_inverted = IS_FILE,
                .category_mask = IS_FILE,
                .category_anyof_mask = IS_PRESENT | IS_SWAPPED,
                .return_mask = IS_PRESENT | IS_SWAPPED};
        int n = ioctl(s->ram->pagemap, SCAN_IOCTL, &arg);
        if (n < 0 && (errno == ENOTTY || errno == EINVAL) && at == s->ram->start)
            return SCAN_UNKNOWN;
        if (n < 0)
            return dm_fail_sys(err, errno, "scan the page map");
        for (int i = 0; i < n; i++) {
            int r = save_run(s, regions[i].start, regions[i].end, err);
            if (r < 0)
                return r;
        }
        if (arg.walk_end <= at)
            return dm_fail(err, DM_E_UNAVAILABLE, "the process went away");
        at = arg.walk_end;
    }
    return 0;
}

static bool is_private(uint64_t word)
{
    return (word & PM_FILE) == 0 && (word & (PM_PRESENT | PM_SWAPPED)) != 0;
}

static int save_by_words(struct saver *s, dm_err *err)
{
    enum { WORDS = 4096 };
    DM_AUTO_MEM uint64_t *words = calloc(WORDS, sizeof(*words));
    if (words == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to scan with");
    uint64_t pages = s->ram->size / PAGE, first = s->ram->start / PAGE;
    for (uint64_t at = 0; at < pages; at += WORDS) {
        size_t n = pages - at < WORDS ? (size_t)(pages - at) : WORDS, got;
        int r = dm_pread_all(s->ram->pagemap, words, n * 8, (off_t)((first + at) * 8), &got, err);
        if (r == 0 && got != n * 8)
            r = dm_fail(err, DM_E_UNAVAILABLE, "the process went away");
        for (size_t i = 0, end; r == 0 && i < n; i = end + 1) {
            for (end = i; end < n && is_private(words[end]); end++)
                ;
            if (end > i)
                r = save_run(s, (first + at + i) * PAGE, (first + at + end) * PAGE, err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* The page map of a process that has ended is empty, which reads like a guest that wrote nothing. Memory that can be
 * read afterwards was there all the time. */
static int still_there(const dm_ram *ram, dm_err *err)
{
    char byte;
    size_t got;
    int r = dm_pread_all(ram->mem, &byte, 1, (off_t)ram->start, &got, err);
    return r < 0 || got == 1 ? r : dm_fail(err, DM_E_UNAVAILABLE, "the process went away");
}

int dm_ram_save(const dm_ram *ram, int out_fd, uint64_t *bytes, dm_err *err)
{
    struct saver s = {.ram = ram, .out = out_fd, .buf = malloc(STEP)};
    if (s.buf == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to copy with");
    int r = save_by_scan(&s, err);
    if (r == SCAN_UNKNOWN)
        r = save_by_words(&s, err);
    if (r == 0)
        r = still_there(ram, err);
    free(s.buf);
    if (r == 0)
        *bytes = s.bytes;
    return r < 0 ? dm_wrap(err, "save the guest's memory") : 0;
}

struct poker {
    const dm_ram *ram;
    const uint8_t *delta; /* the whole file, mapped */
};

static int poke_run(void *arg, uint64_t at, uint64_t length, dm_err *err)
{
    const struct poker *p = arg;
    if (at > p->ram->size || length > p->ram->size - at)
        return dm_fail(err, DM_E_CORRUPT, "the delta is larger than the guest's memory");
    return dm_pwrite_all(p->ram->mem, p->delta + at, length, (off_t)(p->ram->start + at), err);
}

int dm_ram_poke(const dm_ram *ram, int delta_fd, dm_err *err)
{
    struct stat st;
    if (fstat(delta_fd, &st) < 0)
        return dm_fail_sys(err, errno, "stat the delta");
    if ((uint64_t)st.st_size != ram->size)
        return dm_fail(err, DM_E_CORRUPT, "the delta is not of the size of the guest's memory");
    void *delta = mmap(NULL, ram->size, PROT_READ, MAP_PRIVATE, delta_fd, 0);
    if (delta == MAP_FAILED)
        return dm_fail_sys(err, errno, "map the delta");
    (void)madvise(delta, ram->size, MADV_SEQUENTIAL);
    int r = dm_sparse_each(delta_fd, poke_run, &(struct poker){.ram = ram, .delta = delta}, err);
    (void)munmap(delta, ram->size);
    return r < 0 ? dm_wrap(err, "restore the guest's memory") : 0;
}
