// Where each version of CPython keeps what pinfo reads: 3.8 to 3.13, 64-bit, with the GIL.
#pragma once

#include <cstdint>

#include "bpf/python_layout.h"

namespace pinfo {

// As the first two bytes of PY_VERSION_HEX: 0x030b is 3.11.
using PythonVersion = uint16_t;

struct PythonLayout {
  PythonVersion version = 0;
  pinfo_python_layout walk{};    // what the sampling program follows; interpreters not yet set
  uint64_t interpreters = 0;     // _PyRuntimeState.interpreters.head
  uint16_t code_line_table = 0;  // PyCodeObject.co_linetable; co_lnotab up to 3.9
  uint16_t ascii_bytes = 0;      // sizeof(PyASCIIObject): where the text of ASCII strings begins
  uint16_t compact_bytes = 0;    // sizeof(PyCompactUnicodeObject): that of all others
};

// nullptr for a version not known.
const PythonLayout* FindPythonLayout(PythonVersion version);

}  // namespace pinfo
