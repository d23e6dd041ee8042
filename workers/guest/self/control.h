/* workers/guest/self/control.h: the guest's end of the control channel (base/wire/guest.h): one port, one stream, one
 * request at a time. The worker is believed, its bytes are not: lines are bounded and parsed strictly. */
#ifndef DM_WORKERS_GUEST_SELF_CONTROL_H
#define DM_WORKERS_GUEST_SELF_CONTROL_H

#include "workers/guest/who/guest.h"

typedef struct dm_control dm_control;

/* fd is borrowed, non-blocking. Says ready after the first sync, and follows the kernel's log when there is one. */
int dm_control_new(dm_guest *g, int fd, dm_control **out, dm_err *err) DM_NODISCARD;
void dm_control_free(dm_control *c);
DM_DEFINE_FREEP(dm_control)

/* Says that the sandbox's own root is ending the machine. */
void dm_control_shutdown(dm_control *c);

#endif
