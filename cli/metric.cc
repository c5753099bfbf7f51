// pinfo metric: own metrics, added from scripts and shown.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/request_json.h"
#include "cli/table.h"
#include "collector/base/histogram.h"
#include "collector/base/wall_clock.h"
#include "collector/config/load.h"
#include "collector/metric/metric_book.h"
#include "collector/store/metric_store.h"

namespace pinfo::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kKinds{MetricKind::kCounter, MetricKind::kGauge, MetricKind::kTiming,
                            MetricKind::kSet};

struct MetricOptions {
  std::string name;
  std::string value = "1";
  std::string kind;
  std::vector<std::string> tags;
  std::string by = "minute";
  std::string since = "1d";
  bool yes = false;
};

// "12", "12.5", "0.001": as short as it can be without loss.
std::string FormatNumber(double value) { return fmt::format("{}", value); }

// The kind where none is given: what the configuration or the database knows of the metric.
Result<MetricKind> KindOf(const MetricOptions& options, const GlobalOptions& global) {
  for (const MetricKind kind : kKinds) {
    if (options.kind == MetricKindName(kind)) {
      return kind;
    }
  }
  const Result<Configuration> configuration = LoadConfiguration(global.config);
  if (!configuration) {
    return tl::unexpected(configuration.error());
  }
  for (const MetricSettings& metric : configuration->metrics) {
    if (metric.name == options.name) {
      return metric.kind;
    }
  }
  if (const auto reader = OpenMetricReader(global.database)) {
    const Result<std::optional<MetricSummary>> known = (*reader)->Find(options.name);
    if (known && *known) {
      return static_cast<MetricKind>((*known)->metric.kind);
    }
  }
  return MetricKind::kCounter;
}

// The line that StatsD would have had: one reader of names, values and tags for both ways.
std::string StatsdText(const MetricOptions& options, MetricKind kind) {
  static constexpr std::array<const char*, 4> kTypes{"c", "g", "ms", "s"};
  std::string line =
      fmt::format("{}:{}|{}", options.name, options.value, kTypes.at(static_cast<size_t>(kind)));
  for (size_t i = 0; i < options.tags.size(); ++i) {
    line += (i == 0 ? "|#" : ",") + options.tags[i];
  }
  return line;
}

Status CheckText(const MetricOptions& options) {
  const auto forbidden = [](const std::string& text, const char* bytes) {
    return text.empty() || text.find_first_of(bytes) != std::string::npos;
  };
  if (forbidden(options.name, ":|,;\n\r") || options.name.size() > kStatsdNameMax) {
    return Fail(fmt::format("'{}' cannot be a metric's name: at most {} bytes, without : | , ;",
                            EscapeForTerminal(options.name), kStatsdNameMax));
  }
  if (forbidden(options.value, ":|\n\r")) {
    return Fail(fmt::format("'{}' is no value", EscapeForTerminal(options.value)));
  }
  for (const std::string& tag : options.tags) {
    if (forbidden(tag, "|,\n\r")) {
      return Fail(fmt::format("'{}' is no tag: write KEY:VALUE", EscapeForTerminal(tag)));
    }
  }
  return {};
}

Status Add(const MetricOptions& options, const GlobalOptions& global) {
  if (Status status = CheckText(options); !status) {
    return status;
  }
  const Result<MetricKind> kind = KindOf(options, global);
  if (!kind) {
    return tl::unexpected(kind.error());
  }
  MetricBook book(1);
  if (book.AddDatagram(StatsdText(options, *kind), WallClockNs()) != 0) {
    return Fail(fmt::format("'{}' is no value of a {}", EscapeForTerminal(options.value),
                            MetricKindName(*kind)));
  }
  Result<std::unique_ptr<MetricStore>> store = OpenMetricStore(global.database);
  if (!store) {
    return tl::unexpected(store.error());
  }
  if (Status status = (*store)->Begin(); !status) {
    return status;
  }
  for (const MetricSample& sample : book.Take(WallClockNs(), /*all=*/true)) {
    const Result<MetricAdded> added = (*store)->Add(sample);
    if (!added) {
      return tl::unexpected(added.error());
    }
    if (*added == MetricAdded::kOtherKind) {
      return Fail(
          fmt::format("{} has values of another kind than {}; name its kind by --kind, or "
                      "choose another name",
                      options.name, MetricKindName(*kind)));
    }
  }
  return (*store)->Commit();
}

Json SummaryJson(const MetricSummary& summary) {
  const MetricRow& metric = summary.metric;
  return {{"name", metric.name},
          {"title", metric.title},
          {"unit", metric.unit},
          {"group", metric.group},
          {"order", metric.order},
          {"chart", ChartKindName(static_cast<ChartKind>(metric.chart))},
          {"kind", MetricKindName(static_cast<MetricKind>(metric.kind))},
          {"declared", metric.declared},
          {"series", summary.series},
          {"count", summary.count},
          {"sum", summary.sum},
          {"last", summary.last ? Json(*summary.last) : Json(nullptr)},
          {"last_time",
           summary.last_wall_ns != 0 ? Json(FormatRfc3339(summary.last_wall_ns)) : Json(nullptr)}};
}

Status List(const GlobalOptions& global) {
  const auto reader = OpenMetricReader(global.database);
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  const Result<std::vector<MetricSummary>> metrics = (*reader)->Metrics();
  if (!metrics) {
    return tl::unexpected(metrics.error());
  }
  const Result<std::map<std::string, int64_t>> counts = (*reader)->Counts();
  if (!counts) {
    return tl::unexpected(counts.error());
  }
  Table table({{"METRIC"},
               {"KIND"},
               {"SERIES", Align::kRight},
               {"COUNT", Align::kRight},
               {"SUM", Align::kRight},
               {"LAST", Align::kRight},
               {"UNIT"},
               {"LAST VALUE AT"},
               {"GROUP"},
               {"TITLE"}});
  for (const MetricSummary& each : *metrics) {
    if (global.json) {
      fmt::print("{}", JsonLine(SummaryJson(each)));
      continue;
    }
    const MetricRow& metric = each.metric;
    table.AddRow({metric.name, MetricKindName(static_cast<MetricKind>(metric.kind)),
                  std::to_string(each.series), FormatNumber(each.count), FormatNumber(each.sum),
                  each.last ? FormatNumber(*each.last) : "-", metric.unit,
                  each.last_wall_ns != 0 ? FormatLocalTime(each.last_wall_ns) : "-", metric.group,
                  metric.title});
  }
  fmt::print("{}", table.Render(StdoutIsTerminal()));
  if (!global.json && table.empty() && !global.quiet) {
    Tell("no metrics yet: pinfo metric add NAME, or declare some in the configuration\n");
  }
  // What was refused is part of the answer, however it is printed.
  for (const auto& [name, count] : *counts) {
    if (name.starts_with("statsd_") || name.starts_with("metric_")) {
      Tell("pinfo: {}: {}\n", name, count);
    }
  }
  return {};
}

Result<int64_t> ResolutionOf(const std::string& by) {
  if (by == "minute") {
    return 60;
  }
  return by == "hour" ? 3'600 : 86'400;
}

Status Show(const MetricOptions& options, const GlobalOptions& global) {
  const auto reader = OpenMetricReader(global.database);
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  const Result<std::optional<MetricSummary>> metric = (*reader)->Find(options.name);
  if (!metric) {
    return tl::unexpected(metric.error());
  }
  if (!*metric) {
    return Fail(fmt::format("there is no metric {}; `pinfo metric list` shows those there are",
                            EscapeForTerminal(options.name)));
  }
  const Result<int64_t> since = ParseMoment(options.since, WallClockNs());
  if (!since) {
    return tl::unexpected(since.error());
  }
  const int64_t resolution = *ResolutionOf(options.by);
  const int64_t since_s = *since / 1'000'000'000;
  const auto series = (*reader)->Points(options.name, resolution, since_s - since_s % resolution);
  if (!series) {
    return tl::unexpected(series.error());
  }
  Table table({{"START"},
               {"COUNT", Align::kRight},
               {"SUM", Align::kRight},
               {"MEAN", Align::kRight},
               {"MIN", Align::kRight},
               {"MAX", Align::kRight},
               {"LAST", Align::kRight},
               {"TAGS"}});
  for (const SeriesPoints& each : *series) {
    for (const MetricPoint& point : each.points) {
      const int64_t start_ns = point.start_s * 1'000'000'000;
      if (global.json) {
        fmt::print("{}", JsonLine(Json{{"metric", options.name},
                                       {"tags", each.tags},
                                       {"start", FormatRfc3339(start_ns)},
                                       {"resolution_ns", resolution * 1'000'000'000},
                                       {"count", point.count},
                                       {"sum", point.sum},
                                       {"min", point.min},
                                       {"max", point.max},
                                       {"last", point.last}}));
        continue;
      }
      const double mean = point.count > 0 ? point.sum / point.count : 0;
      table.AddRow({FormatLocalTime(start_ns), FormatNumber(point.count), FormatNumber(point.sum),
                    fmt::format("{:.6g}", mean), FormatNumber(point.min), FormatNumber(point.max),
                    FormatNumber(point.last), each.tags});
    }
  }
  fmt::print("{}", table.Render(StdoutIsTerminal()));
  return {};
}

Status Remove(const MetricOptions& options, const GlobalOptions& global) {
  if (!options.yes) {
    return Fail(fmt::format("this deletes {} with all its values; say --yes if you mean it",
                            EscapeForTerminal(options.name)));
  }
  Result<std::unique_ptr<MetricStore>> store = OpenMetricStore(global.database);
  if (!store) {
    return tl::unexpected(store.error());
  }
  if (Status status = (*store)->Begin(); !status) {
    return status;
  }
  const Result<bool> removed = (*store)->Remove(options.name);
  if (!removed) {
    return tl::unexpected(removed.error());
  }
  if (!*removed) {
    return Fail(fmt::format("there is no metric {}", EscapeForTerminal(options.name)));
  }
  return (*store)->Commit();
}

void Finish(const Status& status) {
  if (!status) {
    ReportError(status.error().message);
  }
}

}  // namespace

void RegisterMetric(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<MetricOptions>();
  CLI::App* metric = app.add_subcommand("metric", "Own metrics: add values, list, show");
  metric->require_subcommand(1);
  metric->fallthrough();

  CLI::App* add =
      metric->add_subcommand("add", "Add a value to a metric, which is made if it is new");
  add->fallthrough();
  add->add_option("name", options->name, "The metric's name")->required();
  add->add_option(
         "value", options->value,
         "The value; of a gauge with a sign, a difference (write -- before a negative one)")
      ->capture_default_str();
  add->add_option("--kind", options->kind,
                  "What it is (default: as declared or as before, else a counter)")
      ->check(CLI::IsMember({"counter", "gauge", "timing", "set"}));
  add->add_option("--tag", options->tags, "A tag, as KEY:VALUE")->allow_extra_args(false);
  add->callback([options, &global] { Finish(Add(*options, global)); });

  CLI::App* list =
      metric->add_subcommand("list", "All metrics with their counts, sums and last values");
  list->fallthrough();
  list->callback([&global] { Finish(List(global)); });

  CLI::App* show = metric->add_subcommand("show", "A metric's values over time");
  show->fallthrough();
  show->add_option("name", options->name, "The metric's name")->required();
  show->add_option("--by", options->by, "minute (kept 14 days), hour (400 days) or day")
      ->check(CLI::IsMember({"minute", "hour", "day"}))
      ->capture_default_str();
  show->add_option("--since", options->since, "From this moment or so long ago")
      ->capture_default_str();
  show->callback([options, &global] { Finish(Show(*options, global)); });

  CLI::App* remove = metric->add_subcommand("remove", "Delete a metric with all its values");
  remove->fallthrough();
  remove->add_option("name", options->name, "The metric's name")->required();
  remove->add_flag("--yes", options->yes, "Do it");
  remove->callback([options, &global] { Finish(Remove(*options, global)); });
}

}  // namespace pinfo::cli
