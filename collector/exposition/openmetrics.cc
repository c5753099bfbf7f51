#include "collector/exposition/openmetrics.h"

#include <cmath>
#include <set>

#include <fmt/format.h>

#include "collector/base/histogram.h"
#include "collector/config/configuration.h"
#include "collector/profile/utf8.h"
#include "collector/store/loss.h"

namespace pinfo {
namespace {

constexpr double kSecondsPerNs = 1e-9;
// Bounds of the latency histogram: 2^16 ns (66 us) to 2^36 ns (69 s).
constexpr int kFirstBound = 16;
constexpr int kLastBound = 36;

std::string EscapeLabel(const std::string& text) {
  std::string escaped;
  for (const char c : ValidUtf8(text)) {
    if (c == '\\' || c == '"') {
      escaped += '\\';
      escaped += c;
    } else if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string Number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "NaN"; }

// A name of [a-zA-Z0-9_]; everything else becomes '_'.
std::string SafeName(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += safe ? c : '_';
  }
  return name;
}

class Page {
 public:
  explicit Page(ExpositionFormat format)
      : open_metrics_(format == ExpositionFormat::kOpenMetrics) {}

  // name: without _total. In the older format a counter's family has the suffix too.
  void Family(const std::string& name, const char* type, const std::string& help,
              const std::string& unit = "") {
    const bool suffix = !open_metrics_ && std::string_view(type) == "counter";
    const std::string family = name + (suffix ? "_total" : "");
    text_ += fmt::format("# TYPE {} {}\n", family, type);
    if (!unit.empty() && open_metrics_) {
      text_ += fmt::format("# UNIT {} {}\n", family, unit);
    }
    text_ +=
        fmt::format("# HELP {} {}\n", family, open_metrics_ ? EscapeLabel(help) : EscapeHelp(help));
  }
  void Sample(const std::string& name, const std::string& labels, const std::string& value) {
    text_ += labels.empty() ? fmt::format("{} {}\n", name, value)
                            : fmt::format("{}{{{}}} {}\n", name, labels, value);
  }
  std::string Finish() && { return std::move(text_) + (open_metrics_ ? "# EOF\n" : ""); }

 private:
  // Without quotes escaped: the older format would show the backslash.
  static std::string EscapeHelp(const std::string& text) {
    std::string escaped;
    for (const char c : ValidUtf8(text)) {
      escaped += c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string(1, c);
    }
    return escaped;
  }

  const bool open_metrics_;
  std::string text_;
};

std::string Label(const char* name, const std::string& value) {
  return fmt::format("{}=\"{}\"", name, EscapeLabel(value));
}

std::string LabelsOf(const RequestKey& key) {
  return fmt::format("{},{},{},status=\"{}\"", Label("site", key.site), Label("route", key.route),
                     Label("method", key.method), key.status);
}

void RenderRequests(const Exposition& exposition, Page& page) {
  page.Family("pinfo_requests", "counter", "Requests served");
  for (const auto& [key, counts] : exposition.requests) {
    page.Sample("pinfo_requests_total", LabelsOf(key), std::to_string(counts.count));
  }
  page.Family("pinfo_request_errors", "counter",
              "Requests answered with a status from 500, or aborted");
  for (const auto& [key, counts] : exposition.requests) {
    page.Sample("pinfo_request_errors_total", LabelsOf(key), std::to_string(counts.failed));
  }
}

void RenderHistogram(const std::string& labels, const RequestCounts& counts, Page& page) {
  static constexpr const char* kName = "pinfo_request_duration_seconds";
  int64_t below = 0;
  auto bucket = counts.histogram.begin();
  for (int bound = kFirstBound; bound <= kLastBound; ++bound) {
    const int64_t bound_ns = int64_t{1} << bound;
    while (bucket != counts.histogram.end() && HistogramLowerBound(bucket->first) < bound_ns) {
      below += bucket->second;
      ++bucket;
    }
    page.Sample(
        fmt::format("{}_bucket", kName),
        fmt::format("{},le=\"{}\"", labels, Number(static_cast<double>(bound_ns) / 1e9)),
        std::to_string(below));
  }
  for (; bucket != counts.histogram.end(); ++bucket) {
    below += bucket->second;
  }
  page.Sample(fmt::format("{}_bucket", kName), labels + ",le=\"+Inf\"", std::to_string(below));
  page.Sample(fmt::format("{}_sum", kName), labels,
              Number(static_cast<double>(counts.latency_sum_ns) / 1e9));
  page.Sample(fmt::format("{}_count", kName), labels, std::to_string(below));
}

void RenderLatencies(const Exposition& exposition, Page& page) {
  std::map<std::pair<std::string, std::string>, RequestCounts> routes;
  for (const auto& [key, counts] : exposition.requests) {
    RequestCounts& sum = routes[{key.site, key.route}];
    sum.latency_sum_ns += counts.latency_sum_ns;
    for (const auto& [bucket, count] : counts.histogram) {
      sum.histogram[bucket] += count;
    }
  }
  page.Family("pinfo_request_duration_seconds", "histogram",
              "From a request's first byte read to its response's last byte written", "seconds");
  for (const auto& [route, counts] : routes) {
    RenderHistogram(fmt::format("{},{}", Label("site", route.first), Label("route", route.second)),
                    counts, page);
  }
}

struct ProcessFamily {
  const char* name;
  const char* type;
  const char* unit;
  const char* help;
  double (*value)(const ProcessFigures&);
};
constexpr ProcessFamily kProcessFamilies[] = {
    {"pinfo_process_resident_memory_bytes", "gauge", "bytes", "Resident memory",
     [](const ProcessFigures& p) { return static_cast<double>(p.status.rss_bytes); }},
    {"pinfo_process_virtual_memory_bytes", "gauge", "bytes", "Virtual memory",
     [](const ProcessFigures& p) { return static_cast<double>(p.status.virtual_bytes); }},
    {"pinfo_process_cpu_seconds", "counter", "seconds", "User and system CPU time",
     [](const ProcessFigures& p) {
       return static_cast<double>(p.status.user_cpu_ns + p.status.system_cpu_ns) * kSecondsPerNs;
     }},
    {"pinfo_process_read_bytes", "counter", "bytes", "Read from storage",
     [](const ProcessFigures& p) { return static_cast<double>(p.status.read_bytes); }},
    {"pinfo_process_written_bytes", "counter", "bytes", "Written to storage",
     [](const ProcessFigures& p) { return static_cast<double>(p.status.written_bytes); }},
    {"pinfo_process_threads", "gauge", "", "Threads",
     [](const ProcessFigures& p) { return static_cast<double>(p.status.threads); }},
    {"pinfo_process_open_fds", "gauge", "", "Open file descriptors",
     [](const ProcessFigures& p) { return static_cast<double>(p.status.open_fds); }},
    {"pinfo_process_start_time_seconds", "gauge", "seconds", "When it began, Unix time",
     [](const ProcessFigures& p) { return static_cast<double>(p.start_wall_ns) * kSecondsPerNs; }},
};

void RenderProcesses(const Exposition& exposition, Page& page) {
  for (const ProcessFamily& family : kProcessFamilies) {
    page.Family(family.name, family.type, family.help, family.unit);
    const bool counter = std::string_view(family.type) == "counter";
    std::set<uint32_t> seen;  // of several machines there may be two of a pid
    for (const ProcessFigures& process : exposition.processes) {
      if (seen.insert(process.pid).second) {
        page.Sample(fmt::format("{}{}", family.name, counter ? "_total" : ""),
                    fmt::format("pid=\"{}\",{}", process.pid, Label("comm", process.comm)),
                    Number(family.value(process)));
      }
    }
  }
}

// "key:value,other" as labels; what cannot be a label's name is made one, what is there twice or
// begins with a digit gets '_' in front.
std::string TagLabels(const std::string& tags) {
  std::string labels;
  std::set<std::string> names;
  for (size_t at = 0; at < tags.size();) {
    const size_t end = std::min(tags.size(), tags.find(',', at));
    const std::string tag = tags.substr(at, end - at);
    at = end + 1;
    const size_t colon = tag.find(':');
    std::string name = SafeName(tag.substr(0, colon));
    while (name.empty() || (name[0] >= '0' && name[0] <= '9') || name.starts_with("__") ||
           name == "le" || name == "quantile" || names.contains(name)) {
      name = "tag_" + name;
    }
    names.insert(name);
    labels += fmt::format(
        "{}{}", labels.empty() ? "" : ",",
        Label(name.c_str(), colon == std::string::npos ? "true" : tag.substr(colon + 1)));
  }
  return labels;
}

bool HasReservedSuffix(const std::string& name) {
  for (const char* suffix :
       {"_total", "_sum", "_count", "_bucket", "_created", "_info", "_values"}) {
    if (name.ends_with(suffix)) {
      return true;
    }
  }
  return false;
}

struct SeriesTotals {
  double count = 0;
  double sum = 0;
  double last = 0;
};

SeriesTotals TotalsOf(const SeriesPoints& series) {
  SeriesTotals totals;
  for (const MetricPoint& day : series.points) {
    totals.count += day.count;
    totals.sum += day.sum;
    totals.last = day.last;
  }
  return totals;
}

void RenderMetric(const MetricValue& value, const std::string& name, Page& page) {
  const std::string& help = value.metric.metric.title;
  const auto each = [&](const std::string& sample, double SeriesTotals::*figure) {
    for (const SeriesPoints& series : value.days) {
      page.Sample(sample, TagLabels(series.tags), Number(TotalsOf(series).*figure));
    }
  };
  switch (static_cast<MetricKind>(value.metric.metric.kind)) {
    case MetricKind::kCounter:
      page.Family(name, "counter", help);
      each(name + "_total", &SeriesTotals::sum);
      page.Family(name + "_values", "counter", help + ": how many values were added");
      each(name + "_values_total", &SeriesTotals::count);
      return;
    case MetricKind::kTiming:
      page.Family(name, "summary", help);
      for (const SeriesPoints& series : value.days) {
        const SeriesTotals totals = TotalsOf(series);
        page.Sample(name + "_count", TagLabels(series.tags), Number(totals.count));
        page.Sample(name + "_sum", TagLabels(series.tags), Number(totals.sum));
      }
      return;
    case MetricKind::kGauge:
    case MetricKind::kSet:
      page.Family(name, "gauge", help);
      each(name, &SeriesTotals::last);
      return;
  }
}

void RenderMetrics(const Exposition& exposition, Page& page) {
  std::set<std::string> names;
  for (const MetricValue& value : exposition.metrics) {
    std::string name = "pinfo_metric_" + SafeName(value.metric.metric.name);
    // Suffixes are the format's own, and two names may have become one.
    while (HasReservedSuffix(name) || !names.insert(name).second) {
      name += "_";
    }
    RenderMetric(value, name, page);
  }
}

void RenderState(const Exposition& exposition, Page& page) {
  page.Family("pinfo_monitor_level", "gauge", "0 fine, 1 warning, 2 problem, 3 unknown");
  for (const MonitorRow& row : exposition.monitors) {
    page.Sample("pinfo_monitor_level",
                fmt::format("{},{}", Label("monitor", row.name), Label("group", row.group)),
                std::to_string(row.level));
  }
  page.Family("pinfo_losses", "counter", "What pinfo could not take, by kind");
  for (size_t kind = 0; kind < LossKinds(); ++kind) {
    page.Sample("pinfo_losses_total", Label("kind", LossKey(kind)),
                std::to_string(exposition.losses[kind]));
  }
  for (const auto& [name, count] : exposition.metric_losses) {
    if (name.starts_with("statsd_") || name.starts_with("metric_")) {
      page.Sample("pinfo_losses_total", Label("kind", name), std::to_string(count));
    }
  }
}

}  // namespace

const char* ContentType(ExpositionFormat format) {
  return format == ExpositionFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

ExpositionFormat FormatFor(const std::string& accept) {
  return accept.find("application/openmetrics-text") != std::string::npos
             ? ExpositionFormat::kOpenMetrics
             : ExpositionFormat::kText;
}

std::string RenderExposition(const Exposition& exposition, ExpositionFormat format) {
  Page page(format);
  RenderRequests(exposition, page);
  RenderLatencies(exposition, page);
  RenderProcesses(exposition, page);
  RenderMetrics(exposition, page);
  RenderState(exposition, page);
  return std::move(page).Finish();
}

Result<Exposition> GatherExposition(const std::string& database, RequestTotals& totals,
                                    int64_t now_wall_ns) {
  constexpr int64_t kFreshNs = 120 * kSecondNs;
  Exposition exposition;
  const auto reader = OpenExpositionReader(database);
  const auto metrics = OpenMetricReader(database);
  const auto monitors = OpenMonitorReader(database);
  if (!reader || !metrics || !monitors) {
    return tl::unexpected(!reader ? reader.error() : !metrics ? metrics.error() : monitors.error());
  }
  if (Status status = totals.Update(**reader, now_wall_ns); !status) {
    return tl::unexpected(status.error());
  }
  exposition.requests = totals.totals();
  exposition.since_wall_ns = totals.since_wall_ns();
  auto processes = (*reader)->Processes(now_wall_ns - kFreshNs);
  auto losses = (*reader)->Losses(totals.since_wall_ns());
  auto summaries = (*metrics)->Metrics();
  auto counts = (*metrics)->Counts();
  auto rows = (*monitors)->Monitors();
  if (!processes || !losses || !summaries || !counts || !rows) {
    return Fail("the database could not be read");
  }
  exposition.processes = std::move(*processes);
  exposition.losses = *losses;
  exposition.metric_losses = std::move(*counts);
  exposition.monitors = std::move(*rows);
  for (MetricSummary& summary : *summaries) {
    auto days = (*metrics)->Points(summary.metric.name, 86'400, 0);
    if (!days) {
      return tl::unexpected(days.error());
    }
    exposition.metrics.push_back({.metric = std::move(summary), .days = std::move(*days)});
  }
  return exposition;
}

}  // namespace pinfo
