// pinfo status: sites, processes, the machine, what pinfo itself cost, and what was lost; once, or
// again and again.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/overview.h"
#include "cli/profile_input.h"
#include "cli/status_text.h"
#include "cli/table.h"
#include "collector/base/wall_clock.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

struct StatusOptions {
  std::optional<double> watch_s;
};

// A reader of its own each time: one sees the state of the moment it was opened.
Result<std::string> Render(const GlobalOptions& global) {
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  const Result<Overview> overview = LoadOverview(**reader, WallClockNs());
  if (!overview) {
    return tl::unexpected(overview.error());
  }
  return global.json
             ? StatusJsonLines(*overview)
             : StatusText(*overview, EscapeForTerminal(global.database), StdoutIsTerminal());
}

void Sleep(double seconds) {
  timespec left{};
  left.tv_sec = static_cast<time_t>(seconds);
  left.tv_nsec = static_cast<long>((seconds - static_cast<double>(left.tv_sec)) * 1e9);
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

// Until the reader of the output or Ctrl-C ends it.
void Watch(const GlobalOptions& global, double seconds) {
  const bool redraw = StdoutIsTerminal() && !global.json;
  for (;;) {
    const Result<std::string> text = Render(global);
    if (!text) {
      ReportError(text.error().message);
      return;
    }
    PrintAll((redraw ? "\033[H\033[J" : "") + *text);
    if (ExitStatus() != kExitDone) {
      return;
    }
    Sleep(seconds);
  }
}

void RunStatus(const GlobalOptions& global, const StatusOptions& options) {
  if (options.watch_s) {
    Watch(global, *options.watch_s);
    return;
  }
  const Result<std::string> text = Render(global);
  if (!text) {
    ReportError(text.error().message);
    return;
  }
  PrintAll(*text);
}

}  // namespace

void RegisterStatus(CLI::App& app, const GlobalOptions& global) {
  const auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app.add_subcommand(
      "status", "Sites, processes, the machine, totals, what pinfo itself cost and what it lost");
  command
      ->add_option("--watch", options->watch_s,
                   "Show it again every so many seconds (2 if none are given), until Ctrl-C")
      ->expected(0, 1)
      ->default_str("2")
      ->check(CLI::Range(0.1, 86400.0))
      ->type_name("SECONDS");
  command->callback([&global, options] { RunStatus(global, *options); });
}

}  // namespace pinfo::cli
