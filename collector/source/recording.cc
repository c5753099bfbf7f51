#include "collector/source/recording.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/source/record.h"

namespace pinfo {
namespace {

constexpr char kMagic[8] = {'P', 'I', 'N', 'F', 'O', 'R', 'E', 'C'};
// A record cannot be larger: a sample with the largest stack.
constexpr size_t kRecordBytesMax = sizeof(pinfo_sample) + PINFO_STACK_MAX;
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
  RecordingSourceImpl(std::ifstream in, const FileHeader& header, size_t file_bytes)
      : in_(std::move(in)), header_(header), file_bytes_(file_bytes) {}

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
      if (ReadOne()) {
        sink.OnRecord(std::as_bytes(std::span(record_)));
        ++count;
      } else if (!damage_.empty()) {
        EmitDamage(sink);
        ++count;
      }
    }
    return count;
  }

 private:
  // The next record in record_; false at the end, with damage_ set where the end is no clean one.
  bool ReadOne() {
    pinfo_header header{};
    in_.read(reinterpret_cast<char*>(&header), sizeof(header));
    if (in_.gcount() == 0) {
      ended_ = true;
      return false;
    }
    if (in_.gcount() < static_cast<std::streamsize>(sizeof(header))) {
      return Damaged("ends within a record's header");
    }
    if (header.size < sizeof(header) || header.size > kRecordBytesMax) {
      return Damaged(fmt::format("holds a record of an impossible size, {} bytes", header.size));
    }
    record_.assign(Padded(header.size) / 8, 0);
    std::memcpy(record_.data(), &header, sizeof(header));
    const auto rest = static_cast<std::streamsize>(Padded(header.size) - sizeof(header));
    in_.read(reinterpret_cast<char*>(record_.data()) + sizeof(header), rest);
    if (in_.gcount() < rest) {
      return Damaged("ends within a record");
    }
    offset_ += Padded(header.size);
    return true;
  }

  // Sizes chain the records: behind a damaged one nothing can be found again.
  bool Damaged(const std::string& how) {
    damage_ = fmt::format("{} at byte {}; what came before it is used", how, offset_);
    ended_ = true;
    return false;
  }

  void EmitDamage(RecordSink& sink) const {
    pinfo_loss loss{};
    loss.header.size = sizeof(loss);
    loss.header.type = PINFO_RECORD_LOSS;
    loss.count = file_bytes_ > offset_ ? file_bytes_ - offset_ : 1;  // bytes that are not used
    loss.kind = PINFO_LOSS_DAMAGED_RING;
    sink.OnRecord(std::as_bytes(std::span(&loss, 1)));
  }

  std::ifstream in_;
  FileHeader header_;
  std::vector<uint64_t> record_;
  std::string damage_;
  size_t file_bytes_;
  size_t offset_ = sizeof(FileHeader);
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
  std::error_code error;
  const auto file_bytes = std::filesystem::file_size(path, error);  // a pipe has none
  return std::make_unique<RecordingSourceImpl>(std::move(in), header, error ? 0 : file_bytes);
}

}  // namespace pinfo
