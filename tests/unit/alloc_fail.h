/* tests/unit/alloc_fail.h: lets the nth allocation of our code fail. A test that includes this is linked with --wrap,
 * so that calls in our objects (not in shared libraries) come through here. The pattern:
 *
 *     for (alloc_fail_at(0); alloc_fail_next(); ) {
 *         int r = the_operation();
 *         if (alloc_fail_hit())
 *             assert_int_equal(r, DM_E_NOMEM);
 *         else
 *             assert_int_equal(r, 0);
 *     }
 *
 * runs the operation with its first allocation failed, then the second, and so on, until none was left to fail. */
#ifndef DM_TESTS_UNIT_ALLOC_FAIL_H
#define DM_TESTS_UNIT_ALLOC_FAIL_H

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

/* A test program is one translation unit and one thread: the only place where file-scope state is the simple way. */
static struct {
    bool on;
    bool hit;
    bool started;
    long turn; /* which allocation fails, from 0 */
    long seen;
} alloc_fail;

static inline bool alloc_fails_now(void)
{
    if (!alloc_fail.on || alloc_fail.seen++ != alloc_fail.turn)
        return false;
    alloc_fail.hit = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return alloc_fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return alloc_fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return alloc_fails_now() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return alloc_fails_now() ? NULL : __real_reallocarray(p, n, size);
}

static inline void alloc_fail_at(long turn)
{
    alloc_fail.on = false;
    alloc_fail.hit = false;
    alloc_fail.started = false;
    alloc_fail.turn = turn;
    alloc_fail.seen = 0;
}

/* Whether the armed failure happened; disarms. */
static inline bool alloc_fail_hit(void)
{
    alloc_fail.on = false;
    return alloc_fail.hit;
}

/* Arms the next turn; false once a turn went by without a failure. */
static inline bool alloc_fail_next(void)
{
    alloc_fail.on = false;
    if (alloc_fail.started) {
        if (!alloc_fail.hit)
            return false;
        alloc_fail.turn++;
    }
    alloc_fail.started = true;
    alloc_fail.hit = false;
    alloc_fail.seen = 0;
    alloc_fail.on = true;
    return true;
}

#endif
