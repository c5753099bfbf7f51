#include "collector/pipeline/sample_book.h"

#include <algorithm>
#include <iterator>

namespace pinfo {
namespace {

void MoveAll(std::vector<Sample>& from, std::vector<Sample>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

bool Within(const Sample& sample, const ServedRequest& request) {
  if (request.parts.empty()) {
    return sample.time_ns >= request.start_ns && sample.time_ns <= request.end_ns;
  }
  return std::ranges::any_of(request.parts, [&sample](const WorkPart& part) {
    return part.tid == sample.tid && sample.time_ns >= part.begin_ns &&
           sample.time_ns <= part.end_ns;
  });
}

}  // namespace

void SampleBook::Add(ConnectionId connection, uint32_t turn, Sample sample) {
  if (size_ >= capacity_) {
    GiveUpOlder();
  }
  OfConnection& turns = waiting_[connection];
  auto it = std::find_if(turns.rbegin(), turns.rend(),
                         [turn](const OfTurn& of) { return of.turn <= turn; });
  if (it == turns.rend() || it->turn != turn) {
    // base() points behind the element that it refers to: the place to insert.
    turns.insert(it.base(), OfTurn{.turn = turn, .samples = {}})
        ->samples.push_back(std::move(sample));
  } else {
    it->samples.push_back(std::move(sample));
  }
  ++size_;
}

void SampleBook::AddLoose(Sample sample) {
  if (size_ >= capacity_) {
    GiveUpOlder();
  }
  loose_.push_back(std::move(sample));
  ++size_;
}

// Only parts begun before the thread touched the connection can hold any: few requests have them.
void SampleBook::TakeLoose(const ServedRequest& request, std::vector<Sample>& taken) {
  if (request.parts.empty() || loose_.empty()) {
    return;
  }
  const auto first = std::ranges::lower_bound(loose_, request.start_ns, {}, &Sample::time_ns);
  const auto mine = std::stable_partition(first, loose_.end(), [&request](const Sample& sample) {
    return sample.process->row.pid != request.pid || !Within(sample, request);
  });
  size_ -= static_cast<size_t>(loose_.end() - mine);
  taken.insert(taken.end(), std::make_move_iterator(mine), std::make_move_iterator(loose_.end()));
  loose_.erase(mine, loose_.end());
}

std::vector<Sample> SampleBook::Take(const ServedRequest& request,
                                     std::vector<Sample>& unattributed) {
  MoveAll(overflow_, unattributed);
  std::vector<Sample> taken;
  TakeLoose(request, taken);
  const auto it = waiting_.find(request.connection);
  if (it == waiting_.end()) {
    return taken;
  }
  OfConnection& turns = it->second;
  while (!turns.empty() && turns.front().turn <= request.last_turn) {
    for (Sample& sample : turns.front().samples) {
      const bool within = turns.front().turn >= request.first_turn && Within(sample, request);
      (within ? taken : unattributed).push_back(std::move(sample));
      --size_;
    }
    turns.pop_front();
  }
  if (turns.empty()) {
    waiting_.erase(it);
  }
  return taken;
}

void SampleBook::ExpireLoose(int64_t before_ns, std::vector<Sample>& unattributed) {
  while (!loose_.empty() && loose_.front().time_ns < before_ns) {
    unattributed.push_back(std::move(loose_.front()));
    loose_.pop_front();
    --size_;
  }
}

void SampleBook::Expire(int64_t before_ns, std::vector<Sample>& unattributed) {
  MoveAll(overflow_, unattributed);
  ExpireLoose(before_ns, unattributed);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    OfConnection& turns = it->second;
    while (!turns.empty() && turns.front().samples.back().time_ns < before_ns) {
      size_ -= turns.front().samples.size();
      MoveAll(turns.front().samples, unattributed);
      turns.pop_front();
    }
    it = turns.empty() ? waiting_.erase(it) : std::next(it);
  }
}

// At least a tenth in one pass, so that the passes cost little a sample.
void SampleBook::GiveUpOlder() {
  std::vector<int64_t> newest;
  if (!loose_.empty()) {
    newest.push_back(loose_[loose_.size() / 2].time_ns);
  }
  for (const auto& [connection, turns] : waiting_) {
    for (const OfTurn& of : turns) {
      newest.push_back(of.samples.back().time_ns);
    }
  }
  const auto tenth = newest.begin() + static_cast<std::ptrdiff_t>(newest.size() / 10);
  std::nth_element(newest.begin(), tenth, newest.end());
  std::vector<Sample> given_up;
  Expire(*tenth + 1, given_up);
  MoveAll(given_up, overflow_);
}

}  // namespace pinfo
