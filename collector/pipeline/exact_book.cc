#include "collector/pipeline/exact_book.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pinfo {
namespace {

constexpr size_t kTurnsMax = 100'000;

size_t SizeOf(const ExactProfile& profile) {
  return profile.functions.size() + profile.edges.size();
}

bool Plausible(const pinfo_exact& raw) {
  return raw.all_functions <= PINFO_EXACT_FUNCTIONS_MAX && raw.all_edges <= PINFO_EXACT_EDGES_MAX &&
         raw.first_function <= raw.all_functions && raw.first_edge <= raw.all_edges &&
         raw.functions <= raw.all_functions - raw.first_function &&
         raw.edges <= raw.all_edges - raw.first_edge;
}

}  // namespace

void ExactBook::Add(const RecordView& record) {
  const auto& raw = record.as<pinfo_exact>();
  const Key key{raw.connection, raw.turn};
  const auto [it, is_new] = turns_.try_emplace(key);
  Turn& turn = it->second;
  turn.heard_ns = static_cast<int64_t>(raw.header.time_ns);
  if (is_new) {
    order_.push_back(key);
  }
  switch (static_cast<pinfo_exact_state>(raw.state)) {
    case PINFO_EXACT_BEGUN:
      break;
    case PINFO_EXACT_SO_FAR:
    case PINFO_EXACT_WHOLE:
      AddPart(record, turn);
      break;
    case PINFO_EXACT_FOREIGN:
    case PINFO_EXACT_SHARED:
    case PINFO_EXACT_SWITCHED:
    case PINFO_EXACT_UNAVAILABLE:
      turn.state = State::kDeclined;
      break;
  }
  while (!order_.empty() && (size_ > capacity_ || turns_.size() > kTurnsMax)) {
    GiveUpOldest();
  }
}

void ExactBook::AddPart(const RecordView& record, Turn& turn) {
  const auto& raw = record.as<pinfo_exact>();
  if (!Plausible(raw)) {
    turn.state = State::kDeclined;
    return;
  }
  if (turn.serial != raw.serial || SizeOf(turn.parts) == 0) {
    size_ -= SizeOf(turn.parts);
    turn.parts = {};
    turn.parts.functions.resize(raw.all_functions);
    turn.parts.edges.resize(raw.all_edges);
    turn.serial = raw.serial;
    turn.functions_missing = raw.all_functions;
    turn.edges_missing = raw.all_edges;
    size_ += SizeOf(turn.parts);
  }
  if (turn.parts.functions.size() != raw.all_functions ||
      turn.parts.edges.size() != raw.all_edges || raw.functions > turn.functions_missing ||
      raw.edges > turn.edges_missing) {
    turn.state = State::kDeclined;
    return;
  }
  const size_t function_bytes = raw.functions * sizeof(pinfo_exact_function);
  if (raw.functions != 0) {
    std::memcpy(turn.parts.functions.data() + raw.first_function, record.payload().data(),
                function_bytes);
  }
  if (raw.edges != 0) {
    std::memcpy(turn.parts.edges.data() + raw.first_edge,
                record.payload().subspan(function_bytes).data(),
                raw.edges * sizeof(pinfo_exact_edge));
  }
  turn.functions_missing -= raw.functions;
  turn.edges_missing -= raw.edges;
  if (turn.functions_missing == 0 && turn.edges_missing == 0) {
    Complete(raw, turn);
  }
}

void ExactBook::Complete(const pinfo_exact& raw, Turn& turn) {
  const size_t functions = turn.parts.functions.size();
  std::erase_if(turn.parts.edges, [functions](const pinfo_exact_edge& edge) {
    return edge.caller >= functions || edge.callee >= functions;
  });
  size_ -= turn.profile ? SizeOf(*turn.profile) : 0;
  size_ -= raw.all_edges - turn.parts.edges.size();
  turn.parts.start_ns = static_cast<int64_t>(raw.start_ns);
  turn.parts.end_ns = static_cast<int64_t>(raw.end_ns);
  turn.parts.uncounted_calls = static_cast<int64_t>(raw.uncounted_calls);
  turn.profile = std::exchange(turn.parts, {});
  if (raw.state == PINFO_EXACT_WHOLE) {
    turn.state = State::kReady;
  }
}

void ExactBook::Served(ConnectionId connection, uint32_t turn) {
  const auto it = turns_.find({connection.value, turn});
  if (it != turns_.end() && ++it->second.requests > 1) {
    it->second.state = State::kDeclined;
  }
}

ExactBook::State ExactBook::Find(ConnectionId connection, uint32_t turn) const {
  const auto it = turns_.find({connection.value, turn});
  return it == turns_.end() ? State::kNone : it->second.state;
}

std::optional<ExactProfile> ExactBook::Take(ConnectionId connection, uint32_t turn) {
  const auto it = turns_.find({connection.value, turn});
  if (it == turns_.end() || it->second.state == State::kDeclined) {
    return std::nullopt;
  }
  std::optional<ExactProfile> profile = std::exchange(it->second.profile, std::nullopt);
  size_ -= profile ? SizeOf(*profile) : 0;
  Forget(it);
  return profile;
}

void ExactBook::Expire(int64_t before_ns) {
  for (auto it = turns_.begin(); it != turns_.end();) {
    const auto at = it++;
    if (at->second.heard_ns < before_ns) {
      Forget(at);
    }
  }
  std::erase_if(order_, [this](const Key& key) { return !turns_.contains(key); });
}

void ExactBook::Forget(std::map<Key, Turn>::iterator it) {
  size_ -= SizeOf(it->second.parts) + (it->second.profile ? SizeOf(*it->second.profile) : 0);
  turns_.erase(it);
}

void ExactBook::GiveUpOldest() {
  const auto it = turns_.find(order_.front());
  order_.pop_front();
  if (it != turns_.end()) {
    Forget(it);
  }
}

}  // namespace pinfo
