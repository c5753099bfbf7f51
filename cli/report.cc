// pinfo report: what the database holds as a folder of pages.
#include "html/report.h"

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "collector/base/duration.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

// A page of more rows than this takes a browser seconds to open.
constexpr int64_t kMostRows = 500'000;
constexpr int64_t kMostProfiles = 10'000;

int64_t WallNow() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string CheckDuration(const std::string& text) {
  const Result<int64_t> duration = ParseDuration(text);
  return duration ? "" : duration.error().message;
}

struct ReportArguments {
  html::ReportOptions report;
  std::string since;
};

void RunReport(const ReportArguments& arguments, const GlobalOptions& global) {
  html::ReportOptions options = arguments.report;
  options.written_wall_ns = WallNow();
  if (!arguments.since.empty()) {
    const Result<int64_t> since = ParseDuration(arguments.since);
    if (!since) {
      return ReportError(since.error().message);
    }
    options.since_wall_ns = options.written_wall_ns - *since;
  }
  std::error_code error;
  const std::filesystem::path database = std::filesystem::absolute(global.database, error);
  options.database = error ? global.database : database.string();
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    return ReportError(reader.error().message);
  }
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
  command->add_option("--since", arguments->since, "Only requests of the last 30m, 2h, 1d ...")
      ->check(CheckDuration);
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
