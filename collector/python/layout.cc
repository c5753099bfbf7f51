#include "collector/python/layout.h"

#include <array>

namespace pinfo {

const PythonLayout* FindPythonLayout(PythonVersion version) {
  static const auto layouts = [] {
    std::array<PythonLayout, PINFO_PYTHON_NEWEST - PINFO_PYTHON_OLDEST + 1> all{};
    unsigned at = PINFO_PYTHON_OLDEST;
    for (PythonLayout& layout : all) {
      pinfo_python_version_of(at++, &layout);
    }
    return all;
  }();
  if (version < PINFO_PYTHON_OLDEST || version > PINFO_PYTHON_NEWEST) {
    return nullptr;
  }
  return &layouts[version - PINFO_PYTHON_OLDEST];
}

}  // namespace pinfo
