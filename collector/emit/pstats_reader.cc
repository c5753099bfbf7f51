#include "collector/emit/pstats_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "collector/emit/file_io.h"
#include "collector/emit/marshal.h"

namespace pinfo {
namespace {

// 300 years, just beyond what 64 bits of nanoseconds hold: more is no measurement, while a sum that
// saturated must still be readable from the file it was written to.
constexpr double kMaxSeconds = 1e10;
constexpr double kMaxNs = 9.2e18;
// Names that refer to one string over and over are copied for each function: a bound for files made
// to exploit that. Real profiles stay far below (a name a function, some hundred bytes each).
constexpr size_t kMaxNameBytes = size_t{256} << 20;

const std::string* AsString(const MarshalValue& value) {
  return std::get_if<std::string>(&value.value);
}

std::optional<int64_t> AsCount(const MarshalValue& value) {
  const auto* count = std::get_if<int64_t>(&value.value);
  return count != nullptr && *count >= 0 ? std::optional(*count) : std::nullopt;
}

// Python writes 0, not 0.0, in some profiles that were added up.
std::optional<int64_t> AsNs(const MarshalValue& value) {
  const auto* seconds = std::get_if<double>(&value.value);
  const auto* whole = std::get_if<int64_t>(&value.value);
  if (seconds == nullptr && whole == nullptr) {
    return std::nullopt;
  }
  const double number = seconds != nullptr ? *seconds : static_cast<double>(*whole);
  if (!(std::abs(number) <= kMaxSeconds)) {
    return std::nullopt;
  }
  return std::llround(std::clamp(number * 1e9, -kMaxNs, kMaxNs));
}

class PstatsDecoder {
 public:
  // file_bytes bounds the number of callers decoded: each takes several bytes in an honest file,
  // while references let a small one name the same callers for every function.
  explicit PstatsDecoder(size_t file_bytes) : callers_left_(file_bytes) {}

  Result<CallGraph> Decode(const MarshalValue& top, FunctionOrder order) {
    const auto* dict = std::get_if<MarshalValue::Dict>(&top.value);
    if (dict == nullptr) {
      return Fail("not a stats file: no dict at its start");
    }
    if (dict->empty()) {
      return Fail("the profile is empty");
    }
    for (const auto& [key, value] : *dict) {
      if (order == FunctionOrder::kKeys) {
        if (const auto function = DecodeKey(*key); !function) {
          return Fail(function.error().message);
        }
      }
    }
    for (const auto& [key, value] : *dict) {
      if (const Status status = DecodeFunction(*key, *value); !status) {
        return Fail(status.error().message);
      }
    }
    return std::move(builder_).Finish(has_pinfo_frames_);
  }

 private:
  Status DecodeFunction(const MarshalValue& key, const MarshalValue& value) {
    const Result<CallGraph::FunctionIndex> function = DecodeKey(key);
    if (!function) {
      return Fail(function.error().message);
    }
    const auto* entry = std::get_if<MarshalValue::Tuple>(&value.value);
    if (entry == nullptr || entry->size() != 5) {
      return Fail("a function's figures are not (cc, nc, tt, ct, callers)");
    }
    const auto primitive_calls = AsCount(*(*entry)[0]);
    const auto calls = AsCount(*(*entry)[1]);
    const auto self_ns = AsNs(*(*entry)[2]);
    const auto total_ns = AsNs(*(*entry)[3]);
    const auto* callers = std::get_if<MarshalValue::Dict>(&(*entry)[4]->value);
    if (!primitive_calls || !calls || !self_ns || !total_ns || callers == nullptr) {
      return Fail("a function's figures are of the wrong kind or out of range");
    }
    builder_.AddCost(*function, {.function = {},
                                 .self_ns = *self_ns,
                                 .total_ns = *total_ns,
                                 .calls = *calls,
                                 .primitive_calls = *primitive_calls});
    for (const auto& [caller, figures] : *callers) {
      const Status status = DecodeCaller(*caller, *figures, *function, *calls, *total_ns);
      if (!status) {
        return status;
      }
    }
    return {};
  }

  Status DecodeCaller(const MarshalValue& key, const MarshalValue& figures,
                      CallGraph::FunctionIndex callee, int64_t callee_calls,
                      int64_t callee_total_ns) {
    if (callers_left_-- == 0) {
      return Fail("more callers than the file has room for");
    }
    const Result<CallGraph::FunctionIndex> caller = DecodeKey(key);
    if (!caller) {
      return Fail(caller.error().message);
    }
    CallGraph::Edge edge;
    if (const auto count = AsCount(figures)) {
      // The profile module keeps only a number of calls: the callee's time is shared out by it.
      const double share =
          callee_calls == 0 ? 1 : std::min(1.0, static_cast<double>(*count) / callee_calls);
      edge.calls = edge.primitive_calls = *count;
      edge.total_ns = std::llround(share * static_cast<double>(callee_total_ns));
    } else if (!DecodeCallerTuple(figures, edge)) {
      return Fail("a caller's figures are neither (nc, cc, tt, ct) nor a number of calls");
    }
    builder_.AddEdgeCost(builder_.AddEdge(*caller, callee), edge);
    return {};
  }

  static bool DecodeCallerTuple(const MarshalValue& figures, CallGraph::Edge& edge) {
    const auto* tuple = std::get_if<MarshalValue::Tuple>(&figures.value);
    if (tuple == nullptr || tuple->size() != 4) {
      return false;
    }
    const auto calls = AsCount(*(*tuple)[0]);
    const auto primitive_calls = AsCount(*(*tuple)[1]);
    const auto self_ns = AsNs(*(*tuple)[2]);
    const auto total_ns = AsNs(*(*tuple)[3]);
    if (!calls || !primitive_calls || !self_ns || !total_ns) {
      return false;
    }
    edge.calls = *calls;
    edge.primitive_calls = *primitive_calls;
    edge.self_ns = *self_ns;
    edge.total_ns = *total_ns;
    return true;
  }

  Result<CallGraph::FunctionIndex> DecodeKey(const MarshalValue& key) {
    const auto* tuple = std::get_if<MarshalValue::Tuple>(&key.value);
    if (tuple == nullptr || tuple->size() != 3) {
      return Fail("a function's key is not (file, line, name)");
    }
    const std::string* file = AsString(*(*tuple)[0]);
    const auto* line = std::get_if<int64_t>(&(*tuple)[1]->value);
    const std::string* name = AsString(*(*tuple)[2]);
    if (file == nullptr || line == nullptr || name == nullptr ||
        *line != static_cast<int32_t>(*line)) {
      return Fail("a function's key is not (file, line, name)");
    }
    name_bytes_ += file->size() + name->size();
    if (name_bytes_ > kMaxNameBytes) {
      return Fail("its names take up too much memory");
    }
    const Function function = {.name = *name, .file = *file, .line = static_cast<int32_t>(*line)};
    has_pinfo_frames_ = has_pinfo_frames_ || IsFrameWithoutStack(function);
    return builder_.AddFunction(function);
  }

  CallGraphBuilder builder_;
  size_t callers_left_;
  size_t name_bytes_ = 0;
  bool has_pinfo_frames_ = false;
};

}  // namespace

Result<CallGraph> DecodePstats(std::string_view bytes, FunctionOrder order) {
  const Result<MarshalValue::Pointer> top = ParseMarshal(bytes);
  if (!top) {
    return Fail(fmt::format("not a stats file: {}", top.error().message));
  }
  return PstatsDecoder(bytes.size()).Decode(**top, order);
}

Result<CallGraph> ReadStatsFile(const std::string& path) {
  const Result<std::string> bytes = ReadFile(path, kMaxStatsFileBytes);
  if (!bytes) {
    return Fail(bytes.error().message);
  }
  Result<CallGraph> graph = DecodePstats(*bytes);
  if (!graph) {
    return Fail(fmt::format("cannot read {}: {}", path, graph.error().message));
  }
  return graph;
}

}  // namespace pinfo
