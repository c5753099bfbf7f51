// The Python code objects of one process, as PYTHON_CODE records tell of them, and the frames of
// samples made from them. One thread. A copy, as a child of fork has it, shares what is known so
// far.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "collector/python/code_object.h"
#include "collector/python/frame_merge.h"
#include "collector/source/record.h"
#include "collector/store/rows.h"

namespace pinfo {

class PythonCodes {
 public:
  // REQUIRES: a PYTHON_CODE record.
  void Add(const RecordView& record);

  // The function that a code object is; "[unknown]" where its name was not told of.
  [[nodiscard]] FrameRow Describe(uint64_t code, uint32_t identity) const;

  struct Groups {
    std::vector<PythonGroup> groups;
    bool all_known = true;  // false: a code object was not told of, its frame is "[unknown]"
  };
  // The frames of a sample, one group for each call of the native evaluation function.
  [[nodiscard]] Groups Resolve(std::span<const pinfo_python_frame> frames) const;

 private:
  using Key = std::pair<uint64_t, uint32_t>;  // code and identity
  using Codes = std::map<Key, std::shared_ptr<const PythonCode>>;

  // Replaced rather than changed while a copy shares it.
  std::shared_ptr<Codes> codes_ = std::make_shared<Codes>();
};

}  // namespace pinfo
