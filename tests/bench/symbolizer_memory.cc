// symbolizer_memory FILE...: loads the unwind tables of ELF files and names addresses all over their
// code, as a session that meets them in its samples does, and prints what that took as one line of
// JSON: files, addresses, named, resident and peak bytes of this process, and CPU time.
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "collector/stack/symbolizer.h"

namespace pinfo {
namespace {

// Of each file: more than a session's samples usually have.
constexpr uint64_t kAddresses = 500;

uint64_t StatusBytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == name + ":") {
      uint64_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
  }
  return 0;
}

double CpuSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

int Run(int count, char** paths) {
  const double begin = CpuSeconds();
  const uint64_t before = StatusBytes("VmRSS");
  ModuleCache modules("");
  AddressSpace space(modules, Pid{0x7fffffff}, "");
  Symbolizer symbolizer;
  uint64_t next = uint64_t{1} << 32;
  size_t addresses = 0;
  size_t named = 0;
  size_t rules = 0;
  for (int i = 0; i < count; ++i) {
    struct stat info {};
    const auto elf = ElfFile::Open("", paths[i]);
    if (!elf || ::stat(paths[i], &info) != 0) {
      fmt::print(stderr, "{}: no ELF file\n", paths[i]);
      return 1;
    }
    for (const ElfSegment& segment : (*elf)->segments()) {
      if (!segment.executable || segment.file_size == 0) {
        continue;
      }
      Mapping mapping;
      mapping.start = next;
      mapping.end = next + segment.file_size;
      mapping.file_offset = segment.file_offset;
      mapping.inode = info.st_ino;
      mapping.path = paths[i];
      space.Add(mapping);
      next = (mapping.end + 0xffff) & ~uint64_t{0xffff};
      for (uint64_t k = 0; k < kAddresses; ++k) {
        const uint64_t pc = mapping.start + segment.file_size / kAddresses * k;
        const CodeLocation at = space.Find(pc);
        rules += at.module != nullptr && at.module->table().Find(at.address) != nullptr ? 1 : 0;
        const auto frames = symbolizer.Symbolize(space, pc, false);
        named += frames.back().function.find("+0x") == std::string::npos ? 1 : 0;
        ++addresses;
      }
    }
  }
  const nlohmann::json json = {{"files", count},
                               {"addresses", addresses},
                               {"with_rule", rules},
                               {"named", named},
                               {"bytes_before", before},
                               {"resident_bytes", StatusBytes("VmRSS")},
                               {"peak_bytes", StatusBytes("VmHWM")},
                               {"cpu_seconds", CpuSeconds() - begin}};
  fmt::print("{}\n", json.dump());
  return 0;
}

}  // namespace
}  // namespace pinfo

int main(int argc, char** argv) { return pinfo::Run(argc - 1, argv + 1); }
