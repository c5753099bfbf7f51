#include "cli/capture.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/number_check.h"
#include "cli/session_text.h"
#include "collector/base/duration.h"
#include "collector/base/unique_fd.h"
#include "collector/config/load.h"
#include "collector/config/quantity.h"
#include "collector/request/rules.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

std::atomic<bool> g_stop_requested = false;
std::atomic<bool> g_reload_requested = false;
std::atomic<bool> g_reloads = false;  // SIGHUP means that
static_assert(std::atomic<bool>::is_always_lock_free, "it is set in a signal handler");

// The second one means it: what is not stored yet is given up.
void OnStopSignal(int number, siginfo_t* info, void*) {
  if (number == SIGHUP && g_reloads && info->si_code != SI_KERNEL) {
    g_reload_requested = true;
    return;
  }
  if (g_stop_requested.exchange(true)) {
    _exit(kExitFailed);
  }
}

// One in N is counted in the server then, for each process on its own.
bool SelectsExact(const CaptureOptions& options) {
  return options.exact && options.profile.starts_with("1/");
}

Result<std::function<bool(const ServedRequest&)>> MakeProfileRule(const CaptureOptions& options) {
  Result<ProfileRule> rule = ProfileRule::Parse(SelectsExact(options) ? "all" : options.profile,
                                                {.match = options.match,
                                                 .exclude = options.exclude,
                                                 .skip_header = options.skip_header,
                                                 .media_types = options.media_types});
  if (!rule) {
    return tl::unexpected(rule.error());
  }
  return [rule = std::make_shared<ProfileRule>(std::move(*rule))](const ServedRequest& request) {
    return rule->Wants(request);
  };
}

// What CLI11 wants of a check: "" where the text is right, else what is wrong with it.
template <typename T>
std::string MessageOf(const Result<T>& result) {
  return result ? std::string() : result.error().message;
}

// Whether the recording can be made, so that it is said before anything is attached. The file is
// written once its source is known.
Status CheckRecordable(const std::string& path) {
  if (path.empty()) {
    return {};
  }
  const bool is_new = access(path.c_str(), F_OK) != 0;
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file) {
    return FailErrno("creating the recording " + path);
  }
  if (is_new) {
    unlink(path.c_str());
  }
  return {};
}

// "ADDR:PORT", "PORT", or the path of a Unix socket.
void OverrideStatsd(const std::string& listen, Configuration& configuration) {
  if (listen.empty()) {
    return;
  }
  configuration.statsd.udp = listen[0] == '/' ? "" : listen;
  configuration.statsd.unix_path = listen[0] == '/' ? listen : "";
}

// Nothing is asked for beside collecting.
bool IsIdle(const Configuration& configuration) {
  return configuration.metrics.empty() && configuration.monitors.empty() &&
         configuration.statsd.udp.empty() && configuration.statsd.unix_path.empty() &&
         configuration.prometheus.empty();
}

void PrintSummary(const PipelineSummary& summary, const GlobalOptions& global) {
  const SessionRow& session = summary.session;
  if (!global.quiet) {
    Tell("pinfo: {}, {} profiled", Count(session.requests_seen, "request"), summary.profiled);
    if (summary.exact != 0) {
      Tell(" ({} of them exactly)", summary.exact);
    }
    if (summary.rows_not_stored != 0) {
      Tell(", {} not stored", summary.rows_not_stored);
    }
    Tell("; {}, {} in requests", Count(session.samples_seen, "stack sample"),
         session.samples_attributed);
    if (const StackEndCounts& ends = summary.samples_incomplete; ends.Incomplete() != 0) {
      Tell(", {} not whole ({})", ends.Incomplete(), DescribeStackEnds(ends));
    }
    if (session.calls_seen != 0) {
      Tell("; {} to other servers, {} in requests", Count(session.calls_seen, "call"),
           session.calls_attributed);
    }
    Tell("\npinfo: {}\n", DescribeOwnCost(OwnCostOf({&session, 1})));
    if (session.rows_thinned != 0) {
      Tell(
          "pinfo: {} requests are counted in routes and totals without a row of their own "
          "(--row-rate)\n",
          session.rows_thinned);
    }
    if (session.other_route != 0) {
      Tell("pinfo: {} requests have the route {{other}}: their sites have more than --max-routes\n",
           session.other_route);
    }
    if (const std::string line = DescribeNotProfiled(session.lost); !line.empty()) {
      Tell("pinfo: {}\n", line);
    }
  }
  // Losses are told even where progress is not wanted.
  for (const std::string& line : DescribeLosses(session.lost)) {
    Tell("pinfo: {}\n", line);
  }
  for (const std::string& note : summary.notes) {
    Tell("pinfo: {}\n", note);
  }
  for (const std::string& line : summary.accumulation_messages) {
    Tell("pinfo: {}\n", line);
  }
  if (summary.rows_not_stored + summary.samples_not_stored + summary.statuses_not_stored != 0) {
    Tell("pinfo: not stored, because the database refused them for too long: {}, {}, {}\n",
         Count(summary.rows_not_stored, "request"), Count(summary.samples_not_stored, "sample"),
         Count(summary.statuses_not_stored, "process status", "process statuses"));
  }
  if (!summary.stats_file_error.empty()) {
    Tell("pinfo: {}\n", summary.stats_file_error);
  }
}

CLI::Validator DurationCheck() {
  return CLI::Validator([](const std::string& text) { return MessageOf(ParseDuration(text)); },
                        "TIME");
}

// Below 16 MiB little more than names would fit.
Result<int64_t> KeepBytes(const std::string& text) {
  const Result<double> bytes = ParseQuantity(text, Dimension::kBytes);
  if (!bytes) {
    return tl::unexpected(bytes.error());
  }
  constexpr double kLeast = 16 << 20;
  if (!(*bytes >= kLeast && *bytes <= 1e15)) {
    return Fail(text + " is no size to keep: between 16MiB and 1000TB");
  }
  return static_cast<int64_t>(*bytes);
}

// How much is kept; the size is the database's, and as much again the stats files'.
void AddRetentionOptions(CLI::App& command, CaptureOptions& options) {
  command
      .add_option("--keep", options.keep_age,
                  "How long data and stats files are kept, as 14d or 12h")
      ->check(DurationCheck())
      ->capture_default_str();
  command
      .add_option("--keep-size", options.keep_size,
                  "Of the database at most, and of the stats files: the oldest go")
      ->check(CLI::Validator([](const std::string& text) { return MessageOf(KeepBytes(text)); },
                             "SIZE"))
      ->capture_default_str();
  command.add_option("--keep-requests", options.keep_requests, "Requests' rows at most")
      ->check(AboveZero())
      ->capture_default_str();
  command.add_option("--keep-processes", options.keep_processes, "Ended processes' rows at most")
      ->check(AboveZero())
      ->capture_default_str();
}

Status SetLimits(const CaptureOptions& options, PipelineOptions& pipeline) {
  const Result<int64_t> age_ns = ParseDuration(options.keep_age);
  const Result<int64_t> bytes = KeepBytes(options.keep_size);
  if (!age_ns || !bytes) {
    return tl::unexpected(age_ns ? bytes.error() : age_ns.error());
  }
  pipeline.limits = {.max_age_ns = *age_ns,
                     .max_bytes = *bytes,
                     .max_requests = options.keep_requests,
                     .max_processes = options.keep_processes};
  pipeline.file_limits.max_age_ns = *age_ns;
  pipeline.file_limits.max_bytes = *bytes;
  return {};
}

}  // namespace

void AddCaptureOptions(CLI::App& command, CaptureOptions& options, bool with_record) {
  AddRetentionOptions(command, options);
  command.add_option("--duration", options.duration, "End after this time, as 30s or 5m")
      ->check(DurationCheck());
  command
      .add_option("--profile", options.profile,
                  "Which requests are profiled: all, none, 1/N, slow=50ms or failed")
      ->check(CLI::Validator(
          [](const std::string& text) { return MessageOf(ProfileRule::Parse(text, {})); }, "RULE"))
      ->capture_default_str();
  // One value each time they are given: what follows is a process id or a command.
  command.add_option("--match", options.match, "Profile only targets that match this pattern")
      ->allow_extra_args(false);
  command
      .add_option("--exclude", options.exclude,
                  "Do not profile targets that match this pattern, as /static/**")
      ->allow_extra_args(false);
  command
      .add_option("--skip-if-header", options.skip_header,
                  "Do not profile requests that carry this header")
      ->allow_extra_args(false);
  command
      .add_option("--media-type", options.media_types,
                  "Profile only responses of this Content-Type, as text/html or image/*")
      ->allow_extra_args(false);
  command
      .add_option("--profile-rate", options.profile_rate,
                  "Requests profiled a second at most, the slowest first; the rest is counted")
      ->check(NotNegative())
      ->capture_default_str();
  command
      .add_option("--row-rate", options.row_rate,
                  "Requests a second that get a row of their own, after the first million")
      ->check(NotNegative())
      ->capture_default_str();
  command.add_option("--dump-dir", options.dump_dir,
                     "Where stats files go (default: stats beside the database)");
  command.add_flag("--no-accumulate", options.no_accumulate,
                   "No stats files that add up by route and over all (DIR/accumulated)");
  command.add_flag("--native", options.native,
                   "Keep the interpreter's and its libraries' own functions in stacks of Python");
  command
      .add_option("--route-pattern", options.route_patterns,
                  "A route of your own, as /shop/{product} or /static/**")
      ->allow_extra_args(false)
      ->check(CLI::Validator(
          [](const std::string& text) { return MessageOf(RoutePatterns::Parse({text})); },
          "PATTERN"));
  command
      .add_option("--max-routes", options.max_routes,
                  "Routes of a site at most; the rest counts as {other}")
      ->check(AboveZero())
      ->capture_default_str();
  command.add_flag("--no-turns", options.no_turns, "Leave out what is not HTTP");
  command.add_option(
      "--metrics", options.metrics,
      "Offer /metrics to Prometheus on [ADDR:]PORT (127.0.0.1 unless told otherwise)");
  command.add_option("--statsd", options.statsd,
                     "Listen for StatsD metrics on [ADDR:]PORT (UDP) or a Unix socket's path");
  if (with_record) {
    command.add_option("--record", options.record, "Also write the raw records to this file");
  }
}

void AddOffCpuOptions(CLI::App& command, CaptureOptions& options) {
  command
      .add_option(
          "--off-cpu-min", options.off_cpu_min,
          "Take the stack of a wait within a request if it lasts at least this long; 0: of none")
      ->capture_default_str()
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text == "0" ? std::string() : MessageOf(ParseDuration(text));
          },
          "TIME"));
  command.add_flag("--no-off-cpu", options.no_off_cpu, "Take no stacks of waits");
}

Result<int64_t> OffCpuMinNs(const CaptureOptions& options) {
  if (options.no_off_cpu || options.off_cpu_min == "0") {
    return 0;
  }
  return ParseDuration(options.off_cpu_min);
}

Result<PreparedCapture> PrepareCapture(const CaptureOptions& options, const GlobalOptions& global,
                                       bool live) {
  PreparedCapture prepared;
  PipelineOptions& pipeline = prepared.pipeline;
  auto rule = MakeProfileRule(options);
  if (!rule) {
    return tl::unexpected(rule.error());
  }
  pipeline.wants_profile = std::move(*rule);
  auto patterns = RoutePatterns::Parse(options.route_patterns);
  if (!patterns) {
    return tl::unexpected(patterns.error());
  }
  if (!options.duration.empty()) {
    Result<int64_t> duration = ParseDuration(options.duration);
    if (!duration) {
      return tl::unexpected(duration.error());
    }
    pipeline.duration_ns = *duration;
  }
  pipeline.live = live;
  pipeline.exact_selects = SelectsExact(options);
  pipeline.on_trouble = [](const std::string& text) { Tell("pinfo: {}\n", text); };
  pipeline.turns = !options.no_turns;
  pipeline.max_routes = options.max_routes;
  pipeline.route_patterns = std::move(*patterns);
  // A replayed recording has been added when it was made.
  pipeline.accumulate = live && !options.no_accumulate;
  pipeline.native_python = options.native;
  pipeline.profiles_per_second = options.profile_rate;
  pipeline.rows_per_second = options.row_rate;
  if (Status status = SetLimits(options, pipeline); !status) {
    return tl::unexpected(status.error());
  }
  Result<std::unique_ptr<Store>> store = OpenSqliteStore(global.database);
  if (!store) {
    return tl::unexpected(store.error());
  }
  prepared.store = std::move(*store);
  pipeline.dump_dir =
      options.dump_dir.empty()
          ? (std::filesystem::absolute(global.database).parent_path() / "stats").string()
          : std::filesystem::absolute(options.dump_dir).string();
  if (Status status = PrepareDumpDirectory(pipeline.dump_dir); !status) {
    return tl::unexpected(status.error());
  }
  if (Status status = CheckRecordable(options.record); !status) {
    return tl::unexpected(status.error());
  }
  prepared.record_path = options.record;
  if (live) {
    // How the configuration is read, now and after SIGHUP. Options of the command line stand above.
    prepared.monitoring.load = [path = global.config,
                                statsd = options.statsd]() -> Result<Configuration> {
      Result<Configuration> configuration = LoadConfiguration(path);
      if (configuration) {
        OverrideStatsd(statsd, *configuration);
      }
      return configuration;
    };
    Result<Configuration> configuration = prepared.monitoring.load();
    if (!configuration) {
      return tl::unexpected(configuration.error());
    }
    prepared.configuration = std::move(*configuration);
    if (!options.metrics.empty()) {
      prepared.configuration.prometheus = options.metrics;
    }
  }
  return prepared;
}

const std::atomic<bool>& StopRequested() { return g_stop_requested; }

void InstallStopSignals() {
  struct sigaction action {};
  action.sa_sigaction = OnStopSignal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    sigaction(number, &action, nullptr);
  }
  signal(SIGPIPE, SIG_IGN);  // whoever read our messages may be gone
}

Status OfferMetrics(PreparedCapture& capture, const GlobalOptions& global) {
  Result<std::unique_ptr<MetricsServer>> server =
      MetricsServer::Start(capture.configuration.prometheus, global.database);
  if (!server) {
    return tl::unexpected(server.error());
  }
  capture.metrics_server = std::move(*server);
  if ((*capture.metrics_server).is_public()) {
    Tell("pinfo: whoever can reach {} can read /metrics: names of sites, routes and processes\n",
         capture.metrics_server->address());
  }
  if (!global.quiet) {
    Tell("metrics on http://{}/metrics\n", capture.metrics_server->address());
  }
  return {};
}

Status StartMonitoring(PreparedCapture& capture, const GlobalOptions& global) {
  const Configuration& configuration = capture.configuration;
  g_reloads = !global.config.empty();
  if (global.config.empty() && IsIdle(configuration)) {
    return {};
  }
  capture.monitoring.database = global.database;
  capture.monitoring.reload_requested = &g_reload_requested;
  capture.monitoring.tell = [](const std::string& what) { Tell("pinfo: {}\n", what); };
  Result<std::unique_ptr<MonitoringService>> service =
      MonitoringService::Start(capture.monitoring, configuration);
  if (!service) {
    return tl::unexpected(service.error());
  }
  capture.service = std::move(*service);
  capture.pipeline.observe = [raw = capture.service.get()](const RequestRow& row) {
    raw->Observe(row);
  };
  if (!capture.service->statsd_address().empty() && !global.quiet) {
    Tell("listening for StatsD on {}\n", capture.service->statsd_address());
  }
  return configuration.prometheus.empty() ? Status() : OfferMetrics(capture, global);
}

bool RunCapture(PreparedCapture& capture, Source& source, const GlobalOptions& global) {
  std::unique_ptr<RecordingWriter> recorder;
  if (!capture.record_path.empty()) {
    Result<std::unique_ptr<RecordingWriter>> created =
        RecordingWriter::Create(capture.record_path, source.origin(), source.mode());
    if (!created) {
      ReportError(created.error().message);
      return false;
    }
    recorder = std::move(*created);
  }
  const PipelineSummary summary =
      RunPipeline(capture.pipeline, source, *capture.store, recorder.get(), g_stop_requested);
  capture.metrics_server.reset();
  capture.service.reset();
  PrintSummary(summary, global);
  if (!summary.status) {
    ReportError(summary.status.error().message);
    return false;
  }
  return summary.rows_not_stored + summary.samples_not_stored + summary.statuses_not_stored == 0;
}

}  // namespace pinfo::cli
