#include "collector/emit/pstats_writer.h"

#include <array>
#include <ctime>
#include <vector>

#include <fmt/format.h>

#include "collector/emit/file_io.h"
#include "collector/emit/marshal.h"

namespace pinfo {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr size_t kMaxMethodLength = 32;

void WriteKey(MarshalWriter& writer, const Function& function) {
  writer.BeginTuple(3);
  writer.String(SourceName(function));
  writer.Int(function.line);
  writer.String(function.name);
}

void WriteTimes(MarshalWriter& writer, int64_t self_ns, int64_t total_ns) {
  writer.Float(static_cast<double>(self_ns) / kNsPerSecond);
  writer.Float(static_cast<double>(total_ns) / kNsPerSecond);
}

bool IsMethodCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

std::string EncodePstats(const CallGraph& graph) {
  std::vector<std::vector<const CallGraph::Edge*>> callers(graph.functions.size());
  for (const CallGraph::Edge& edge : graph.edges) {
    callers[edge.callee].push_back(&edge);
  }
  MarshalWriter writer;
  writer.BeginDict();
  for (size_t i = 0; i < graph.functions.size(); ++i) {
    const CallGraph::FunctionCost& cost = graph.functions[i];
    WriteKey(writer, cost.function);
    writer.BeginTuple(5);
    writer.Int(cost.primitive_calls);
    writer.Int(cost.calls);
    WriteTimes(writer, cost.self_ns, cost.total_ns);
    writer.BeginDict();
    for (const CallGraph::Edge* edge : callers[i]) {
      WriteKey(writer, graph.functions[edge->caller].function);
      writer.BeginTuple(4);
      writer.Int(edge->calls);
      writer.Int(edge->primitive_calls);
      WriteTimes(writer, edge->self_ns, edge->total_ns);
    }
    writer.EndDict();
  }
  writer.EndDict();
  return std::move(writer).Take();
}

Status WriteStatsFile(const CallGraph& graph, const std::string& path) {
  if (graph.functions.empty()) {
    return Fail(fmt::format("cannot write {}: the profile is empty", path));
  }
  return WriteFileAtomically(path, EncodePstats(graph));
}

std::string StatsFileName(int64_t wall_ns, std::string_view method, int64_t request_id) {
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr int64_t kNs = 1'000'000'000;
  const int64_t ns_of_second = (wall_ns % kNs + kNs) % kNs;
  const std::time_t seconds = (wall_ns - ns_of_second) / kNs;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::string safe_method(method.substr(0, kMaxMethodLength));
  for (char& c : safe_method) {
    c = IsMethodCharacter(c) ? c : '_';
  }
  return fmt::format("{:02}-{}-{:04}_{:02}-{:02}-{:02}.{:06}_{}_{}.stats", local.tm_mday,
                     kMonths[static_cast<size_t>(local.tm_mon)], local.tm_year + 1900,
                     local.tm_hour, local.tm_min, local.tm_sec, ns_of_second / 1000,
                     safe_method.empty() ? "UNKNOWN" : safe_method, request_id);
}

bool IsStatsFileName(std::string_view name) {
  // 0 for a digit, a for a letter.
  constexpr std::string_view kTime = "00-aaa-0000_00-00-00.000000_";
  const auto fits = [](char c, char pattern) {
    return pattern == '0'   ? c >= '0' && c <= '9'
           : pattern == 'a' ? (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                            : c == pattern;
  };
  return name.size() > kTime.size() && name.ends_with(".stats") &&
         std::equal(kTime.begin(), kTime.end(), name.begin(),
                    [&fits](char pattern, char c) { return fits(c, pattern); });
}

}  // namespace pinfo
