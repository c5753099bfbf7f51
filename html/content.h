// Every file of a report by its name, made when it is asked for: WriteReport writes them all to a
// folder, pinfo serve answers requests with them.
//
//   index.html requests.html sites.html routes.html processes.html   the pages of the navigation
//   monitors.html metrics.html                                       where there are any
//   request.html#ID route.html#KEY                                   one request, one route
//   data/NAME.js requests/ID.js routes/KEY.js                        what they show
//   assets/*                                                         their code and styles
//
// Belongs to one thread, as its reader does. Memory: request_scan.h, routes and processes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "html/render_pool.h"
#include "html/report.h"
#include "html/request_rows.h"
#include "html/request_scan.h"

namespace pinfo::html {

class Content {
 public:
  // reader outlives it. nonce: see RenderPage.
  Content(Reader& reader, ReportOptions options, std::string nonce);

  // Those without data of their own: pages and assets.
  [[nodiscard]] static std::vector<std::string> FixedNames();
  // The fixed files; nullopt: no such file.
  Result<std::optional<std::string>> Fixed(std::string_view name);

  // data/NAME.js but for the list of requests; nullopt: no such file.
  Result<std::optional<std::string>> Data(std::string_view name);
  // The list of requests, in pieces. Counts what data/report.js says of it: ask for that
  // afterwards.
  Status WriteRequests(const RequestRowsWriter::Sink& sink);

  // Requests that have pages, slowest first. Counts what data/report.js says of them.
  Status ForEachRequestWithPage(const std::function<Status(const RequestRow&)>& visit);
  // Routes that have pages, the costliest first.
  Result<std::vector<RouteSummary>> RoutesWithPages();
  // What a page shows, ready to be rendered by any thread.
  Result<RenderPool::Render> RequestPage(const RequestRow& row);
  Result<RenderPool::Render> RoutePage(const RouteSummary& route);

 private:
  [[nodiscard]] RequestFilter BaseFilter() const;
  [[nodiscard]] HasPage PageOf() const;
  Result<std::string> ReportScript();
  Result<MonitoringPages> Monitoring();
  // The pass over all requests, made once. Not where the report is live: the newest requests are
  // found by an index.
  Result<const RequestScan*> Scanned();

  Reader& reader_;
  const ReportOptions options_;
  const std::string nonce_;
  std::optional<RequestScan> scan_;
  std::optional<MonitoringPages> monitoring_;
  std::optional<std::unordered_set<int64_t>> pages_;  // nullopt: every profiled one has a page
  int64_t rows_ = 0;
  int64_t rows_left_ = 0;
  int64_t request_pages_ = 0;
  int64_t request_pages_left_ = 0;
};

// What a page may run and style itself with is what carries this: fresh for each report.
std::string MakeNonce();

}  // namespace pinfo::html
