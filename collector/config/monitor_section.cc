#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "collector/config/quantity.h"
#include "collector/config/sections.h"

namespace pinfo {
namespace {

constexpr int64_t kDayNs = 86'400 * kSecondNs;
constexpr double kAgeWarningSeconds = 86'400;
constexpr double kAgeProblemSeconds = 172'800;
constexpr const char* kSubjects[] = {
    "metric",  "latency",        "error_rate",  "memory",       "query",
    "command", "age_of_request", "age_of_file", "age_of_query", "age_of_metric"};

struct Subject {
  MonitorSubject subject;
  Dimension dimension = Dimension::kPlain;
};

double ReadPercentile(TableReader& reader) {
  return reader.Number("percentile", 0, 100).value_or(99);
}

MetricSubject ReadMetricSubject(TableReader& reader, std::string metric) {
  MetricSubject subject{.metric = std::move(metric)};
  const std::array figures{MetricFigure::kLast, MetricFigure::kSum,       MetricFigure::kCount,
                           MetricFigure::kMean, MetricFigure::kMin,       MetricFigure::kMax,
                           MetricFigure::kRate, MetricFigure::kPercentile};
  if (reader.Has("percentile")) {
    subject.figure = MetricFigure::kPercentile;
    subject.percentile = ReadPercentile(reader);
  }
  if (const auto figure = reader.Choice(
          "figure", {"last", "sum", "count", "mean", "min", "max", "rate", "percentile"})) {
    subject.figure = figures[*figure];
  }
  return subject;
}

std::optional<AgeSubject> ReadAge(TableReader& reader) {
  for (const auto& [key, of] : {std::pair{"age_of_request", AgeSubject::Of::kRequest},
                                {"age_of_file", AgeSubject::Of::kFile},
                                {"age_of_query", AgeSubject::Of::kQuery},
                                {"age_of_metric", AgeSubject::Of::kMetric}}) {
    if (std::optional<std::string> what = reader.Text(key, of == AgeSubject::Of::kQuery)) {
      AgeSubject age{.of = of, .what = std::move(*what), .site = {}};
      if (of == AgeSubject::Of::kRequest) {
        age.site = reader.Text("site").value_or("");
      }
      return age;
    }
  }
  return std::nullopt;
}

// The one subject among the table's keys; which other keys are known depends on it.
std::optional<Subject> ReadSubject(TableReader& reader) {
  int subjects = 0;
  for (const char* key : kSubjects) {
    subjects += reader.Has(key) ? 1 : 0;
  }
  if (subjects != 1) {
    reader.Complain("", fmt::format("must watch one thing: {}", fmt::join(kSubjects, ", ")));
  }
  if (auto metric = reader.Name("metric")) {
    return Subject{ReadMetricSubject(reader, std::move(*metric)), Dimension::kPlain};
  }
  if (auto route = reader.Text("latency")) {
    return Subject{LatencySubject{.site = reader.Text("site").value_or(""),
                                  .route = std::move(*route),
                                  .percentile = ReadPercentile(reader)},
                   Dimension::kSeconds};
  }
  if (auto route = reader.Text("error_rate")) {
    return Subject{
        ErrorRateSubject{
            .site = reader.Text("site").value_or(""),
            .route = std::move(*route),
            .at_least =
                reader.Integer("at_least", 1, std::numeric_limits<int32_t>::max()).value_or(1)},
        Dimension::kPercent};
  }
  if (auto process = reader.Text("memory")) {
    return Subject{
        MemorySubject{.process = std::move(*process), .sum = reader.Flag("sum").value_or(false)},
        Dimension::kBytes};
  }
  if (auto sql = reader.Text("query", /*multi_line=*/true)) {
    return Subject{QuerySubject{std::move(*sql)}, Dimension::kPlain};
  }
  if (auto command = reader.Command("command")) {
    return Subject{CommandSubject{std::move(*command)}, Dimension::kPlain};
  }
  if (auto age = ReadAge(reader)) {
    return Subject{std::move(*age), Dimension::kSeconds};
  }
  return std::nullopt;
}

std::optional<double> ReadThreshold(TableReader& reader, const char* key, Dimension dimension) {
  const toml::node* node = reader.Find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (node->is_number()) {
    if (const double value = node->value<double>().value_or(NAN); std::isfinite(value)) {
      return value;
    }
  }
  if (const auto* text = node->as_string()) {
    const Result<double> value = ParseQuantity(**text, dimension);
    if (value) {
      return *value;
    }
    reader.Complain(key, fmt::format("{}: {}", key, value.error().message));
    return std::nullopt;
  }
  reader.Complain(key, fmt::format("{} must be a number, with a unit or without", key));
  return std::nullopt;
}

void ReadThresholds(TableReader& reader, Dimension dimension, MonitorSettings& monitor) {
  const bool is_command = std::holds_alternative<CommandSubject>(monitor.subject);
  if (is_command) {
    return;  // its exit code says it all; a threshold is an unknown setting
  }
  monitor.warning = ReadThreshold(reader, "warning", dimension);
  monitor.problem = ReadThreshold(reader, "problem", dimension);
  monitor.below = reader.Flag("below").value_or(false);
  const bool given = reader.Has("warning") || reader.Has("problem");
  if (!given && std::holds_alternative<AgeSubject>(monitor.subject)) {
    monitor.warning = kAgeWarningSeconds;
    monitor.problem = kAgeProblemSeconds;
  } else if (!given) {
    reader.Complain("", "has neither warning nor problem");
  }
  if (monitor.warning && monitor.problem &&
      (monitor.below ? *monitor.warning < *monitor.problem : *monitor.warning > *monitor.problem)) {
    reader.Complain("problem", fmt::format("problem is reached before warning{}",
                                           monitor.below ? "" : "; is 'below = true' meant?"));
  }
}

void ReadTexts(TableReader& reader, MonitorSettings& monitor) {
  const toml::table* table = reader.Table("text");
  if (table == nullptr) {
    return;
  }
  TableReader texts(*table, reader.what() + ", text", reader.problems());
  for (const Level level : {Level::kFine, Level::kWarning, Level::kProblem, Level::kUnknown}) {
    monitor.texts[static_cast<size_t>(level)] = texts.Text(LevelName(level), true).value_or("");
  }
  texts.Finish();
}

std::optional<NotifyMode> ReadMode(TableReader& reader, const char* key) {
  const std::array modes{NotifyMode::kNone, NotifyMode::kInstant, NotifyMode::kDigest};
  const auto mode = reader.Choice(key, {"none", "instant", "digest"});
  return mode ? std::optional(modes[*mode]) : std::nullopt;
}

void ReadRecipients(TableReader& reader, MonitorSettings& monitor) {
  const toml::array* array = reader.Array("notify");
  if (array == nullptr) {
    return;
  }
  monitor.notify.emplace();
  for (const toml::node& node : *array) {
    if (const auto* name = node.as_string()) {
      monitor.notify->push_back({.person = **name, .mode = std::nullopt});
    } else if (const toml::table* table = node.as_table()) {
      TableReader each(*table, reader.what() + ", notify", reader.problems());
      Recipient recipient;
      recipient.person = each.Name("person").value_or("");
      recipient.mode = ReadMode(each, "mode");
      if (!each.Has("person")) {
        each.Complain("", "has no person");
      }
      each.Finish();
      monitor.notify->push_back(std::move(recipient));
    } else {
      reader.Complain("notify", "notify must be a list of people");
    }
  }
}

const char* UnitOf(Dimension dimension) {
  switch (dimension) {
    case Dimension::kSeconds:
      return "s";
    case Dimension::kBytes:
      return "B";
    case Dimension::kPercent:
      return "%";
    case Dimension::kPlain:
      break;
  }
  return "";
}

}  // namespace

void ReadMonitor(const toml::table& table, Declared& declared, Problems& problems,
                 Configuration& configuration) {
  TableReader reader(table, "monitor", problems);
  MonitorSettings monitor;
  if (const std::optional<std::string> name = reader.Name("name")) {
    monitor.name = *name;
    reader.Rename("monitor '" + *name + "'");
    Declare(declared.monitors, *name, reader);
  } else if (!reader.Has("name")) {
    reader.Complain("", "has no name");
  }
  monitor.title = reader.Text("title").value_or(monitor.name);
  monitor.description = reader.Text("description", /*multi_line=*/true).value_or("");
  monitor.group = reader.Text("group").value_or("");
  monitor.window_ns = reader.Duration("window", kSecondNs, 14 * kDayNs).value_or(monitor.window_ns);
  monitor.for_ns = reader.Duration("for", 0, 14 * kDayNs).value_or(0);
  monitor.every_ns = reader.Duration("every", kSecondNs, kDayNs).value_or(monitor.every_ns);
  monitor.timeout_ns =
      reader.Duration("timeout", kSecondNs / 100, 600 * kSecondNs).value_or(monitor.timeout_ns);
  const std::optional<std::string> unit = reader.Text("unit");
  std::optional<Subject> subject = ReadSubject(reader);
  if (!subject) {
    return;  // which settings it may have is not known
  }
  monitor.subject = std::move(subject->subject);
  monitor.unit = unit.value_or(UnitOf(subject->dimension));
  ReadThresholds(reader, subject->dimension, monitor);
  // Without a value nobody knows: but what has no age at all is too old.
  if (std::holds_alternative<AgeSubject>(monitor.subject)) {
    monitor.no_value = Level::kProblem;
  }
  const std::array levels{Level::kFine, Level::kWarning, Level::kProblem, Level::kUnknown};
  if (const auto level = reader.Choice("no_value", {"fine", "warning", "problem", "unknown"})) {
    monitor.no_value = levels[*level];
  }
  ReadTexts(reader, monitor);
  ReadRecipients(reader, monitor);
  reader.Finish();
  configuration.monitors.push_back(std::move(monitor));
}

}  // namespace pinfo
