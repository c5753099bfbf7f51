// A process's memory made of a few pieces; what lies in none of them cannot be read.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "collector/python/process_memory.h"

namespace pinfo {

class FakeMemory final : public ProcessMemory {
 public:
  // Zeroes, to be written into.
  void Map(uint64_t address, size_t bytes) { pieces_[address].resize(bytes); }

  template <typename T>
  void Write(uint64_t address, T value) {
    WriteBytes(address, std::as_bytes(std::span(&value, 1)));
  }
  void WriteText(uint64_t address, std::string_view text) {
    WriteBytes(address, std::as_bytes(std::span(text)));
  }

  bool Read(uint64_t address, std::span<std::byte> out) const override {
    largest_read = std::max(largest_read, out.size());
    auto it = pieces_.upper_bound(address);
    errno = reason;
    if (it == pieces_.begin()) {
      return false;
    }
    --it;
    const uint64_t offset = address - it->first;
    if (offset > it->second.size() || out.size() > it->second.size() - offset) {
      return false;
    }
    std::copy_n(it->second.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    return true;
  }

  mutable size_t largest_read = 0;
  int reason = EFAULT;  // why what cannot be read cannot

 private:
  void WriteBytes(uint64_t address, std::span<const std::byte> bytes) {
    auto it = std::prev(pieces_.upper_bound(address));
    std::copy(bytes.begin(), bytes.end(),
              it->second.begin() + static_cast<ptrdiff_t>(address - it->first));
  }

  std::map<uint64_t, std::vector<std::byte>> pieces_;
};

}  // namespace pinfo
