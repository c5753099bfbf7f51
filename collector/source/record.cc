#include "collector/source/record.h"

#include <cstdint>
#include <cstring>

namespace pinfo {
namespace {

struct Shape {
  size_t fixed = 0;    // bytes of the record's struct; 0: unknown type
  size_t payload = 0;  // bytes that its own length field announces
};

template <typename T>
const T& View(std::span<const std::byte> bytes) {
  return *reinterpret_cast<const T*>(bytes.data());
}

// What an EXCHANGE announces behind its struct; SIZE_MAX where its two records cannot be of one
// turn. REQUIRES: bytes holds the struct.
size_t ExchangePayload(std::span<const std::byte> bytes, const pinfo_response& response) {
  const size_t at = sizeof(pinfo_exchange) + response.captured;
  if (response.front != 0 || response.back != 0 || bytes.size() < at + sizeof(pinfo_received)) {
    return SIZE_MAX;
  }
  pinfo_received received;
  std::memcpy(&received, bytes.data() + at, sizeof received);
  const bool well_formed = received.header.type == PINFO_RECORD_RECEIVED &&
                           received.header.size == sizeof received + received.captured &&
                           received.header.pid == response.header.pid &&
                           received.connection == response.connection &&
                           received.turn == response.turn && received.offset == 0;
  return well_formed ? size_t{response.captured} + received.header.size : SIZE_MAX;
}

// REQUIRES: bytes holds at least a header. The length field of a struct is read only where the
// struct lies within bytes.
Shape ShapeOf(std::span<const std::byte> bytes) {
  const auto shape = [&bytes]<typename T>(auto length_of) -> Shape {
    if (bytes.size() < sizeof(T)) {
      return {sizeof(T), SIZE_MAX};
    }
    return {sizeof(T), static_cast<size_t>(length_of(View<T>(bytes)))};
  };
  const auto none = [](const auto&) { return size_t{0}; };
  switch (static_cast<pinfo_record_type>(View<pinfo_header>(bytes).type)) {
    case PINFO_RECORD_RECEIVED:
      return shape.operator()<pinfo_received>([](const auto& r) { return r.captured; });
    case PINFO_RECORD_RESPONSE:
      return shape.operator()<pinfo_response>(
          [](const auto& r) { return size_t{r.captured} + r.front + r.back; });
    case PINFO_RECORD_EXCHANGE:
      return shape.operator()<pinfo_exchange>(
          [&bytes](const auto& r) { return ExchangePayload(bytes, r.response); });
    case PINFO_RECORD_CLOSE:
      return shape.operator()<pinfo_close>(none);
    case PINFO_RECORD_SAMPLE:
      return shape.operator()<pinfo_sample>([](const auto& r) {
        return size_t{r.stack_bytes} + r.python_frames * sizeof(pinfo_python_frame) +
               r.kernel_frames * sizeof(uint64_t);
      });
    case PINFO_RECORD_TASK:
      return shape.operator()<pinfo_task>(none);
    case PINFO_RECORD_EXEC:
      return shape.operator()<pinfo_exec>([](const auto& r) { return r.path_bytes; });
    case PINFO_RECORD_EXIT:
      return shape.operator()<pinfo_exit>(none);
    case PINFO_RECORD_MAPPING:
      return shape.operator()<pinfo_mapping>([](const auto& r) { return r.path_bytes; });
    case PINFO_RECORD_PROCESS:
      return shape.operator()<pinfo_process>([](const auto& r) { return r.text_bytes; });
    case PINFO_RECORD_STATUS:
      return shape.operator()<pinfo_status>(none);
    case PINFO_RECORD_SYSTEM:
      return shape.operator()<pinfo_system>(none);
    case PINFO_RECORD_LOSS:
      return shape.operator()<pinfo_loss>(none);
    case PINFO_RECORD_SEGMENT:
      return shape.operator()<pinfo_segment>(none);
    case PINFO_RECORD_CALL:
      return shape.operator()<pinfo_call>([](const auto& r) { return r.path_bytes; });
    case PINFO_RECORD_KERNEL_FUNCTION:
      return shape.operator()<pinfo_kernel_function>([](const auto& r) { return r.text_bytes; });
    case PINFO_RECORD_PYTHON_CODE:
      return shape.operator()<pinfo_python_code>(
          [](const auto& r) { return size_t{r.text_bytes} + r.table_bytes; });
    case PINFO_RECORD_PYTHON:
      return shape.operator()<pinfo_python>(none);
    case PINFO_RECORD_EXACT:
      return shape.operator()<pinfo_exact>([](const auto& r) {
        return r.functions * sizeof(pinfo_exact_function) + r.edges * sizeof(pinfo_exact_edge);
      });
  }
  return {};
}

// REQUIRES: bytes holds count of them, aligned or not.
template <typename T>
std::vector<T> CopyOf(std::span<const std::byte> bytes, size_t count) {
  std::vector<T> copies(count);
  if (count != 0) {
    std::memcpy(copies.data(), bytes.data(), count * sizeof(T));
  }
  return copies;
}

}  // namespace

std::optional<RecordView> DecodeRecord(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(pinfo_header) ||
      reinterpret_cast<uintptr_t>(bytes.data()) % alignof(pinfo_header) != 0) {
    return std::nullopt;
  }
  const size_t size = View<pinfo_header>(bytes).size;
  if (size < sizeof(pinfo_header) || size > bytes.size()) {
    return std::nullopt;
  }
  const auto record = bytes.first(size);
  const Shape shape = ShapeOf(record);
  if (shape.fixed == 0 || size < shape.fixed || size - shape.fixed != shape.payload) {
    return std::nullopt;
  }
  return RecordView(record, record.subspan(shape.fixed));
}

ExchangeParts PartsOf(const RecordView& exchange) {
  ExchangeParts parts;
  parts.response = exchange.text().substr(0, exchange.as<pinfo_exchange>().response.captured);
  parts.request = exchange.text().substr(parts.response.size());
  std::memcpy(&parts.received, parts.request.data(), sizeof parts.received);
  parts.request.remove_prefix(sizeof parts.received);
  return parts;
}

std::span<const std::byte> StackOf(const RecordView& sample) {
  return sample.payload().first(sample.as<pinfo_sample>().stack_bytes);
}

std::vector<pinfo_python_frame> PythonFramesOf(const RecordView& sample) {
  const auto& fixed = sample.as<pinfo_sample>();
  return CopyOf<pinfo_python_frame>(sample.payload().subspan(fixed.stack_bytes),
                                    fixed.python_frames);
}

std::vector<uint64_t> KernelFramesOf(const RecordView& sample) {
  const size_t count = sample.as<pinfo_sample>().kernel_frames;
  return CopyOf<uint64_t>(sample.payload().last(count * sizeof(uint64_t)), count);
}

}  // namespace pinfo
