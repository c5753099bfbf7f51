// Writes what the store holds as a folder of pages that open in a browser from disk, without a
// network: output_directory.h has its layout, src/ the pages' code.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "html/monitoring.h"

namespace pinfo::html {

struct ReportOptions {
  std::string directory;
  std::string database;  // its name, for people
  // What it is restricted to, as in RequestFilter and SummaryFilter.
  std::optional<std::string> site;
  std::optional<std::string> route;
  std::optional<int64_t> since_wall_ns;
  std::optional<int64_t> until_wall_ns;
  int64_t requests = 100'000;  // rows listed, the slowest
  int64_t profiles = 1000;     // pages of profiled requests, the slowest
  int64_t route_pages = 200;   // those with a page, the costliest
  bool show_values = false;    // query strings as they came; otherwise without their values
  int64_t written_wall_ns = 0;
  bool live = false;  // served: pages ask for their data again and again
  // Whether a process without a known end lives; nullopt: it cannot be told (another machine).
  std::function<std::optional<bool>(const ProcessRow&)> lives = nullptr;
  MonitoringSource monitoring;
};

// The page to open, directory/index.html. Memory grows with options.profiles, routes and processes,
// not with the number of requests. index.html is written last: a report without it is unfinished.
Result<std::string> WriteReport(Reader& reader, const ReportOptions& options);

}  // namespace pinfo::html
