#include "tests/unit/ring_source/ring_fixture.h"

#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pinfo {
namespace {

uint64_t StartTicks(uint32_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  size_t at = text.rfind(')');
  for (int field = 2; field < 22; ++field) {
    at = text.find(' ', at + 1);
  }
  return std::stoull(text.substr(at + 1));
}

}  // namespace

void TakingSink::OnRecord(std::span<const std::byte> bytes) {
  const auto record = DecodeRecord(bytes);
  if (!record) {
    ++malformed;
    return;
  }
  types.push_back(record->type());
  if (record->type() == PINFO_RECORD_CLOSE) {
    connections.push_back(record->as<pinfo_close>().connection);
  } else if (record->type() == PINFO_RECORD_LOSS) {
    losses[record->as<pinfo_loss>().kind] += record->as<pinfo_loss>().count;
  } else if (record->type() == PINFO_RECORD_EXIT) {
    process_exits += record->as<pinfo_exit>().process_ended;
  }
}

RingFile::RingFile(std::filesystem::path directory, uint32_t pid, uint64_t start_ticks,
                   uint64_t data_bytes)
    : path_(std::move(directory) / fmt::format("pinfo.{}.{}.ring", pid, start_ticks)) {
  header.magic = PINFO_RING_MAGIC;
  header.version = PINFO_RING_VERSION;
  header.wire_version = PINFO_WIRE_VERSION;
  header.header_bytes = PINFO_RING_HEADER_BYTES;
  header.state = PINFO_RING_ACTIVE;
  header.data_bytes = data_bytes;
  header.pid = pid;
  header.start_ticks = start_ticks;
  std::ifstream("/proc/sys/kernel/random/boot_id").read(header.boot_id, 36);
  Store();
  std::filesystem::resize_file(path_, PINFO_RING_HEADER_BYTES + data_bytes);
}

void RingFile::WriteAt(uint64_t offset, const void* data, size_t bytes) const {
  UniqueFd fd(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(pwrite(fd.get(), data, bytes, static_cast<off_t>(offset)), static_cast<ssize_t>(bytes));
}

void RingFile::Store() { WriteAt(0, &header, sizeof(header)); }

void RingFile::Load() {
  UniqueFd fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(pread(fd.get(), &header, sizeof(header), 0), static_cast<ssize_t>(sizeof(header)));
}

void RingFile::AppendRaw(uint64_t slot_bytes, uint64_t word, const std::string& bytes) {
  const uint64_t at = PINFO_RING_HEADER_BYTES + header.head % header.data_bytes;
  WriteAt(at, &word, sizeof(word));
  WriteAt(at + sizeof(word), bytes.data(), bytes.size());
  header.head += slot_bytes;
  Store();
}

void RingFile::Append(uint64_t connection) {
  constexpr uint64_t kSlot = sizeof(pinfo_close) + PINFO_RING_WORD_BYTES;
  const uint64_t to_end = header.data_bytes - header.head % header.data_bytes;
  if (to_end < kSlot) {
    AppendRaw(to_end, pinfo_ring_word(header.head, to_end) | PINFO_RING_PAD, "");
  }
  pinfo_close record{};
  record.header.size = sizeof(record);
  record.header.type = PINFO_RECORD_CLOSE;
  record.header.pid = header.pid;
  record.connection = connection;
  AppendRaw(kSlot, pinfo_ring_word(header.head, kSlot),
            std::string(reinterpret_cast<const char*>(&record), sizeof(record)));
}

RingTest::RingTest() {
  std::string name = (std::filesystem::temp_directory_path() / "pinfo-ring-XXXXXX").string();
  directory_ = mkdtemp(name.data());
  directory_fd_ = open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

RingTest::~RingTest() {
  close(directory_fd_);
  std::filesystem::remove_all(directory_);
}

RingOwner ThisProcess() {
  const auto pid = static_cast<uint32_t>(getpid());
  return {pid, StartTicks(pid)};
}

RingOwner DeadProcess() {
  const pid_t pid = fork();
  if (pid == 0) {
    _exit(0);
  }
  waitpid(pid, nullptr, 0);
  return {static_cast<uint32_t>(pid), 1};
}

}  // namespace pinfo
