// pinfo report: what the database holds as a folder of pages.
#include "html/report.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/overview.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "collector/base/wall_clock.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

// A page of more rows than this takes a browser seconds to open.
constexpr int64_t kMostRows = 500'000;
constexpr int64_t kMostProfiles = 10'000;

Status SetMoment(const char* option, const std::string& text, int64_t now_wall_ns,
                 std::optional<int64_t>* moment) {
  if (text.empty()) {
    return {};
  }
  const Result<int64_t> parsed = ParseMoment(text, now_wall_ns);
  if (!parsed) {
    return Fail(std::string(option) + ": " + parsed.error().message);
  }
  *moment = *parsed;
  return {};
}

struct ReportArguments {
  html::ReportOptions report;
  std::string since;
  std::string until;
};

void RunReport(const ReportArguments& arguments, const GlobalOptions& global) {
  html::ReportOptions options = arguments.report;
  options.written_wall_ns = WallClockNs();
  const int64_t now = options.written_wall_ns;
  for (const Status& status :
       {SetMoment("--since", arguments.since, now, &options.since_wall_ns),
        SetMoment("--until", arguments.until, now, &options.until_wall_ns)}) {
    if (!status) {
      return ReportUsageError(status.error().message);
    }
  }
  std::error_code error;
  const std::filesystem::path database = std::filesystem::absolute(global.database, error);
  options.database = error ? global.database : database.string();
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    return ReportError(reader.error().message);
  }
  options.lives = LivesHere();
  options.monitoring = MonitoringOf(global.database);
  const Result<std::string> index = html::WriteReport(**reader, options);
  if (!index) {
    return ReportError(index.error().message);
  }
  PrintAll((global.json ? JsonLine({{"report", *index}}) : *index + "\n"));
}

}  // namespace

void RegisterReport(CLI::App& app, const GlobalOptions& global) {
  auto arguments = std::make_shared<ReportArguments>();
  html::ReportOptions& report = arguments->report;
  CLI::App* command =
      app.add_subcommand("report", "Write an HTML report that opens from disk, without a network");
  command->add_option("-o,--output", report.directory, "The directory to write it to")->required();
  command->add_option("--since", arguments->since,
                      "Only requests since then: 30m, 2h, 1d ago, or a time as 2024-05-01T12:00");
  command->add_option("--until", arguments->until, "Only requests until then");
  command->add_option("--site", report.site, "Only requests of this site");
  command->add_option("--route", report.route, "Only requests of this route (a glob)");
  command->add_option("--requests", report.requests, "List so many requests at most, the slowest")
      ->check(CLI::Range(int64_t{0}, kMostRows))
      ->capture_default_str();
  command
      ->add_option("--profiles", report.profiles,
                   "A page for so many profiled requests at most, the slowest")
      ->check(CLI::Range(int64_t{0}, kMostProfiles))
      ->capture_default_str();
  command->add_flag("--show-values", report.show_values,
                    "Show the values in query strings; they are masked otherwise");
  command->callback([arguments, &global] { RunReport(*arguments, global); });
}

}  // namespace pinfo::cli
