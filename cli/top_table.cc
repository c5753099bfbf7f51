#include "cli/top_table.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "cli/format.h"
#include "collector/base/histogram.h"

namespace pinfo::cli {
namespace {

// Of a window of seconds: more are neither read nor needed for a percentile.
constexpr int64_t kMostRows = 200'000;

struct ColumnText {
  const char* title;
  const char* name;
};
constexpr std::array<ColumnText, kTopColumns> kColumns = {{{"REQ/S", "rate"},
                                                           {"FAIL%", "failed"},
                                                           {"P50", "p50"},
                                                           {"P90", "p90"},
                                                           {"P99", "p99"},
                                                           {"MAX", "max"},
                                                           {"%CPU", "cpu"},
                                                           {"%TIME", "time"},
                                                           {"ROUTE", "route"}}};

void Add(const RequestRow& request, TopRow& row) {
  const double weight = request.weight;
  const auto part = [weight](const std::optional<int64_t>& ns) {
    return weight * static_cast<double>(ns.value_or(0));
  };
  row.requests += weight;
  if (request.status >= 500 || request.outcome == Outcome::kAborted) {
    row.failed += weight;
  }
  if (request.outcome == Outcome::kPartial) {
    return;  // what was under way before pinfo looked has no latency
  }
  row.latency_ns += weight * static_cast<double>(request.latency_ns);
  row.on_cpu_ns += part(request.on_cpu_ns);
  row.blocked_ns += part(request.blocked_ns);
  row.runqueue_ns += part(request.runqueue_ns);
  row.waiting_ns += part(request.waiting_ns);
  row.max_ns = std::max(row.max_ns, request.latency_ns);
  row.histogram[HistogramBucket(request.latency_ns)] += weight;
}

double KeyOf(const TopRow& row, TopColumn column) {
  switch (column) {
    case TopColumn::kRate:
      return row.requests;
    case TopColumn::kFailed:
      return row.requests > 0 ? row.failed / row.requests : 0;
    case TopColumn::kP50:
      return static_cast<double>(row.Percentile(50));
    case TopColumn::kP90:
      return static_cast<double>(row.Percentile(90));
    case TopColumn::kP99:
      return static_cast<double>(row.Percentile(99));
    case TopColumn::kMax:
      return static_cast<double>(row.max_ns);
    case TopColumn::kCpu:
      return row.on_cpu_ns;
    case TopColumn::kTime:
      return row.latency_ns;
    case TopColumn::kRoute:
      return 0;
  }
  return 0;  // not reached: every column is named above
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return lower;
}

std::string Duration(int64_t ns) { return ns == 0 ? "-" : FormatDuration(ns); }

std::string Share(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f}", 100 * part / whole) : "-";
}

}  // namespace

const char* TopColumnTitle(TopColumn column) {
  return kColumns.at(static_cast<size_t>(column)).title;
}

const char* TopColumnName(TopColumn column) {
  return kColumns.at(static_cast<size_t>(column)).name;
}

int64_t TopRow::Percentile(int percent) const {
  double timed = 0;
  for (const auto& [bucket, count] : histogram) {
    timed += count;
  }
  double seen = 0;
  for (const auto& [bucket, count] : histogram) {
    seen += count;
    if (seen >= timed * percent / 100 - 1e-9 * timed) {
      const int64_t lower = HistogramLowerBound(bucket);
      const int64_t upper = HistogramLowerBound(static_cast<uint16_t>(bucket + 1)) - 1;
      return std::min(lower + (upper - lower) / 2, max_ns);
    }
  }
  return 0;
}

Result<TopTable> LoadTop(Reader& reader, int64_t now_wall_ns, int64_t window_ns) {
  TopTable table{.window_ns = window_ns, .all = {}, .rows = {}, .cut = false};
  std::map<std::pair<std::string, std::string>, TopRow> routes;
  RequestFilter filter;
  filter.since_wall_ns = now_wall_ns - window_ns;
  filter.order = RequestOrder::kNewest;
  filter.limit = kMostRows;
  int64_t seen = 0;
  const Status status = reader.ForEachRequest(filter, [&](const RequestRow& request) {
    ++seen;
    TopRow& row = routes[{request.site, request.route}];
    Add(request, row);
    Add(request, table.all);
    return true;
  });
  if (!status) {
    return tl::unexpected(status.error());
  }
  for (auto& [key, row] : routes) {
    std::tie(row.site, row.route) = key;
    table.rows.push_back(std::move(row));
  }
  table.cut = seen == kMostRows;
  return table;
}

void FilterTop(std::string_view text, TopTable* table) {
  if (text.empty()) {
    return;
  }
  const std::string wanted = Lower(text);
  std::erase_if(table->rows, [&wanted](const TopRow& row) {
    return Lower(row.site + " " + row.route).find(wanted) == std::string::npos;
  });
}

void SortTop(TopColumn column, bool reversed, TopTable* table) {
  std::ranges::sort(table->rows, [column, reversed](const TopRow& a, const TopRow& b) {
    const double left = KeyOf(a, column);
    const double right = KeyOf(b, column);
    if (left != right) {
      return (left > right) != reversed;
    }
    const bool before = std::tie(a.site, a.route) < std::tie(b.site, b.route);
    const bool same = a.site == b.site && a.route == b.route;
    return column == TopColumn::kRoute && reversed ? !before && !same : before;
  });
}

std::string TopCell(const TopRow& row, TopColumn column, const TopTable& table) {
  switch (column) {
    case TopColumn::kRate:
      return fmt::format("{:.1f}", row.requests * 1e9 / static_cast<double>(table.window_ns));
    case TopColumn::kFailed:
      return Share(row.failed, row.requests);
    case TopColumn::kP50:
      return Duration(row.Percentile(50));
    case TopColumn::kP90:
      return Duration(row.Percentile(90));
    case TopColumn::kP99:
      return Duration(row.Percentile(99));
    case TopColumn::kMax:
      return Duration(row.max_ns);
    case TopColumn::kCpu:  // of one CPU, as top has it
      return fmt::format("{:.1f}", 100 * row.on_cpu_ns / static_cast<double>(table.window_ns));
    case TopColumn::kTime:
      return Share(row.latency_ns, table.all.latency_ns);
    case TopColumn::kRoute:
      return EscapeForTerminal(row.site.empty() ? row.route : row.site + " " + row.route);
  }
  return "";  // not reached: every column is named above
}

std::array<int, 5> TopBar(const TopRow& row, int width) {
  std::array<int, 5> cells{};
  if (row.latency_ns <= 0 || width <= 0) {
    return cells;
  }
  const std::array<double, 4> known = {row.on_cpu_ns, row.blocked_ns, row.runqueue_ns,
                                       row.waiting_ns};
  double sum = 0;
  int drawn = 0;
  for (size_t i = 0; i < known.size(); ++i) {
    sum += known.at(i);
    const int until = static_cast<int>(std::lround(std::min(1.0, sum / row.latency_ns) * width));
    cells.at(i) = std::max(0, until - drawn);
    drawn = std::max(drawn, until);
  }
  cells[4] = width - drawn;
  return cells;
}

}  // namespace pinfo::cli
