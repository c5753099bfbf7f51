// Where each version of CPython keeps what pinfo reads: bpf/python_versions.h as the collector uses
// it.
#pragma once

#include <cstdint>

#include "bpf/python_versions.h"

namespace pinfo {

// As the first two bytes of PY_VERSION_HEX: 0x030b is 3.11.
using PythonVersion = uint16_t;
using PythonLayout = pinfo_python_version;

// nullptr for a version not known.
const PythonLayout* FindPythonLayout(PythonVersion version);

}  // namespace pinfo
