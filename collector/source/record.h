// The one decoder: raw bytes from a ring, a preload ring or a recording become a validated view.
//
// Bytes come from other processes (in preload mode from a possibly hostile one): nothing in them is
// believed before DecodeRecord has checked it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bpf/wire.h"

namespace pinfo {

// A record whose size, type and payload lengths have been checked. Views memory it does not own.
class RecordView {
 public:
  [[nodiscard]] const pinfo_header& header() const {
    return *reinterpret_cast<const pinfo_header*>(bytes_.data());
  }
  [[nodiscard]] pinfo_record_type type() const {
    return static_cast<pinfo_record_type>(header().type);
  }
  // The record as its own struct. REQUIRES: T is the struct of type().
  template <typename T>
  [[nodiscard]] const T& as() const {
    return *reinterpret_cast<const T*>(bytes_.data());
  }
  // What follows the struct: captured bytes, stack, path or text.
  [[nodiscard]] std::span<const std::byte> payload() const { return payload_; }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(payload_.data()), payload_.size()};
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  friend std::optional<RecordView> DecodeRecord(std::span<const std::byte> bytes);
  RecordView(std::span<const std::byte> bytes, std::span<const std::byte> payload)
      : bytes_(bytes), payload_(payload) {}
  std::span<const std::byte> bytes_;
  std::span<const std::byte> payload_;
};

// The record that begins at bytes (8-byte aligned), or nullopt where it is not well-formed: a size
// beyond bytes or below its struct, an unknown type, a payload length that disagrees with the size.
// Bytes beyond header.size are ignored.
std::optional<RecordView> DecodeRecord(std::span<const std::byte> bytes);

// The RECEIVED record in an EXCHANGE, with its bytes, and the bytes of the response.
struct ExchangeParts {
  pinfo_received received;
  std::string_view request;
  std::string_view response;
};
ExchangeParts PartsOf(const RecordView& exchange);

// The two parts of a SAMPLE record's payload: the copied stack, and copies of the Python frames.
std::span<const std::byte> StackOf(const RecordView& sample);
std::vector<pinfo_python_frame> PythonFramesOf(const RecordView& sample);
std::vector<uint64_t> KernelFramesOf(const RecordView& sample);

}  // namespace pinfo
