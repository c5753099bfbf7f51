#include "collector/monitor/evaluate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "collector/base/glob.h"

namespace pinfo {
namespace {

constexpr double kSecondsPerNs = 1e-9;

bool GlobOrAny(const std::string& glob, const std::string& text) {
  return glob.empty() || GlobMatches(glob, text);
}

Result<std::optional<double>> ValueOf(const MetricSubject& subject, const MonitorSettings& monitor,
                                      MonitorInputs& inputs) {
  const auto windows = inputs.Metrics(monitor.window_ns);
  if (!windows) {
    return tl::unexpected(windows.error());
  }
  const auto found = (*windows)->find(subject.metric);
  if (found == (*windows)->end() || found->second.count <= 0) {
    return std::nullopt;
  }
  const MetricWindow& window = found->second;
  switch (subject.figure) {
    case MetricFigure::kLast:
      return window.last;
    case MetricFigure::kSum:
      return window.sum;
    case MetricFigure::kCount:
      return window.count;
    case MetricFigure::kMean:
      return window.sum / window.count;
    case MetricFigure::kMin:
      return window.min;
    case MetricFigure::kMax:
      return window.max;
    case MetricFigure::kRate:
      return window.sum / (static_cast<double>(monitor.window_ns) * kSecondsPerNs);
    case MetricFigure::kPercentile:
      break;
  }
  const std::optional<double> value =
      HistogramPercentile(window.histogram, subject.percentile, WithinBucket::kUpperEdge);
  return value ? std::optional(std::min(*value, window.max)) : std::nullopt;
}

Result<std::optional<double>> ValueOf(const LatencySubject& subject, const MonitorSettings& monitor,
                                      MonitorInputs& inputs) {
  const auto routes = inputs.Requests(monitor.window_ns);
  if (!routes) {
    return tl::unexpected(routes.error());
  }
  std::map<uint16_t, double> histogram;
  for (const RouteWindow& route : **routes) {
    if (GlobOrAny(subject.site, route.site) && GlobMatches(subject.route, route.route)) {
      for (const auto& [bucket, count] : route.histogram) {
        histogram[bucket] += count;
      }
    }
  }
  // The histogram's values are ns; those of metrics are millionths.
  const std::optional<double> value =
      HistogramPercentile(histogram, subject.percentile, WithinBucket::kUpperEdge);
  return value ? std::optional(*value * 1e6 * kSecondsPerNs) : std::nullopt;
}

Result<std::optional<double>> ValueOf(const ErrorRateSubject& subject,
                                      const MonitorSettings& monitor, MonitorInputs& inputs) {
  const auto routes = inputs.Requests(monitor.window_ns);
  if (!routes) {
    return tl::unexpected(routes.error());
  }
  int64_t count = 0;
  int64_t failed = 0;
  for (const RouteWindow& route : **routes) {
    if (GlobOrAny(subject.site, route.site) && GlobMatches(subject.route, route.route)) {
      count += route.count;
      failed += route.failed;
    }
  }
  if (count < std::max<int64_t>(1, subject.at_least)) {
    return std::nullopt;
  }
  return 100.0 * static_cast<double>(failed) / static_cast<double>(count);
}

Result<std::optional<double>> ValueOf(const MemorySubject& subject, const MonitorSettings&,
                                      MonitorInputs& inputs) {
  const auto processes = inputs.Memories();
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  std::optional<double> value;
  for (const ProcessMemory& process : **processes) {
    if (GlobMatches(subject.process, process.comm) || GlobMatches(subject.process, process.exe)) {
      const auto bytes = static_cast<double>(process.rss_bytes);
      value = subject.sum ? value.value_or(0) + bytes : std::max(value.value_or(0), bytes);
    }
  }
  return value;
}

// A query's time: seconds since the epoch, or nanoseconds as pinfo's own tables have them.
double EpochSeconds(double time) { return time > 1e14 ? time * kSecondsPerNs : time; }

Result<std::optional<double>> QueriedValue(const MonitorSettings& monitor, MonitorInputs& inputs) {
  const CheckResult* result = inputs.Check(monitor.name);
  if (result == nullptr) {
    return std::nullopt;
  }
  if (!result->error.empty()) {
    return Fail(result->error);
  }
  return result->value;
}

Result<std::optional<double>> ValueOf(const AgeSubject& subject, const MonitorSettings& monitor,
                                      MonitorInputs& inputs) {
  const double now = static_cast<double>(inputs.now_wall_ns()) * kSecondsPerNs;
  if (subject.of == AgeSubject::Of::kQuery) {
    const Result<std::optional<double>> time = QueriedValue(monitor, inputs);
    if (!time || !*time) {
      return time;
    }
    return std::max(0.0, now - EpochSeconds(**time));
  }
  const Result<std::optional<int64_t>> time =
      subject.of == AgeSubject::Of::kFile     ? inputs.FileTimeNs(subject.what)
      : subject.of == AgeSubject::Of::kMetric ? inputs.LastMetricNs(subject.what)
                                              : inputs.LastRequestNs(subject.site, subject.what);
  if (!time) {
    return tl::unexpected(time.error());
  }
  if (!*time) {
    return std::nullopt;
  }
  // A time to come (a clock that was set back) is no age.
  return std::max(0.0, now - static_cast<double>(**time) * kSecondsPerNs);
}

Result<std::optional<double>> ValueOf(const QuerySubject&, const MonitorSettings& monitor,
                                      MonitorInputs& inputs) {
  return QueriedValue(monitor, inputs);
}

// Which threshold the value has reached.
Level LevelOf(double value, const MonitorSettings& monitor) {
  const auto reached = [&](const std::optional<double>& threshold) {
    return threshold && (monitor.below ? value <= *threshold : value >= *threshold);
  };
  return reached(monitor.problem)   ? Level::kProblem
         : reached(monitor.warning) ? Level::kWarning
                                    : Level::kFine;
}

void ReplaceAll(std::string& text, std::string_view what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

// The configured text of the level, its {value} and others filled in; else pinfo's own.
std::string TextOf(const MonitorSettings& monitor, const Finding& finding, std::string own) {
  std::string text = monitor.texts[static_cast<size_t>(finding.level)];
  if (text.empty()) {
    return own;
  }
  const auto value = [&](const std::optional<double>& each) {
    return each ? FormatValue(*each, monitor.unit) : std::string("none");
  };
  ReplaceAll(text, "{warning}", value(monitor.warning));
  ReplaceAll(text, "{problem}", value(monitor.problem));
  ReplaceAll(text, "{title}", monitor.title);
  ReplaceAll(text, "{value}", value(finding.value));
  ReplaceAll(text, "{text}", own);
  return text;
}

// By the runner, now and then.
bool IsRun(const MonitorSettings& monitor) {
  const auto* age = std::get_if<AgeSubject>(&monitor.subject);
  return std::holds_alternative<QuerySubject>(monitor.subject) ||
         std::holds_alternative<CommandSubject>(monitor.subject) ||
         (age != nullptr && age->of == AgeSubject::Of::kQuery);
}

Finding EvaluateCommand(const MonitorSettings& monitor, MonitorInputs& inputs) {
  Finding finding;
  const CheckResult* result = inputs.Check(monitor.name);
  if (!result->error.empty()) {
    finding.text = result->error;
  } else {
    const int code = result->exit_code.value_or(3);
    finding.level = code >= 0 && code <= 3 ? static_cast<Level>(code) : Level::kUnknown;
    finding.value = result->value;
    finding.text = !result->text.empty() ? result->text : fmt::format("exited with {}", code);
    // 126 and 127 are the shell's: what was to be run is not there.
    if (code > 3) {
      finding.text = fmt::format("exited with {}, which is none of 0 to 3: {}", code, result->text);
    }
  }
  finding.text = TextOf(monitor, finding, finding.text);
  return finding;
}

std::string OwnText(const MonitorSettings& monitor, const Finding& finding) {
  std::string text = FormatValue(*finding.value, monitor.unit);
  const std::optional<double>& threshold =
      finding.level == Level::kProblem ? monitor.problem : monitor.warning;
  if (finding.level != Level::kFine && threshold) {
    text += fmt::format(", {} {} {}", LevelName(finding.level), monitor.below ? "at most" : "from",
                        FormatValue(*threshold, monitor.unit));
  }
  return text;
}

}  // namespace

std::string FormatValue(double value, const std::string& unit) {
  if (unit == "s") {
    const double magnitude = std::abs(value);
    if (magnitude >= 172'800) {
      return fmt::format("{:.3g} d", value / 86'400);
    }
    if (magnitude >= 7'200) {
      return fmt::format("{:.3g} h", value / 3'600);
    }
    if (magnitude >= 120) {
      return fmt::format("{:.3g} min", value / 60);
    }
    if (magnitude >= 1 || magnitude == 0) {
      return fmt::format("{:.3g} s", value);
    }
    return magnitude >= 1e-3 ? fmt::format("{:.3g} ms", value * 1e3)
                             : fmt::format("{:.3g} us", value * 1e6);
  }
  if (unit == "B") {
    static constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
    size_t at = 0;
    while (std::abs(value) >= 1024 && at + 1 < kUnits.size()) {
      value /= 1024;
      ++at;
    }
    return fmt::format("{:.4g} {}", value, kUnits.at(at));
  }
  if (unit == "%") {
    return fmt::format("{:.3g}%", value);
  }
  return unit.empty() ? fmt::format("{:.6g}", value) : fmt::format("{:.6g} {}", value, unit);
}

Finding Evaluate(const MonitorSettings& monitor, MonitorInputs& inputs) {
  if (IsRun(monitor) && inputs.Check(monitor.name) == nullptr) {
    Finding finding;
    finding.level = monitor.no_value;
    finding.text = "has not been run yet";
    finding.no_value = true;
    finding.not_yet = true;
    return finding;
  }
  if (std::holds_alternative<CommandSubject>(monitor.subject)) {
    return EvaluateCommand(monitor, inputs);
  }
  Finding finding;
  const Result<std::optional<double>> value = std::visit(
      [&](const auto& subject) -> Result<std::optional<double>> {
        if constexpr (std::is_same_v<std::decay_t<decltype(subject)>, CommandSubject>) {
          return std::nullopt;
        } else {
          return ValueOf(subject, monitor, inputs);
        }
      },
      monitor.subject);
  if (!value) {
    finding.text = value.error().message;
    return finding;
  }
  if (!*value) {
    finding.level = monitor.no_value;
    finding.no_value = true;
    finding.text = TextOf(monitor, finding, "no value");
    return finding;
  }
  finding.value = **value;
  finding.level = LevelOf(**value, monitor);
  finding.text = TextOf(monitor, finding, OwnText(monitor, finding));
  return finding;
}

MonitorRow Advance(const MonitorSettings& monitor, const MonitorRow* before, const Finding& finding,
                   int64_t now_wall_ns, bool* changed) {
  MonitorRow row;
  row.name = monitor.name;
  row.title = monitor.title;
  row.description = monitor.description;
  row.group = monitor.group;
  row.unit = monitor.unit;
  row.warning = monitor.warning;
  row.problem = monitor.problem;
  row.value = finding.value;
  row.text = finding.text;
  row.no_value = finding.no_value;
  row.checked_wall_ns = now_wall_ns;
  const auto found = static_cast<uint8_t>(finding.level);
  // What is new begins as fine where a worse level has to last.
  const bool is_new = before == nullptr;
  const Level present = !is_new ? static_cast<Level>(before->level)
                        : monitor.for_ns > 0 && Severity(finding.level) > 0 ? Level::kFine
                                                                            : finding.level;
  row.level = static_cast<uint8_t>(present);
  row.since_wall_ns = is_new ? now_wall_ns : before->since_wall_ns;
  row.pending_level = found;
  // Worse than the present level since when? A clock that was set back begins anew.
  const bool worse = Severity(finding.level) > Severity(present);
  const bool was_worse =
      !is_new && Severity(static_cast<Level>(before->pending_level)) > Severity(present);
  row.pending_since_wall_ns =
      worse && was_worse ? std::min(before->pending_since_wall_ns, now_wall_ns) : now_wall_ns;
  const bool lasted = now_wall_ns - row.pending_since_wall_ns >= monitor.for_ns;
  *changed = is_new;
  if (finding.level != present && (!worse || lasted)) {
    row.level = found;
    row.since_wall_ns = now_wall_ns;
    *changed = true;
  }
  return row;
}

}  // namespace pinfo
