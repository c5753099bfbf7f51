#include "collector/process/runtime_version.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string_view>
#include <utility>

namespace pinfo {
namespace {

// Constants are searched in pieces: node has 40 MB of them.
constexpr uint64_t kPieceBytes = 1 << 20;
constexpr uint64_t kOverlapBytes = 256;
constexpr uint64_t kSearchedBytes = uint64_t{128} << 20;
constexpr size_t kVersionMax = 32;
// Files remembered; a machine that builds its servers all day must not fill memory.
constexpr size_t kKnownMax = 4096;

// In a file whose name begins so (libraries) or is so (programs), the version follows the marker.
struct Rule {
  std::string_view file;
  std::string_view name;
  std::string_view marker;
};
// Sources: nginx's NGINX_VER, httpd's SERVER_BASEVERSION, PostgreSQL's PG_VERSION_STR, PHP's
// X-Powered-By, Ruby's ruby_description, node's release URL, glibc's banner; each checked with the
// program named.
constexpr Rule kRules[] = {
    {"nginx", "nginx", "nginx/"},
    {"apache2", "Apache", "Apache/"},
    {"httpd", "Apache", "Apache/"},
    {"postgres", "PostgreSQL", "PostgreSQL "},
    {"node", "node", "/node-v"},
    {"nodejs", "node", "/node-v"},
    {"php", "PHP", "PHP/"},
    {"libphp", "PHP", "PHP/"},
    {"libruby", "Ruby", "ruby "},
    {"haproxy", "HAProxy", "HAProxy version "},
    {"libc.so.6", "glibc", "stable release version "},
};

std::string_view BaseName(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) {
    path.remove_suffix(kDeleted.size());
  }
  return path.substr(path.rfind('/') + 1);
}

bool IsVersionCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '+' || c == '-' ||
         c == '~';
}

// The version at the beginning of text; empty where there is none: it begins with a digit and has a
// dot.
std::string VersionAt(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && length < kVersionMax && IsVersionCharacter(text[length])) {
    ++length;
  }
  std::string version(text.substr(0, length));
  // A sentence's full stop, or "node-v18.20.4.tar.gz".
  for (const std::string_view tail : {".tar", ".zip"}) {
    if (const size_t at = version.find(tail); at != std::string::npos) {
      version.resize(at);
    }
  }
  while (!version.empty() && std::isalnum(static_cast<unsigned char>(version.back())) == 0) {
    version.pop_back();
  }
  const bool is_version = !version.empty() &&
                          std::isdigit(static_cast<unsigned char>(version.front())) != 0 &&
                          version.find('.') != std::string::npos;
  return is_version ? version : std::string();
}

// The version that begins skip bytes behind the first place of the marker where there is one.
std::string FindVersion(const ElfFile& elf, std::string_view marker, size_t skip) {
  const ElfSection* constants = elf.FindSection(".rodata");
  if (constants == nullptr) {
    return {};
  }
  const uint64_t size = std::min(constants->size, kSearchedBytes);
  for (uint64_t at = 0; at < size; at += kPieceBytes) {
    const std::vector<std::byte> bytes =
        elf.Read(constants->file_offset + at, std::min(kPieceBytes + kOverlapBytes, size - at));
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (size_t found = text.find(marker); found != std::string_view::npos;
         found = text.find(marker, found + 1)) {
      if (std::string version = VersionAt(text.substr(found + skip)); !version.empty()) {
        return version;
      }
    }
  }
  return {};
}

// "3.11" of python3.11 and libpython3.11.so.1.0; empty for other files.
std::string_view PythonVersionInName(std::string_view name) {
  for (const std::string_view prefix : {"python", "libpython"}) {
    if (name.starts_with(prefix) && name.size() > prefix.size() && name[prefix.size()] == '3') {
      name.remove_prefix(prefix.size());
      const size_t dot = name.find('.');
      if (dot == std::string_view::npos) {
        return {};
      }
      size_t end = dot + 1;
      while (end < name.size() && std::isdigit(static_cast<unsigned char>(name[end])) != 0) {
        ++end;
      }
      return name.substr(0, end);
    }
  }
  return {};
}

std::string PythonVersion(const ElfFile& elf, std::string_view short_version) {
  // PY_VERSION is a constant of its own: "3.11.2" between two zero bytes.
  const std::string marker = std::string(1, '\0') + std::string(short_version) + ".";
  const std::string version = FindVersion(elf, marker, 1);
  return version.empty() ? std::string(short_version) : version;
}

// "1.19.8" of a Go program: debug/buildinfo's format, since Go 1.18 with the text in the section.
std::string GoVersion(const ElfFile& elf) {
  const ElfSection* section = elf.FindSection(".go.buildinfo");
  if (section == nullptr) {
    return {};
  }
  constexpr std::string_view kMagic = "\xff Go buildinf:";
  constexpr size_t kFlagsAt = 15;
  constexpr char kInline = 2;
  constexpr size_t kTextAt = 32;
  const std::vector<std::byte> bytes =
      elf.Read(section->file_offset, std::min<uint64_t>(section->size, 4096));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic) || text.size() <= kTextAt || (text[kFlagsAt] & kInline) == 0) {
    return {};
  }
  const auto length = static_cast<unsigned char>(text[kTextAt]);  // a varint; versions are short
  std::string_view version = text.substr(kTextAt + 1, length < 0x80 ? length : 0);
  if (version.starts_with("go")) {
    version.remove_prefix(2);
  }
  return VersionAt(version);
}

void Append(std::string& list, const std::string& item) {
  if (!item.empty()) {
    list += (list.empty() ? "" : ", ") + item;
  }
}

// The rule for a file of this name: "php8.2" and "libphp8.2.so" are PHP's.
const Rule* RuleFor(std::string_view name) {
  for (const Rule& rule : kRules) {
    if (!name.starts_with(rule.file)) {
      continue;
    }
    const std::string_view rest = name.substr(rule.file.size());
    if (rest.empty() || rule.file.starts_with("lib") ||
        std::isdigit(static_cast<unsigned char>(rest.front())) != 0) {
      return &rule;
    }
  }
  return nullptr;
}

}  // namespace

std::string RuntimeOfFile(const ElfFile& elf) {
  const std::string_view name = BaseName(elf.path());
  if (const std::string_view version = PythonVersionInName(name); !version.empty()) {
    return "CPython " + PythonVersion(elf, version);
  }
  if (const std::string version = GoVersion(elf); !version.empty()) {
    return "Go " + version;
  }
  const Rule* rule = RuleFor(name);
  const std::string version =
      rule != nullptr ? FindVersion(elf, rule->marker, rule->marker.size()) : std::string();
  return version.empty() ? std::string() : std::string(rule->name) + " " + version;
}

std::string RuntimeVersions::OfFile(const std::string& root, const std::string& path) {
  const auto elf = ElfFile::Open(root, path);
  if (!elf) {
    return {};
  }
  if (const auto it = known_.find((*elf)->identity()); it != known_.end()) {
    return it->second;
  }
  std::string found = RuntimeOfFile(**elf);
  if (known_.size() >= kKnownMax) {
    known_.clear();
  }
  known_.emplace((*elf)->identity(), found);
  return found;
}

std::string RuntimeVersions::Describe(Pid pid, const std::string& exe,
                                      const std::vector<std::string>& libraries) {
  const std::string root = "/proc/" + std::to_string(pid.value) + "/root";
  std::string program = OfFile(root, exe);
  std::string library;
  for (const std::string& path : libraries) {
    const std::string_view name = BaseName(path);
    if (path == exe || (RuleFor(name) == nullptr && PythonVersionInName(name).empty())) {
      continue;
    }
    const std::string found = OfFile(root, path);
    if (found.starts_with("glibc ")) {
      library = found;
    } else if (program.find(found) == std::string::npos) {
      Append(program, found);
    }
  }
  Append(program, library);
  return program;
}

}  // namespace pinfo
