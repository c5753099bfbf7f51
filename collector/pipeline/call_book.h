// Calls to other servers that wait for the request they were made for. One thread; pure.
//
// A call names the turn that its thread was serving. It belongs to that turn's request if it was
// made between the request's beginning and end, and to none otherwise. Where only a wake-up ties
// the thread to the turn, the request must count the thread's time too.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "collector/base/ids.h"
#include "collector/request/assembler.h"
#include "collector/source/record.h"
#include "collector/store/rows.h"

namespace pinfo {

class CallBook {
 public:
  // Peers listed for one request; the calls to others are summed up under "{other}".
  static constexpr size_t kPeersMax = 100;
  static constexpr size_t kSpansMax = 100;
  // At most this many records wait; beyond it the older ones are given up as unattributed.
  explicit CallBook(size_t capacity = 200'000) : capacity_(capacity) {}

  // REQUIRES: a record of type CALL.
  void Add(const RecordView& record);

  // The calls of a request, a row a peer, in the order in which the peers were first called.
  // spans: where not nullptr, when they were; the first kSpansMax.
  std::vector<CallRow> Take(const ServedRequest& request,
                            std::vector<CallSpanRow>* spans = nullptr);

  // Gives up what was made before before_ns.
  void Expire(int64_t before_ns);

  // Calls ever added, and ever taken. The difference waits or was made for no request.
  [[nodiscard]] int64_t seen() const { return seen_; }
  [[nodiscard]] int64_t attributed() const { return attributed_; }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  struct Call {
    uint32_t turn = 0;
    int64_t first_ns = 0;
    int64_t last_ns = 0;
    Tid tid;
    bool adopted = false;
    CallRow row;
  };

  static bool Covers(const ServedRequest& request, const Call& call);
  void GiveUpOlder();

  std::unordered_map<ConnectionId, std::vector<Call>> waiting_;  // as they came
  size_t size_ = 0;
  size_t capacity_;
  int64_t seen_ = 0;
  int64_t attributed_ = 0;
};

// "10.0.0.7:5432", "unix:/run/redis.sock", "unix:@name" for an abstract name.
std::string PeerName(const pinfo_call& call, std::string_view path);

}  // namespace pinfo
