#include "collector/source/ring_reader.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "collector/base/read_all.h"
#include "collector/source/record.h"

namespace pinfo {
namespace {

constexpr uint64_t kLongestSlot = 1U << 20;  // far above the longest record
constexpr size_t kChunkBytes = 1U << 20;
constexpr uint64_t kStuckNs = 2'000'000'000;

template <typename T>
bool TakeNumber(std::string_view& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) {
    return false;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool TakeText(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) {
    return false;
  }
  text.remove_prefix(expected.size());
  return true;
}

bool ThisBoot(const char (&boot_id)[40]) {
  static const std::string here = ReadAll("/proc/sys/kernel/random/boot_id").substr(0, 36);
  return std::string_view(boot_id, strnlen(boot_id, sizeof(boot_id))) == here;
}

bool HeaderValid(const pinfo_ring_header& header, const RingOwner& owner, uint64_t file_bytes) {
  return header.magic == PINFO_RING_MAGIC && header.version == PINFO_RING_VERSION &&
         header.wire_version == PINFO_WIRE_VERSION &&
         header.header_bytes == PINFO_RING_HEADER_BYTES && header.pid == owner.pid &&
         header.start_ticks == owner.start_ticks && std::has_single_bit(header.data_bytes) &&
         header.data_bytes >= PINFO_RING_MIN_BYTES && header.data_bytes <= PINFO_RING_MAX_BYTES &&
         header.data_bytes <= file_bytes - PINFO_RING_HEADER_BYTES;
}

}  // namespace

std::optional<RingOwner> ParseRingName(const std::string& name) {
  std::string_view text = name;
  RingOwner owner;
  if (!TakeText(text, "pinfo.") || !TakeNumber(text, owner.pid) || !TakeText(text, ".") ||
      !TakeNumber(text, owner.start_ticks) || text != ".ring") {
    return std::nullopt;
  }
  return owner;
}

bool OwnerAlive(const RingOwner& owner) {
  const std::string stat = ReadAll(fmt::format("/proc/{}/stat", owner.pid));
  // Fields after the name, which may hold anything: 3 is the state, 22 the start time (proc(5)).
  size_t at = stat.rfind(')');
  if (at == std::string::npos || at + 2 >= stat.size()) {
    return false;
  }
  const char state = stat[at + 2];
  for (int field = 2; field < 22 && at != std::string::npos; ++field) {
    at = stat.find(' ', at + 1);
  }
  if (at == std::string::npos) {
    return false;
  }
  uint64_t start_ticks = 0;
  std::string_view rest = std::string_view(stat).substr(at + 1);
  return TakeNumber(rest, start_ticks) && start_ticks == owner.start_ticks && state != 'Z' &&
         state != 'X';
}

RingReader::RingReader(UniqueFd fd, const RingOwner& owner, const pinfo_ring_header& header)
    : fd_(std::move(fd)),
      owner_(owner),
      data_bytes_(header.data_bytes),
      position_(header.tail),
      head_(header.head),
      this_boot_(ThisBoot(header.boot_id)),
      losses_(PINFO_RING_LOSS_KINDS) {}

tl::expected<RingReader, RingReader::OpenError> RingReader::Open(int directory,
                                                                 const std::string& name) {
  const auto owner = ParseRingName(name);
  if (!owner) {
    return tl::unexpected(OpenError::kDamaged);
  }
  // NONBLOCK: a FIFO of that name must not hold us up.
  UniqueFd fd(openat(directory, name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!fd) {
    return tl::unexpected(errno == ELOOP ? OpenError::kDamaged : OpenError::kGone);
  }
  if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return tl::unexpected(OpenError::kDamaged);
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return tl::unexpected(OpenError::kBusy);
  }
  pinfo_ring_header header{};
  const auto file_bytes = static_cast<uint64_t>(status.st_size);
  if (pread(fd.get(), &header, sizeof(header), 0) != sizeof(header) || header.magic == 0) {
    // A writer creates, sizes and names the file in that order; the magic comes last.
    return tl::unexpected(OwnerAlive(*owner) ? OpenError::kStarting : OpenError::kDamaged);
  }
  if (header.magic == PINFO_RING_MAGIC && header.state == PINFO_RING_STARTING) {
    return tl::unexpected(OpenError::kStarting);
  }
  if (file_bytes <= PINFO_RING_HEADER_BYTES || !HeaderValid(header, *owner, file_bytes) ||
      header.tail % 8 != 0 || header.head - header.tail > header.data_bytes) {
    return tl::unexpected(OpenError::kDamaged);
  }
  RingReader reader(std::move(fd), *owner, header);
  if (header.stopped != 0) {
    reader.SetStopped(false);
  }
  return reader;
}

bool RingReader::ReadHeader(pinfo_ring_header& header) const {
  return pread(fd_.get(), &header, sizeof(header), 0) == sizeof(header);
}

uint64_t RingReader::Contiguous(uint64_t position) const {
  return data_bytes_ - (position & (data_bytes_ - 1));
}

bool RingReader::ReadData(uint64_t position, size_t bytes) {
  buffer_.resize((bytes + 7) / 8);
  const auto offset = static_cast<off_t>(PINFO_RING_HEADER_BYTES + (position & (data_bytes_ - 1)));
  return pread(fd_.get(), buffer_.data(), bytes, offset) == static_cast<ssize_t>(bytes);
}

void RingReader::StoreTail() const {
  // A failure leaves the ring fuller than it is: the writer counts the losses.
  [[maybe_unused]] const ssize_t written =
      pwrite(fd_.get(), &position_, sizeof(position_), PINFO_RING_TAIL_OFFSET);
}

void RingReader::SetStopped(bool stopped) {
  const uint64_t value = stopped ? 1 : 0;
  [[maybe_unused]] const ssize_t written =
      pwrite(fd_.get(), &value, sizeof(value), PINFO_RING_STOPPED_OFFSET);
}

void RingReader::EmitLoss(RecordSink& sink, pinfo_loss_kind kind, uint64_t count,
                          uint64_t now_ns) const {
  pinfo_loss record{};
  record.header.size = sizeof(record);
  record.header.type = PINFO_RECORD_LOSS;
  record.header.pid = owner_.pid;
  record.header.tid = owner_.pid;
  record.header.time_ns = now_ns;
  record.count = count;
  record.kind = kind;
  sink.OnRecord(std::as_bytes(std::span(&record, 1)));
}

void RingReader::EmitLosses(RecordSink& sink, const pinfo_ring_header& header, uint64_t now_ns) {
  for (size_t kind = 0; kind < PINFO_LOSS_KIND_COUNT; ++kind) {
    const uint64_t count = header.losses[kind];
    if (count > losses_[kind]) {
      EmitLoss(sink, static_cast<pinfo_loss_kind>(kind), count - losses_[kind], now_ns);
      losses_[kind] = count;
    }
  }
}

void RingReader::Damage(RecordSink& sink, uint64_t bytes, uint64_t now_ns) {
  damaged_ = true;
  EmitLoss(sink, PINFO_LOSS_DAMAGED_RING, std::max<uint64_t>(bytes, 1), now_ns);
}

// Handles the committed slots at the beginning of the first `bytes` of buffer_, which were read
// from position_. Returns the bytes handled.
size_t RingReader::Consume(RecordSink& sink, size_t bytes, size_t& records) {
  const auto* data = reinterpret_cast<const std::byte*>(buffer_.data());
  size_t at = 0;
  while (bytes - at >= PINFO_RING_WORD_BYTES) {
    const uint64_t word = buffer_[at / 8];
    const uint64_t slot = pinfo_ring_slot_bytes(word, position_ + at);
    if (slot == 0 || slot > bytes - at) {
      break;
    }
    if ((word & PINFO_RING_PAD) == 0) {
      const auto record = std::span(data + at, slot).subspan(PINFO_RING_WORD_BYTES);
      if (slot > kLongestSlot || record.size() < sizeof(pinfo_header)) {
        break;
      }
      const auto& header = *reinterpret_cast<const pinfo_header*>(record.data());
      // Also what a torn read of the word would show: to be looked at again.
      if (header.size > record.size()) {
        break;
      }
      const auto view = DecodeRecord(record);
      saw_exit_ =
          view && view->type() == PINFO_RECORD_EXIT && view->as<pinfo_exit>().process_ended != 0;
      sink.OnRecord(record);
      ++records;
    }
    at += slot;
  }
  return at;
}

// From position_ on, finds the next slot that says it is one, or the head.
void RingReader::SkipToCommitted(RecordSink& sink, uint64_t now_ns) {
  const uint64_t from = position_;
  do {
    const auto bytes =
        static_cast<size_t>(std::min({head_ - position_, Contiguous(position_), kLongestSlot}));
    if (!ReadData(position_, bytes)) {
      Damage(sink, head_ - from, now_ns);
      return;
    }
    size_t at = position_ == from ? 8 : 0;
    while (at < bytes && pinfo_ring_slot_bytes(buffer_[at / 8], position_ + at) == 0) {
      at += 8;
    }
    position_ += at;
    if (at < bytes) {
      break;
    }
  } while (position_ < head_);
  EmitLoss(sink, PINFO_LOSS_DAMAGED_RING, position_ - from, now_ns);
  StoreTail();
}

// At position_ there is no slot that can be read. Returns whether it pays to go on now.
bool RingReader::Unstick(RecordSink& sink, bool owner_alive, uint64_t now_ns, bool skipped_before) {
  if (stuck_since_ns_ == 0) {
    stuck_since_ns_ = now_ns;
  }
  if (owner_alive && now_ns - stuck_since_ns_ < kStuckNs) {
    return false;
  }
  if (skipped_before) {
    // Nothing that a writer of ours leaves behind: searching on could take for ever.
    EmitLoss(sink, PINFO_LOSS_DAMAGED_RING, head_ - position_, now_ns);
    position_ = head_;
    StoreTail();
    return false;
  }
  SkipToCommitted(sink, now_ns);
  return !damaged_;
}

size_t RingReader::Drain(RecordSink& sink, bool owner_alive, uint64_t now_ns) {
  pinfo_ring_header header{};
  if (damaged_) {
    return 0;
  }
  if (!ReadHeader(header) || header.head < position_ || header.head % 8 != 0 ||
      header.head - position_ > data_bytes_) {
    Damage(sink, 1, now_ns);
    return 0;
  }
  head_ = header.head;
  size_t records = 0;
  bool skipped = false;
  while (position_ < head_) {
    const auto bytes = static_cast<size_t>(
        std::min<uint64_t>({head_ - position_, Contiguous(position_), kChunkBytes}));
    if (!ReadData(position_, bytes)) {
      Damage(sink, head_ - position_, now_ns);
      break;
    }
    const size_t handled = Consume(sink, bytes, records);
    if (handled != 0) {
      position_ += handled;
      StoreTail();
      stuck_since_ns_ = 0;
      continue;
    }
    if (!Unstick(sink, owner_alive, now_ns, skipped)) {
      break;
    }
    skipped = true;
  }
  EmitLosses(sink, header, now_ns);
  return records;
}

}  // namespace pinfo
