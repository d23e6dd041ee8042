/* The kernel's tables, as it prints them and as it never would; and this machine's own. */
#include <arpa/inet.h>
#include <endian.h>

#include "tests/unit/test.h"
#include "workers/guest/self/listen.h"

/* Addresses are printed as words of this machine. */
#if __BYTE_ORDER == __LITTLE_ENDIAN
#define WORD(little, big) little
#else
#define WORD(little, big) big
#endif
#define LOOP WORD("0100007F", "7F000001")
#define OTHER_LOOP WORD("0200007F", "7F000002")
#define GUEST WORD("020014AC", "AC140002")
#define ZERO "00000000"
#define LOOP6 ZERO ZERO ZERO WORD("01000000", "00000001")
#define MAPPED ZERO ZERO WORD("FFFF0000", "0000FFFF") LOOP
#define TITLE "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST " 00000000:00000000 00:00000000 00000000     0        0 17 1 0000000000000000 100 0 0 10 0\n"
#define LISTENS(at, port) "   0: " at ":" port " 00000000:0000 0A" REST
#define TALKS(at, port) "   1: " at ":" port " 00000000:1234 01" REST

typedef struct row {
    const char *table;
    bool goes_on, outside, any6, loopback;
    const char *at;
} row;

static void reads_tables(void **state)
{
    (void)state;
    static const row rows[] = {
            {"", true, false, false, false, NULL},
            {TITLE, true, false, false, false, NULL},
            {TITLE LISTENS(ZERO, "1F90"), true, true, false, false, NULL},
            {TITLE LISTENS(GUEST, "1F90"), true, true, false, false, NULL},
            {TITLE LISTENS(LOOP, "1F90"), true, false, false, true, "127.0.0.1"},
            {TITLE LISTENS(LOOP, "1F91"), true, false, false, false, NULL},
            {TITLE LISTENS(OTHER_LOOP, "1F90") LISTENS(LOOP, "1F90"), true, false, false, true, "127.0.0.2"},
            {TITLE LISTENS(LOOP, "0016") LISTENS(ZERO, "1F90") LISTENS(LOOP, "1F90"), true, true, false, true,
                    "127.0.0.1"},
            {TITLE LISTENS(LOOP6, "1F90"), true, false, false, true, "::1"},
            {TITLE LISTENS(LOOP6, "1F90") LISTENS(MAPPED, "1F90"), true, false, false, true, "127.0.0.1"},
            {TITLE LISTENS(ZERO ZERO ZERO ZERO, "1F90"), true, false, true, false, NULL},
            {TITLE TALKS(LOOP, "1F90"), false, false, false, false, NULL},
            {TITLE TALKS(LOOP, "1F90") LISTENS(LOOP, "1F90"), false, false, false, false, NULL},
            {"   0: " LOOP ":1F90 00000000:0000 0A", true, false, false, false, NULL}, /* half a line */
            {"   0: 7F:1F90 00000000:0000 0A \n   0: " LOOP " 0 0A\n:\n   0: x:1F90 0:0 0A \n 0:\n", true, false, false,
                    false, NULL},
    };
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        dm_listening found = {.outside = false};
        char at[64] = "";
        size_t used;
        bool goes_on = dm_listen_take(dm_str_c(rows[i].table), 8080, &found, &used);
        if (found.loopback && found.at.sa.sa_family == AF_INET)
            (void)inet_ntop(AF_INET, &found.at.in.sin_addr, at, sizeof(at));
        else if (found.loopback)
            (void)inet_ntop(AF_INET6, &found.at.in6.sin6_addr, at, sizeof(at));
        if (goes_on != rows[i].goes_on || found.outside != rows[i].outside || found.any6 != rows[i].any6 ||
                found.loopback != rows[i].loopback || strcmp(at, rows[i].at != NULL ? rows[i].at : "") != 0)
            fail_msg("row %zu: %d %d %d %d %s", i, goes_on, found.outside, found.any6, found.loopback, at);
        assert_true(used <= strlen(rows[i].table));
    }
}

static int listener(const char *address, uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void sees_this_machine(void **state)
{
    (void)state;
    dm_listening found;
    uint16_t inner, outer;
    DM_AUTO_FD loop = listener("127.0.0.1", &inner);
    DM_AUTO_FD all = listener("0.0.0.0", &outer);
    assert_int_equal(dm_listen_now(inner, &found, NULL), 0);
    assert_true(found.loopback && !found.outside);
    assert_int_equal(ntohs(found.at.in.sin_port), inner);
    assert_int_equal(dm_listen_now(outer, &found, NULL), 0);
    assert_true(found.outside && !found.loopback);
    dm_fd_closep(&loop);
    assert_int_equal(dm_listen_now(inner, &found, NULL), 0);
    assert_false(found.loopback || found.outside || found.any6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_tables), cmocka_unit_test(sees_this_machine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
