#include "collector/source/mapping_events.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace pinfo {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kDataBytes = 64 * kPageBytes;  // a power of two

// PERF_RECORD_MMAP2 behind its header, without build id (include/uapi/linux/perf_event.h).
struct Mmap2 {
  uint32_t pid;
  uint32_t tid;
  uint64_t address;
  uint64_t length;
  uint64_t file_offset;
  uint32_t major;
  uint32_t minor;
  uint64_t inode;
  uint64_t inode_generation;
  uint32_t protection;
  uint32_t flags;
};
static_assert(sizeof(Mmap2) == 64);

// What sample_id_all appends: PERF_SAMPLE_TID, PERF_SAMPLE_TIME.
struct SampleId {
  uint32_t pid;
  uint32_t tid;
  uint64_t time;
};

perf_event_attr Attributes() {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
  attr.mmap = 1;
  attr.mmap2 = 1;
  attr.sample_id_all = 1;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;
  attr.watermark = 1;
  attr.wakeup_watermark = kDataBytes;  // nobody sleeps on it
  return attr;
}

bool Visit(std::span<const std::byte> body, const std::function<void(const MappingEvent&)>& visit) {
  Mmap2 raw{};
  SampleId id{};
  if (body.size() < sizeof(raw) + sizeof(id)) {
    return false;
  }
  std::memcpy(&raw, body.data(), sizeof(raw));
  std::memcpy(&id, body.data() + body.size() - sizeof(id), sizeof(id));
  const auto text = body.subspan(sizeof(raw), body.size() - sizeof(raw) - sizeof(id));
  const auto* begin = reinterpret_cast<const char*>(text.data());
  MappingEvent event;
  event.path = {begin, ::strnlen(begin, text.size())};
  if (event.path.starts_with("//")) {
    event.path = {};  // "//anon" and, where no name could be made, "//toolong" and "//enomem"
  }
  event.path = event.path.substr(0, PINFO_TEXT_MAX);
  pinfo_mapping& mapping = event.mapping;
  mapping.header.type = PINFO_RECORD_MAPPING;
  mapping.header.pid = raw.pid;
  mapping.header.tid = raw.tid;
  mapping.header.time_ns = id.time;
  mapping.header.size = static_cast<pinfo_u32>(sizeof(mapping) + event.path.size());
  mapping.start = raw.address;
  mapping.end = raw.address + raw.length;
  mapping.file_offset = raw.file_offset;
  mapping.inode = raw.inode;
  mapping.device_major = raw.major;
  mapping.device_minor = raw.minor;
  mapping.path_bytes = static_cast<pinfo_u32>(event.path.size());
  mapping.flags = PINFO_MAPPING_EXECUTABLE;
  if (mapping.end <= mapping.start) {
    return false;
  }
  visit(event);
  return true;
}

}  // namespace

bool VisitMappingEvents(std::span<const std::byte> bytes,
                        const std::function<void(const MappingEvent&)>& visit) {
  bool whole = true;
  perf_event_header header{};
  while (bytes.size() >= sizeof(header)) {
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.size < sizeof(header)) {
      return false;  // nothing tells where the next one begins
    }
    if (header.size > bytes.size()) {
      return whole;
    }
    if (header.type == PERF_RECORD_MMAP2) {
      whole = Visit(bytes.subspan(sizeof(header), header.size - sizeof(header)), visit) && whole;
    } else if (header.type == PERF_RECORD_LOST) {
      whole = false;
    }
    bytes = bytes.subspan(header.size);
  }
  return whole;
}

Result<std::unique_ptr<MappingEvents>> MappingEvents::Open() {
  std::unique_ptr<MappingEvents> events(new MappingEvents);
  perf_event_attr attr = Attributes();
  const long cpus = ::sysconf(_SC_NPROCESSORS_CONF);
  for (long cpu = 0; cpu < cpus; ++cpu) {
    Ring ring;
    ring.fd = UniqueFd(static_cast<int>(
        ::syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
    if (!ring.fd) {
      if (errno == ENODEV) {
        continue;  // the CPU is offline
      }
      return FailErrno("opening the kernel's events of new mappings");
    }
    void* memory = ::mmap(nullptr, kPageBytes + kDataBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                          ring.fd.get(), 0);
    if (memory == MAP_FAILED) {
      return FailErrno("mapping the ring of new mappings");
    }
    ring.memory = memory;
    events->rings_.push_back(std::move(ring));
  }
  return events;
}

MappingEvents::~MappingEvents() {
  for (const Ring& ring : rings_) {
    ::munmap(ring.memory, kPageBytes + kDataBytes);
  }
}

bool MappingEvents::DrainRing(const Ring& ring,
                              const std::function<void(const MappingEvent&)>& visit) {
  auto* page = static_cast<perf_event_mmap_page*>(ring.memory);
  const auto* data = static_cast<const std::byte*>(ring.memory) + kPageBytes;
  const uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
  const uint64_t tail = page->data_tail;
  if (head == tail) {
    return true;
  }
  const size_t used = std::min<uint64_t>(head - tail, kDataBytes);
  const size_t begin = tail % kDataBytes;
  const size_t first = std::min(used, kDataBytes - begin);
  copy_.resize(used);
  std::memcpy(copy_.data(), data + begin, first);
  std::memcpy(copy_.data() + first, data, used - first);
  __atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
  return VisitMappingEvents(copy_, visit);
}

bool MappingEvents::Drain(const std::function<void(const MappingEvent&)>& visit) {
  bool whole = true;
  for (const Ring& ring : rings_) {
    whole = DrainRing(ring, visit) && whole;
  }
  return whole;
}

}  // namespace pinfo
