// What pinfo top shows: the routes of the last seconds, with rates, percentiles and where their
// time went. Pure but for the reader; times are nanoseconds.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/reader.h"

namespace pinfo::cli {

enum class TopColumn : uint8_t { kRate, kFailed, kP50, kP90, kP99, kMax, kCpu, kTime, kRoute };
inline constexpr size_t kTopColumns = 9;

// "REQ/S" and so on, as the header has it; and the name that --sort takes.
const char* TopColumnTitle(TopColumn column);
const char* TopColumnName(TopColumn column);

struct TopRow {
  std::string site;
  std::string route;
  // By weight: a row may stand for several requests.
  double requests = 0;
  double failed = 0;
  double latency_ns = 0;  // sums
  double on_cpu_ns = 0;
  double blocked_ns = 0;
  double runqueue_ns = 0;
  double waiting_ns = 0;
  int64_t max_ns = 0;
  std::map<uint16_t, double> histogram;  // collector/base/histogram.h

  // Within a bucket of the histogram; 0 where there is none.
  [[nodiscard]] int64_t Percentile(int percent) const;
};

struct TopTable {
  int64_t window_ns = 0;
  TopRow all;  // of every route
  std::vector<TopRow> rows;
  bool cut = false;  // more rows in the window than are looked at
};

// Requests that began in the window before now.
Result<TopTable> LoadTop(Reader& reader, int64_t now_wall_ns, int64_t window_ns);

// Those whose site or route contains the text, in either case; an empty text keeps all.
void FilterTop(std::string_view text, TopTable* table);

// The largest first, but for routes by name; reversed on demand. Equal ones by name.
void SortTop(TopColumn column, bool reversed, TopTable* table);

// A cell without its padding; a route is escaped for terminals, with the site before it.
std::string TopCell(const TopRow& row, TopColumn column, const TopTable& table);

// Where the time of a row went, in so many cells: how many are on CPU, blocked, waiting for a CPU,
// waiting, not known. They add up to width where there was any time.
std::array<int, 5> TopBar(const TopRow& row, int width);

}  // namespace pinfo::cli
