// The names of just-in-time compiled code: /tmp/perf-PID.map, lines "START SIZE name" in
// hexadecimal (Linux, tools/perf/Documentation/jit-interface.txt). Written by the target: nothing
// in it is believed further than a name, and only where the file belongs to the process's user and
// is no older than the process (an earlier process may have had its number). One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "collector/base/ids.h"

namespace pinfo {

class PerfMap {
 public:
  // Adds the lines of text; a later line takes the place of what it overlaps, as the runtime reuses
  // memory. A last line without its newline is left for the next call; returns the bytes used.
  // Beyond kMaxEntries or kMaxTextBytes new code has no name; what it overlaps loses its own.
  size_t Add(std::string_view text);

  // The name of the code at address; valid until the next Add. nullopt where no line covers it.
  [[nodiscard]] std::optional<std::string_view> Find(uint64_t address) const;

  // Reads what has been appended to the map file of a process since the last call; the number in
  // the file's name is the process's in its own pid namespace. Without such a file nothing happens.
  void Refresh(Pid pid, const std::string& root);

  [[nodiscard]] size_t size() const { return entries_.size(); }
  // Grows with every line added.
  [[nodiscard]] uint64_t version() const { return version_; }

  static constexpr size_t kMaxEntries = 200'000;
  static constexpr size_t kMaxTextBytes = 16 << 20;  // of all names together

 private:
  struct Code {
    uint64_t end = 0;
    std::string name;
  };

  void AddLine(std::string_view line);
  void Clear();

  std::map<uint64_t, Code> entries_;  // by start, without overlaps
  size_t text_bytes_ = 0;
  uint64_t version_ = 0;
  uint64_t inode_ = 0;
  uint64_t read_bytes_ = 0;
};

}  // namespace pinfo
