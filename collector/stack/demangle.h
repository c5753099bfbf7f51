// Linker symbols as people wrote them.
#pragma once

#include <string>
#include <string_view>

namespace pinfo {

// The C++ (Itanium) or Rust (legacy and v0) name behind a symbol; the symbol itself where it is
// none, or longer than kMaxMangledBytes (a hostile name may expand without bound). Symbol versions
// ("@GLIBC_2.2.5", "@@VERS") are cut off; Rust's hash is left out.
std::string Demangle(std::string_view symbol);

inline constexpr size_t kMaxMangledBytes = 4096;

}  // namespace pinfo
