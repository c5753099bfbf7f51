#include "collector/profile/libraries.h"

#include <algorithm>
#include <string>

namespace pinfo {
namespace {

struct Part {
  std::string_view in_file;    // of a source file's path
  std::string_view of_module;  // the beginning of an ELF file's name
  std::string_view name;
};
constexpr Part kParts[] = {
    {"/django/template/", "", "Django template rendering"},
    {"/django/db/", "", "Django's database layer"},
    {"/django/forms/", "", "Django forms"},
    {"/rest_framework/", "", "Django REST framework"},
    {"/jinja2/", "", "Jinja template rendering"},
    {"/mako/", "", "Mako template rendering"},
    {"/sqlalchemy/", "", "SQLAlchemy"},
    {"/pydantic/", "_pydantic_core", "pydantic"},
    {"/json/", "_json.", "JSON"},
    {"/re/", "libpcre", "regular expressions"},
    {"", "libz.so", "zlib"},
    {"", "libzstd.so", "zstd"},
    {"", "libbrotli", "Brotli"},
    {"", "libcrypto.so", "OpenSSL"},
    {"", "libssl.so", "OpenSSL"},
    {"", "libgnutls.so", "GnuTLS"},
    {"", "libsqlite3.so", "SQLite"},
    {"", "libpq.so", "libpq"},
    {"", "libmariadb.so", "the MariaDB client"},
    {"", "libmysqlclient.so", "the MySQL client"},
    {"", "libxml2.so", "libxml2"},
    {"", "libjpeg.so", "libjpeg"},
    {"", "libpng", "libpng"},
};

// What lies below the application's own code whatever it does.
constexpr std::string_view kSystemModules[] = {
    "libc.so", "libc-2",    "libpthread", "ld-linux", "ld-2",  "ld-musl",    "librt",
    "libm.so", "libstdc++", "libgcc_s",   "libc++",   "[vdso", "linux-vdso", "libpinfo"};
// The mark of a function of the kernel, as flame graphs have it.
constexpr std::string_view kKernelMark = "_[k]";

std::string_view BaseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// "std::f(...)" and "void std::f<...>(...)", but not "f(std::string)".
bool IsStandardLibrary(std::string_view name) {
  const std::string_view head = name.substr(0, name.find_first_of("<("));
  return head.starts_with("std::") || head.find(" std::") != std::string_view::npos ||
         head.starts_with("__gthread") || head.starts_with("__gnu_cxx::");
}

}  // namespace

bool IsSystemFunction(std::string_view name, std::string_view module) {
  const std::string_view base = BaseName(module);
  return std::ranges::any_of(kSystemModules,
                             [base](std::string_view each) { return base.starts_with(each); }) ||
         IsStandardLibrary(name) || name.ends_with(kKernelMark);
}

bool IsLibrary(std::string_view module) {
  const std::string_view base = BaseName(module);
  return base.find(".so") != std::string_view::npos && !base.starts_with("libpython") &&
         base.find(".cpython-") == std::string_view::npos &&
         base.find(".abi3.") == std::string_view::npos;
}

bool IsPreloadedLibrary(std::string_view module) { return BaseName(module) == "libpinfo.so"; }

std::string_view WellKnownPart(const Function& function) {
  const std::string_view module = BaseName(function.module);
  for (const Part& part : kParts) {
    if ((!part.in_file.empty() && function.file.find(part.in_file) != std::string::npos) ||
        (!part.of_module.empty() && module.starts_with(part.of_module))) {
      return part.name;
    }
  }
  return {};
}

}  // namespace pinfo
