#include "html/content.h"

#include <algorithm>
#include <memory>
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
      {"monitors.html", "monitors", "Monitors", {"data/monitors.js"}},
      {"metrics.html", "metrics", "Own metrics", {"data/metrics.js"}},
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

Result<MonitoringPages> Content::Monitoring() {
  if (!monitoring_) {
    const Result<MonitoringPages> pages = PagesOf(options_.monitoring);
    if (!pages) {
      return pages;
    }
    monitoring_ = *pages;
  }
  return *monitoring_;
}

Result<std::optional<std::string>> Content::Fixed(std::string_view name) {
  for (const FixedPage& page : Pages()) {
    if (page.name == name) {
      const Result<MonitoringPages> monitoring = Monitoring();
      if (!monitoring) {
        return tl::unexpected(monitoring.error());
      }
      return RenderPage({.kind = page.kind,
                         .title = page.title,
                         .scripts = page.scripts,
                         .live = options_.live,
                         .monitors = monitoring->monitors,
                         .metrics = monitoring->metrics},
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
    return script("processes", ProcessesData(reader_, options_));
  }
  if (name == "data/monitors.js") {
    return script("monitoring", MonitorsData(options_.monitoring));
  }
  if (name == "data/metrics.js") {
    return script("metrics", MetricsData(options_.monitoring));
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

Result<const RequestScan*> Content::Scanned() {
  if (options_.live) {
    return nullptr;
  }
  if (!scan_) {
    Result<RequestScan> scan = RequestScan::Run(
        reader_, BaseFilter(),
        {.listed = options_.requests, .profiles = options_.profiles, .of_route = kSlowestOfRoute});
    if (!scan) {
      return tl::unexpected(scan.error());
    }
    scan_ = std::move(*scan);
    pages_.emplace();
    for (const RequestId id : scan_->profiles) {
      pages_->insert(id.value);
    }
  }
  return &*scan_;
}

Status Content::WriteRequests(const RequestRowsWriter::Sink& sink) {
  const Result<const RequestScan*> scan = Scanned();
  if (!scan) {
    return tl::unexpected(scan.error());
  }
  RequestRowsWriter writer(sink, PageOf(), options_.show_values);
  Status written = writer.Begin();
  rows_ = 0;
  const auto add = [&](const RequestRow& row) {
    written = writer.Add(row);
    ++rows_;
    return written.has_value();
  };
  RequestFilter filter = BaseFilter();
  filter.limit = options_.requests;
  Status read;
  if (written && options_.requests > 0) {
    read = *scan != nullptr ? reader_.ForEachRequestById((*scan)->listed, add)
                            : reader_.ForEachRequest(filter, add);
  }
  if (!read) {
    return read;
  }
  rows_left_ = *scan != nullptr ? (*scan)->requests - rows_ : 0;
  return written ? writer.End() : written;
}

Status Content::ForEachRequestWithPage(const std::function<Status(const RequestRow&)>& visit) {
  const Result<const RequestScan*> scan = Scanned();
  if (!scan) {
    return tl::unexpected(scan.error());
  }
  if (*scan == nullptr) {
    return {};
  }
  Status visited;
  const Status read = reader_.ForEachRequestById((*scan)->profiles, [&](const RequestRow& row) {
    visited = visit(row);
    ++request_pages_;
    return visited.has_value();
  });
  request_pages_left_ = (*scan)->profiled - request_pages_;
  return read ? visited : read;
}

Result<std::vector<RouteSummary>> Content::RoutesWithPages() {
  Result<std::vector<RouteSummary>> routes = CostliestRoutes(reader_, options_);
  if (routes && static_cast<int64_t>(routes->size()) > options_.route_pages) {
    routes->resize(static_cast<size_t>(options_.route_pages));
  }
  return routes;
}

Result<RenderPool::Render> Content::RequestPage(const RequestRow& row) {
  Result<RequestDetail> detail = reader_.Detail(row);
  if (!detail) {
    return tl::unexpected(detail.error());
  }
  return
      [row, detail = std::make_shared<RequestDetail>(std::move(*detail)),
       show_values = options_.show_values] { return RequestPageScript(row, *detail, show_values); };
}

Result<RenderPool::Render> Content::RoutePage(const RouteSummary& route) {
  const Result<const RequestScan*> scan = Scanned();
  if (!scan) {
    return tl::unexpected(scan.error());
  }
  Result<RoutePageData> page = LoadRoutePage(reader_, route, options_, *scan);
  if (!page) {
    return tl::unexpected(page.error());
  }
  return [page = std::make_shared<RoutePageData>(std::move(*page)), has_page = PageOf(),
          show_values = options_.show_values] {
    return RoutePageScript(*page, has_page, show_values);
  };
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
