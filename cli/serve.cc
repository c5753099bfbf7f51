// pinfo serve: the report's pages, live.
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <pthread.h>
#include <sys/resource.h>

#include "cli/command.h"
#include "cli/overview.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "collector/base/wall_clock.h"
#include "collector/exposition/openmetrics.h"
#include "collector/store/sqlite_store.h"
#include "html/server.h"

namespace pinfo::cli {
namespace {

// A page asks again every two seconds: lists are shorter than those of a report on disk.
constexpr int64_t kListedRequests = 20'000;
constexpr int64_t kRoutePages = 100'000;  // they are made when they are asked for
constexpr int kNice = 10;                 // the servers that are watched come first

struct ServeArguments {
  html::ServeOptions serve;
};

// SIGINT and SIGTERM end it, whichever thread they reach: all block them, and one waits for them.
// To be blocked before anybody knows that it runs.
Result<sigset_t> BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) {
    return FailErrno("cannot block signals");
  }
  return signals;
}

Status RunUntilSignal(const sigset_t& signals, html::ReportServer& server) {
  Status status;
  const pthread_t waiting = pthread_self();
  std::thread thread([&] {
    status = server.Run();
    pthread_kill(waiting, SIGTERM);  // where it ended by itself
  });
  int signal = 0;
  sigwait(&signals, &signal);
  server.Stop();
  thread.join();
  return status;
}

void RunServe(const ServeArguments& arguments, const GlobalOptions& global) {
  html::ServeOptions options = arguments.serve;
  if (options.certificate.empty() != options.key.empty()) {
    return ReportUsageError("--tls-cert and --tls-key go together");
  }
  std::error_code error;
  const std::filesystem::path database = std::filesystem::absolute(global.database, error);
  options.report.database = error ? global.database : database.string();
  options.report.requests = kListedRequests;
  options.report.route_pages = kRoutePages;
  options.report.lives = LivesHere();
  options.report.monitoring = MonitoringOf(global.database);
  // A database that is not there is an error now, not on a page.
  const auto open = [path = global.database] { return OpenSqliteReader(path); };
  if (const auto reader = open(); !reader) {
    return ReportError(reader.error().message);
  }
  const Result<sigset_t> signals = BlockSignals();
  if (!signals) {
    return ReportError(signals.error().message);
  }
  setpriority(PRIO_PROCESS, 0, kNice);  // fails at worst: no reason to stop
  const Result<std::unique_ptr<html::ReportServer>> server =
      html::ReportServer::Bind(options, open);
  if (!server) {
    return ReportError(server.error().message);
  }
  (*server)->Add(
      "metrics",
      [totals = std::make_shared<RequestTotals>(WallClockNs()), database = global.database](
          const std::string& accept) -> Result<html::ReportServer::Answer> {
        const Result<Exposition> exposition = GatherExposition(database, *totals, WallClockNs());
        if (!exposition) {
          return tl::unexpected(exposition.error());
        }
        const ExpositionFormat format = FormatFor(accept);
        return html::ReportServer::Answer{ContentType(format),
                                          RenderExposition(*exposition, format)};
      });
  if (!html::IsLoopback(options.address) && options.certificate.empty()) {
    Tell(
        "pinfo: warning: {} is reached from other machines without encryption: whoever sees the "
        "traffic can read the pages and the URL. Give --tls-cert and --tls-key, or listen on "
        "127.0.0.1 and come through ssh -L.\n",
        options.address);
  }
  PrintAll(global.json ? JsonLine({{"serve", (*server)->Url()}}) : (*server)->Url() + "\n");
  std::fflush(stdout);
  if (!global.quiet) {
    Tell("Open this URL in a browser; Ctrl-C ends it. Who has the URL can look.\n");
  }
  if (const Status status = RunUntilSignal(*signals, **server); !status) {
    ReportError(status.error().message);
  }
}

}  // namespace

void RegisterServe(CLI::App& app, const GlobalOptions& global) {
  auto arguments = std::make_shared<ServeArguments>();
  html::ServeOptions& serve = arguments->serve;
  CLI::App* command =
      app.add_subcommand("serve", "The report's pages in a browser, live while requests arrive");
  command
      ->add_option("--listen", serve.address,
                   "The address to listen on; another one than of this machine itself wants TLS")
      ->capture_default_str();
  command->add_option("--port", serve.port, "The port; 0 is any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--tls-cert", serve.certificate, "Speak TLS with this certificate (PEM)")
      ->check(CLI::ExistingFile);
  command->add_option("--tls-key", serve.key, "and this key (PEM)")->check(CLI::ExistingFile);
  command->add_option("--site", serve.report.site, "Only requests of this site");
  command->add_option("--route", serve.report.route, "Only requests of this route (a glob)");
  command->add_flag("--show-values", serve.report.show_values,
                    "Show the values in query strings; they are masked otherwise");
  command->callback([arguments, &global] { RunServe(*arguments, global); });
}

}  // namespace pinfo::cli
