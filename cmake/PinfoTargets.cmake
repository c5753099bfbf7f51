# Warnings and sanitizers for every target of ours, and the two shapes of target the tree uses.

option(PINFO_ASAN "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(PINFO_TSAN "ThreadSanitizer" OFF)

add_library(pinfo_options INTERFACE)
target_compile_options(pinfo_options INTERFACE -Wall -Wextra -Werror)
target_include_directories(pinfo_options INTERFACE ${CMAKE_SOURCE_DIR})
if(PINFO_ASAN)
  target_compile_options(pinfo_options INTERFACE -fsanitize=address,undefined
                                                 -fno-sanitize-recover=undefined)
  target_link_options(pinfo_options INTERFACE -fsanitize=address,undefined)
endif()
if(PINFO_TSAN)
  target_compile_options(pinfo_options INTERFACE -fsanitize=thread)
  target_link_options(pinfo_options INTERFACE -fsanitize=thread)
endif()

# pinfo_library(NAME SOURCES ... [LINK ...]): a static library of one concept. LINK is public.
function(pinfo_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC pinfo_options ${ARG_LINK})
endfunction()

# pinfo_unit_test(NAME [OPTIMIZED] SOURCES ... [LINK ...]): a GoogleTest program, its cases known to
# CTest. The test's own sources are compiled without optimization, in a third of the time, unless
# what they hold is measured, or its stack frames are.
function(pinfo_unit_test name)
  cmake_parse_arguments(ARG "OPTIMIZED" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(NOT ARG_OPTIMIZED)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  target_link_libraries(${name} PRIVATE pinfo_options ${ARG_LINK} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit)
endfunction()
