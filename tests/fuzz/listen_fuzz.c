/* /proc/net/tcp is the kernel's, but what stands in it is the tenant's: whatever it says, what is found is on the
 * loopback address and on the port that was asked for, and what is used are whole lines. */
#include <arpa/inet.h>

#include "tests/fuzz/fuzz.h"
#include "workers/guest/self/listen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dm_listening found = {.outside = false};
    size_t used;
    bool goes_on = dm_listen_take((dm_str){(const char *)data, size}, 8080, &found, &used);
    HOLDS(used <= size && (used == 0 || data[used - 1] == '\n'));
    HOLDS(!goes_on || used == size || memchr(data + used, '\n', size - used) == NULL);
    if (!found.loopback)
        return 0;
    if (found.at.sa.sa_family == AF_INET)
        HOLDS(ntohl(found.at.in.sin_addr.s_addr) >> 24 == 127 && found.at.in.sin_port == htons(8080));
    else
        HOLDS(IN6_IS_ADDR_LOOPBACK(&found.at.in6.sin6_addr) && found.at.in6.sin6_port == htons(8080));
    return 0;
}
