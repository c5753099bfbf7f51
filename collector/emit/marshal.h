// Python's marshal format, as far as profiles use it: written so that Python 2.7 and 3.6 to 3.13
// load it, read from any of them.
//
// Source of the format: Python/marshal.c of CPython (type codes, FLAG_REF); little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "collector/base/result.h"

namespace pinfo {

// A value of a marshal object. Values are shared, never copied, where the file refers to one again:
// a small file cannot unfold into a huge tree in memory. Immutable once parsed.
struct MarshalValue {
  struct None {};
  using Pointer = std::shared_ptr<const MarshalValue>;
  using Tuple = std::vector<Pointer>;
  using Dict = std::vector<std::pair<Pointer, Pointer>>;  // in the file's order

  // Strings are the file's bytes: UTF-8 in most, but nothing here checks it.
  std::variant<None, int64_t, double, std::string, Tuple, Dict> value;
};

// The object at the start of the bytes; what follows it is ignored, as Python does. Bounds-checked
// against any input: never reads past the end, allocates no more than a small multiple of the
// input, and nests at most kMaxMarshalDepth deep. An error names the offset.
inline constexpr int kMaxMarshalDepth = 16;
Result<MarshalValue::Pointer> ParseMarshal(std::string_view bytes);

// Appends items one after the other; the caller writes as many items behind a tuple's or dict's
// head as it announced.
class MarshalWriter {
 public:
  void BeginDict() { bytes_ += '{'; }
  void EndDict() { bytes_ += '0'; }
  void BeginTuple(int32_t items);
  // REQUIRES: valid UTF-8 of less than 2 GiB.
  void String(std::string_view text);
  void Int(int64_t value);
  void Float(double value);

  std::string Take() && { return std::move(bytes_); }

 private:
  void Fixed(uint64_t value, int bytes);

  std::string bytes_;
};

}  // namespace pinfo
