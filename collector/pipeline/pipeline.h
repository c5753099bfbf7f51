// Wires the stages and runs them until the source has ended:
//   capture thread: source -> chunks
//   calling thread: order -> requests -> attribution -> stacks -> rows -> store
// Computes nothing itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/pipeline/stats_file_keeper.h"
#include "collector/request/assembler.h"
#include "collector/request/route_pattern.h"
#include "collector/source/recording.h"
#include "collector/source/source.h"
#include "collector/store/store.h"

namespace pinfo {

struct PipelineOptions {
  std::string command;      // as the user gave it, for the session's row
  std::string dump_dir;     // where stats files go; empty: none are written
  bool accumulate = false;  // also the ones that add up by route and over all
  // Whether a request is to be profiled; nullptr: every one.
  std::function<bool(const ServedRequest&)> wants_profile;
  // Sees every request that was served, whether or not its row is kept; nullptr: nobody does.
  // Called by the processing thread, which must not wait in it.
  std::function<void(const RequestRow&)> observe;
  double profiles_per_second = 20;  // beyond it the slowest are taken, the rest is counted
  double rows_per_second = 2'000;   // sustained; see row_burst
  double row_burst = 1'000'000;     // rows kept whatever the rate, before the rate counts
  size_t max_routes = 200;          // a site; the rest is {other}
  RoutePatterns route_patterns;     // before the built-in folding
  bool turns = true;                // report what is not HTTP
  // Gets a sentence for the user when something goes wrong that is tried again, or ends doing so.
  std::function<void(const std::string&)> on_trouble;
  bool live = true;  // false: a recording
  // The profiled ones are those that come with an exact profile, or were to have one.
  bool exact_selects = false;
  bool native_python = false;  // the interpreter's own frames around Python's, too
  std::optional<int64_t> duration_ns;
  RetentionLimits limits;       // of the database
  StatsFileLimits file_limits;  // of dump_dir
};

struct PipelineSummary {
  SessionRow session;
  int64_t profiled = 0;
  int64_t exact = 0;  // of them, with exact counts
  StackEndCounts samples_incomplete;
  // What the database refused for too long, or at the end.
  int64_t rows_not_stored = 0;  // of requests
  int64_t samples_not_stored = 0;
  int64_t statuses_not_stored = 0;
  int64_t store_failures = 0;      // tries to store or to prune that failed
  std::vector<std::string> notes;  // sentences on what could not be seen, each once
  std::string stats_file_error;    // the first stats file that could not be written, and why
  std::vector<std::string> accumulation_messages;  // what happened to the accumulated ones
  Status status;  // why not everything seen was captured or stored; the figures hold all the same
};

// Creates the directory where it is missing and checks that files can be written to it.
Status PrepareDumpDirectory(const std::string& path);

// Runs until the source has ended, the duration has passed or stop_requested is set. Everything
// seen is stored before it returns, or the summary's status says why not. recorder: gets every
// record too; may be nullptr.
PipelineSummary RunPipeline(const PipelineOptions& options, Source& source, Store& store,
                            RecordingWriter* recorder, const std::atomic<bool>& stop_requested);

}  // namespace pinfo
