#include <array>
#include <charconv>

#include <fmt/format.h>

#include "collector/config/sections.h"

namespace pinfo {
namespace {

constexpr int64_t kDayNs = 86'400 * kSecondNs;

// "404" or "5xx".
bool ParseStatus(const std::string& text, RequestSource& source) {
  if (text.size() != 3 || text[0] < '1' || text[0] > '5') {
    return false;
  }
  if (text.ends_with("xx")) {
    source.status_class = text[0] - '0';
    return true;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + 3, source.status);
  return error == std::errc() && end == text.data() + 3;
}

// "POST /login" or "/static/*".
std::optional<RequestSource> ReadRequest(TableReader& reader) {
  RequestSource source;
  const std::optional<std::string> pattern = reader.Text("request");
  const std::optional<std::string> site = reader.Text("site");
  const std::optional<std::string> status = reader.Text("status");
  source.site = site.value_or("");
  if (status && !ParseStatus(*status, source)) {
    reader.Complain("status", "status must be as \"404\" or \"5xx\"");
  }
  if (!pattern) {
    return std::nullopt;
  }
  const size_t space = pattern->find(' ');
  source.method = space == std::string::npos ? "" : pattern->substr(0, space);
  source.target = space == std::string::npos ? *pattern : pattern->substr(space + 1);
  if (source.target.empty() || (source.target[0] != '/' && source.target[0] != '*') ||
      source.target.find(' ') != std::string::npos) {
    reader.Complain("request", "request must be as \"POST /login\" or \"/static/*\"");
    return std::nullopt;
  }
  return source;
}

// "/usr/sbin/app:login_ok"
std::optional<ProbeSource> ReadProbe(TableReader& reader) {
  const std::optional<std::string> text = reader.Text("probe");
  if (!text) {
    return std::nullopt;
  }
  const size_t colon = text->rfind(':');
  if (colon == std::string::npos || colon + 1 == text->size() || text->front() != '/') {
    reader.Complain("probe", "probe must be a file and a function, as \"/usr/sbin/app:login_ok\"");
    return std::nullopt;
  }
  return ProbeSource{.path = text->substr(0, colon), .symbol = text->substr(colon + 1)};
}

void ReadSource(TableReader& reader, MetricSettings& metric) {
  int sources = 0;
  for (const char* key : {"request", "probe", "query", "command"}) {
    sources += reader.Has(key) ? 1 : 0;
  }
  if (sources > 1) {
    reader.Complain("", "request, probe, query and command exclude each other");
  }
  const bool of_requests = reader.Has("request");
  for (const char* key : {"site", "status"}) {
    if (reader.Has(key) && !of_requests) {
      reader.Complain(key, fmt::format("{} belongs to request", key));
    }
  }
  if (auto request = ReadRequest(reader)) {
    metric.source = std::move(*request);
    metric.kind = MetricKind::kTiming;
    metric.unit = "ms";
  }
  if (auto probe = ReadProbe(reader)) {
    metric.source = std::move(*probe);
    metric.kind = MetricKind::kCounter;
  }
  if (auto sql = reader.Text("query", /*multi_line=*/true)) {
    metric.source = QuerySource{std::move(*sql)};
    metric.kind = MetricKind::kGauge;
  }
  if (auto command = reader.Command("command")) {
    metric.source = CommandSource{std::move(*command)};
    metric.kind = MetricKind::kGauge;
  }
}

}  // namespace

void ReadMetric(const toml::table& table, Declared& declared, Problems& problems,
                Configuration& configuration) {
  TableReader reader(table, "metric", problems);
  MetricSettings metric;
  const std::optional<std::string> name = reader.Name("name");
  if (name) {
    metric.name = *name;
    reader.Rename("metric '" + *name + "'");
    Declare(declared.metrics, *name, reader);
  } else if (!reader.Has("name")) {
    reader.Complain("", "has no name");
  }
  ReadSource(reader, metric);
  metric.title = reader.Text("title").value_or(metric.name);
  metric.unit = reader.Text("unit").value_or(metric.unit);
  metric.group = reader.Text("group").value_or("");
  metric.order = static_cast<int32_t>(reader.Integer("order", -1'000'000, 1'000'000).value_or(0));
  const std::array charts{ChartKind::kLine, ChartKind::kBars, ChartKind::kNumber};
  if (const auto chart = reader.Choice("chart", {"line", "bars", "number"})) {
    metric.chart = charts[*chart];
  }
  const std::array kinds{MetricKind::kCounter, MetricKind::kGauge, MetricKind::kTiming,
                         MetricKind::kSet};
  if (const auto kind = reader.Choice("kind", {"counter", "gauge", "timing", "set"})) {
    metric.kind = kinds[*kind];
    if (std::holds_alternative<RequestSource>(metric.source) &&
        metric.kind != MetricKind::kTiming) {
      reader.Complain("kind", "a request pattern gives timings");
    }
  }
  metric.every_ns = reader.Duration("every", kSecondNs, kDayNs).value_or(metric.every_ns);
  metric.timeout_ns =
      reader.Duration("timeout", kSecondNs / 100, 600 * kSecondNs).value_or(metric.timeout_ns);
  reader.Finish();
  configuration.metrics.push_back(std::move(metric));
}

void ReadStatsd(const toml::table& table, Problems& problems, StatsdSettings& statsd) {
  TableReader reader(table, "[statsd]", problems);
  statsd.udp = reader.Text("udp").value_or("");
  if (!statsd.udp.empty() && !IsListenAddress(statsd.udp)) {
    reader.Complain("udp", "udp must be an address and a port, as \"127.0.0.1:8125\"");
  }
  statsd.unix_path = reader.Text("unix").value_or("");
  if (statsd.unix_path.size() > 107 || (!statsd.unix_path.empty() && statsd.unix_path[0] != '/')) {
    reader.Complain("unix", "unix must be an absolute path of at most 107 bytes");
  }
  statsd.flush_ns =
      reader.Duration("flush", kSecondNs / 10, 60 * kSecondNs).value_or(statsd.flush_ns);
  statsd.max_series = reader.Integer("max_series", 1, 1'000'000).value_or(statsd.max_series);
  reader.Finish();
}

}  // namespace pinfo
