/* base/http_listen.h: the sockets a server listens on: a TCP port, a path, or both. For http.c. */
#ifndef DM_BASE_HTTP_LISTEN_H
#define DM_BASE_HTTP_LISTEN_H

#include <poll.h>
#include <sys/socket.h>

#include "base/str.h"

enum { DM_LISTEN_MAX = 2 };
enum { DM_ACCEPT_PAUSE = -2 }; /* no descriptors or memory: the connection stays where it is, try again later */

typedef struct dm_listeners dm_listeners;

/* address (IPv4) or path may be NULL, not both. Port 0: the kernel chooses. The path gets mode 0660; one that is left
 * over from a dead process is replaced, one that somebody answers on is DM_E_EXISTS. */
int dm_listeners_new(
        const char *address, uint16_t port, const char *path, dm_listeners **out, dm_err *err) DM_NODISCARD;
void dm_listeners_free(dm_listeners *l); /* takes the path away if it is still ours */
DM_DEFINE_FREEP(dm_listeners)
uint16_t dm_listeners_port(const dm_listeners *l); /* 0 without TCP */

/* Fills what to poll for and returns how many. */
nfds_t dm_listeners_poll(const dm_listeners *l, struct pollfd out[DM_LISTEN_MAX]);

/* A descriptor, -1 when there is none after all, or DM_ACCEPT_PAUSE. */
int dm_listeners_accept(int fd, struct sockaddr_storage *addr, socklen_t *len);

#endif
