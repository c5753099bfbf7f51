// What attach, run, collect and replay share: the options that choose what is kept, and the run of
// the pipeline with its messages.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "collector/base/result.h"
#include "collector/config/configuration.h"
#include "collector/exposition/metrics_server.h"
#include "collector/monitor/service.h"
#include "collector/pipeline/pipeline.h"
#include "collector/source/source.h"
#include "collector/store/store.h"

namespace pinfo::cli {

struct CaptureOptions {
  std::string duration;
  std::string profile = "all";
  std::vector<std::string> match;
  std::vector<std::string> exclude;
  std::vector<std::string> skip_header;
  std::vector<std::string> media_types;
  std::string dump_dir;  // empty: "stats" beside the database
  std::string record;
  std::string off_cpu_min = "100us";
  bool no_off_cpu = false;
  double profile_rate = 20;
  double row_rate = 2'000;
  std::string keep_age = "14d";
  std::string keep_size = "1GB";
  int64_t keep_requests = RetentionLimits().max_requests;
  int64_t keep_processes = RetentionLimits().max_processes;
  std::vector<std::string> route_patterns;
  size_t max_routes = 200;
  bool no_turns = false;
  bool no_accumulate = false;
  bool native = false;
  bool exact = false;
  std::string metrics;  // [ADDR:]PORT of /metrics; empty: as the configuration says
  std::string statsd;   // overrides the configuration's; empty: as that says
};

// Adds the options to a subcommand. with_record: also --record.
void AddCaptureOptions(CLI::App& command, CaptureOptions& options, bool with_record);

// Adds --off-cpu-min and --no-off-cpu, of commands that start a capture.
void AddOffCpuOptions(CLI::App& command, CaptureOptions& options);
// Nanoseconds; 0: no stacks of waits.
Result<int64_t> OffCpuMinNs(const CaptureOptions& options);

// A capture made ready before anything is attached: options parsed, database and dump directory
// open, so that what is wrong with them is said first.
struct PreparedCapture {
  PipelineOptions pipeline;
  std::unique_ptr<Store> store;
  std::string record_path;
  Configuration configuration;
  MonitoringOptions monitoring;
  std::unique_ptr<MonitoringService> service;  // once started
  std::unique_ptr<MetricsServer> metrics_server;
};
Result<PreparedCapture> PrepareCapture(const CaptureOptions& options, const GlobalOptions& global,
                                       bool live);

// Set by SIGINT, SIGTERM and SIGHUP (a second one ends pinfo at once), once InstallStopSignals has
// been called. Where there is a configuration, a SIGHUP that somebody sends has it read anew
// instead; one of the terminal that is closed still ends pinfo.
const std::atomic<bool>& StopRequested();
void InstallStopSignals();

// Begins what the configuration asks for: own metrics, monitors, messages. To be called before
// whoever waits for the capture is told that it runs.
Status StartMonitoring(PreparedCapture& capture, const GlobalOptions& global);

// Runs the pipeline to its end and says on stderr what was seen and lost. Returns whether
// everything seen has been stored; reports errors itself.
bool RunCapture(PreparedCapture& capture, Source& source, const GlobalOptions& global);

}  // namespace pinfo::cli
