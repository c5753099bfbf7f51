#include "html/content.h"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "html/assets.h"
#include "html/data_script.h"
#include "html/page.h"
#include "html/request_page.h"
#include "html/route_page.h"
#include "html/summaries.h"

namespace pinfo::html {
namespace {

struct FixedPage {
  std::string_view name;
  const char* kind;
  const char* title;
  std::vector<std::string> scripts;
};

const std::vector<FixedPage>& Pages() {
  static const auto* const kPages = new std::vector<FixedPage>{
      {"index.html",
       "overview",
       "Overview",
       {"data/overview.js", "data/routes.js", "data/processes.js"}},
      {"requests.html", "requests", "Requests", {"data/requests.js"}},
      {"sites.html", "sites", "Sites", {"data/sites.js", "data/routes.js"}},
      {"routes.html", "routes", "Routes", {"data/routes.js"}},
      {"processes.html", "processes", "Processes", {"data/processes.js"}},
      {"request.html", "request", "Request", {}},
      {"route.html", "route", "Route", {}},
  };
  return *kPages;
}

}  // namespace

std::string MakeNonce() {
  std::random_device random;
  std::string nonce;
  for (int i = 0; i < 4; ++i) {
    nonce += fmt::format("{:08x}", random());
  }
  return nonce;
}

Content::Content(Reader& reader, ReportOptions options, std::string nonce)
    : reader_(reader), options_(std::move(options)), nonce_(std::move(nonce)) {}

std::vector<std::string> Content::FixedNames() {
  std::vector<std::string> names;
  for (const Asset& asset : Assets()) {
    names.emplace_back(asset.name);
  }
  for (const FixedPage& page : Pages()) {
    names.emplace_back(page.name);
  }
  return names;
}

std::optional<std::string> Content::Fixed(std::string_view name) const {
  for (const FixedPage& page : Pages()) {
    if (page.name == name) {
      return RenderPage(
          {.kind = page.kind, .title = page.title, .scripts = page.scripts, .live = options_.live},
          nonce_);
    }
  }
  for (const Asset& asset : Assets()) {
    if (asset.name == name) {
      return std::string(asset.bytes);
    }
  }
  return std::nullopt;
}

Result<std::optional<std::string>> Content::Data(std::string_view name) {
  const auto script = [](std::string_view field,
                         Result<nlohmann::json> value) -> Result<std::optional<std::string>> {
    if (!value) {
      return tl::unexpected(value.error());
    }
    return DataScript(field, *value);
  };
  if (name == "data/report.js") {
    Result<std::string> report = ReportScript();
    if (!report) {
      return tl::unexpected(report.error());
    }
    return std::move(*report);
  }
  if (name == "data/overview.js") {
    return script("overview", OverviewData(reader_, options_));
  }
  if (name == "data/sites.js") {
    return script("sites", SitesData(reader_, options_));
  }
  if (name == "data/processes.js") {
    return script("processes", ProcessesData(reader_));
  }
  if (name == "data/routes.js") {
    const auto routes = CostliestRoutes(reader_, options_);
    if (!routes) {
      return tl::unexpected(routes.error());
    }
    return script("routes", RoutesData(*routes, options_.route_pages));
  }
  return std::nullopt;
}

RequestFilter Content::BaseFilter() const {
  RequestFilter filter;
  filter.site = options_.site;
  filter.route = options_.route;
  filter.since_wall_ns = options_.since_wall_ns;
  filter.until_wall_ns = options_.until_wall_ns;
  filter.order = options_.live ? RequestOrder::kNewest : RequestOrder::kSlowest;
  return filter;
}

HasPage Content::PageOf() const {
  return [this](const RequestRow& row) {
    return pages_ ? pages_->contains(row.id.value) : row.profiled;
  };
}

Status Content::WriteRequests(const RequestRowsWriter::Sink& sink) {
  RequestFilter filter = BaseFilter();
  const Result<int64_t> all = reader_.CountRequests(filter);
  if (!all) {
    return tl::unexpected(all.error());
  }
  filter.limit = options_.requests;
  RequestRowsWriter writer(sink, PageOf(), options_.show_values);
  Status written = writer.Begin();
  rows_ = 0;
  if (written && options_.requests > 0) {
    Status read = reader_.ForEachRequest(filter, [&](const RequestRow& row) {
      written = writer.Add(row);
      ++rows_;
      return written.has_value();
    });
    if (!read) {
      return read;
    }
  }
  rows_left_ = *all - rows_;
  return written ? writer.End() : written;
}

Result<std::vector<RequestRow>> Content::RequestsWithPages() {
  RequestFilter filter = BaseFilter();
  filter.profiled = true;
  const Result<int64_t> all = reader_.CountRequests(filter);
  if (!all) {
    return tl::unexpected(all.error());
  }
  filter.limit = options_.profiles;
  std::vector<RequestRow> rows;
  pages_.emplace();
  if (options_.profiles > 0) {
    const Status status = reader_.ForEachRequest(filter, [&](const RequestRow& row) {
      rows.push_back(row);
      pages_->insert(row.id.value);
      return true;
    });
    if (!status) {
      return tl::unexpected(status.error());
    }
  }
  request_pages_ = static_cast<int64_t>(rows.size());
  request_pages_left_ = *all - request_pages_;
  return rows;
}

Result<std::vector<RouteSummary>> Content::RoutesWithPages() {
  Result<std::vector<RouteSummary>> routes = CostliestRoutes(reader_, options_);
  if (routes && static_cast<int64_t>(routes->size()) > options_.route_pages) {
    routes->resize(static_cast<size_t>(options_.route_pages));
  }
  return routes;
}

Result<std::string> Content::RequestScript(const RequestRow& row) {
  return RequestPageScript(reader_, row, options_.show_values);
}

Result<std::string> Content::RouteScript(const RouteSummary& route) {
  return RoutePageScript(reader_, route, options_, PageOf());
}

Result<std::string> Content::ReportScript() {
  if (options_.live) {  // every file is made by an object of its own
    const Result<int64_t> all = reader_.CountRequests(BaseFilter());
    if (!all) {
      return tl::unexpected(all.error());
    }
    rows_ = std::min(*all, options_.requests);
    rows_left_ = *all - rows_;
  }
  const auto time = [](const std::optional<int64_t>& wall_ns) {
    return wall_ns ? nlohmann::json(Microseconds(*wall_ns)) : nlohmann::json(nullptr);
  };
  return FirstDataScript("report", {{"version", PINFO_VERSION},
                                    {"written_us", Microseconds(options_.written_wall_ns)},
                                    {"database", options_.database},
                                    {"live", options_.live},
                                    {"site", OrNull(options_.site)},
                                    {"route", OrNull(options_.route)},
                                    {"since_us", time(options_.since_wall_ns)},
                                    {"until_us", time(options_.until_wall_ns)},
                                    {"values_shown", options_.show_values},
                                    {"rows", rows_},
                                    {"rows_left", rows_left_},
                                    {"pages", request_pages_},
                                    {"pages_left", request_pages_left_}});
}

}  // namespace pinfo::html
