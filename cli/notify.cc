// pinfo notify: messages about the monitors, sent now: for cron, and to try the configuration.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/session_text.h"
#include "collector/base/wall_clock.h"
#include "collector/config/load.h"
#include "collector/monitor/record.h"
#include "collector/notify/decide.h"
#include "collector/notify/deliver.h"
#include "collector/notify/queue.h"
#include "collector/store/monitor_store.h"

namespace pinfo::cli {
namespace {

struct NotifyOptions {
  bool instant = false;
  bool digest = false;
  bool test = false;
  std::vector<std::string> people;
};

Status CheckPeople(const NotifyOptions& options, const Configuration& configuration) {
  if (configuration.people.empty()) {
    return Fail("nobody is to be told anything: the configuration has no [[person]] (--config)");
  }
  for (const std::string& name : options.people) {
    if (std::none_of(configuration.people.begin(), configuration.people.end(),
                     [&](const Person& person) { return person.name == name; })) {
      return Fail(
          fmt::format("there is no person '{}' in the configuration", EscapeForTerminal(name)));
    }
  }
  return {};
}

// Straight to each channel, past the queue: whoever tests wants to know now.
void Test(const NotifyOptions& options, const Configuration& configuration, bool quiet) {
  for (const Person& person : configuration.people) {
    const bool wanted = options.people.empty() ||
                        std::find(options.people.begin(), options.people.end(), person.name) !=
                            options.people.end();
    for (const std::string& channel : wanted ? ChannelsOf(person) : std::vector<std::string>()) {
      const int64_t now_ns = WallClockNs();
      const Status sent = Deliver({.configuration = configuration,
                                   .person = person,
                                   .channel = channel,
                                   .id = 0,
                                   .wall_ns = now_ns,
                                   .stop = nullptr},
                                  TestMessage(person.name, now_ns));
      if (!sent) {
        ReportError(fmt::format("{} by {}: {}", person.name, channel, sent.error().message));
      } else if (!quiet) {
        fmt::print("{} by {}: sent\n", person.name, channel);
      }
    }
  }
}

// Looks at all monitors, writes down what was found and queues instant messages.
Status Evaluate(const Configuration& configuration, const std::string& database,
                MonitorStore& store) {
  CheckRunner runner(database, nullptr);
  runner.SetTasks(TasksOfMonitors(configuration));
  runner.WaitForFirst();
  const std::map<std::string, CheckResult> results = runner.Results();
  RequestTimes times;
  const int64_t now_ns = WallClockNs();
  const auto inputs = ReadMonitorInputs(database, now_ns, times, results);
  const Result<Recorded> recorded =
      RecordFindings(configuration, EvaluateAll(configuration, *inputs), now_ns, store);
  return recorded ? Status() : tl::unexpected(recorded.error());
}

Status Notify(const NotifyOptions& options, const GlobalOptions& global) {
  const Result<Configuration> configuration = LoadConfiguration(global.config);
  if (!configuration) {
    return tl::unexpected(configuration.error());
  }
  if (Status status = CheckPeople(options, *configuration); !status) {
    return status;
  }
  if (options.test) {
    Test(options, *configuration, global.quiet);
    return {};
  }
  Result<std::unique_ptr<MonitorStore>> store = OpenMonitorStore(global.database);
  if (!store) {
    return tl::unexpected(store.error());
  }
  if (Status status = Evaluate(*configuration, global.database, **store); !status) {
    return status;
  }
  if (options.digest) {
    const Result<int64_t> queued =
        QueueDigests(*configuration, std::nullopt, WallClockNs(), **store);
    if (!queued) {
      return tl::unexpected(queued.error());
    }
  }
  const Result<DeliveryReport> report = DeliverDue(*configuration, **store, WallClockNs, nullptr);
  if (!report) {
    return tl::unexpected(report.error());
  }
  if (!global.quiet) {
    fmt::print("{} sent\n", Count(report->sent, "message"));
  }
  for (const std::string& error : report->errors) {
    ReportError(error + " (it stays in the queue)");
  }
  return {};
}

}  // namespace

void RegisterNotify(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<NotifyOptions>();
  CLI::App* command = app.add_subcommand(
      "notify",
      "Tell the configuration's people about its monitors, now; a collector does so by itself");
  CLI::Option_group* what = command->add_option_group("what", "One of");
  what->add_flag("--instant", options->instant,
                 "Look at the monitors; send what is new or fine again to those who want to know "
                 "at once");
  what->add_flag("--digest", options->digest,
                 "The same, and one message with all warnings and problems to each who wants a "
                 "digest; none where all is fine");
  what->add_flag("--test", options->test, "A test message to everybody, by each way they have");
  what->require_option(1);
  command->add_option("--person", options->people, "With --test: to these alone")
      ->allow_extra_args(false);
  command->callback([options, &global] {
    if (Status status = Notify(*options, global); !status) {
      ReportError(status.error().message);
    }
  });
}

}  // namespace pinfo::cli
