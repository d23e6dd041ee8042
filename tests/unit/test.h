/* tests/unit/test.h: cmocka with all it wants included before it, in that order. */
#ifndef DM_TESTS_UNIT_TEST_H
#define DM_TESTS_UNIT_TEST_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "base/str.h"

/* A dm_str against a literal. */
#define assert_str(s, z)                                                                                               \
    do {                                                                                                               \
        dm_str got_ = (s);                                                                                             \
        assert_int_equal(got_.n, sizeof(z) - 1);                                                                       \
        assert_memory_equal(got_.n > 0 ? got_.p : "", (z), sizeof(z) - 1);                                             \
    } while (0)

/* An error's message has these words somewhere. */
#define assert_says(err, words)                                                                                        \
    do {                                                                                                               \
        if (strstr((err).msg, (words)) == NULL)                                                                        \
            fail_msg("\"%s\" does not say \"%s\"", (err).msg, (words));                                                \
    } while (0)

#endif
