// What every subcommand shares. One file per subcommand defines its Register function; main.cc
// calls each and runs the one chosen.
#pragma once

#include <cstdio>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pinfo::cli {

// Options that come before or after any subcommand. Filled by CLI11 before a command runs.
struct GlobalOptions {
  std::string database;  // resolved by main: --db, $PINFO_DB or the default of the design
  std::string config;    // file or folder; resolved by main: --config or the default; may be empty
  bool json = false;
  bool quiet = false;
};

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// Writes to stderr. A stderr that is full, closed or a broken pipe must not end a capture: failures
// are ignored, unlike fmt::print's, which throws.
template <typename... Arguments>
void Tell(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  const std::string text = fmt::format(format, std::forward<Arguments>(arguments)...);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

// A command's outcome: main exits with the status of the last callback. Callbacks report failures
// with ReportError and return through SetExit, they never call exit().
void SetExit(int status);
int ExitStatus();
// "pinfo: message" on stderr; sets the exit status to kExitFailed, or to kExitUsage for what the
// command line itself lacks.
void ReportError(const std::string& message);
void ReportUsageError(const std::string& message);
// What to say of a command line that CLI11 has refused.
std::string UsageMessage(const CLI::App& app, const CLI::ParseError& error);

void RegisterAttach(CLI::App& app, const GlobalOptions& global);
void RegisterRun(CLI::App& app, const GlobalOptions& global);
void RegisterCollect(CLI::App& app, const GlobalOptions& global);
void RegisterReplay(CLI::App& app, const GlobalOptions& global);
void RegisterStatus(CLI::App& app, const GlobalOptions& global);
void RegisterRequests(CLI::App& app, const GlobalOptions& global);
void RegisterShow(CLI::App& app, const GlobalOptions& global);
void RegisterStats(CLI::App& app, const GlobalOptions& global);
void RegisterBrowse(CLI::App& app, const GlobalOptions& global);
void RegisterGraph(CLI::App& app, const GlobalOptions& global);
void RegisterFlame(CLI::App& app, const GlobalOptions& global);
void RegisterExport(CLI::App& app, const GlobalOptions& global);
void RegisterReport(CLI::App& app, const GlobalOptions& global);
void RegisterPrune(CLI::App& app, const GlobalOptions& global);
void RegisterReset(CLI::App& app, const GlobalOptions& global);
void RegisterDatabase(CLI::App& app, const GlobalOptions& global);
void RegisterServe(CLI::App& app, const GlobalOptions& global);
void RegisterTop(CLI::App& app, const GlobalOptions& global);
void RegisterCheck(CLI::App& app, const GlobalOptions& global);
void RegisterNotify(CLI::App& app, const GlobalOptions& global);
void RegisterMetric(CLI::App& app, const GlobalOptions& global);
void RegisterCompletion(CLI::App& app);
void RegisterDoctor(CLI::App& app, const GlobalOptions& global);

}  // namespace pinfo::cli
