// The thread that drains a source: nothing else happens in it but copying records out of the rings,
// so that a slow disk or a busy processing thread costs memory before it costs records.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "collector/pipeline/chunk_queue.h"
#include "collector/source/recording.h"
#include "collector/source/source.h"

namespace pinfo {

struct CaptureOptions {
  // Between two drains: the longer one while little comes, so that watching an idle server costs
  // next to nothing.
  int64_t busy_interval_ns = 10'000'000;
  int64_t idle_interval_ns = 40'000'000;
  std::optional<int64_t> duration_ns;
  bool live = true;  // else a recording: read as fast as it is processed
};

class CaptureThread {
 public:
  // source and, where given, recorder belong to the thread from Start until it has ended.
  CaptureThread(CaptureOptions options, Source& source, RecordingWriter* recorder,
                ChunkQueue& queue);
  ~CaptureThread();

  // stop_requested may be set from a signal handler.
  void Start(const std::atomic<bool>& stop_requested);
  void Join();

 private:
  void Run(const std::atomic<bool>& stop_requested);
  Status Loop(const std::atomic<bool>& stop_requested);
  Result<size_t> DrainOnce();  // the records drained

  CaptureOptions options_;
  Source& source_;
  RecordingWriter* recorder_;
  ChunkQueue& queue_;
  std::thread thread_;
};

}  // namespace pinfo
