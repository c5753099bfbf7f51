// pinfo: global options, the subcommands, and the only exit.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/command.h"
#include "collector/config/load.h"

namespace pinfo::cli {
namespace {

std::string DefaultDatabase() {
  if (const char* path = std::getenv("PINFO_DB"); path != nullptr && *path != '\0') {
    return path;
  }
  if (geteuid() == 0) {
    return "/var/lib/pinfo/pinfo.db";
  }
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return std::string(state) + "/pinfo/pinfo.db";
  }
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/state/pinfo/pinfo.db";
}

void AddGlobalOptions(CLI::App& app, GlobalOptions& global) {
  app.add_option("--db", global.database,
                 "Database file (default: $PINFO_DB, else /var/lib/pinfo/pinfo.db for root, else "
                 "~/.local/state/pinfo/pinfo.db)");
  app.add_option("--config", global.config,
                 "Configuration: a TOML file, or a folder of *.toml (default: $PINFO_CONFIG, else "
                 "~/.config/pinfo or /etc/pinfo)");
  app.add_flag("--json", global.json, "One JSON object a line instead of a table");
  app.add_flag("--quiet", global.quiet, "No progress messages");
}

}  // namespace

}  // namespace pinfo::cli

int main(int argc, char** argv) {
  using namespace pinfo::cli;  // NOLINT(google-build-using-namespace): main has no namespace
  CLI::App app{
      "pinfo times every request of a running server and samples its stacks, without changing its "
      "code.\nStart with `sudo pinfo attach PID` or, without root, `pinfo run -- ./server`; then "
      "`pinfo requests`.",
      "pinfo"};
  GlobalOptions global;
  global.database = DefaultDatabase();
  global.config = pinfo::DefaultConfigPath();
  AddGlobalOptions(app, global);
  app.set_version_flag("--version", "pinfo " PINFO_VERSION);
  app.require_subcommand(1);
  // Global options may follow the subcommand.
  app.fallthrough();
  RegisterAttach(app, global);
  RegisterRun(app, global);
  RegisterCollect(app, global);
  RegisterReplay(app, global);
  RegisterStatus(app, global);
  RegisterRequests(app, global);
  RegisterShow(app, global);
  RegisterStats(app, global);
  RegisterBrowse(app, global);
  RegisterGraph(app, global);
  RegisterFlame(app, global);
  RegisterExport(app, global);
  RegisterReport(app, global);
  RegisterPrune(app, global);
  RegisterReset(app, global);
  RegisterDatabase(app, global);
  RegisterServe(app, global);
  RegisterTop(app, global);
  RegisterCheck(app, global);
  RegisterNotify(app, global);
  RegisterMetric(app, global);
  RegisterDoctor(app, global);
  RegisterCompletion(app);  // last: it describes all of them
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help and --version
      return app.exit(error);
    }
    ReportUsageError(UsageMessage(app, error));
    return ExitStatus();
  }
  if (std::fflush(stdout) != 0) {
    ReportError("writing the output failed");
  }
  return ExitStatus();
}
