# A Debian package: `./dev package`, or cmake -DPINFO_PACKAGE=ON and cpack. Files stand where Debian
# expects them; shared libraries become dependencies by dpkg-shlibdeps.
option(PINFO_PACKAGE "Man pages, completions and a Debian package; needs help2man and dpkg-dev" OFF)
if(NOT PINFO_PACKAGE)
  return()
endif()
find_program(HELP2MAN help2man REQUIRED)

set(generated ${CMAKE_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${generated})

# pinfo(1), and pinfo-COMMAND(1) for each command it names.
add_custom_command(
  OUTPUT ${generated}/man/pinfo.1
  COMMAND ${CMAKE_SOURCE_DIR}/cmake/debian/man-pages $<TARGET_FILE:pinfo> ${PROJECT_VERSION}
          ${generated}/man
  DEPENDS pinfo ${CMAKE_SOURCE_DIR}/cmake/debian/man-pages VERBATIM)
set(completions)
foreach(shell bash zsh fish)
  add_custom_command(
    OUTPUT ${generated}/pinfo.${shell}
    COMMAND $<TARGET_FILE:pinfo> completion ${shell} > ${generated}/pinfo.${shell}
    DEPENDS pinfo VERBATIM)
  list(APPEND completions ${generated}/pinfo.${shell})
endforeach()
# Policy 12.5: the licence goes with the package; the format wants its text indented.
file(READ ${CMAKE_SOURCE_DIR}/LICENSE licence)
string(REGEX REPLACE "\n\n" "\n.\n" licence "${licence}")
string(REGEX REPLACE "(^|\n)([^\n])" "\\1 \\2" licence "${licence}")
file(READ ${CMAKE_SOURCE_DIR}/cmake/debian/copyright.in copyright)
file(WRITE ${generated}/copyright "${copyright}${licence}")
add_custom_target(package_files ALL DEPENDS ${generated}/man/pinfo.1 ${completions})

install(DIRECTORY ${generated}/man/ DESTINATION share/man/man1)
install(TARGETS pinfo_preload LIBRARY DESTINATION lib/pinfo)
install(FILES ${generated}/pinfo.bash DESTINATION share/bash-completion/completions RENAME pinfo)
install(FILES ${generated}/pinfo.zsh DESTINATION share/zsh/vendor-completions RENAME _pinfo)
install(FILES ${generated}/pinfo.fish DESTINATION share/fish/vendor_completions.d)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${generated}/copyright DESTINATION share/doc/pinfo)
install(FILES ${CMAKE_SOURCE_DIR}/cmake/debian/pinfo.service DESTINATION /usr/lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/cmake/debian/pinfo.default DESTINATION /etc/default RENAME pinfo)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pinfo)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "the authors of pinfo <pinfo@localhost>")
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "attach-without-code-change request profiler for Linux servers
 Times every request of a running server by eBPF or LD_PRELOAD, samples its
 stacks and writes, for each request, a stats file and a call graph.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/cmake/debian/postinst;${CMAKE_SOURCE_DIR}/cmake/debian/prerm;${CMAKE_SOURCE_DIR}/cmake/debian/postrm;${CMAKE_SOURCE_DIR}/cmake/debian/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
