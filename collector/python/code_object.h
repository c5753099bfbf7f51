// Reading a code object out of a running process: its names and its line table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/python/interpreter.h"
#include "collector/python/process_memory.h"

namespace pinfo {

struct PythonCode {
  PythonVersion version = 0;
  uint32_t first_line = 0;
  std::string file;                   // UTF-8; at most kPythonTextMax characters of it
  std::string name;                   // qualified from 3.11
  std::vector<std::byte> line_table;  // empty where it is longer than kPythonLineTableMax
};

inline constexpr size_t kPythonTextMax = 1024;
inline constexpr size_t kPythonLineTableMax = 64 << 10;

// The code object at address, if it is one and (by pinfo_python_identity) the one meant: it may
// have been freed since, and its memory used for something else. nullopt where not, or where it
// cannot be read.
std::optional<PythonCode> ReadPythonCode(const ProcessMemory& memory,
                                         const Interpreter& interpreter, uint64_t address,
                                         uint32_t identity);

}  // namespace pinfo
