// pinfo check: the monitors of the configuration, looked at now.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/number_check.h"
#include "cli/request_json.h"
#include "cli/table.h"
#include "collector/base/wall_clock.h"
#include "collector/config/load.h"
#include "collector/monitor/record.h"
#include "collector/notify/message.h"
#include "collector/store/monitor_store.h"

namespace pinfo::cli {
namespace {

using Json = nlohmann::ordered_json;

// Nagios' "unknown": what is wrong with the check itself.
constexpr int kExitUnknown = 3;

struct CheckOptions {
  std::vector<std::string> names;
  std::string group;
  bool nagios = false;
  bool history = false;
  int64_t limit = 50;
};

bool IsWanted(const CheckOptions& options, const MonitorSettings& monitor) {
  const bool named = options.names.empty() || std::find(options.names.begin(), options.names.end(),
                                                        monitor.name) != options.names.end();
  return named && (options.group.empty() || options.group == monitor.group);
}

// The configuration with the wanted monitors alone.
Result<Configuration> Select(const CheckOptions& options, const GlobalOptions& global) {
  Result<Configuration> configuration = LoadConfiguration(global.config);
  if (!configuration) {
    return configuration;
  }
  std::vector<MonitorSettings>& monitors = configuration->monitors;
  for (const std::string& name : options.names) {
    if (std::none_of(monitors.begin(), monitors.end(),
                     [&](const MonitorSettings& each) { return each.name == name; })) {
      return Fail(
          fmt::format("there is no monitor '{}' in the configuration", EscapeForTerminal(name)));
    }
  }
  std::erase_if(monitors, [&](const MonitorSettings& each) { return !IsWanted(options, each); });
  if (monitors.empty()) {
    return Fail(global.config.empty()
                    ? "there is no configuration: give one with --config, or write one into "
                      "/etc/pinfo (for root) or ~/.config/pinfo"
                    : fmt::format("no monitors in {} to check", global.config));
  }
  return configuration;
}

// What a collector has found so far: how long a level has lasted. Nothing where there is none.
std::map<std::string, MonitorRow> RowsBefore(const std::string& database) {
  std::map<std::string, MonitorRow> rows;
  if (const auto reader = OpenMonitorReader(database)) {
    if (Result<std::vector<MonitorRow>> found = (*reader)->Monitors()) {
      for (MonitorRow& row : *found) {
        rows.emplace(row.name, std::move(row));
      }
    }
  }
  return rows;
}

std::vector<MonitorRow> Look(const Configuration& configuration, const std::string& database) {
  CheckRunner runner(database, nullptr);
  runner.SetTasks(TasksOfMonitors(configuration));
  runner.WaitForFirst();
  const std::map<std::string, CheckResult> results = runner.Results();
  RequestTimes times;
  const int64_t now_ns = WallClockNs();
  const auto inputs = ReadMonitorInputs(database, now_ns, times, results);
  const std::map<std::string, MonitorRow> before = RowsBefore(database);
  std::vector<MonitorRow> rows;
  for (const MonitorSettings& monitor : configuration.monitors) {
    const auto old = before.find(monitor.name);
    bool changed = false;
    rows.push_back(Advance(monitor, old == before.end() ? nullptr : &old->second,
                           Evaluate(monitor, *inputs), now_ns, &changed));
  }
  SortWorstFirst(rows);
  return rows;
}

Json RowJson(const MonitorRow& row) {
  const auto number = [](const std::optional<double>& value) {
    return value ? Json(*value) : Json(nullptr);
  };
  return {{"name", row.name},
          {"title", row.title},
          {"group", row.group},
          {"level", LevelName(static_cast<Level>(row.level))},
          {"value", number(row.value)},
          {"unit", row.unit},
          {"warning", number(row.warning)},
          {"problem", number(row.problem)},
          {"text", row.text},
          {"description", row.description},
          {"since", FormatRfc3339(row.since_wall_ns)},
          {"pending", LevelName(static_cast<Level>(row.pending_level))},
          {"checked", FormatRfc3339(row.checked_wall_ns)}};
}

void PrintTable(const std::vector<MonitorRow>& rows) {
  Table table({{"LEVEL"}, {"GROUP"}, {"MONITOR"}, {"WHAT"}, {"SINCE"}});
  for (const MonitorRow& row : rows) {
    table.AddRow({LevelName(static_cast<Level>(row.level)), row.group.empty() ? "-" : row.group,
                  row.title, row.text, FormatLocalTime(row.since_wall_ns)});
  }
  fmt::print("{}", table.Render(StdoutIsTerminal()));
}

// A label of performance data: no quotes, no '=' (Nagios plugin guidelines, "Performance data").
std::string PerformanceLabel(const std::string& name) {
  std::string label;
  for (const char c : name) {
    label += c == '\'' || c == '=' || c == '|' || c == '\n' ? '_' : c;
  }
  return "'" + label + "'";
}

std::string PlainNumber(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

// "PINFO PROBLEM: 1 problem of 3 monitors: ... | 'name'=0.31s;0.25;1".
std::string NagiosLine(const std::vector<MonitorRow>& rows) {
  const auto worst = static_cast<Level>(rows.front().level);
  static constexpr const char* kWords[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  std::string line = fmt::format("PINFO {}:", kWords[static_cast<size_t>(worst)]);
  int64_t bad = 0;
  for (const MonitorRow& row : rows) {
    if (row.level != static_cast<uint8_t>(Level::kFine)) {
      line += fmt::format("{} {} {} ({})", bad == 0 ? "" : ",",
                          LevelName(static_cast<Level>(row.level)), row.title, row.text);
      ++bad;
    }
  }
  if (bad == 0) {
    line += fmt::format(" {} fine", rows.size() == 1 ? rows.front().title
                                                     : fmt::format("{} monitors", rows.size()));
  }
  std::string clean;
  for (const char c : line) {
    clean += c == '|' || c == '\n' ? ' ' : c;
  }
  std::string data;
  for (const MonitorRow& row : rows) {
    if (row.value) {
      const bool known_unit = row.unit == "s" || row.unit == "B" || row.unit == "%";
      data += fmt::format(" {}={}{};{};{}", PerformanceLabel(row.name), PlainNumber(row.value),
                          known_unit ? row.unit : "", PlainNumber(row.warning),
                          PlainNumber(row.problem));
    }
  }
  return EscapeForTerminal(clean) + (data.empty() ? "" : " |" + EscapeForTerminal(data));
}

Status PrintHistory(const CheckOptions& options, const GlobalOptions& global) {
  const auto reader = OpenMonitorReader(global.database);
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  const auto changes = (*reader)->Changes(
      options.names.empty() ? std::nullopt : std::optional(options.names.front()), options.limit);
  if (!changes) {
    return tl::unexpected(changes.error());
  }
  Table table({{"TIME"}, {"LEVEL"}, {"MONITOR"}, {"WHAT"}});
  for (const MonitorChange& each : *changes) {
    const char* level = LevelName(static_cast<Level>(each.level));
    if (global.json) {
      fmt::print("{}", JsonLine(Json{{"name", each.name},
                                     {"time", FormatRfc3339(each.wall_ns)},
                                     {"level", level},
                                     {"value", each.value ? Json(*each.value) : Json(nullptr)},
                                     {"text", each.text}}));
    } else {
      table.AddRow({FormatLocalTime(each.wall_ns), level, each.name, each.text});
    }
  }
  fmt::print("{}", table.Render(StdoutIsTerminal()));
  return {};
}

void Check(const CheckOptions& options, const GlobalOptions& global) {
  const Result<Configuration> configuration = Select(options, global);
  if (!configuration) {
    ReportError(configuration.error().message);
    SetExit(kExitUnknown);
    return;
  }
  const std::vector<MonitorRow> rows = Look(*configuration, global.database);
  if (global.json) {
    for (const MonitorRow& row : rows) {
      fmt::print("{}", JsonLine(RowJson(row)));
    }
  } else if (options.nagios) {
    fmt::print("{}\n", NagiosLine(rows));
  } else {
    PrintTable(rows);
  }
  SetExit(rows.front().level);  // the worst, and Level's numbers are the exit statuses
}

}  // namespace

void RegisterCheck(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand("check",
                                         "Look at the monitors of the configuration now, worst "
                                         "first; exits with 0 where all is fine, 1 "
                                         "at a warning, 2 at a problem, 3 where it is not known");
  command->add_option("name", options->names, "These monitors alone");
  command->add_option("--group", options->group, "The monitors of this group alone");
  command->add_flag("--nagios", options->nagios,
                    "One line with performance data, as Nagios and its kin read it");
  command->add_flag("--history", options->history,
                    "Instead: how levels have changed, as collectors found; newest first");
  command->add_option("--limit", options->limit, "Of --history, how many at most")
      ->check(AboveZero())
      ->capture_default_str();
  command->callback([options, &global] {
    if (!options->history) {
      Check(*options, global);
    } else if (const Status status = PrintHistory(*options, global); !status) {
      ReportError(status.error().message);
    }
  });
}

}  // namespace pinfo::cli
