#include "collector/emit/dot_legend.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "collector/emit/dot_text.h"

namespace pinfo {

const char* TimeKindColor(TimeKind kind) {
  switch (kind) {
    case TimeKind::kOnCpu:
      return "#d95f02";
    case TimeKind::kBlocked:
      return "#1f78b4";
    case TimeKind::kRunqueue:
      return "#7570b3";
    case TimeKind::kWaiting:
      return "#33a0a0";
    case TimeKind::kUnattributed:
      return "#999999";
  }
  return "";
}

std::optional<TimeKind> MainKindOfTime(const CallGraph::FunctionCost& cost) {
  const auto* most = std::max_element(cost.self_by_kind.begin(), cost.self_by_kind.end());
  if (*most <= 0) {
    return std::nullopt;
  }
  return kTimeKinds[static_cast<size_t>(most - cost.self_by_kind.begin())];
}

std::string DotLegend(const CallGraph& graph) {
  std::array<int64_t, kTimeKindCount> by_kind{};
  int64_t whole_ns = 0;
  for (const CallGraph::FunctionCost& cost : graph.functions) {
    for (size_t kind = 0; kind < kTimeKindCount; ++kind) {
      by_kind[kind] += cost.self_by_kind[kind];
      whole_ns += cost.self_by_kind[kind];
    }
  }
  if (whole_ns <= 0) {
    return "";
  }
  std::string rows;
  for (const TimeKind kind : kTimeKinds) {
    const int64_t ns = by_kind[static_cast<size_t>(kind)];
    if (ns > 0) {
      rows += fmt::format(
          "<tr><td bgcolor=\"{}\">   </td><td align=\"left\">{}</td>"
          "<td align=\"right\">{} s</td><td align=\"right\">{}</td></tr>",
          TimeKindColor(kind), TimeKindName(kind), DotSeconds(ns),
          DotPercentage(static_cast<double>(ns) / static_cast<double>(whole_ns)));
    }
  }
  return fmt::format(
      "\tlegend [color=\"#000000\", fontcolor=\"#000000\", fontsize=\"10.00\", label=<<table "
      "border=\"0\" cellspacing=\"4\"><tr><td colspan=\"4\">border: what most of a function's own "
      "time was</td></tr>{}</table>>, shape=plaintext, style=solid, tooltip=\" \"];\n",
      rows);
}

}  // namespace pinfo
