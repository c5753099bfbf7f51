#include "collector/source/recording.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/source/record.h"

namespace pinfo {
namespace {

constexpr char kMagic[8] = {'P', 'I', 'N', 'F', 'O', 'R', 'E', 'C'};
// No record is larger (a sample with the largest stack and the most Python frames is 72 KB): the
// window in which one is looked for.
constexpr size_t kRecordBytesMax = 256 << 10;
static_assert(kRecordBytesMax >= sizeof(pinfo_sample) + PINFO_STACK_MAX +
                                     PINFO_PYTHON_FRAMES_MAX * sizeof(pinfo_python_frame));
// Records handed over by one Drain, so that a replay's consumer can keep up.
constexpr size_t kRecordsPerDrain = 4096;

struct FileHeader {
  char magic[8];
  uint32_t wire_version;
  uint32_t reserved;
  int64_t wall_minus_monotonic_ns;
  int64_t boot_minus_monotonic_ns;
  char mode[32];
  char host[64];
  char boot_id[64];
};
static_assert(sizeof(FileHeader) == 192);

template <size_t kSize>
void CopyText(char (&to)[kSize], const std::string& from) {
  std::memset(to, 0, kSize);
  std::memcpy(to, from.data(), std::min(from.size(), kSize - 1));
}

template <size_t kSize>
std::string Text(const char (&from)[kSize]) {
  return {from, strnlen(from, kSize)};
}

size_t Padded(size_t size) { return (size + 7) & ~size_t{7}; }

class RecordingSourceImpl final : public RecordingSource {
 public:
  RecordingSourceImpl(std::ifstream in, const FileHeader& header)
      : in_(std::move(in)), header_(header) {}

  Origin origin() const override {
    return {.host = Text(header_.host),
            .boot_id = Text(header_.boot_id),
            .wall_minus_monotonic_ns = header_.wall_minus_monotonic_ns,
            .boot_minus_monotonic_ns = header_.boot_minus_monotonic_ns};
  }
  std::string mode() const override { return Text(header_.mode); }
  bool Ended() const override { return ended_; }
  void Stop() override { ended_ = true; }
  std::string damage() const override { return damage_; }

  Result<size_t> Drain(RecordSink& sink) override {
    size_t count = 0;
    while (!ended_ && count < kRecordsPerDrain) {
      const std::optional<RecordView> record = Next();
      if (skipped_ != 0 && (record || ended_)) {
        EmitDamage(sink);
        ++count;
      }
      if (record) {
        sink.OnRecord(record->bytes());
        position_ += Padded(record->bytes().size());
        ++count;
      }
    }
    return count;
  }

 private:
  // The next whole record, in the window until the next call; none at the end, with ended_ set.
  // Sizes chain the records; where the chain is broken, the next place that decodes as a record,
  // to its last length field, takes it up again.
  std::optional<RecordView> Next() {
    for (;;) {
      Fill();
      const auto window = std::as_bytes(std::span(window_)).subspan(position_, filled_ - position_);
      const auto record = DecodeRecord(window);
      if (record && Padded(record->bytes().size()) <= window.size()) {
        return record;
      }
      const size_t step = std::min<size_t>(8, window.size());
      if (step == 0) {
        ended_ = true;
        return std::nullopt;
      }
      if (damage_.empty()) {
        damage_ = fmt::format("is damaged from byte {} on; what could not be read is counted",
                              offset_ + position_);
      }
      position_ += step;
      skipped_ += step;
    }
  }

  // Moves what is left to the front and reads on, until the largest record would fit or the end.
  void Fill() {
    if (filled_ - position_ >= kRecordBytesMax || !in_) {
      return;
    }
    auto* bytes = reinterpret_cast<char*>(window_.data());
    // A whole number of words is consumed but at the very end, so records stay aligned.
    std::memmove(bytes, bytes + position_, filled_ - position_);
    offset_ += position_;
    filled_ -= position_;
    position_ = 0;
    in_.read(bytes + filled_, static_cast<std::streamsize>(window_.size() * 8 - filled_));
    filled_ += static_cast<size_t>(in_.gcount());
  }

  void EmitDamage(RecordSink& sink) {
    pinfo_loss loss{};
    loss.header.size = sizeof(loss);
    loss.header.type = PINFO_RECORD_LOSS;
    loss.count = skipped_;
    loss.kind = PINFO_LOSS_DAMAGED_RING;
    sink.OnRecord(std::as_bytes(std::span(&loss, 1)));
    skipped_ = 0;
  }

  std::ifstream in_;
  FileHeader header_;
  std::vector<uint64_t> window_ = std::vector<uint64_t>(4 * kRecordBytesMax / 8);
  size_t position_ = 0;  // in the window, of what has not been given yet
  size_t filled_ = 0;
  size_t offset_ = sizeof(FileHeader);  // of the window in the file
  uint64_t skipped_ = 0;                // bytes not told yet
  std::string damage_;                  // where it began
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<RecordingWriter>> RecordingWriter::Create(const std::string& path,
                                                                 const Origin& origin,
                                                                 const std::string& mode) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) {
    return FailErrno("creating the recording " + path);
  }
  FileHeader header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.wire_version = PINFO_WIRE_VERSION;
  header.wall_minus_monotonic_ns = origin.wall_minus_monotonic_ns;
  header.boot_minus_monotonic_ns = origin.boot_minus_monotonic_ns;
  CopyText(header.mode, mode);
  CopyText(header.host, origin.host);
  CopyText(header.boot_id, origin.boot_id);
  std::unique_ptr<RecordingWriter> writer(new RecordingWriter(std::move(fd), path));
  writer->buffer_.assign(reinterpret_cast<const char*>(&header), sizeof(header));
  return writer;
}

void RecordingWriter::OnRecord(std::span<const std::byte> bytes) {
  const auto view = DecodeRecord(bytes);
  if (failed_ || !view) {
    return;  // a malformed record is counted by the pipeline, which sees it too
  }
  const auto record = view->bytes();
  buffer_.append(reinterpret_cast<const char*>(record.data()), record.size());
  buffer_.append(Padded(record.size()) - record.size(), '\0');
}

Status RecordingWriter::Flush() {
  size_t written = 0;
  while (!failed_ && written < buffer_.size()) {
    const ssize_t n = write(fd_.get(), buffer_.data() + written, buffer_.size() - written);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      failed_ = true;
      buffer_.clear();
      return FailErrno("writing the recording " + path_);
    }
    written += static_cast<size_t>(n);
  }
  buffer_.clear();
  return {};
}

Result<std::unique_ptr<RecordingSource>> RecordingSource::Open(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return FailErrno("opening the recording " + path);
  }
  FileHeader header{};
  in.read(reinterpret_cast<char*>(&header), sizeof(header));
  if (in.gcount() < static_cast<std::streamsize>(sizeof(header)) ||
      std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) {
    return Fail(path + " is not a recording of pinfo (`pinfo attach --record FILE` makes one)");
  }
  if (header.wire_version != PINFO_WIRE_VERSION) {
    return Fail(
        fmt::format("{} was recorded with wire version {}, this pinfo reads version {}; "
                    "replay it with the pinfo that recorded it",
                    path, header.wire_version, PINFO_WIRE_VERSION));
  }
  return std::make_unique<RecordingSourceImpl>(std::move(in), header);
}

}  // namespace pinfo
