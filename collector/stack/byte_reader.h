// A cursor over bytes nobody vouches for. It never reads outside them: after the first read that
// would, every read returns zero or nothing and ok() is false, so that callers check once at the
// end of a group of reads. Views memory it does not own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace pinfo {

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes, size_t position = 0) : bytes_(bytes) {
    Seek(position);
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool AtEnd() const { return !ok_ || position_ == bytes_.size(); }
  [[nodiscard]] size_t position() const { return position_; }
  [[nodiscard]] size_t remaining() const { return ok_ ? bytes_.size() - position_ : 0; }

  void Seek(size_t position) {
    if (position > bytes_.size()) {
      ok_ = false;
      return;
    }
    position_ = position;
  }

  template <typename T>
  T Read() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (remaining() < sizeof(T)) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::span<const std::byte> Bytes(uint64_t count) {
    if (count > remaining()) {
      ok_ = false;
    }
    if (!ok_) {
      return {};
    }
    const auto bytes = bytes_.subspan(position_, count);
    position_ += count;
    return bytes;
  }

  // LEB128 (DWARF 5, section 7.6). Bits beyond the 64th are dropped.
  uint64_t Uleb() { return Leb(nullptr); }
  int64_t Sleb() {
    int used_bits = 0;
    uint64_t value = Leb(&used_bits);
    if (used_bits < 64 && used_bits > 0 && ((value >> (used_bits - 1)) & 1) != 0) {
      value |= ~uint64_t{0} << used_bits;
    }
    return static_cast<int64_t>(value);
  }

  // Up to the next zero byte, which is consumed.
  std::string_view CString() {
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + position_;
    const void* end = remaining() == 0 ? nullptr : std::memchr(begin, 0, remaining());
    if (end == nullptr) {
      ok_ = false;
      return {};
    }
    const size_t length = static_cast<const char*>(end) - begin;
    position_ += length + 1;
    return {begin, length};
  }

 private:
  uint64_t Leb(int* used_bits) {
    uint64_t value = 0;
    int shift = 0;
    uint8_t byte = 0;
    do {
      byte = Read<uint8_t>();
      if (shift < 64) {
        value |= static_cast<uint64_t>(byte & 0x7f) << shift;
        shift += 7;
      }
    } while ((byte & 0x80) != 0 && ok_);
    if (used_bits != nullptr) {
      *used_bits = shift;
    }
    return value;
  }

  std::span<const std::byte> bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace pinfo
