// A recorded stream: what a source drained, in the order it was drained, to be replayed later
// without root and without the target. docs/formats.md describes the file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"
#include "collector/source/source.h"

namespace pinfo {

// Writes records as they come. One thread.
class RecordingWriter : public RecordSink {
 public:
  static Result<std::unique_ptr<RecordingWriter>> Create(const std::string& path,
                                                         const Origin& origin,
                                                         const std::string& mode);
  void OnRecord(std::span<const std::byte> bytes) override;
  // Writes out what is buffered; the first failure of any write is told here, once, and nothing
  // more is written after it.
  Status Flush();

 private:
  RecordingWriter(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string path_;
  std::string buffer_;
  bool failed_ = false;
};

// A Source over a recording. What is damaged is skipped up to the next record that can be
// read, counted in bytes as PINFO_LOSS_DAMAGED_RING, and said once more by damage(). Fails to open where the file is no recording or of another version.
class RecordingSource : public Source {
 public:
  static Result<std::unique_ptr<RecordingSource>> Open(const std::string& path);
  // "", or what was wrong with the recording, after it has been drained.
  [[nodiscard]] virtual std::string damage() const = 0;
};

}  // namespace pinfo
