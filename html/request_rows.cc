#include "html/request_rows.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "html/data_script.h"
#include "html/mask.h"
#include "html/request_json.h"

namespace pinfo::html {

RequestRowsWriter::RequestRowsWriter(Sink sink, HasPage has_page, bool show_values)
    : sink_(std::move(sink)), has_page_(std::move(has_page)), show_values_(show_values) {}

Status RequestRowsWriter::Begin() { return sink_("pinfoData.requests=[];\n"); }

// The order is that of decodeRequests in html/src/data.ts.
Status RequestRowsWriter::Add(const RequestRow& row) {
  targets_.push_back(Shorten(ShownTarget(row, show_values_), kListedTextBytes));
  rows_.push_back({
      row.id.value,
      Microseconds(row.start_wall_ns),
      row.latency_ns,
      OrNull(row.on_cpu_ns),
      OrNull(row.blocked_ns),
      OrNull(row.runqueue_ns),
      OrNull(row.waiting_ns),
      String(row.site),
      String(row.method),
      String(targets_.back()),
      String(row.route),
      row.status,
      String(OutcomeName(row.outcome)),
      row.pid.value,
      row.bytes_out,
      row.samples,
      row.weight,
      has_page_(row) ? 1 : 0,
  });
  return rows_.size() < kChunkRows ? Status() : WriteChunk();
}

Status RequestRowsWriter::End() {
  if (Status status = rows_.empty() ? Status() : WriteChunk(); !status) {
    return status;
  }
  return sink_(DataScript("targetPlaces", TargetPlaces()));
}

// Equal ones have the same.
std::vector<size_t> RequestRowsWriter::TargetPlaces() const {
  std::vector<size_t> order(targets_.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, std::less{},
                    [this](size_t row) -> std::string_view { return targets_[row]; });
  std::vector<size_t> places(targets_.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const bool same = i > 0 && targets_[order[i]] == targets_[order[i - 1]];
    places[order[i]] = same ? places[order[i - 1]] : i;
  }
  return places;
}

size_t RequestRowsWriter::String(std::string_view text) {
  const auto [entry, added] =
      string_index_.try_emplace(Shorten(text, kListedTextBytes), strings_.size());
  if (added) {
    strings_.push_back(entry->first);
  }
  return entry->second;
}

Status RequestRowsWriter::WriteChunk() {
  const nlohmann::json chunk = {{"strings", std::move(strings_)}, {"rows", std::move(rows_)}};
  strings_ = nlohmann::json::array();
  rows_ = nlohmann::json::array();
  string_index_.clear();
  return sink_("pinfoData.requests.push(" + ScriptString(ToJson(chunk)) + ");\n");
}

}  // namespace pinfo::html
