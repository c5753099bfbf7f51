// What runs a program: "CPython 3.11.2, glibc 2.36", "nginx 1.22.1, glibc 2.36", "Go 1.19.8".
//
// Read out of the files that the process has mapped: interpreters and servers carry their version
// as a text among their constants, Go programs in a section of their own. Nothing is run, and the
// process is not touched. A program that none of the rules knows is told by its C library alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "collector/base/ids.h"
#include "collector/stack/elf_file.h"

namespace pinfo {

// Names and versions found in one file; empty where no rule knows it. Pure but for reading the
// file.
std::string RuntimeOfFile(const ElfFile& elf);

// Remembers what it found by file: workers of one server share theirs. One thread.
class RuntimeVersions {
 public:
  // Paths as /proc/PID/maps names them, so as the process sees them.
  std::string Describe(Pid pid, const std::string& exe, const std::vector<std::string>& libraries);

 private:
  std::string OfFile(const std::string& root, const std::string& path);

  std::map<FileIdentity, std::string> known_;
};

}  // namespace pinfo
