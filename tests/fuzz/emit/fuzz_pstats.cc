// Any bytes as a stats file: an error or a graph, and what is written from that graph reads back
// as the same graph.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collector/emit/dot.h"
#include "collector/emit/pstats_reader.h"
#include "collector/emit/pstats_writer.h"
#include "collector/emit/stats_table.h"
#include "collector/profile/inferred_tree.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto graph =
      pinfo::DecodePstats(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!graph) {
    return 0;
  }
  const std::string bytes = pinfo::EncodePstats(*graph);
  const auto again = pinfo::DecodePstats(bytes);
  if (!again || again->functions.size() != graph->functions.size() ||
      again->edges.size() != graph->edges.size()) {
    std::abort();
  }
  pinfo::DotOptions options;
  options.strip = options.wrap = true;
  if (!pinfo::WriteDot(*graph, options) || pinfo::FormatStatsTable(*graph, {}, {}).empty() ||
      pinfo::FormatCallers(*graph, {}).empty() || pinfo::InferCallTree(*graph).TotalNs() < 0) {
    std::abort();
  }
  return 0;
}
