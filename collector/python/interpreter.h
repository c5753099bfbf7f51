// Is a file of a process a Python interpreter, and where does it keep its state?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "collector/base/result.h"
#include "collector/python/layout.h"
#include "collector/python/process_memory.h"
#include "collector/stack/elf_file.h"

namespace pinfo {

// Symbols of an executable or libpython that is one, as addresses in the file.
struct InterpreterFile {
  uint64_t runtime = 0;                    // _PyRuntime
  uint64_t code_type = 0;                  // PyCode_Type
  std::optional<uint64_t> version_symbol;  // Py_Version, from 3.11
  PythonVersion version_in_name = 0;       // of "libpython3.9.so.1.0"; 0: none
};

// nullopt where the file does not define an interpreter.
std::optional<InterpreterFile> FindInterpreterIn(const ElfFile& elf);

// The version that a file's name tells, as libpython3.9.so.1.0 and python3.11 do; 0: none.
PythonVersion VersionInName(std::string_view path);

// What a process's own account of its interpreter (PYTHON records) means for the user: a sentence
// where its frames are not seen, else empty. state: enum pinfo_python_state, or what a hostile
// process wrote there.
std::string DescribePython(PythonVersion version, unsigned state);

struct Interpreter {
  PythonLayout layout;     // with walk complete for this process
  uint64_t code_type = 0;  // address of PyCode_Type in the process
};

// The interpreter in a process that has mapped the file at bias (address in the process minus
// address in the file). Fails, with a sentence for the user, for a version or build not known.
Result<Interpreter> LocateInterpreter(const InterpreterFile& file, uint64_t bias,
                                      const ProcessMemory& memory);

}  // namespace pinfo
