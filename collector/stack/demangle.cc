#include "collector/stack/demangle.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include <cxxabi.h>

#ifdef PINFO_HAVE_LIBIBERTY
#include <libiberty/demangle.h>
#endif

namespace pinfo {
namespace {

struct Free {
  void operator()(char* text) const { std::free(text); }
};
using CText = std::unique_ptr<char, Free>;

// Rust's legacy mangling is a C++ name that ends in a component "h" + 16 hexadecimal digits
// (rust-lang/rust, compiler/rustc_symbol_mangling/src/legacy.rs).
constexpr size_t kHashBytes = 17;

bool EndsInRustHash(std::string_view name) {
  if (name.size() < kHashBytes + 2 || name.substr(name.size() - kHashBytes - 2, 3) != "::h") {
    return false;
  }
  const auto digits = name.substr(name.size() - kHashBytes + 1);
  return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The escapes of the same source: $...$ for characters that linkers do not take, and dots.
std::string UnescapeRust(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kEscapes = {{
      {"$SP$", "@"},
      {"$BP$", "*"},
      {"$RF$", "&"},
      {"$LT$", "<"},
      {"$GT$", ">"},
      {"$LP$", "("},
      {"$RP$", ")"},
      {"$C$", ","},
      {"$u7e$", "~"},
      {"$u20$", " "},
      {"$u27$", "'"},
      {"$u5b$", "["},
      {"$u5d$", "]"},
      {"$u7b$", "{"},
      {"$u7d$", "}"},
      {"$u3b$", ";"},
      {"$u2b$", "+"},
      {"$u22$", "\""},
  }};
  std::string result;
  for (size_t at = 0; at < name.size();) {
    const auto rest = name.substr(at);
    const auto escape = std::find_if(kEscapes.begin(), kEscapes.end(), [&](const auto& candidate) {
      return rest.starts_with(candidate.first);
    });
    if (escape != kEscapes.end()) {
      result += escape->second;
      at += escape->first.size();
    } else if (rest.starts_with("..")) {
      result += "::";
      at += 2;
    } else if (rest.starts_with("_$") && (at == 0 || result.ends_with(':'))) {
      at += 1;  // a component may not begin with '$': an underscore was put in front
    } else {
      result += rest[0];
      at += 1;
    }
  }
  return result;
}

std::optional<std::string> DemangleCxx(const std::string& symbol) {
  int status = 0;
  const CText text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status));
  if (status != 0 || text == nullptr) {
    return std::nullopt;
  }
  const std::string_view name(text.get());
  return EndsInRustHash(name) ? UnescapeRust(name.substr(0, name.size() - kHashBytes - 2))
                              : std::string(name);
}

std::optional<std::string> DemangleRustV0([[maybe_unused]] const std::string& symbol) {
#ifdef PINFO_HAVE_LIBIBERTY
  if (const CText text(::rust_demangle(symbol.c_str(), DMGL_NO_OPTS)); text != nullptr) {
    return std::string(text.get());
  }
#endif
  return std::nullopt;
}

}  // namespace

std::string Demangle(std::string_view symbol) {
  std::string name(symbol.substr(0, symbol.find('@')));
  if (name.empty() || name.size() > kMaxMangledBytes) {
    return std::string(symbol);
  }
  if (name.starts_with("_Z")) {
    return DemangleCxx(name).value_or(std::move(name));
  }
  if (name.starts_with("_R")) {
    return DemangleRustV0(name).value_or(std::move(name));
  }
  return name;
}

}  // namespace pinfo
