/* tests/fuzz/fuzz.h: what a fuzz target is. With libFuzzer it is driven by mutated bytes; in every other build
 * tests/fuzz/replay.c drives it with the kept corpus, so that what was found once stays found. */
#ifndef DM_TESTS_FUZZ_FUZZ_H
#define DM_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold; unlike assert it stays in every build. */
#define HOLDS(cond)                                                                                                    \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            abort();                                                                                                   \
    } while (0)

#endif
