// What is known of functions by the file they lie in: the system's own libraries, libraries that an
// application calls, and well-known parts of frameworks. Pure.
#pragma once

#include <string_view>

#include "collector/profile/call_tree.h"

namespace pinfo {

// Of what lies below every application (libc, the C++ standard library, also where it is inlined,
// the loader, pinfo's own hooks): it waits and copies on behalf of its caller.
bool IsSystemFunction(std::string_view name, std::string_view module);

// A shared library with an interface of its own; not an interpreter nor one of its extensions.
bool IsLibrary(std::string_view module);

// pinfo's own, which stands in front of the application's calls in preload mode.
bool IsPreloadedLibrary(std::string_view module);

// What people call the part of a well-known library that the function belongs to ("zlib"); empty
// for others.
std::string_view WellKnownPart(const Function& function);

}  // namespace pinfo
