// From an instruction to its line, as each version's code objects encode it.
//
// Sources of the formats: Objects/lnotab_notes.txt of CPython 3.9 (up to 3.9) and 3.10,
// Objects/locations.md of 3.11 (from 3.11).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "collector/python/layout.h"

namespace pinfo {

// The line of the instruction at this offset (bytes) of the bytecode; 0 where it has none, or the
// table is damaged. PINFO_PYTHON_NOT_STARTED: the first line.
uint32_t PythonLine(PythonVersion version, std::span<const std::byte> table, uint32_t first_line,
                    uint32_t instruction);

}  // namespace pinfo
