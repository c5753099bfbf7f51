#include "collector/process/process_watcher.h"

#include <algorithm>
#include <cstring>

#include "collector/process/io_uring.h"
#include "collector/process/system_reader.h"

namespace pinfo {
namespace {

// A new image maps its libraries within milliseconds; later changes are rare. Where there are many
// processes, each is read more rarely.
constexpr int64_t kFirstMapsIntervalNs = 20'000'000;
constexpr int64_t kLastMapsIntervalNs = 5'000'000'000;
constexpr int64_t kMapsIntervalPerProcessNs = 30'000'000;
// An address outside the known mappings asks for them again, at most this often a process.
constexpr int64_t kWantedMapsIntervalNs = 100'000'000;

// The machine's load is an average over a minute, its memory changes slowly.
constexpr int64_t kSystemIntervalNs = 5'000'000'000;

// Status is read this often, but of no more than 200 processes a second.
constexpr int64_t kStatusIntervalNs = 1'000'000'000;
constexpr int64_t kStatusIntervalPerProcessNs = 5'000'000;
// A process that seems to do nothing may have opened a file all the same.
constexpr int64_t kFullStatusIntervalNs = 30'000'000'000;

// A server listens soon after its start, and seldom changes where.
constexpr int64_t kFirstFactsNs = 500'000'000;
constexpr int64_t kEarlyFactsNs = 5'000'000'000;
constexpr int64_t kFactsIntervalNs = 60'000'000'000;
constexpr int64_t kUringIntervalNs = 500'000'000;
// Reading what memory is truly used holds the lock that the target's mmap takes, for a time that
// grows with its memory: seldom, and not at all where it could be felt.
constexpr int64_t kPssIntervalNs = 60'000'000'000;
constexpr uint64_t kPssRssMax = uint64_t{2} << 30;

void Emit(const RecordBytes& record, RecordSink& sink) {
  sink.OnRecord(std::as_bytes(std::span(record)));
}

bool Contains(const std::vector<std::pair<uint64_t, uint64_t>>& ranges, uint64_t address) {
  const auto it = std::upper_bound(ranges.begin(), ranges.end(), std::pair(address, UINT64_MAX));
  return it != ranges.begin() && address < std::prev(it)->second;
}

}  // namespace

void ProcessWatcher::Follow(Pid pid, RecordSink& sink) {
  const int64_t now_ns = MonotonicNs();
  Begin(pid, now_ns, sink);
  if (const auto it = watched_.find(pid); it != watched_.end()) {
    it->second.next_facts_ns = now_ns;  // it has run for a while
  }
}

void ProcessWatcher::Watch(Pid pid) {
  Watched& watched = watched_.try_emplace(pid).first->second;
  watched.maps_interval_ns = kFirstMapsIntervalNs;
  watched.next_facts_ns = MonotonicNs() + kFirstFactsNs;
  watched.tells_itself = true;
}

void ProcessWatcher::Begin(Pid pid, int64_t now_ns, RecordSink& sink) {
  const auto record = ReadProcessRecord(pid);
  if (!record) {
    return;  // it has ended already: its own records say so
  }
  Emit(*record, sink);
  Watched& watched = watched_[pid];
  watched = Watched{};
  watched.maps_interval_ns = kFirstMapsIntervalNs;
  ReadMaps(pid, watched, now_ns, sink);
  watched.next_status_ns = now_ns;
  watched.next_facts_ns = now_ns + kFirstFactsNs;
}

void ProcessWatcher::ReadMaps(Pid pid, Watched& watched, int64_t now_ns, RecordSink& sink) {
  ExecutableMaps maps = ReadExecutableMaps(pid);
  watched.maps.has_uring |= maps.has_uring;
  if (!maps.records.empty() && !maps.SameAs(watched.maps)) {
    maps.has_uring |= watched.maps.has_uring;
    for (const RecordBytes& record : maps.records) {
      Emit(record, sink);
    }
    watched.maps = std::move(maps);
  }
  watched.maps_wanted = false;
  watched.ran_since_maps = false;
  watched.next_maps_ns = now_ns + watched.maps_interval_ns;
  watched.maps_interval_ns =
      std::min(2 * watched.maps_interval_ns,
               std::max(kLastMapsIntervalNs,
                        static_cast<int64_t>(watched_.size()) * kMapsIntervalPerProcessNs));
}

void ProcessWatcher::End(Pid pid, RecordSink& sink) {
  const auto it = watched_.find(pid);
  if (it == watched_.end()) {
    return;
  }
  if (const auto record = ReadFinalStatusRecord(pid, it->second.last_status)) {
    Emit(*record, sink);
  }
  watched_.erase(it);
}

void ProcessWatcher::OnRecord(const RecordView& record, RecordSink& sink) {
  const Pid pid{record.header().pid};
  switch (record.type()) {
    case PINFO_RECORD_TASK:
      if (record.header().pid == record.header().tid) {
        Begin(pid, MonotonicNs(), sink);
      }
      return;
    case PINFO_RECORD_EXEC:
      Begin(pid, MonotonicNs(), sink);
      return;
    case PINFO_RECORD_EXIT:
      if (record.as<pinfo_exit>().process_ended != 0) {
        End(pid, sink);
      }
      return;
    case PINFO_RECORD_SAMPLE: {
      const auto it = watched_.find(pid);
      if (it != watched_.end() && !it->second.maps_wanted &&
          !Contains(it->second.maps.ranges,
                    record.as<pinfo_sample>().registers[PINFO_REGISTER_RIP])) {
        WantMaps(it->second);
      }
      return;
    }
    case PINFO_RECORD_RECEIVED:
    case PINFO_RECORD_RESPONSE:
    case PINFO_RECORD_EXCHANGE:
    case PINFO_RECORD_CLOSE:
    case PINFO_RECORD_MAPPING:
    case PINFO_RECORD_PROCESS:
    case PINFO_RECORD_STATUS:
    case PINFO_RECORD_SYSTEM:
    case PINFO_RECORD_LOSS:
    case PINFO_RECORD_PYTHON_CODE:
    case PINFO_RECORD_PYTHON:
    case PINFO_RECORD_EXACT:
    case PINFO_RECORD_SEGMENT:
    case PINFO_RECORD_CALL:
    case PINFO_RECORD_KERNEL_FUNCTION:
      return;
  }
}

void ProcessWatcher::ReadFacts(Pid pid, Watched& watched, int64_t now_ns, RecordSink& sink) {
  std::vector<std::string> libraries;
  for (const RecordBytes& bytes : watched.maps.records) {
    pinfo_mapping mapping{};
    std::memcpy(&mapping, bytes.data(), sizeof(mapping));
    libraries.emplace_back(reinterpret_cast<const char*>(bytes.data()) + sizeof(mapping),
                           mapping.path_bytes);
  }
  ProcessFacts facts;
  facts.runtime = runtimes_.Describe(pid, ReadExe(pid), libraries);
  const ListenAddresses::Answer listens = listen_addresses_.Of(pid, now_ns);
  for (const std::string& address : listens.addresses) {
    facts.listen += (facts.listen.empty() ? "" : " ") + address;
  }
  watched.next_facts_ns = now_ns + (listens.may_be_early ? kEarlyFactsNs : kFactsIntervalNs);
  watched.ran_since_facts = listens.may_be_early;
  if (facts == watched.facts) {
    return;
  }
  watched.facts = std::move(facts);
  if (const auto record = ReadProcessRecord(pid, watched.facts)) {
    Emit(*record, sink);
  }
}

void ProcessWatcher::ReadUring(Pid pid, Watched& watched, RecordSink& sink) {
  const uint64_t operations = CountUringOperations(pid);
  if (operations > watched.uring_operations) {
    pinfo_loss loss{};
    loss.header = {.size = sizeof(loss),
                   .type = PINFO_RECORD_LOSS,
                   .reserved = 0,
                   .pid = pid.value,
                   .tid = pid.value,
                   .time_ns = static_cast<uint64_t>(MonotonicNs())};
    loss.count = operations - watched.uring_operations;
    loss.kind = PINFO_LOSS_IO_URING;
    sink.OnRecord(std::as_bytes(std::span(&loss, 1)));
  }
  watched.uring_operations = operations;  // less where a ring was closed
}

void ProcessWatcher::ReadStatus(Pid pid, Watched& watched, int64_t now_ns, RecordSink& sink) {
  const auto figures = ReadStatusFigures(pid);
  if (!figures) {
    return;
  }
  const bool is_idle = *figures == watched.figures && now_ns < watched.next_full_status_ns;
  const bool ran = figures->user_ticks != watched.figures.user_ticks ||
                   figures->system_ticks != watched.figures.system_ticks;
  watched.ran_since_maps |= ran;
  watched.ran_since_facts |= ran;
  auto record = is_idle ? RepeatStatusRecord(watched.last_status) : ReadStatusRecord(pid, *figures);
  if (!record) {
    return;
  }
  if (!is_idle) {
    watched.figures = *figures;
    watched.next_full_status_ns = now_ns + kFullStatusIntervalNs;
  }
  pinfo_status status{};
  std::memcpy(&status, record->data(), sizeof(status));
  status.pss_bytes = 0;
  if (now_ns >= watched.next_pss_ns && (!is_idle || watched.next_pss_ns == 0)) {
    status.pss_bytes = status.rss_bytes <= kPssRssMax ? ReadPssBytes(pid) : 0;
    watched.next_pss_ns = now_ns + kPssIntervalNs;
  }
  std::memcpy(record->data(), &status, sizeof(status));
  Emit(*record, sink);
  watched.last_status = std::move(*record);
}

void ProcessWatcher::WantMaps(Watched& watched) {
  watched.maps_wanted = true;
  watched.next_maps_ns = std::min(watched.next_maps_ns, MonotonicNs() + kWantedMapsIntervalNs);
}

void ProcessWatcher::OnMapping(const pinfo_mapping& mapping, std::string_view path,
                               RecordSink& sink) {
  const auto it = watched_.find(Pid{mapping.header.pid});
  if (it == watched_.end()) {
    return;
  }
  // A compiler that makes its memory writable and executable by turns tells nothing new.
  if (path.empty() && Contains(it->second.maps.ranges, mapping.start) &&
      Contains(it->second.maps.ranges, mapping.end - 1)) {
    return;
  }
  RecordBytes record((sizeof(mapping) + path.size() + 7) / 8);
  std::memcpy(record.data(), &mapping, sizeof(mapping));
  std::memcpy(reinterpret_cast<char*>(record.data()) + sizeof(mapping), path.data(), path.size());
  Emit(record, sink);
  it->second.maps.records.clear();  // what is read next is emitted, whatever it is
  WantMaps(it->second);
}

void ProcessWatcher::OnMappingsLost() {
  for (auto& [pid, watched] : watched_) {
    WantMaps(watched);
  }
}

int64_t ProcessWatcher::status_interval_ns() const {
  return std::max(kStatusIntervalNs,
                  static_cast<int64_t>(watched_.size()) * kStatusIntervalPerProcessNs);
}

void ProcessWatcher::Tick(int64_t now_ns, RecordSink& sink) {
  if (now_ns >= next_system_ns_) {
    Emit(ReadSystemRecord(), sink);
    next_system_ns_ = now_ns + kSystemIntervalNs;
  }
  for (auto& [pid, watched] : watched_) {
    const bool may_map = watched.maps_wanted || watched.ran_since_maps ||
                         watched.maps_interval_ns < kLastMapsIntervalNs;
    if (now_ns >= watched.next_maps_ns && may_map) {
      ReadMaps(pid, watched, now_ns, sink);
    }
    if (now_ns >= watched.next_facts_ns && watched.ran_since_facts) {
      ReadFacts(pid, watched, now_ns, sink);
    }
    if (watched.tells_itself && watched.maps.has_uring && now_ns >= watched.next_uring_ns) {
      ReadUring(pid, watched, sink);
      watched.next_uring_ns = now_ns + kUringIntervalNs;
    }
    if (now_ns >= watched.next_status_ns) {
      ReadStatus(pid, watched, now_ns, sink);
      watched.next_status_ns = now_ns + status_interval_ns();
    }
  }
}

}  // namespace pinfo
