# pinfo_npm_packages(COMMENT): the packages of this folder's package-lock.json, in
# ${CMAKE_CURRENT_BINARY_DIR}/node_modules; whoever needs them depends on
# node_modules/.package-lock.json there. They are needed to build and to test, never to run.
find_program(NODE NAMES node nodejs)
find_program(NPM NAMES npm)
if(NOT NODE OR NOT NPM)
  message(FATAL_ERROR "pinfo's report is built with Node.js 18 or newer and npm, which were not "
                      "found. On Debian: apt install nodejs npm")
endif()
execute_process(COMMAND ${NODE} -p "process.versions.node.split('.')[0]"
                OUTPUT_VARIABLE NODE_MAJOR OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
if(NODE_MAJOR LESS 18)
  message(FATAL_ERROR "pinfo's report is built with Node.js 18 or newer; ${NODE} is ${NODE_MAJOR}")
endif()

function(pinfo_npm_packages comment)
  # No package of ours needs its install script; nobody's shall run.
  add_custom_command(
    OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/node_modules/.package-lock.json
    DEPENDS package.json package-lock.json
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/package.json
            ${CMAKE_CURRENT_SOURCE_DIR}/package-lock.json ${CMAKE_CURRENT_BINARY_DIR}
    COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error
    COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_CURRENT_BINARY_DIR}/node_modules/.package-lock.json
    WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}
    COMMENT "${comment}"
    VERBATIM)
endfunction()
