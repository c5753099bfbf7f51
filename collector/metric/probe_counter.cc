#include "collector/metric/probe_counter.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collector/base/read_all.h"
#include "collector/stack/elf_file.h"
#include "collector/stack/elf_symbols.h"

namespace pinfo {
namespace {

constexpr const char* kUprobeType = "/sys/bus/event_source/devices/uprobe/type";

std::optional<uint64_t> FindIn(const ElfFile& elf, std::string_view table, std::string_view names,
                               std::string_view wanted) {
  std::optional<uint64_t> offset;
  ForEachSymbol(elf, table, names, STT_FUNC, [&](const Elf64_Sym& symbol, std::string_view name) {
    if (name != wanted) {
      return true;
    }
    offset = elf.OffsetOfAddress(symbol.st_value);
    return false;
  });
  return offset;
}

Result<uint32_t> UprobeType() {
  const std::string text = ReadAll(kUprobeType);
  uint32_t type = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), type).ec != std::errc()) {
    return Fail("this kernel has no uprobes for perf (Linux 4.17, CONFIG_UPROBE_EVENTS)");
  }
  return type;
}

}  // namespace

Result<uint64_t> FindFunctionOffset(const std::string& path, const std::string& symbol) {
  const Result<std::unique_ptr<ElfFile>> elf = ElfFile::Open("", path);
  if (!elf) {
    return tl::unexpected(elf.error());
  }
  for (const auto& [table, names] :
       {std::pair{".symtab", ".strtab"}, std::pair{".dynsym", ".dynstr"}}) {
    if (const auto offset = FindIn(**elf, table, names, symbol)) {
      return *offset;
    }
  }
  return Fail(fmt::format("{} has no function {} among its symbols", path, symbol));
}

Result<ProbeCounter> ProbeCounter::Open(const std::string& path, const std::string& symbol) {
  const Result<uint64_t> offset = FindFunctionOffset(path, symbol);
  if (!offset) {
    return tl::unexpected(offset.error());
  }
  const Result<uint32_t> type = UprobeType();
  if (!type) {
    return tl::unexpected(type.error());
  }
  perf_event_attr attributes{};
  attributes.type = *type;
  attributes.size = sizeof(attributes);
  attributes.config1 = reinterpret_cast<uint64_t>(path.c_str());
  attributes.config2 = *offset;
  ProbeCounter counter;
  const long cpus = sysconf(_SC_NPROCESSORS_CONF);
  for (long cpu = 0; cpu < cpus; ++cpu) {
    UniqueFd fd(static_cast<int>(
        syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
    if (fd) {
      counter.counters_.push_back(std::move(fd));
    } else if (errno != ENODEV) {  // a CPU that is not there
      return FailErrno(
          fmt::format("cannot count calls of {} in {} (needs root or CAP_PERFMON)", symbol, path));
    }
  }
  return counter;
}

int64_t ProbeCounter::Take() {
  int64_t total = 0;
  for (const UniqueFd& fd : counters_) {
    int64_t count = 0;
    if (read(fd.get(), &count, sizeof(count)) == sizeof(count)) {
      total += count;
    }
  }
  const int64_t calls = total - taken_;
  taken_ = total;
  return calls > 0 ? calls : 0;
}

}  // namespace pinfo
