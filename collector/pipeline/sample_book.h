// Samples that wait for the request they were taken in. One thread; pure.
//
// A sample names the turn its thread was handling. It belongs to that turn's request if it was
// taken while its thread worked on the request (ServedRequest::parts), and to none otherwise. One
// that names no turn may still turn out to have been taken in such a time: a thread that answers a
// request which another one read has worked on it before.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/base/ids.h"
#include "collector/pipeline/stack_resolver.h"
#include "collector/request/assembler.h"

namespace pinfo {

struct Sample {
  int64_t time_ns = 0;
  TrackedProcess* process = nullptr;
  Tid tid;
  std::shared_ptr<const ResolvedStack> stack;
  uint8_t kind = PINFO_SAMPLE_ON_CPU;
  int64_t weight = 1;
  int64_t duration_ns = 0;
};

class SampleBook {
 public:
  // At most this many samples wait; beyond it the older ones are given up as unattributed.
  explicit SampleBook(size_t capacity = 200'000) : capacity_(capacity) {}

  void Add(ConnectionId connection, uint32_t turn, Sample sample);
  // A sample that names no turn.
  void AddLoose(Sample sample);

  // The samples of a request's turns that lie within it, and the loose ones that do. The other
  // samples of these turns, and those of earlier turns of the connection, go to unattributed.
  std::vector<Sample> Take(const ServedRequest& request, std::vector<Sample>& unattributed);

  // Gives up samples older than before_ns.
  void Expire(int64_t before_ns, std::vector<Sample>& unattributed);
  // Gives up loose ones older than before_ns.
  void ExpireLoose(int64_t before_ns, std::vector<Sample>& unattributed);

  [[nodiscard]] size_t size() const { return size_; }

 private:
  struct OfTurn {
    uint32_t turn = 0;
    std::vector<Sample> samples;
  };
  using OfConnection = std::deque<OfTurn>;  // by turn

  void GiveUpOlder();
  void TakeLoose(const ServedRequest& request, std::vector<Sample>& taken);

  std::unordered_map<ConnectionId, OfConnection> waiting_;
  std::deque<Sample> loose_;      // by time, nearly
  std::vector<Sample> overflow_;  // given up, not yet handed out
  size_t size_ = 0;
  size_t capacity_;
};

}  // namespace pinfo
