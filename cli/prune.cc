// pinfo prune and pinfo reset: removing what was seen, beside collectors that go on.
#include <chrono>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/overview.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "cli/session_text.h"
#include "collector/base/duration.h"
#include "collector/base/wall_clock.h"
#include "collector/store/maintenance.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct PruneOptions {
  bool dead = false;
  std::string older_than;
};

struct ResetOptions {
  bool yes = false;
};

// "removed 12 processes in 34.0 ms; the database is 1.20 MiB smaller"
void TellRemoved(const GlobalOptions& global, const char* what, const std::string& counted,
                 const Removed& removed, Clock::time_point began) {
  const int64_t took_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - began).count();
  if (global.json) {
    PrintAll(JsonLine({{"type", what},
                       {"rows", removed.rows},
                       {"bytes_freed", removed.bytes},
                       {"took_ns", took_ns}}));
  } else {
    PrintAll(fmt::format("removed {} in {}; the database is {} smaller\n", counted,
                         FormatDuration(took_ns), FormatBytes(removed.bytes)));
  }
}

void PruneDead(const GlobalOptions& global) {
  const Clock::time_point began = Clock::now();
  std::vector<ProcessId> dead;
  {
    // Closed before anything is removed: what a reader sees cannot be given back.
    const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
    if (!reader) {
      ReportError(reader.error().message);
      return;
    }
    const Result<std::vector<ProcessSummary>> processes = (*reader)->Processes();
    if (!processes) {
      ReportError(processes.error().message);
      return;
    }
    const Origin here = LiveOrigin();
    for (const ProcessSummary& each : *processes) {
      if (AliveOf(each.process, here) == Alive::kNo) {
        dead.push_back(each.process.id);
      }
    }
  }
  const Result<Removed> removed = RemoveProcesses(global.database, dead);
  if (!removed) {
    ReportError(removed.error().message);
    return;
  }
  TellRemoved(global, "dead", Count(removed->rows, "dead process", "dead processes"), *removed,
              began);
}

void PruneOlderThan(const GlobalOptions& global, const std::string& text) {
  const Result<int64_t> age_ns = ParseDuration(text);
  if (!age_ns || *age_ns <= 0) {
    ReportUsageError("--older-than " + text + ": is no time, as 30d, 12h or 90m are");
    return;
  }
  const Clock::time_point began = Clock::now();
  const Result<Removed> removed = RemoveOlderThan(global.database, WallClockNs(), *age_ns);
  if (!removed) {
    ReportError(removed.error().message);
    return;
  }
  TellRemoved(global, "older", Count(removed->rows, "row"), *removed, began);
}

void RunPrune(const PruneOptions& options, const GlobalOptions& global) {
  if (!options.dead && options.older_than.empty()) {
    ReportUsageError("prune what? --dead (processes that have ended) or --older-than AGE");
    return;
  }
  if (!options.older_than.empty()) {
    PruneOlderThan(global, options.older_than);
  }
  if (options.dead && ExitStatus() == kExitDone) {
    PruneDead(global);
  }
}

// Only "yes" is one; the end of input is a no.
bool Confirmed(const std::string& database) {
  Tell("This removes everything that pinfo has seen from {}. Type yes to go on: ",
       EscapeForTerminal(database));
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "yes";
}

void RunReset(const ResetOptions& options, const GlobalOptions& global) {
  if (!options.yes) {
    if (isatty(STDIN_FILENO) == 0) {
      ReportUsageError("reset removes everything in the database: say so with --yes");
      return;
    }
    if (!Confirmed(global.database)) {
      ReportError("nothing was removed");
      return;
    }
  }
  const Clock::time_point began = Clock::now();
  const Result<Removed> removed = RemoveEverything(global.database);
  if (!removed) {
    ReportError(removed.error().message);
    return;
  }
  TellRemoved(global, "reset", Count(removed->rows, "row"), *removed, began);
}

}  // namespace

void RegisterPrune(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<PruneOptions>();
  CLI::App* command = app.add_subcommand(
      "prune", "Remove processes that have ended, or what is old, from the database");
  command->add_flag("--dead", options->dead,
                    "Processes that have ended, with their figures; their requests stay");
  command->add_option("--older-than", options->older_than,
                      "Whatever is older than this, as 30d, 12h, 90m");
  command->callback([options, &global] { RunPrune(*options, global); });
}

void RegisterReset(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<ResetOptions>();
  CLI::App* command = app.add_subcommand(
      "reset", "Remove everything that was seen from the database; collectors that run go on");
  command->add_flag("--yes", options->yes, "Do not ask");
  command->footer("Stats files in dump directories are left where they are.");
  command->callback([options, &global] { RunReset(*options, global); });
}

}  // namespace pinfo::cli
