#include "collector/source/ring_source.h"

#include <ctime>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace pinfo {
namespace {

constexpr uint64_t kDiscoverNs = 50'000'000;

uint64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

pinfo_header HeaderFor(uint16_t type, uint32_t size, uint32_t pid, uint64_t now_ns) {
  pinfo_header header{};
  header.size = size;
  header.type = type;
  header.pid = pid;
  header.tid = pid;
  header.time_ns = now_ns;
  return header;
}

void EmitExit(RecordSink& sink, uint32_t pid, uint64_t now_ns) {
  pinfo_exit record{};
  record.header = HeaderFor(PINFO_RECORD_EXIT, sizeof(record), pid, now_ns);
  record.process_ended = 1;
  sink.OnRecord(std::as_bytes(std::span(&record, 1)));
}

void EmitDamage(RecordSink& sink, uint32_t pid, uint64_t bytes, uint64_t now_ns) {
  pinfo_loss record{};
  record.header = HeaderFor(PINFO_RECORD_LOSS, sizeof(record), pid, now_ns);
  record.count = bytes;
  record.kind = PINFO_LOSS_DAMAGED_RING;
  sink.OnRecord(std::as_bytes(std::span(&record, 1)));
}

Result<std::vector<std::string>> RingNames(int directory, const std::string& path) {
  // A descriptor of its own: closedir closes it.
  const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return FailErrno("cannot read the ring directory " + path);
  }
  DIR* stream = fdopendir(fd);
  if (stream == nullptr) {
    const auto failure = FailErrno("cannot read the ring directory " + path);
    close(fd);
    return failure;
  }
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream)) {
    if (ParseRingName(entry->d_name)) {
      names.emplace_back(entry->d_name);
    }
  }
  closedir(stream);
  return names;
}

}  // namespace

std::string DefaultRingDirectory() { return fmt::format("/dev/shm/pinfo-{}", geteuid()); }

RingSource::RingSource(std::string directory, UniqueFd fd, AtStop at_stop)
    : path_(std::move(directory)), directory_(std::move(fd)), at_stop_(at_stop) {}

Result<std::unique_ptr<RingSource>> RingSource::Open(const std::string& directory, AtStop at_stop) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return FailErrno("cannot create the ring directory " + directory);
  }
  UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) {
    return FailErrno("cannot open the ring directory " + directory);
  }
  if ((status.st_uid != geteuid() && geteuid() != 0) || (status.st_mode & 022) != 0) {
    return Fail(fmt::format(
        "the ring directory {} can be written by other users: give it mode 0700 and its owner, or "
        "name another one with --dir",
        directory));
  }
  return std::unique_ptr<RingSource>(new RingSource(directory, std::move(fd), at_stop));
}

void RingSource::OpenRing(RecordSink& sink, const std::string& name, uint64_t now_ns) {
  auto reader = RingReader::Open(directory_.get(), name);
  if (reader) {
    if (reader->OwnerRuns()) {  // else its pid may be somebody else's by now
      watcher_.Watch(Pid{reader->owner().pid});
    }
    readers_.emplace(name, std::move(*reader));
    return;
  }
  const RingOwner owner = ParseRingName(name).value_or(RingOwner{});
  switch (reader.error()) {
    case RingReader::OpenError::kStarting:
      if (OwnerAlive(owner)) {
        ++starting_;
      } else {
        unlinkat(directory_.get(), name.c_str(), 0);
      }
      return;
    case RingReader::OpenError::kDamaged:
      ++damaged_rings_;
      EmitDamage(sink, owner.pid, 1, now_ns);
      if (!OwnerAlive(owner)) {
        unlinkat(directory_.get(), name.c_str(), 0);
      }
      refused_.insert(name);
      return;
    case RingReader::OpenError::kBusy:
    case RingReader::OpenError::kGone:
      return;  // another collector's, or gone since it was listed
  }
}

Status RingSource::Discover(RecordSink& sink, uint64_t now_ns) {
  auto names = RingNames(directory_.get(), path_);
  if (!names) {
    return tl::unexpected(names.error());
  }
  starting_ = 0;
  for (const std::string& name : *names) {
    if (!readers_.contains(name) && !refused_.contains(name)) {
      OpenRing(sink, name, now_ns);
    }
  }
  return {};
}

Result<size_t> RingSource::Drain(RecordSink& sink) {
  const uint64_t now_ns = NowNs();
  const bool look = !stopped_ && now_ns - discovered_ns_ >= kDiscoverNs;
  if (look) {
    discovered_ns_ = now_ns;
    if (auto status = Discover(sink, now_ns); !status) {
      return tl::unexpected(status.error());
    }
  }
  size_t records = 0;
  for (auto it = readers_.begin(); it != readers_.end();) {
    RingReader& reader = it->second;
    // Asked before draining: what a process wrote before it ended is then read for certain.
    const bool alive = !(look || stopped_) || reader.OwnerRuns();
    records += reader.Drain(sink, alive, now_ns);
    if (alive || !reader.drained()) {
      ++it;
      continue;
    }
    if (!reader.saw_exit()) {
      EmitExit(sink, reader.owner().pid, now_ns);
    }
    watcher_.End(Pid{reader.owner().pid}, sink);
    unlinkat(directory_.get(), it->first.c_str(), 0);
    it = readers_.erase(it);
  }
  if (!stopped_) {
    watcher_.Tick(static_cast<int64_t>(now_ns), sink);
  }
  return records;
}

bool RingSource::Ended() const {
  if (stopped_) {
    for (const auto& [name, reader] : readers_) {
      if (!reader.drained()) {
        return false;
      }
    }
    return true;
  }
  return no_more_ && discovered_ns_ != 0 && readers_.empty() && starting_ == 0;
}

void RingSource::Stop() {
  stopped_ = true;
  if (at_stop_ == AtStop::kSilenceWriters) {
    for (auto& [name, reader] : readers_) {
      reader.SetStopped(true);
    }
  }
}

}  // namespace pinfo
