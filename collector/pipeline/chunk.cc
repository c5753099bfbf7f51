#include "collector/pipeline/chunk.h"

#include <algorithm>
#include <cstring>

#include "collector/base/text_hash.h"
#include "collector/source/record.h"

namespace pinfo {
namespace {

// What is kept for reuse.
constexpr size_t kKeptWords = (1 << 20) / 8;
// Shorter ones are not worth a reference.
constexpr size_t kShortText = 24;

static_assert(sizeof(pinfo_exchange) % 8 == 0 && sizeof(pinfo_received) % 8 == 0);

bool IsPressing(uint16_t type) {
  switch (type) {
    case PINFO_RECORD_TASK:
    case PINFO_RECORD_EXEC:
    case PINFO_RECORD_EXIT:
    case PINFO_RECORD_MAPPING:
    case PINFO_RECORD_PROCESS:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::byte* Chunk::Append(size_t bytes) {
  const size_t words = (bytes + 7) / 8;
  if (used_ + words > capacity_) {
    Reserve(std::max(used_ + words, 2 * capacity_), 0);
  }
  std::byte* const to = reinterpret_cast<std::byte*>(words_.get() + used_);
  used_ += words;
  return to;
}

uint32_t Chunk::KeepText(std::span<const std::byte> text) {
  Text& known =
      texts_[HashText({reinterpret_cast<const char*>(text.data()), text.size()}) % texts_.size()];
  if (known.bytes != text.size() || std::memcmp(at(known.word), text.data(), text.size()) != 0) {
    known = {.word = static_cast<uint32_t>(used_), .bytes = static_cast<uint32_t>(text.size())};
    std::memcpy(Append(text.size()), text.data(), text.size());
  }
  return known.word;
}

// REQUIRES: a well-formed EXCHANGE. Both structs are kept, one behind the other.
void Chunk::TakeApartExchange(std::span<const std::byte> bytes) {
  const auto& response = reinterpret_cast<const pinfo_exchange*>(bytes.data())->response;
  const auto fixed = bytes.first(sizeof(pinfo_exchange));
  const auto first = bytes.subspan(fixed.size(), response.captured);
  const auto received = bytes.subspan(fixed.size() + first.size(), sizeof(pinfo_received));
  const auto second = bytes.subspan(fixed.size() + first.size() + received.size());
  Extent extent{.bytes = static_cast<uint32_t>(bytes.size())};
  extent.text = KeepText(first);
  extent.second_text = KeepText(second);
  extent.word = static_cast<uint32_t>(used_);
  std::byte* const to = Append(fixed.size() + received.size());
  std::memcpy(to, fixed.data(), fixed.size());
  std::memcpy(to + fixed.size(), received.data(), received.size());
  records_.push_back(extent);
}

// False, and nothing done, where it is to be kept as it is.
bool Chunk::TakeApart(std::span<const std::byte> bytes) {
  const auto record = DecodeRecord(bytes);
  if (!record || record->payload().size() < kShortText) {
    return false;
  }
  if (record->type() == PINFO_RECORD_EXCHANGE) {
    if (record->as<pinfo_exchange>().response.captured == 0 || PartsOf(*record).request.empty()) {
      return false;
    }
    TakeApartExchange(record->bytes());
    return true;
  }
  const auto fixed = record->bytes().first(record->bytes().size() - record->payload().size());
  Extent extent{.bytes = static_cast<uint32_t>(record->bytes().size())};
  extent.text = KeepText(record->payload());
  extent.word = static_cast<uint32_t>(used_);
  std::memcpy(Append(fixed.size()), fixed.data(), fixed.size());
  records_.push_back(extent);
  return true;
}

void Chunk::OnRecord(std::span<const std::byte> bytes) {
  if (bytes.size() >= sizeof(pinfo_header)) {
    pinfo_header header{};
    std::memcpy(&header, bytes.data(), sizeof(header));
    // The kernel's ring reserves in few sizes: what lies behind the record itself is left there.
    bytes =
        bytes.first(std::min<size_t>(bytes.size(), std::max<size_t>(header.size, sizeof(header))));
    pressing_ |= IsPressing(header.type);
    const bool has_text = header.type == PINFO_RECORD_EXCHANGE ||
                          header.type == PINFO_RECORD_RECEIVED ||
                          header.type == PINFO_RECORD_RESPONSE;
    if (has_text && TakeApart(bytes)) {
      return;
    }
  }
  const auto word = static_cast<uint32_t>(used_);
  std::memcpy(Append(bytes.size()), bytes.data(), bytes.size());
  records_.push_back({.word = word, .bytes = static_cast<uint32_t>(bytes.size())});
}

std::span<const std::byte> Chunk::record(const Extent& extent,
                                         std::vector<uint64_t>& scratch) const {
  if (!extent.apart()) {
    return {at(extent.word), extent.bytes};
  }
  scratch.resize(std::max<size_t>(scratch.size(), (extent.bytes + 7) / 8));
  std::byte* const to = reinterpret_cast<std::byte*>(scratch.data());
  size_t fixed = sizeof(pinfo_received);
  size_t text = extent.bytes - fixed;
  if (extent.second_text != kNoText) {
    fixed = sizeof(pinfo_exchange);
    text = reinterpret_cast<const pinfo_exchange*>(at(extent.word))->response.captured;
    const size_t second = fixed + text + sizeof(pinfo_received);
    std::memcpy(to + fixed + text, at(extent.word) + fixed, sizeof(pinfo_received));
    std::memcpy(to + second, at(extent.second_text), extent.bytes - second);
  } else if (header(extent).type == PINFO_RECORD_RESPONSE) {
    fixed = sizeof(pinfo_response);
    text = extent.bytes - fixed;
  }
  std::memcpy(to, at(extent.word), fixed);
  std::memcpy(to + fixed, at(extent.text), text);
  return {to, extent.bytes};
}

void Chunk::Reserve(size_t words, size_t records) {
  if (words > capacity_) {
    auto larger = std::make_unique_for_overwrite<uint64_t[]>(words);
    if (used_ != 0) {
      std::memcpy(larger.get(), words_.get(), used_ * sizeof(uint64_t));
    }
    words_ = std::move(larger);
    capacity_ = words;
  }
  records_.reserve(records);
}

void Chunk::Clear() {
  if (capacity_ > kKeptWords) {
    words_.reset();
    capacity_ = 0;
    records_ = {};
  }
  used_ = 0;
  pressing_ = false;
  records_.clear();
  texts_.fill({});
  drained_from_ns = 0;
  drained_to_ns = 0;
}

}  // namespace pinfo
