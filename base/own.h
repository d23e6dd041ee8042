/* base/own.h: ownership made visible. DM_AUTO(type) frees on every way out, dm_steal moves ownership in one
 * visible place, DM_AUTO_FD closes a descriptor. Nothing here has a .c file. */
#ifndef DM_BASE_OWN_H
#define DM_BASE_OWN_H

#include <stdlib.h>
#include <unistd.h>

#define DM_NODISCARD __attribute__((warn_unused_result))
#define DM_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define DM_UNUSED __attribute__((unused))

/* Makes DM_AUTO(type) possible for a type whose destructor is type_free(type *). */
#define DM_DEFINE_FREEP(type)                                                                                          \
    static inline DM_UNUSED void type##_freep(type **p)                                                                \
    {                                                                                                                  \
        type##_free(*p);                                                                                               \
        *p = NULL;                                                                                                     \
    }

#define DM_AUTO(type) __attribute__((cleanup(type##_freep), unused)) type *

static inline DM_UNUSED void dm_mem_freep(void *p)
{
    void **v = p;
    free(*v);
    *v = NULL;
}

/* A char *, or any plain malloc'd pointer. */
#define DM_AUTO_MEM __attribute__((cleanup(dm_mem_freep), unused))

static inline DM_UNUSED void dm_fd_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

#define DM_AUTO_FD __attribute__((cleanup(dm_fd_closep), unused)) int

static inline DM_UNUSED void *dm_steal_ptr(void *pp)
{
    void **p = pp;
    void *v = *p;
    *p = NULL;
    return v;
}

#define dm_steal(pp) ((__typeof__(*(pp)))dm_steal_ptr(pp))

static inline DM_UNUSED int dm_steal_fd(int *fd)
{
    int v = *fd;
    *fd = -1;
    return v;
}

#define DM_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
