// Exact profiles (EXACT records) on their way to the request they are of. One thread; pure.
//
// A profile comes in parts, which preloaded processes write: nothing in them is believed, and what
// waits here is bounded.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "bpf/exact_limits.h"
#include "collector/base/ids.h"
#include "collector/source/record.h"

namespace pinfo {

// The Python calls of one turn, on the thread that received it.
struct ExactProfile {
  int64_t start_ns = 0;  // CLOCK_MONOTONIC
  int64_t end_ns = 0;
  int64_t uncounted_calls = 0;
  std::vector<pinfo_exact_function> functions;
  std::vector<pinfo_exact_edge> edges;  // every index is one of functions
};

class ExactBook {
 public:
  enum class State : uint8_t {
    kNone,      // the turn was not to be profiled
    kAwaited,   // it has begun; more will come
    kReady,     // there is one, and none that is larger will come
    kDeclined,  // there will be none
  };

  // Profiles and parts kept at most, in functions and edges; beyond it the oldest are given up.
  explicit ExactBook(size_t capacity = 1'000'000) : capacity_(capacity) {}

  // REQUIRES: an EXACT record.
  void Add(const RecordView& record);
  // A request of this turn was served. With several (pipelined) ones the profile is nobody's.
  void Served(ConnectionId connection, uint32_t turn);

  // It knows of no turn: every one's state is kNone.
  [[nodiscard]] bool empty() const { return turns_.empty(); }
  [[nodiscard]] State Find(ConnectionId connection, uint32_t turn) const;
  // The profile, as far as there is one, and forgets the turn.
  std::optional<ExactProfile> Take(ConnectionId connection, uint32_t turn);
  // Forgets turns heard of last before this time.
  void Expire(int64_t before_ns);

 private:
  using Key = std::pair<uint64_t, uint32_t>;  // connection, turn
  struct Turn {
    State state = State::kAwaited;
    int64_t heard_ns = 0;
    int requests = 0;
    std::optional<ExactProfile> profile;
    // Of the profile whose parts are coming in.
    ExactProfile parts;
    uint32_t serial = 0;
    uint32_t functions_missing = 0;
    uint32_t edges_missing = 0;
  };

  void AddPart(const RecordView& record, Turn& turn);
  void Complete(const pinfo_exact& raw, Turn& turn);
  void Forget(std::map<Key, Turn>::iterator it);
  void GiveUpOldest();

  std::map<Key, Turn> turns_;
  std::deque<Key> order_;  // as they came; may name turns forgotten since
  size_t size_ = 0;
  size_t capacity_;
};

}  // namespace pinfo
