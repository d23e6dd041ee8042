#include "workers/guest/self/listen.h"

#include <errno.h>
#include <fcntl.h>

#include "base/parse.h"

enum { TABLE_MAX = 1 << 20, READ = 16 * 1024, LISTEN = 0x0a };

/* "0100007F" or four such words: each is a word of the address as it lies in memory, printed as a number. */
static size_t read_address(dm_str hex, uint8_t out[16])
{
    uint8_t bytes[16];
    if ((hex.n != 8 && hex.n != 32) || dm_parse_hex(hex, bytes, hex.n / 2, NULL) < 0)
        return 0;
    for (size_t i = 0; i < hex.n / 2; i += 4) {
        uint32_t word = (uint32_t)bytes[i] << 24 | (uint32_t)bytes[i + 1] << 16 | (uint32_t)bytes[i + 2] << 8 |
                        (uint32_t)bytes[i + 3];
        memcpy(out + i, &word, sizeof(word));
    }
    return hex.n / 2;
}

static void found4(const uint8_t address[4], uint16_t port, dm_listening *out)
{
    if (address[0] != 127) {
        out->outside = true;
        return;
    }
    if (out->loopback && out->at.sa.sa_family == AF_INET)
        return;
    out->loopback = true;
    out->at.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&out->at.in.sin_addr, address, 4);
}

static void found6(const uint8_t address[16], uint16_t port, dm_listening *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct in6_addr a;
    memcpy(&a, address, sizeof(a));
    if (memcmp(address, mapped, sizeof(mapped)) == 0) {
        found4(address + sizeof(mapped), port, out);
    } else if (IN6_IS_ADDR_UNSPECIFIED(&a)) {
        out->any6 = true;
    } else if (IN6_IS_ADDR_LOOPBACK(&a) && !out->loopback) {
        out->loopback = true;
        out->at.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = a};
    } /* another address of IPv6: there is none that the door could dial */
}

static bool next_word(dm_str *rest, dm_str *out)
{
    while (dm_str_split(rest, ' ', out))
        if (out->n > 0)
            return true;
    return false;
}

/* "0: 0100007F:1F90 00000000:0000 0A ..." False: it does not listen. What is no such line says nothing. */
static bool take_line(dm_str line, uint16_t port, dm_listening *out)
{
    dm_str number, local, remote, state, address;
    uint8_t st, at[2], bytes[16];
    if (!next_word(&line, &number) || number.p[number.n - 1] != ':' || !next_word(&line, &local) ||
            !next_word(&line, &remote) || !next_word(&line, &state) || state.n != 2 ||
            dm_parse_hex(state, &st, 1, NULL) < 0)
        return true;
    if (st != LISTEN)
        return false;
    size_t n = dm_str_split(&local, ':', &address) && local.n == 4 ? read_address(address, bytes) : 0;
    if (n == 0 || dm_parse_hex(local, at, sizeof(at), NULL) < 0 || (at[0] << 8 | at[1]) != port)
        return true;
    if (n == 4)
        found4(bytes, port, out);
    else
        found6(bytes, port, out);
    return true;
}

bool dm_listen_take(dm_str table, uint16_t port, dm_listening *out, size_t *used)
{
    const char *end;
    *used = 0;
    while (*used < table.n && (end = memchr(table.p + *used, '\n', table.n - *used)) != NULL) {
        dm_str line = {table.p + *used, (size_t)(end - table.p) - *used};
        *used += line.n + 1;
        if (!take_line(line, port, out))
            return false;
    }
    return true;
}

static int read_table(const char *path, uint16_t port, dm_listening *out, dm_err *err)
{
    DM_AUTO_BUF b;
    size_t total = 0, used;
    dm_buf_init(&b, 2 * READ);
    DM_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* a kernel without IPv6 */
        return errno == ENOENT ? 0 : dm_fail_sys(err, errno, "open %s", path);
    while (total < TABLE_MAX) {
        char *to = dm_buf_want(&b, READ);
        if (to == NULL) /* a line that does not end */
            return 0;
        ssize_t n = read(fd, to, READ);
        if (n < 0)
            return dm_fail_sys(err, errno, "read %s", path);
        if (n == 0)
            return 0;
        dm_buf_grew(&b, (size_t)n);
        total += (size_t)n;
        if (!dm_listen_take(dm_buf_view(&b), port, out, &used))
            return 0;
        dm_buf_eat(&b, used);
    }
    return 0;
}

int dm_listen_now(uint16_t port, dm_listening *out, dm_err *err)
{
    dm_listening found = {.outside = false};
    int r = read_table("/proc/net/tcp", port, &found, err);
    if (r == 0)
        r = read_table("/proc/net/tcp6", port, &found, err);
    if (r == 0)
        *out = found;
    return r;
}
