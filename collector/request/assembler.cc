#include "collector/request/assembler.h"

#include <algorithm>
#include <deque>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/request/connection.h"

namespace pinfo {
namespace {

// Slots for connections that have lately ended. A power of two.
constexpr size_t kEndedSlots = 4096;
constexpr size_t kReserve = 1024;

}  // namespace

struct RequestAssembler::Impl {
  struct Entry {
    Connection connection;
    std::list<uint64_t>::iterator age;
    bool due_queued = false;
    bool upgrade_counted = false;
  };
  using Map = std::unordered_map<uint64_t, Entry>;

  Impl(AssemblerOptions assembler_options, Output assembler_output)
      : options(assembler_options), output(std::move(assembler_output)), ended(kEndedSlots) {
    connections.reserve(kReserve);
  }

  uint64_t& EndedSlot(uint64_t id) { return ended[(id * 0x9E3779B97F4A7C15U) >> 52U]; }

  Map::iterator FindOrAdd(uint64_t id) {
    const auto found = connections.find(id);
    if (found != connections.end()) {
      if (std::next(found->second.age) != by_age.end()) {
        by_age.splice(by_age.end(), by_age, found->second.age);
      }
      return found;
    }
    if (connections.size() >= options.max_connections) {
      Evict();
    }
    by_age.push_back(id);
    return connections
        .emplace(id, Entry{Connection(ConnectionId{id}, options, output), std::prev(by_age.end())})
        .first;
  }

  void Evict() {
    const auto oldest = connections.find(by_age.front());
    ++counts.evicted_connections;
    oldest->second.connection.End(now, EndCause::kLost);
    Remove(oldest);
  }

  void Remove(Map::iterator at) {
    EndedSlot(at->first) = at->first;
    Unown(at->second.connection.pid());
    by_age.erase(at->second.age);
    connections.erase(at);
  }

  void Unown(Pid pid) {
    const auto owned = by_pid.find(pid.value);
    if (owned != by_pid.end() && --owned->second == 0) {
      by_pid.erase(owned);
    }
  }

  // After every record: forgets what is over, keeps the deadline known.
  void Settle(Map::iterator at, Pid owner_before) {
    Entry& entry = at->second;
    const Pid owner = entry.connection.pid();
    if (owner != owner_before) {
      ++by_pid[owner.value];
      Unown(owner_before);
    }
    if (entry.connection.upgraded() && !entry.upgrade_counted) {
      entry.upgrade_counted = true;
      ++counts.upgraded_connections;
    }
    if (entry.connection.over()) {
      Remove(at);
      return;
    }
    if (!entry.due_queued) {
      const int64_t deadline = entry.connection.Deadline();
      if (deadline != 0) {
        entry.due_queued = true;
        due.emplace_back(deadline, at->first);
      }
    }
  }

  void OnReceived(const pinfo_received& record, std::string_view payload) {
    const auto at = FindOrAdd(record.connection);
    const Pid owner = at->second.connection.pid();
    counts.late_records += at->second.connection.OnReceived(record, payload) ? 0 : 1;
    Settle(at, owner);
  }

  void OnResponse(const pinfo_response& record, std::string_view payload) {
    // What an ended connection's server still sent answers nothing that is open.
    if (EndedSlot(record.connection) == record.connection &&
        !connections.contains(record.connection)) {
      ++counts.late_records;
      return;
    }
    const auto at = FindOrAdd(record.connection);
    const Pid owner = at->second.connection.pid();
    counts.late_records += at->second.connection.OnResponse(record, payload) ? 0 : 1;
    Settle(at, owner);
  }

  void OnExchange(const pinfo_response& record, const ExchangeParts& parts) {
    const auto at = FindOrAdd(record.connection);
    const Pid owner = at->second.connection.pid();
    counts.late_records += at->second.connection.OnExchange(record, parts, heads) ? 0 : 1;
    Settle(at, owner);
  }

  void OnSegment(const pinfo_segment& record) {
    const auto at = connections.find(record.connection);
    if (at == connections.end() || !at->second.connection.OnSegment(record)) {
      ++counts.late_records;
    }
  }

  void OnClose(const pinfo_close& record) {
    const auto at = connections.find(record.connection);
    if (at == connections.end()) {
      return;
    }
    const Pid owner = at->second.connection.pid();
    at->second.connection.OnClose(record);
    Settle(at, owner);
  }

  void OnProcessEnd(Pid pid, int64_t time_ns) {
    if (!by_pid.contains(pid.value)) {
      return;
    }
    for (auto at = connections.begin(); at != connections.end();) {
      const auto here = at++;
      if (here->second.connection.pid() == pid) {
        here->second.connection.OnProcessEnd(time_ns);
        Settle(here, pid);
      }
    }
  }

  void Advance(int64_t now_ns) {
    now = now_ns;
    while (!due.empty() && due.front().first <= now_ns) {
      const uint64_t id = due.front().second;
      due.pop_front();
      const auto at = connections.find(id);
      if (at == connections.end()) {
        continue;
      }
      at->second.due_queued = false;
      at->second.connection.OnDeadline(now_ns);
      Settle(at, at->second.connection.pid());
    }
  }

  AssemblerOptions options;
  Output output;
  AssemblerCounts counts;
  int64_t now = 0;
  Map connections;
  std::list<uint64_t> by_age;                    // the longest silent first
  std::unordered_map<uint32_t, size_t> by_pid;   // open connections of each process
  std::deque<std::pair<int64_t, uint64_t>> due;  // earliest possible deadlines, nearly in order
  std::vector<uint64_t> ended;
  HeadCache heads;
};

RequestAssembler::RequestAssembler(AssemblerOptions options, Output output)
    : impl_(std::make_unique<Impl>(options, std::move(output))) {}

RequestAssembler::~RequestAssembler() = default;

void RequestAssembler::OnRecord(const RecordView& record) {
  impl_->now = std::max(impl_->now, ToSigned(record.header().time_ns));
  switch (record.type()) {
    case PINFO_RECORD_RECEIVED:
      impl_->OnReceived(record.as<pinfo_received>(), record.text());
      break;
    case PINFO_RECORD_RESPONSE:
      impl_->OnResponse(record.as<pinfo_response>(), record.text());
      break;
    case PINFO_RECORD_EXCHANGE: {
      impl_->OnExchange(record.as<pinfo_exchange>().response, PartsOf(record));
      break;
    }
    case PINFO_RECORD_SEGMENT:
      impl_->OnSegment(record.as<pinfo_segment>());
      break;
    case PINFO_RECORD_CLOSE:
      impl_->OnClose(record.as<pinfo_close>());
      break;
    case PINFO_RECORD_EXIT:
      if (record.as<pinfo_exit>().process_ended != 0) {
        impl_->OnProcessEnd(Pid{record.header().pid}, ToSigned(record.header().time_ns));
      }
      break;
    case PINFO_RECORD_SAMPLE:
    case PINFO_RECORD_TASK:
    case PINFO_RECORD_EXEC:
    case PINFO_RECORD_MAPPING:
    case PINFO_RECORD_PROCESS:
    case PINFO_RECORD_STATUS:
    case PINFO_RECORD_SYSTEM:
    case PINFO_RECORD_LOSS:
    case PINFO_RECORD_PYTHON_CODE:
    case PINFO_RECORD_PYTHON:
    case PINFO_RECORD_EXACT:
    case PINFO_RECORD_CALL:
    case PINFO_RECORD_KERNEL_FUNCTION:
      break;
  }
}

void RequestAssembler::Advance(int64_t now_ns) { impl_->Advance(now_ns); }

void RequestAssembler::Finish(int64_t now_ns) {
  for (auto& [id, entry] : impl_->connections) {
    entry.connection.End(now_ns, EndCause::kFinish);
  }
  impl_->connections.clear();
  impl_->by_age.clear();
  impl_->by_pid.clear();
  impl_->due.clear();
}

size_t RequestAssembler::open_connections() const { return impl_->connections.size(); }

const AssemblerCounts& RequestAssembler::counts() const { return impl_->counts; }

}  // namespace pinfo
