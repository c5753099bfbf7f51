// Every file of a report by its name, made when it is asked for: WriteReport writes them all to a
// folder, pinfo serve answers requests with them.
//
//   index.html requests.html sites.html routes.html processes.html   the pages of the navigation
//   request.html#ID route.html#KEY                                   one request, one route
//   data/NAME.js requests/ID.js routes/KEY.js                        what they show
//   assets/*                                                         their code and styles
//
// Belongs to one thread, as its reader does. Memory grows with the profiled requests that have
// pages, routes and processes, not with the number of requests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "html/report.h"
#include "html/request_rows.h"

namespace pinfo::html {

class Content {
 public:
  // reader outlives it. nonce: see RenderPage.
  Content(Reader& reader, ReportOptions options, std::string nonce);

  // Those without data of their own: pages and assets.
  [[nodiscard]] static std::vector<std::string> FixedNames();
  // The fixed files; nullopt: no such file.
  [[nodiscard]] std::optional<std::string> Fixed(std::string_view name) const;

  // data/NAME.js but for the list of requests; nullopt: no such file.
  Result<std::optional<std::string>> Data(std::string_view name);
  // The list of requests, in pieces. Counts what data/report.js says of it: ask for that
  // afterwards.
  Status WriteRequests(const RequestRowsWriter::Sink& sink);

  // Requests and routes that have pages, in the order of options.
  Result<std::vector<RequestRow>> RequestsWithPages();
  Result<std::vector<RouteSummary>> RoutesWithPages();
  Result<std::string> RequestScript(const RequestRow& row);
  Result<std::string> RouteScript(const RouteSummary& route);

 private:
  [[nodiscard]] RequestFilter BaseFilter() const;
  [[nodiscard]] HasPage PageOf() const;
  Result<std::string> ReportScript();

  Reader& reader_;
  const ReportOptions options_;
  const std::string nonce_;
  std::optional<std::unordered_set<int64_t>> pages_;  // nullopt: every profiled one has a page
  int64_t rows_ = 0;
  int64_t rows_left_ = 0;
  int64_t request_pages_ = 0;
  int64_t request_pages_left_ = 0;
};

// What a page may run and style itself with is what carries this: fresh for each report.
std::string MakeNonce();

}  // namespace pinfo::html
