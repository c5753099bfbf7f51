#include "collector/pipeline/call_book.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "collector/request/site.h"
#include "collector/request/turn_record.h"

namespace pinfo {
namespace {

constexpr const char* kOtherPeers = "{other}";

void AddRow(std::vector<CallRow>& rows, CallRow row) {
  auto it = std::find_if(rows.begin(), rows.end(),
                         [&row](const CallRow& each) { return each.peer == row.peer; });
  if (it == rows.end() && rows.size() >= CallBook::kPeersMax) {
    it = std::prev(rows.end());
    it->peer = kOtherPeers;
  }
  if (it == rows.end()) {
    rows.push_back(std::move(row));
    return;
  }
  it->calls = AddSigned(it->calls, static_cast<uint64_t>(row.calls));
  it->waited_ns = AddSigned(it->waited_ns, static_cast<uint64_t>(row.waited_ns));
}

}  // namespace

std::string PeerName(const pinfo_call& call, std::string_view path) {
  if (call.transport != PINFO_TRANSPORT_UNIX) {
    return FormatAddress(call.transport, call.peer_address, call.peer_port);
  }
  std::string name = "unix:";
  if (path.starts_with('\0')) {  // unix(7): an abstract name begins with a zero byte
    name += '@';
    path.remove_prefix(1);
  } else {
    path = path.substr(0, path.find('\0'));
  }
  return name.append(path);
}

void CallBook::Add(const RecordView& record) {
  const auto& raw = record.as<pinfo_call>();
  seen_ += raw.calls;
  if (raw.connection == 0) {
    return;
  }
  if (size_ >= capacity_) {
    GiveUpOlder();
  }
  Call call;
  call.turn = raw.turn;
  call.first_ns = ToSigned(raw.first_ns);
  call.last_ns = ToSigned(raw.last_ns);
  call.tid = Tid{raw.header.tid};
  call.adopted = (raw.flags & PINFO_CALL_ADOPTED) != 0;
  call.row = {.peer = PeerName(raw, record.text()),
              .calls = raw.calls,
              .waited_ns = ToSigned(raw.waited_ns)};
  waiting_[ConnectionId{raw.connection}].push_back(std::move(call));
  ++size_;
}

bool CallBook::Covers(const ServedRequest& request, const Call& call) {
  if (call.first_ns < request.start_ns || call.last_ns > request.end_ns) {
    return false;
  }
  return !call.adopted ||
         std::any_of(request.parts.begin(), request.parts.end(), [&call](const WorkPart& part) {
           return part.tid == call.tid && part.begin_ns <= call.first_ns &&
                  call.last_ns <= part.end_ns;
         });
}

std::vector<CallRow> CallBook::Take(const ServedRequest& request, std::vector<CallSpanRow>* spans) {
  std::vector<CallRow> rows;
  const auto it = waiting_.find(request.connection);
  if (it == waiting_.end()) {
    return rows;
  }
  std::vector<Call> kept;
  for (Call& call : it->second) {
    const bool of_its_turns = call.turn >= request.first_turn && call.turn <= request.last_turn;
    if (of_its_turns && Covers(request, call)) {
      attributed_ += call.row.calls;
      if (spans != nullptr && spans->size() < kSpansMax) {
        spans->push_back({.peer = call.row.peer,
                          .tid = call.tid,
                          .begin_ns = call.first_ns - request.start_ns,
                          .end_ns = call.last_ns - request.start_ns,
                          .calls = call.row.calls,
                          .waited_ns = call.row.waited_ns});
      }
      AddRow(rows, std::move(call.row));
    } else if (call.turn > request.last_turn ||
               (call.turn == request.last_turn && call.last_ns > request.end_ns)) {
      kept.push_back(std::move(call));  // of a later turn, or of the next pipelined request
    }
  }
  size_ -= it->second.size() - kept.size();
  if (kept.empty()) {
    waiting_.erase(it);
  } else {
    it->second = std::move(kept);
  }
  return rows;
}

void CallBook::Expire(int64_t before_ns) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    size_ -= std::erase_if(it->second,
                           [before_ns](const Call& call) { return call.last_ns < before_ns; });
    it = it->second.empty() ? waiting_.erase(it) : std::next(it);
  }
}

// At least a tenth in one pass, so that the passes cost little a call.
void CallBook::GiveUpOlder() {
  std::vector<int64_t> times;
  for (const auto& [connection, calls] : waiting_) {
    for (const Call& call : calls) {
      times.push_back(call.last_ns);
    }
  }
  const auto tenth = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 10);
  std::nth_element(times.begin(), tenth, times.end());
  Expire(*tenth + 1);
}

}  // namespace pinfo
