/* workers/guest/self/listen.h: who listens on a TCP port of this machine, as /proc/net/tcp and tcp6 tell. */
#ifndef DM_WORKERS_GUEST_SELF_LISTEN_H
#define DM_WORKERS_GUEST_SELF_LISTEN_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buf.h"

typedef struct dm_listening {
    bool outside;  /* on an address that others reach, or on 0.0.0.0 */
    bool any6;     /* on ::, which mostly takes IPv4 as well */
    bool loopback; /* on 127.x.x.x or ::1: at says where */
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } at;
} dm_listening;

/* Reads what whole lines there are. False when it has seen a socket that does not listen: the kernel lists those that
 * do first. IPv4 wins over IPv6. *used: up to the end of the last whole line. */
bool dm_listen_take(dm_str table, uint16_t port, dm_listening *out, size_t *used);

/* Of this network namespace, now. Reads at most 1 MiB of each table. */
int dm_listen_now(uint16_t port, dm_listening *out, dm_err *err) DM_NODISCARD;

#endif
