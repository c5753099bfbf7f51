// pinfo top: a live table of routes in the terminal; with --batch, or in a pipe, as lines.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/command.h"
#include "cli/number_check.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "cli/table.h"
#include "cli/top_screen.h"
#include "cli/top_table.h"
#include "collector/base/duration.h"
#include "collector/base/wall_clock.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct TopOptions {
  TopChoices choices;
  std::string sort = "time";
  std::string window = "10s";
  bool batch = false;
  int64_t updates = 0;  // 0: no end
};

// A reader of its own each time: one sees the state of the moment it was opened.
Result<TopTable> Load(const GlobalOptions& global, const TopChoices& choices) {
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  Result<TopTable> table = LoadTop(**reader, WallClockNs(), choices.window_ns);
  if (table) {
    FilterTop(choices.filter, &*table);
    SortTop(choices.column, choices.reversed, &*table);
  }
  return table;
}

nlohmann::ordered_json RowJson(const TopRow& row, const TopTable& table) {
  return {{"site", row.site},
          {"route", row.route},
          {"window_ns", table.window_ns},
          {"requests", row.requests},
          {"failed", row.failed},
          {"p50_ns", row.Percentile(50)},
          {"p90_ns", row.Percentile(90)},
          {"p99_ns", row.Percentile(99)},
          {"max_ns", row.max_ns},
          {"latency_sum_ns", row.latency_ns},
          {"on_cpu_ns", row.on_cpu_ns},
          {"blocked_ns", row.blocked_ns},
          {"runqueue_ns", row.runqueue_ns},
          {"waiting_ns", row.waiting_ns}};
}

std::string Text(const TopTable& top, bool json) {
  if (json) {
    std::string lines;
    for (const TopRow& row : top.rows) {
      lines += JsonLine(RowJson(row, top));
    }
    return lines;
  }
  std::vector<Column> columns;
  for (size_t i = 0; i < kTopColumns; ++i) {
    const auto column = static_cast<TopColumn>(i);
    columns.push_back(
        {TopColumnTitle(column), column == TopColumn::kRoute ? Align::kLeft : Align::kRight});
  }
  Table table(std::move(columns));
  for (const TopRow& row : top.rows) {
    std::vector<std::string> cells;
    for (size_t i = 0; i < kTopColumns; ++i) {
      cells.push_back(TopCell(row, static_cast<TopColumn>(i), top));
    }
    table.AddRow(std::move(cells));
  }
  return table.Render(StdoutIsTerminal());
}

void RunBatch(const TopOptions& options, const GlobalOptions& global) {
  for (int64_t update = 0; options.updates == 0 || update < options.updates; ++update) {
    if (update > 0) {
      std::this_thread::sleep_for(std::chrono::duration<double>(options.choices.delay_s));
    }
    const Result<TopTable> table = Load(global, options.choices);
    if (!table) {
      return ReportError(table.error().message);
    }
    PrintAll(Text(*table, global.json));
    if (std::fflush(stdout) != 0) {
      return;  // nobody reads any more
    }
  }
}

// A database that cannot be read for a moment is said on the screen, and tried again.
void RunScreen(const TopOptions& options, const GlobalOptions& global) {
  TopChoices choices = options.choices;
  TopScreen screen;
  TopTable table;
  std::string problem;
  int64_t updates = 0;
  const auto load = [&] {
    Result<TopTable> loaded = Load(global, choices);
    problem = loaded ? "" : loaded.error().message;
    if (loaded) {
      table = std::move(*loaded);
    }
    ++updates;
  };
  load();
  auto loaded_at = SteadyClock::now();
  while (!choices.quit && (options.updates == 0 || updates <= options.updates)) {
    screen.Draw(table, choices, problem);
    const auto delay = std::chrono::duration<double>(choices.delay_s);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        delay - (SteadyClock::now() - loaded_at));
    const bool key = screen.HandleKey(std::max<int64_t>(1, left.count()), &choices);
    if (!choices.quit && (key || !choices.paused)) {
      load();
      loaded_at = SteadyClock::now();
    }
  }
}

void RunTop(TopOptions options, const GlobalOptions& global) {
  const Result<int64_t> window = ParseDuration(options.window);
  if (!window || *window <= 0) {
    return ReportUsageError("--window " + options.window + ": give a time as 10s or 1m");
  }
  options.choices.window_ns = *window;
  for (size_t i = 0; i < kTopColumns; ++i) {
    if (options.sort == TopColumnName(static_cast<TopColumn>(i))) {
      options.choices.column = static_cast<TopColumn>(i);
    }
  }
  // What is wrong from the start is an error, not a screen.
  if (const Result<TopTable> table = Load(global, options.choices); !table) {
    return ReportError(table.error().message);
  }
  const bool screen =
      StdoutIsTerminal() && ::isatty(STDIN_FILENO) == 1 && !options.batch && !global.json;
  if (!screen) {
    options.updates = options.updates == 0 && !options.batch ? 1 : options.updates;
    return RunBatch(options, global);
  }
  if (const char* term = std::getenv("TERM"); term == nullptr || *term == '\0') {
    return ReportError("TERM is not set: name the kind of terminal, or use --batch");
  }
  RunScreen(options, global);
}

}  // namespace

void RegisterTop(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* command = app.add_subcommand(
      "top", "A live table of routes: requests a second, percentiles, where their time goes");
  std::vector<std::string> names;
  for (size_t i = 0; i < kTopColumns; ++i) {
    names.emplace_back(TopColumnName(static_cast<TopColumn>(i)));
  }
  command->add_option("-d,--delay", options->choices.delay_s, "Seconds between updates")
      ->check(CLI::Range(0.2, 3600.0))
      ->capture_default_str();
  command->add_option("-w,--window", options->window, "The time before now that figures are of")
      ->capture_default_str();
  command->add_option("-o,--sort", options->sort, "The column to sort by")
      ->check(CLI::IsMember(names))
      ->capture_default_str();
  command->add_flag("-r,--reverse", options->choices.reversed, "The smallest first");
  command->add_option("--filter", options->choices.filter,
                      "Only sites and routes that contain this text");
  command->add_flag("-b,--batch", options->batch, "Print tables instead of a screen");
  command->add_option("-n,--updates", options->updates, "End after so many updates")
      ->check(AboveZero());
  command->callback([options, &global] { RunTop(*options, global); });
}

}  // namespace pinfo::cli
