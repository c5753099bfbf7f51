// Records of preloaded processes: every ring in one directory. Belongs to one thread.
//
// Rings are found as they appear; a ring whose process has ended is unlinked once it is drained,
// and where the process was killed an EXIT record is made up for it (status 0: not known). What is
// no ring, or a damaged one, is reported by a LOSS record of kind DAMAGED_RING and left alone from
// then on; if its process is gone it is unlinked too.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"
#include "collector/process/process_watcher.h"
#include "collector/source/ring_reader.h"
#include "collector/source/source.h"

namespace pinfo {

// The directory that libpinfo.so uses where PINFO_RING_DIR is not set: /dev/shm/pinfo-<euid>.
std::string DefaultRingDirectory();

class RingSource : public Source {
 public:
  // What Stop means to the processes. Left alone, they go on recording for the next collector, as
  // long as their rings have room.
  enum class AtStop { kLeaveWriters, kSilenceWriters };

  // Creates the directory (mode 0700) where it does not exist. Fails where it belongs to another
  // user or others may write to it.
  static Result<std::unique_ptr<RingSource>> Open(const std::string& directory, AtStop at_stop);

  [[nodiscard]] std::string mode() const override { return "preload"; }
  Result<size_t> Drain(RecordSink& sink) override;
  // After ExpectNoMore or Stop: every ring is drained and its process has ended, or, after Stop,
  // every ring is drained.
  [[nodiscard]] bool Ended() const override;
  void Stop() override;

  // The processes whose rings are there now are all there will be, with their children.
  void ExpectNoMore() {
    no_more_ = true;
    discovered_ns_ = 0;  // look once more
  }
  // Processes that recorded when Drain last ran.
  [[nodiscard]] size_t live_processes() const { return readers_.size(); }
  // Files with a ring's name that could not be read as one. May be asked once Drain is over.
  [[nodiscard]] size_t damaged_rings() const { return damaged_rings_; }

 private:
  RingSource(std::string directory, UniqueFd fd, AtStop at_stop);
  Status Discover(RecordSink& sink, uint64_t now_ns);
  void OpenRing(RecordSink& sink, const std::string& name, uint64_t now_ns);

  std::string path_;
  UniqueFd directory_;
  std::map<std::string, RingReader> readers_;  // by file name
  std::set<std::string> refused_;              // reported once, not tried again
  ProcessWatcher watcher_;                     // of the readers' processes
  uint64_t discovered_ns_ = 0;
  size_t starting_ = 0;  // rings of live processes that have not begun to record
  size_t damaged_rings_ = 0;
  AtStop at_stop_;
  bool no_more_ = false;
  bool stopped_ = false;
};

}  // namespace pinfo
