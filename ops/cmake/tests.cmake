# dm_unit_tests(FOLDER LIBS...): each tests/unit/FOLDER/NOUN_test.c is one cmocka program and one ctest case.
find_library(CMOCKA_LIB cmocka)
function(dm_unit_tests folder)
    if(NOT CMOCKA_LIB)
        message(WARNING "cmocka is not installed: unit tests of ${folder} are not built")
        return()
    endif()
    file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${folder}/*_test.c)
    foreach(test ${tests})
        get_filename_component(noun ${test} NAME_WE)
        string(REPLACE "/" "-" name "${folder}-${noun}")
        add_executable(${name} ${test})
        target_link_libraries(${name} PRIVATE ${ARGN} ${CMOCKA_LIB})
        # An optimizer does not know that what fails here ends the test: a NULL is not gone on with, a text that was cut is not
        # what the server knows.
        target_compile_options(${name} PRIVATE $<$<C_COMPILER_ID:GNU>:-Wno-null-dereference;-Wno-format-truncation>)
        # A test that includes this header decides which allocation of our code fails.
        file(STRINGS ${test} fails_allocations REGEX "tests/unit/alloc_fail.h")
        if(fails_allocations)
            target_link_options(${name} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray)
        endif()
        add_test(NAME unit/${folder}/${noun} COMMAND ${name})
        set_tests_properties(unit/${folder}/${noun} PROPERTIES TIMEOUT 300)
    endforeach()
endfunction()

# dm_fuzz(NAME SOURCE LIBS...): a libFuzzer program, in the fuzz preset only.
function(dm_fuzz name source)
    if(DM_FUZZ)
        add_executable(${name} ${source})
        target_link_libraries(${name} PRIVATE ${ARGN})
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    endif()
endfunction()
