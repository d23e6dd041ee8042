# The warning set and hardening every target is built with.
set(DM_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
    -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wformat=2 -Wvla -Wswitch-enum
    -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion -Wunused-result)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND DM_WARNINGS -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init -Wcast-align=strict
         -Walloca)
else()
    # The logging macro passes its fields through ##__VA_ARGS__, which both compilers take.
    list(APPEND DM_WARNINGS -Wno-gnu-zero-variadic-macro-arguments)
endif()
if(DM_WERROR)
    list(APPEND DM_WARNINGS -Werror)
endif()

add_compile_options(${DM_WARNINGS} -D_GNU_SOURCE -fstack-protector-strong -fno-common)
# Assertions stay on: a broken invariant stops the program, in production too.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        set(DM_FORTIFY -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -ftrivial-auto-var-init=zero)
    else()
        set(DM_FORTIFY -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
    endif()
    add_compile_options(${DM_FORTIFY} -fstack-clash-protection -fcf-protection=full)
endif()
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_definitions(DM_WITH_POINTS) # base/point.h
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-Wl,-z,relro,-z,now)
include_directories(${CMAKE_SOURCE_DIR})
