#include "cli/command.h"

#include <fmt/format.h>

#include "cli/format.h"

namespace pinfo::cli {
namespace {

int g_exit_status = kExitDone;  // written by the one callback that runs

// The first word that no command has taken; "" where there is none.
std::string UnknownWord(const CLI::App& app) {
  for (const std::string& word : app.remaining()) {
    if (!word.starts_with('-')) {
      return word;
    }
  }
  return "";
}

}  // namespace

void SetExit(int status) { g_exit_status = status; }

void ReportError(const std::string& message) {
  Tell("pinfo: {}\n", message);
  SetExit(kExitFailed);
}

void ReportUsageError(const std::string& message) {
  Tell("pinfo: {}\n", message);
  SetExit(kExitUsage);
}

int ExitStatus() { return g_exit_status; }

std::string UsageMessage(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const std::string help =
      chosen.empty() ? "pinfo --help" : "pinfo " + chosen[0]->get_name() + " --help";
  std::string what = error.what();
  if (chosen.empty()) {
    const std::string word = UnknownWord(app);
    what = word.empty() ? "which command?" : "there is no command " + word;
  }
  return fmt::format("{} ('{}' tells more)", EscapeForTerminal(what), help);
}

}  // namespace pinfo::cli
