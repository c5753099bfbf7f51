#include "collector/pipeline/capture_thread.h"

#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "collector/process/proc_reader.h"

namespace pinfo {
namespace {

// Probes stay this long after the end was asked for, so that threads turn to something else and
// hand on the response they were writing (a busy thread does at its next sample).
constexpr int64_t kSettleNs = 30'000'000;
constexpr int kNice = -10;
// A drain of more records than this is one of a busy server: some 2,500 a second at the long
// interval, which fill the smallest ring in no less than a second.
constexpr size_t kBusyRecords = 100;

// Copies each record to the recording on its way into the chunk.
class Tee : public RecordSink {
 public:
  Tee(RecordSink& first, RecordSink& second) : first_(first), second_(second) {}
  void OnRecord(std::span<const std::byte> bytes) override {
    first_.OnRecord(bytes);
    second_.OnRecord(bytes);
  }

 private:
  RecordSink& first_;
  RecordSink& second_;
};

void Sleep(int64_t ns) { std::this_thread::sleep_for(std::chrono::nanoseconds(ns)); }

}  // namespace

CaptureThread::CaptureThread(CaptureOptions options, Source& source, RecordingWriter* recorder,
                             ChunkQueue& queue)
    : options_(options), source_(source), recorder_(recorder), queue_(queue) {}

CaptureThread::~CaptureThread() { Join(); }

void CaptureThread::Start(const std::atomic<bool>& stop_requested) {
  thread_ = std::thread([this, &stop_requested] { Run(stop_requested); });
}

void CaptureThread::Join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void CaptureThread::Run(const std::atomic<bool>& stop_requested) {
  // It needs little, but soon: a ring that is not drained in time loses records. Without the right
  // to it, the priority stays as it is.
  static_cast<void>(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice));
  // Libraries throw where memory ends; that must not end the processing of what is there already.
  try {
    queue_.Close(Loop(stop_requested));
  } catch (const std::exception& failure) {
    queue_.Close(Fail(std::string("capturing failed: ") + failure.what()));
  }
}

Result<size_t> CaptureThread::DrainOnce() {
  std::unique_ptr<Chunk> chunk = queue_.Take();
  chunk->drained_from_ns = options_.live ? MonotonicNs() : 0;
  Result<size_t> drained = 0;
  if (recorder_ != nullptr) {
    Tee tee(*chunk, *recorder_);
    drained = source_.Drain(tee);
    if (Status status = recorder_->Flush(); drained && !status) {
      drained = tl::unexpected(status.error());  // what was drained goes on all the same
    }
  } else {
    drained = source_.Drain(*chunk);
  }
  chunk->drained_to_ns = options_.live ? MonotonicNs() : 0;
  queue_.Push(std::move(chunk));
  return drained;
}

Status CaptureThread::Loop(const std::atomic<bool>& stop_requested) {
  const int64_t begin = MonotonicNs();
  Status failure;
  while (!source_.Ended() && !stop_requested &&
         !(options_.duration_ns && MonotonicNs() - begin >= *options_.duration_ns)) {
    Result<size_t> drained = DrainOnce();
    if (!drained) {
      failure = tl::unexpected(drained.error());
      break;
    }
    if (options_.live) {
      Sleep(*drained > kBusyRecords ? options_.busy_interval_ns : options_.idle_interval_ns);
    }
  }
  if (options_.live && !source_.Ended()) {
    Sleep(kSettleNs);
  }
  source_.Stop();
  // What was produced before the stop; a source that has stopped gives nothing new.
  for (int rounds = 0; rounds < 1000; ++rounds) {
    Result<size_t> drained = DrainOnce();
    if (!drained) {
      return failure ? tl::unexpected(drained.error()) : failure;
    }
    if (*drained == 0) {
      break;
    }
  }
  return failure;
}

}  // namespace pinfo
