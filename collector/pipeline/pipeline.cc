#include "collector/pipeline/pipeline.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <limits>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "collector/base/wall_clock.h"
#include "collector/emit/accumulated_stats.h"
#include "collector/pipeline/batch_writer.h"
#include "collector/pipeline/call_book.h"
#include "collector/pipeline/capture_thread.h"
#include "collector/pipeline/clock_steps.h"
#include "collector/pipeline/exact_book.h"
#include "collector/pipeline/exact_stats.h"
#include "collector/pipeline/orderer.h"
#include "collector/pipeline/proc_rows.h"
#include "collector/pipeline/process_table.h"
#include "collector/pipeline/profile_files.h"
#include "collector/pipeline/put_off.h"
#include "collector/pipeline/request_row.h"
#include "collector/pipeline/row_budget.h"
#include "collector/pipeline/sample_book.h"
#include "collector/pipeline/settler.h"
#include "collector/pipeline/stack_resolver.h"
#include "collector/pipeline/trouble.h"
#include "collector/process/proc_reader.h"
#include "collector/python/interpreter.h"
#include "collector/request/kept_headers.h"
#include "collector/request/route.h"

namespace pinfo {
namespace {

constexpr size_t kQueueBytes = 80 << 20;
constexpr int64_t kPutOffNs = 10'000'000;  // between two looks at what waits
constexpr size_t kMaxSites = 1000;         // with routes of their own; the others share one set
constexpr int kPopTimeoutMs = 50;
// Rows are decided upon and stored this often: 10 times a second, as the design promises.
constexpr int64_t kBatchNs = 100'000'000;
constexpr size_t kBatchRows = 5'000;  // or sooner
// Requests kept in memory while the database cannot be written.
constexpr size_t kCandidatesMax = 200'000;
constexpr int64_t kRetainNs = int64_t{60} * 1'000'000'000;
// An exact profile comes when its thread turns to something else.
constexpr int64_t kExactWaitNs = 1'000'000'000;
constexpr size_t kNotesMax = 20;
constexpr int64_t kAccumulationNs = 1'000'000'000;
constexpr int64_t kRetryNs = 1'000'000'000;
constexpr int64_t kClockNs = 1'000'000'000;  // between two looks at the wall clock
// A request that goes on for longer loses the samples of its first part to "unattributed".
constexpr int64_t kSamplesWaitNs = int64_t{300} * 1'000'000'000;
// How long samples that name no turn wait for a request that claims them.
constexpr int64_t kLooseWaitNs = int64_t{10} * 1'000'000'000;
// An ended process is forgotten when no sample of it can wait any more.
constexpr int64_t kEndedWaitNs = kSamplesWaitNs + kRetainNs;

int64_t TimevalNs(const timeval& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_usec} * 1'000;
}

class Pipeline {
 public:
  Pipeline(const PipelineOptions& options, Source& source, Store& store, ChunkQueue& queue)
      : options_(options),
        store_(store),
        queue_(queue),
        settler_(store),
        trouble_(options.on_trouble),
        modules_(TableCache::DefaultDirectory(), source.origin().boot_id == LiveOrigin().boot_id),
        processes_(modules_, source.origin(), source.mode()),
        writer_(store, processes_),
        accumulated_(options.dump_dir),
        stats_files_(options.dump_dir, options.file_limits),
        stacks_(options.native_python),
        orderer_([&queue](std::unique_ptr<Chunk> chunk) { queue.HandBack(std::move(chunk)); }),
        assembler_({.turns = options.turns},
                   [this](ServedRequest request) { OnServed(std::move(request)); }),
        routes_(options.max_routes, kMaxSites, options.route_patterns),
        rows_(options.rows_per_second, options.row_burst),
        profiles_(options.profiles_per_second, std::max(1.0, options.profiles_per_second * 5)) {
    summary_.session.mode = options.live ? source.mode() : "replay";
    summary_.session.command = options.command;
    summary_.session.start_wall_ns = processes_.WallNs(MonotonicNs());
  }

  PipelineSummary Run();

 private:
  void OnRecord(const RecordView& record);
  void OnSample(const RecordView& record);
  void OnStatus(const RecordView& record);
  void OnPython(const RecordView& record);
  void OnSystem(const RecordView& record);
  void OnLoss(const RecordView& record);
  void OnServed(ServedRequest request);
  void AddUnattributed(std::vector<Sample> samples);
  void OnChunk(std::unique_ptr<Chunk> chunk);
  // all: also those whose exact profile may still come.
  Status DecideCandidates(bool all);
  void TakeDecidable(bool all);
  CallGraph ProfileOf(const RequestEntry& entry);
  Status StoreBatch(bool all = false);
  void Upkeep(int64_t now_ns);
  int64_t Retain(int64_t now_ns);  // rows deleted
  void KeepBelowLimit(int64_t now_ns);
  Status SettleAll();
  void Accumulate(int64_t now_ns);
  void FinishAccumulation();
  void Finish();
  void MeasureOwnCost();
  void FollowWallClock(int64_t now_ns);

  const PipelineOptions& options_;
  Store& store_;
  ChunkQueue& queue_;
  PutOff put_off_;
  Settler settler_;
  ClockSteps clock_steps_;
  Trouble trouble_;
  ModuleCache modules_;
  ProcessTable processes_;
  BatchWriter writer_;
  AccumulatedStats accumulated_;
  StatsFileKeeper stats_files_;
  int64_t next_accumulation_ns_ = 0;
  Status last_accumulation_;
  StackResolver stacks_;
  SampleBook samples_;
  ExactBook exact_;
  CallBook calls_;
  Orderer orderer_;
  RequestAssembler assembler_;
  RouteFolder routes_;
  TokenBucket rows_;
  TokenBucket profiles_;
  std::vector<RequestEntry> candidates_;
  std::vector<RequestEntry> decided_;  // empty but while candidates are decided upon
  PipelineSummary summary_;
  int64_t next_clock_ns_ = 0;
};

void Pipeline::OnSample(const RecordView& record) {
  const auto& raw = record.as<pinfo_sample>();
  TrackedProcess& process = processes_.Get(Pid{raw.header.pid});
  Sample sample;
  sample.time_ns = static_cast<int64_t>(raw.header.time_ns);
  sample.process = &process;
  sample.tid = Tid{raw.header.tid};
  sample.stack = stacks_.Resolve(record, process);
  sample.kind = raw.kind;
  sample.weight = raw.weight;
  sample.duration_ns = static_cast<int64_t>(raw.duration_ns);
  if (raw.kind != PINFO_SAMPLE_BLOCKED) {
    ++summary_.session.samples_seen;
  }
  summary_.samples_incomplete.Add(sample.stack->end);
  if (raw.connection == 0) {
    samples_.AddLoose(std::move(sample));
  } else {
    samples_.Add(ConnectionId{raw.connection}, raw.turn, std::move(sample));
  }
}

// A wait outside every request is how a server idles: nobody asks where.
void Pipeline::AddUnattributed(std::vector<Sample> samples) {
  std::erase_if(samples, [](const Sample& sample) { return sample.kind == PINFO_SAMPLE_BLOCKED; });
  writer_.AddUnattributed(std::move(samples));
}

void Pipeline::OnStatus(const RecordView& record) {
  TrackedProcess& process = processes_.Get(Pid{record.header().pid});
  const StatusRow row = StatusRowOf(
      record.as<pinfo_status>(), processes_.WallNs(static_cast<int64_t>(record.header().time_ns)));
  process.row.seen_wall_ns = row.wall_ns;
  process.dirty = true;
  writer_.AddStatus({.process = &process, .row = row});
}

void Pipeline::OnPython(const RecordView& record) {
  const auto& raw = record.as<pinfo_python>();
  std::string note = DescribePython(raw.version, raw.state);
  if (note.empty()) {
    return;
  }
  note = processes_.Get(Pid{raw.header.pid}).row.exe + ": " + note;
  std::vector<std::string>& notes = summary_.notes;
  if (std::find(notes.begin(), notes.end(), note) == notes.end() && notes.size() < kNotesMax) {
    notes.push_back(std::move(note));
  }
}

void Pipeline::OnSystem(const RecordView& record) {
  writer_.AddSystem(SystemRowOf(record.as<pinfo_system>(), processes_.host(),
                                processes_.WallNs(static_cast<int64_t>(record.header().time_ns))));
}

void Pipeline::OnLoss(const RecordView& record) {
  const auto& raw = record.as<pinfo_loss>();
  const uint32_t kind =
      raw.kind < PINFO_LOSS_KIND_COUNT ? raw.kind : uint32_t{PINFO_LOSS_MALFORMED};
  summary_.session.lost[kind] += static_cast<int64_t>(raw.count);
}

void Pipeline::OnRecord(const RecordView& record) {
  switch (record.type()) {
    case PINFO_RECORD_RECEIVED:
    case PINFO_RECORD_SEGMENT:
    case PINFO_RECORD_RESPONSE:
    case PINFO_RECORD_EXCHANGE:
    case PINFO_RECORD_CLOSE:
      assembler_.OnRecord(record);
      return;
    case PINFO_RECORD_EXIT:
      if (record.as<pinfo_exit>().process_ended != 0) {
        assembler_.OnRecord(record);
      }
      processes_.OnRecord(record);
      return;
    case PINFO_RECORD_TASK:
    case PINFO_RECORD_EXEC:
    case PINFO_RECORD_MAPPING:
    case PINFO_RECORD_PROCESS:
    case PINFO_RECORD_PYTHON_CODE:
      processes_.OnRecord(record);
      return;
    case PINFO_RECORD_KERNEL_FUNCTION:
      stacks_.LearnKernelFunction(record);
      return;
    case PINFO_RECORD_PYTHON:
      OnPython(record);
      return;
    case PINFO_RECORD_EXACT:
      exact_.Add(record);
      return;
    case PINFO_RECORD_SAMPLE:
      OnSample(record);
      return;
    case PINFO_RECORD_CALL:
      calls_.Add(record);
      return;
    case PINFO_RECORD_STATUS:
      OnStatus(record);
      return;
    case PINFO_RECORD_SYSTEM:
      OnSystem(record);
      return;
    case PINFO_RECORD_LOSS:
      OnLoss(record);
      return;
  }
}

void Pipeline::OnServed(ServedRequest request) {
  if (candidates_.size() == candidates_.capacity() && candidates_.size() > kBatchRows / 8) {
    // Twice the room for a batch that is nearly full would hold megabytes for nothing.
    candidates_.reserve(std::max(kBatchRows + kBatchRows / 4, 2 * candidates_.size()));
  }
  RequestEntry& entry = candidates_.emplace_back();
  RequestRow& row = entry.row;
  std::vector<Sample> unattributed;
  entry.samples = samples_.Take(request, unattributed);
  AddUnattributed(std::move(unattributed));
  entry.profile_wanted = !options_.wants_profile || options_.wants_profile(request);
  if (entry.profile_wanted) {
    entry.extras = std::make_unique<RequestExtras>();
    entry.extras->headers = KeptHeaders(request.head);
  }
  entry.calls = calls_.Take(request, entry.extras ? &entry.extras->calls : nullptr);
  for (const CallRow& call : entry.calls) {
    row.calls += call.calls;
    row.calls_ns += call.waited_ns;
  }
  entry.process = &processes_.Get(request.pid);
  exact_.Served(request.connection, request.last_turn);
  entry.connection = request.connection;
  entry.turn = request.last_turn;
  entry.end_ns = request.end_ns;
  FillRow(request, processes_.WallNs(request.start_ns), routes_, row);
  row.samples = static_cast<int64_t>(entry.samples.size());
  ++summary_.session.requests_seen;
  summary_.session.samples_attributed += row.samples;
  summary_.session.samples_seen +=
      std::ranges::count(entry.samples, uint8_t{PINFO_SAMPLE_BLOCKED}, &Sample::kind);
  writer_.Count(row);
  entry.process->sites.Add(row);
  if (options_.observe) {
    options_.observe(row);
  }
}

// Into decided_. Those with an exact profile on its way wait for it, up to kExactWaitNs.
void Pipeline::TakeDecidable(bool all) {
  if (exact_.empty()) {
    decided_.swap(candidates_);
  } else {
    const int64_t now_ns = orderer_.newest_ns();
    const auto waits = [&](const RequestEntry& entry) {
      return !all && entry.end_ns + kExactWaitNs > now_ns &&
             exact_.Find(entry.connection, entry.turn) == ExactBook::State::kAwaited;
    };
    const auto middle = std::stable_partition(candidates_.begin(), candidates_.end(), waits);
    decided_.assign(std::make_move_iterator(middle), std::make_move_iterator(candidates_.end()));
    candidates_.erase(middle, candidates_.end());
  }
  if (options_.exact_selects) {
    for (RequestEntry& entry : decided_) {
      entry.profile_wanted = entry.profile_wanted &&
                             exact_.Find(entry.connection, entry.turn) != ExactBook::State::kNone;
    }
  }
}

// The exact profile where there is one, else what the samples say.
CallGraph Pipeline::ProfileOf(const RequestEntry& entry) {
  if (exact_.Find(entry.connection, entry.turn) != ExactBook::State::kNone) {
    const auto exact = exact_.Take(entry.connection, entry.turn);
    if (exact) {
      ++summary_.exact;
      summary_.session.lost[PINFO_LOSS_EXACT_CALLS] += exact->uncounted_calls;
      return BuildExactGraph(*exact, entry.process->python, entry.row.latency_ns);
    }
    ++summary_.session.lost[PINFO_LOSS_EXACT_DECLINED];
  }
  return SampledGraph(entry.row, entry.samples);
}

// Chooses which of the gathered requests get rows and profiles, writes their stats files, and hands
// them to the writer.
Status Pipeline::DecideCandidates(bool all) {
  if (Status status = writer_.ReserveIds(static_cast<int64_t>(candidates_.size())); !status) {
    if (candidates_.size() > kCandidatesMax) {
      summary_.rows_not_stored += static_cast<int64_t>(candidates_.size());
      for (const RequestEntry& entry : candidates_) {
        summary_.samples_not_stored += static_cast<int64_t>(entry.samples.size());
      }
      candidates_.clear();
    }
    return status;
  }
  TakeDecidable(all);
  std::vector<RowCandidate> asked;
  asked.reserve(decided_.size());
  size_t wanted = 0;
  for (const RequestEntry& candidate : decided_) {
    const RequestRow& row = candidate.row;
    asked.push_back({.latency_ns = row.latency_ns,
                     .failed = row.status >= 500 || row.outcome == Outcome::kAborted,
                     .profile_wanted = candidate.profile_wanted});
    wanted += candidate.profile_wanted ? 1 : 0;
  }
  // A recording is thinned as it would have been when it was made.
  const int64_t now_ns = options_.live ? MonotonicNs() : orderer_.newest_ns();
  rows_.Refill(now_ns);
  profiles_.Refill(now_ns);
  const std::vector<RowDecision> decisions =
      DecideRows(asked, rows_.available(), profiles_.available());
  size_t kept = 0;
  size_t profiled = 0;
  for (size_t i = 0; i < decisions.size(); ++i) {
    RequestEntry& entry = decided_[i];
    entry.keep_row = decisions[i].keep;
    entry.row.weight = decisions[i].weight;
    entry.row.profiled = decisions[i].profile;
    if (decisions[i].keep) {
      entry.row.id = writer_.NextRequestId();
      ++kept;
    }
    if (decisions[i].profile) {
      ++profiled;
      if (!options_.dump_dir.empty()) {
        const CallGraph graph = ProfileOf(entry);
        if (options_.accumulate) {
          accumulated_.Add(entry.row.site, entry.row.route, graph);
        }
        Result<std::string> path = WriteRequestStats(options_.dump_dir, entry.row, graph);
        if (path) {
          entry.row.stats_file = *path;
          stats_files_.Add(*path, WallClockNs());
        } else if (summary_.stats_file_error.empty()) {
          summary_.stats_file_error = path.error().message;
        }
      }
    }
  }
  writer_.AddRequests(decided_);
  if (candidates_.empty()) {
    candidates_.swap(decided_);  // its memory, to be filled again
  }
  rows_.Spend(std::min(kept, rows_.available()));
  profiles_.Spend(profiled);
  summary_.profiled += static_cast<int64_t>(profiled);
  summary_.session.rows_thinned += static_cast<int64_t>(decisions.size() - kept);
  summary_.session.lost[PINFO_LOSS_PROFILE_RATE] += static_cast<int64_t>(wanted - profiled);
  return {};
}

void Pipeline::MeasureOwnCost() {
  summary_.session.upgraded = static_cast<int64_t>(assembler_.counts().upgraded_connections);
  summary_.session.other_route = static_cast<int64_t>(routes_.overflowed());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  summary_.session.own_cpu_ns = TimevalNs(usage.ru_utime) + TimevalNs(usage.ru_stime);
  summary_.session.own_peak_rss_bytes = int64_t{usage.ru_maxrss} * 1024;
}

Status Pipeline::StoreBatch(bool all) {
  MeasureOwnCost();
  std::vector<Sample> expired;
  samples_.ExpireLoose(orderer_.newest_ns() - kLooseWaitNs, expired);
  AddUnattributed(std::move(expired));
  summary_.session.calls_seen = calls_.seen();
  summary_.session.calls_attributed = calls_.attributed();
  Status status = DecideCandidates(all);
  if (status) {
    status = writer_.Commit(summary_.session);
  }
  const int64_t now_ns = MonotonicNs();
  trouble_.Note("storing", status, now_ns);
  return status;
}

// Files grow with the number of functions ever seen: merging them takes at most a fiftieth of the
// time, however large they are.
void Pipeline::Accumulate(int64_t now_ns) {
  last_accumulation_ = accumulated_.Flush();
  const int64_t end_ns = MonotonicNs();
  next_accumulation_ns_ = end_ns + std::max(kAccumulationNs, 50 * (end_ns - now_ns));
}

void Pipeline::FinishAccumulation() {
  const int64_t give_up_ns = MonotonicNs() + 2 * kAccumulationNs;
  while (!accumulated_.empty() && MonotonicNs() < give_up_ns) {
    last_accumulation_ = accumulated_.Flush();
    if (!last_accumulation_) {  // another pinfo holds the lock, for milliseconds
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  summary_.accumulation_messages = accumulated_.messages();
  if (!accumulated_.empty()) {
    summary_.accumulation_messages.push_back(
        "the last profiles are not in the accumulated stats "
        "files: " +
        last_accumulation_.error().message);
  }
}

// The wall clock may be set, and runs on while the machine is suspended.
void Pipeline::FollowWallClock(int64_t now_ns) {
  if (options_.live && now_ns >= next_clock_ns_) {
    processes_.FollowWallClock(LiveWallMinusMonotonicNs());
    next_clock_ns_ = now_ns + kClockNs;
  }
}

// Once a minute, after everything gathered has been stored: gives up samples whose request never
// came, forgets processes that ended long ago, and lets the store delete what is too old.
void Pipeline::Upkeep(int64_t now_ns) {
  std::vector<Sample> expired;
  samples_.Expire(orderer_.newest_ns() - kSamplesWaitNs, expired);
  exact_.Expire(orderer_.newest_ns() - kSamplesWaitNs);
  calls_.Expire(orderer_.newest_ns() - kSamplesWaitNs);
  AddUnattributed(std::move(expired));
  if (StoreBatch()) {  // now nothing refers to a process but samples younger than kSamplesWaitNs
    processes_.ForgetEnded(processes_.WallNs(orderer_.newest_ns() - kEndedWaitNs),
                           [this](TrackedProcess& process) { stacks_.Forget(process); });
  }
  if (!options_.dump_dir.empty()) {
    stats_files_.Prune(WallClockNs());
  }
  Retain(now_ns);
}

int64_t Pipeline::Retain(int64_t now_ns) {
  const int64_t wall_ns = WallClockNs();
  RetentionLimits limits = options_.limits;
  if (clock_steps_.IsInDoubt(wall_ns, now_ns)) {
    limits.max_age_ns = std::numeric_limits<int64_t>::max() / 2;
  }
  const Result<int64_t> deleted = store_.Retain(wall_ns, limits);
  trouble_.Note("pruning", deleted ? Status() : tl::unexpected(deleted.error()), now_ns);
  return deleted.value_or(0);
}

// A week may be replayed in minutes.
void Pipeline::KeepBelowLimit(int64_t now_ns) {
  for (int64_t deleted = 1; deleted > 0;) {
    const Result<bool> nearly_full = store_.IsNearlyFull(options_.limits);
    if (!nearly_full || !*nearly_full) {
      return;
    }
    deleted = Retain(now_ns);
    if (options_.live && !queue_.closed()) {
      return;  // goes on after the next batch: records must not wait
    }
  }
}

void Pipeline::OnChunk(std::unique_ptr<Chunk> chunk) {
  const int64_t drained_from_ns = chunk->drained_from_ns;
  const size_t malformed = orderer_.Add(std::move(chunk));
  summary_.session.lost[PINFO_LOSS_MALFORMED] += static_cast<int64_t>(malformed);
  const int64_t now_ns = drained_from_ns != 0 ? drained_from_ns : orderer_.newest_ns();
  orderer_.Release(now_ns - Orderer::kHoldBackNs,
                   [this](const RecordView& record) { OnRecord(record); });
  assembler_.Advance(now_ns - Orderer::kHoldBackNs);
}

PipelineSummary Pipeline::Run() {
  int64_t next_batch_ns = MonotonicNs() + kBatchNs;
  int64_t next_retain_ns = MonotonicNs() + kRetainNs;
  bool stored = true;
  while (!queue_.Finished()) {
    if (options_.live && !queue_.closed() && put_off_(queue_.Waiting(), MonotonicNs())) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(kPutOffNs));
    } else if (std::unique_ptr<Chunk> chunk = queue_.Pop(kPopTimeoutMs)) {
      OnChunk(std::move(chunk));
    }
    const int64_t now_ns = MonotonicNs();
    FollowWallClock(now_ns);
    if (now_ns >= next_batch_ns || (candidates_.size() >= kBatchRows && stored)) {
      // A failure is not the end: the rows are kept and tried again, less often because each try
      // may wait for the database's lock, and the end says what was not stored. What is left once
      // the source has ended is stored in one go below.
      stored = queue_.closed() || StoreBatch().has_value();
      if (stored && options_.live && !queue_.closed()) {
        trouble_.Note("sorting rows in", settler_.Slice(processes_.WallNs(now_ns)), now_ns);
      }
      if (stored && !queue_.closed()) {
        KeepBelowLimit(now_ns);
      }
      next_batch_ns = MonotonicNs() + (stored ? kBatchNs : kRetryNs);
    }
    if (now_ns >= next_accumulation_ns_) {
      Accumulate(now_ns);
    }
    if (now_ns >= next_retain_ns && stored) {
      Upkeep(now_ns);
      next_retain_ns = now_ns + kRetainNs;
    }
  }
  Finish();
  return std::move(summary_);
}

Status Pipeline::SettleAll() {
  while (true) {
    const Result<bool> more = settler_.FinishSlice();
    if (!more || !*more) {
      return more ? Status() : tl::unexpected(more.error());
    }
    KeepBelowLimit(MonotonicNs());
  }
}

void Pipeline::Finish() {
  orderer_.Release(INT64_MAX, [this](const RecordView& record) { OnRecord(record); });
  assembler_.Finish(orderer_.newest_ns());
  std::vector<Sample> rest;
  samples_.Expire(INT64_MAX, rest);
  AddUnattributed(std::move(rest));
  summary_.session.end_wall_ns = processes_.WallNs(MonotonicNs());
  summary_.status = StoreBatch(/*all=*/true);
  if (summary_.status) {
    // What stays put off is safe, and another pinfo's to settle.
    trouble_.Note("sorting rows in", SettleAll(), MonotonicNs());
    summary_.status = queue_.status();
  } else {
    writer_.GiveUpAll();
  }
  FinishAccumulation();
  const BatchWriter::GivenUp& given_up = writer_.given_up();
  summary_.rows_not_stored +=
      given_up.requests + static_cast<int64_t>(candidates_.size()) + settler_.unreadable();
  summary_.samples_not_stored += given_up.samples;
  for (const RequestEntry& entry : candidates_) {
    summary_.samples_not_stored += static_cast<int64_t>(entry.samples.size());
  }
  summary_.statuses_not_stored = given_up.statuses;
  summary_.store_failures = trouble_.failures();
}

}  // namespace

Status PrepareDumpDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return Fail("the dump directory " + path + " cannot be made: " + error.message() +
                "; choose another with --dump-dir");
  }
  if (!std::filesystem::is_directory(path, error) || access(path.c_str(), W_OK | X_OK) != 0) {
    return FailErrno("the dump directory " + path +
                         " cannot be written (choose another with "
                         "--dump-dir)",
                     errno != 0 ? errno : ENOTDIR);
  }
  return {};
}

PipelineSummary RunPipeline(const PipelineOptions& options, Source& source, Store& store,
                            RecordingWriter* recorder, const std::atomic<bool>& stop_requested) {
  ChunkQueue queue(kQueueBytes);
  Pipeline pipeline(options, source, store, queue);
  CaptureThread capture({.duration_ns = options.duration_ns, .live = options.live}, source,
                        recorder, queue);
  capture.Start(stop_requested);
  PipelineSummary summary = pipeline.Run();
  capture.Join();
  return summary;
}

}  // namespace pinfo
