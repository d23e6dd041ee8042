/* workers/guest/self/resume.h: becoming this sandbox: clock, randomness, name, identity, connections. */
#ifndef DM_WORKERS_GUEST_SELF_RESUME_H
#define DM_WORKERS_GUEST_SELF_RESUME_H

#include "workers/guest/who/guest.h"

/* Once per generation: a repeat changes nothing. An older generation is DM_E_CONFLICT. A fresh sandbox in the memory of
 * another begins anew at any generation: it is a fork, and the machine has other numbers from here on. */
int dm_resume(dm_guest *g, const dm_guest_resume *m, dm_err *err) DM_NODISCARD;

/* Walks the same ways with what is true already, so that they are warm when it counts. Changes nothing. */
void dm_resume_rehearse(dm_guest *g);

#endif
