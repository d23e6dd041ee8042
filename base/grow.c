#include "base/grow.h"

#include <string.h>

enum { FIRST_ROOM = 8 };

int dm_grow_array(void *array, size_t size, size_t *room, size_t n, size_t max, const char *what, dm_err *err)
{
    if (n >= max)
        return dm_fail(err, DM_E_LIMIT, "more than %zu %s", max, what);
    if (n < *room)
        return 0;
    size_t more = *room > max / 2 ? max : *room * 2;
    if (more < FIRST_ROOM)
        more = max < FIRST_ROOM ? max : FIRST_ROOM;
    size_t bytes;
    void *p;
    memcpy(&p, array, sizeof(p)); /* a T * is read as what it is, not as a void * it was never stored as */
    p = __builtin_mul_overflow(more, size, &bytes) ? NULL : realloc(p, bytes);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu %s", more, what);
    memcpy(array, &p, sizeof(p));
    *room = more;
    return 0;
}
