/* tenants/who/uses.h: when keys were last used, gathered here and written now and then: a request must not cost a
 * write, and ten thousand of one key not more than one. What is gathered and not yet written is lost with a process
 * that dies: it is shown, and nothing is judged by it. Thread-safe; one thread writes. */
#ifndef DM_TENANTS_WHO_USES_H
#define DM_TENANTS_WHO_USES_H

#include "base/pg.h"
#include "base/wire/number.h"

typedef struct dm_uses dm_uses;

int dm_uses_new(dm_uses **out, dm_err *err) DM_NODISCARD;
void dm_uses_free(dm_uses *u);
DM_DEFINE_FREEP(dm_uses)

/* Past DM_USES_MAX keys between two writes the rest is not remembered. */
void dm_uses_add(dm_uses *u, dm_key_no key, int64_t at_us);
/* Role dm_ops, one statement in a transaction of its own; none where nothing was used. What could not be written is
 * remembered still. */
int dm_uses_write(dm_uses *u, dm_pg_pool *ops, dm_err *err) DM_NODISCARD;

#endif
