#include "collector/emit/marshal.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace pinfo {
namespace {

constexpr uint8_t kFlagRef = 0x80;  // the object gets the next number a later 'r' can name
constexpr int kLongDigitBits = 15;
// A bigger count than 2^63 has no place in a profile: five digits of 15 bits hold 63 and more.
constexpr int64_t kMaxLongDigits = 5;

class Parser {
 public:
  explicit Parser(std::string_view bytes) : bytes_(bytes) {}

  Result<MarshalValue::Pointer> Parse() {
    MarshalValue::Pointer value = Object(0);
    if (value == nullptr && error_.empty()) {
      Stop("no object");
    }
    if (!error_.empty()) {
      return Fail(error_);
    }
    return value;
  }

 private:
  // nullptr with error_ set, or with none where the object is the NULL that ends a dict.
  MarshalValue::Pointer Object(int depth) {
    if (depth > kMaxMarshalDepth) {
      return Stop("nested too deeply");
    }
    const auto code = static_cast<uint8_t>(Unsigned(1));
    if (!error_.empty()) {
      return nullptr;
    }
    const char type = static_cast<char>(code & ~kFlagRef);
    if (type == 'r' || type == 'R') {
      return Reference(type == 'r' ? references_ : interned_);
    }
    if (type == '0') {
      return nullptr;
    }
    // A container has its number before its items, though they cannot refer to it.
    const size_t reference = references_.size();
    if ((code & kFlagRef) != 0) {
      references_.emplace_back();
    }
    MarshalValue::Pointer value = Body(type, depth);
    if (value != nullptr && (code & kFlagRef) != 0) {
      references_[reference] = value;
    }
    return value;
  }

  MarshalValue::Pointer Body(char type, int depth) {
    switch (type) {
      case 'N':
        return Make(MarshalValue::None{});
      case 'F':
        return Make(int64_t{0});
      case 'T':
        return Make(int64_t{1});
      case 'i':
        return Make(int64_t{static_cast<int32_t>(Unsigned(4))});
      case 'I':
        return Make(static_cast<int64_t>(Unsigned(8)));
      case 'l':
        return Long();
      case 'g':
        return Make(std::bit_cast<double>(Unsigned(8)));
      case 'f':
        return DecimalFloat();
      case 's':
      case 't':
      case 'u':
      case 'a':
      case 'A':
        return String(type, Unsigned(4));
      case 'z':
      case 'Z':
        return String(type, Unsigned(1));
      case ')':
        return Tuple(Unsigned(1), depth);
      case '(':
        return Tuple(Unsigned(4), depth);
      case '{':
        return Dict(depth);
      default:
        return Stop(fmt::format("type code {:#04x} is none that profiles use",
                                static_cast<unsigned>(static_cast<uint8_t>(type))));
    }
  }

  MarshalValue::Pointer Reference(const std::vector<MarshalValue::Pointer>& to) {
    const uint64_t index = Unsigned(4);
    if (!error_.empty()) {
      return nullptr;
    }
    if (index >= to.size() || to[index] == nullptr) {
      return Stop("reference to nothing");
    }
    return to[index];
  }

  MarshalValue::Pointer Long() {
    const auto signed_count = static_cast<int32_t>(Unsigned(4));
    const int64_t count = std::abs(int64_t{signed_count});
    if (count > kMaxLongDigits) {
      return Stop("integer too large");
    }
    uint64_t magnitude = 0;
    for (int64_t i = 0; i < count && error_.empty(); ++i) {
      const uint64_t digit = Unsigned(2);
      const int shift = static_cast<int>(i) * kLongDigitBits;
      if (digit >> kLongDigitBits != 0 || (digit << shift) >> shift != digit) {
        return Stop("integer too large");
      }
      magnitude |= digit << shift;
    }
    if (magnitude > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Stop("integer too large");
    }
    const auto value = static_cast<int64_t>(magnitude);
    return Make(signed_count < 0 ? -value : value);
  }

  // Version 0 and 1 of the format wrote floats as text.
  MarshalValue::Pointer DecimalFloat() {
    const std::string text(Bytes(Unsigned(1)));
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (error_.empty() && (text.empty() || end != text.c_str() + text.size())) {
      return Stop("malformed float");
    }
    return Make(value);
  }

  MarshalValue::Pointer String(char type, uint64_t length) {
    MarshalValue::Pointer value = Make(std::string(Bytes(length)));
    // Python 2 names its interned strings by 'R', with numbers of their own.
    if (type == 't' && value != nullptr) {
      interned_.push_back(value);
    }
    return value;
  }

  MarshalValue::Pointer Tuple(uint64_t items, int depth) {
    if (items > bytes_.size() - at_) {
      return Stop("truncated");
    }
    MarshalValue::Tuple tuple;
    for (uint64_t i = 0; i < items; ++i) {
      MarshalValue::Pointer item = Object(depth + 1);
      if (item == nullptr) {
        return Stop("NULL in a tuple");
      }
      tuple.push_back(std::move(item));
    }
    return Make(std::move(tuple));
  }

  MarshalValue::Pointer Dict(int depth) {
    MarshalValue::Dict dict;
    while (MarshalValue::Pointer key = Object(depth + 1)) {
      MarshalValue::Pointer value = Object(depth + 1);
      if (value == nullptr) {
        return Stop("key without a value");
      }
      dict.emplace_back(std::move(key), std::move(value));
    }
    return Make(std::move(dict));
  }

  template <typename T>
  MarshalValue::Pointer Make(T value) {
    return error_.empty() ? std::make_shared<const MarshalValue>(MarshalValue{std::move(value)})
                          : nullptr;
  }

  uint64_t Unsigned(size_t bytes) {
    const std::string_view field = Bytes(bytes);
    uint64_t value = 0;
    for (size_t i = field.size(); i-- > 0;) {
      value = value << 8 | static_cast<uint8_t>(field[i]);
    }
    return value;
  }

  // Empty, with error_ set, where fewer are left.
  std::string_view Bytes(uint64_t count) {
    if (!error_.empty() || count > bytes_.size() - at_) {
      Stop("truncated");
      return {};
    }
    const std::string_view bytes = bytes_.substr(at_, count);
    at_ += count;
    return bytes;
  }

  // The first error is kept: what follows from it only confuses.
  std::nullptr_t Stop(std::string_view reason) {
    if (error_.empty()) {
      error_ = fmt::format("{} at byte {}", reason, at_);
    }
    return nullptr;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  std::string error_;
  std::vector<MarshalValue::Pointer> references_;
  std::vector<MarshalValue::Pointer> interned_;
};

}  // namespace

Result<MarshalValue::Pointer> ParseMarshal(std::string_view bytes) { return Parser(bytes).Parse(); }

void MarshalWriter::BeginTuple(int32_t items) {
  bytes_ += '(';
  Fixed(static_cast<uint32_t>(items), 4);
}

void MarshalWriter::String(std::string_view text) {
  bytes_ += 'u';
  Fixed(text.size(), 4);
  bytes_ += text;
}

void MarshalWriter::Int(int64_t value) {
  if (value == static_cast<int32_t>(value)) {
    bytes_ += 'i';
    Fixed(static_cast<uint32_t>(value), 4);
    return;
  }
  const uint64_t magnitude =
      value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const int digits = (std::bit_width(magnitude) + kLongDigitBits - 1) / kLongDigitBits;
  bytes_ += 'l';
  Fixed(static_cast<uint32_t>(value < 0 ? -digits : digits), 4);
  for (int i = 0; i < digits; ++i) {
    Fixed(magnitude >> (i * kLongDigitBits) & ((1U << kLongDigitBits) - 1), 2);
  }
}

void MarshalWriter::Float(double value) {
  bytes_ += 'g';
  Fixed(std::bit_cast<uint64_t>(value), 8);
}

void MarshalWriter::Fixed(uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    bytes_ += static_cast<char>(value >> (8 * i) & 0xFF);
  }
}

}  // namespace pinfo
