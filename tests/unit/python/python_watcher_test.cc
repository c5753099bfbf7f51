#include "collector/python/python_watcher.h"

#include <cstring>

#include <gtest/gtest.h>
#include <unistd.h>

#include "collector/process/proc_reader.h"
#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

class CountingSink final : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte>) override { ++records; }
  int records = 0;
};

struct Published {
  int found = 0;
  int forgotten = 0;
};

PythonWatcher WatcherInto(Published& published) {
  return PythonWatcher([&published](Pid, const pinfo_python_layout* layout) {
    ++(layout != nullptr ? published.found : published.forgotten);
  });
}

RecordWords MakeSample(uint32_t pid, const std::vector<pinfo_python_frame>& frames) {
  pinfo_sample sample{};
  sample.stack_bytes = 3;  // so that the frames are not aligned
  sample.python_frames = static_cast<pinfo_u16>(frames.size());
  std::string payload = "abc";
  payload.append(reinterpret_cast<const char*>(frames.data()),
                 frames.size() * sizeof(pinfo_python_frame));
  return MakeRecord(sample, PINFO_RECORD_SAMPLE, 5, pid, pid, payload);
}

TEST(PythonWatcherTest, AProcessWithoutPythonIsLeftAlone) {
  Published published;
  PythonWatcher watcher = WatcherInto(published);
  watcher.Inspect(Pid{static_cast<uint32_t>(getpid())});
  EXPECT_EQ(published.found, 0);
  EXPECT_TRUE(watcher.notes().empty());
}

TEST(PythonWatcherTest, AMappingNamedAfterPythonThatIsNoneIsIgnored) {
  const std::string exe = "/proc/self/exe";
  char path[4096] = {};
  ASSERT_GT(readlink(exe.c_str(), path, sizeof(path) - 1), 0);
  Published published;
  PythonWatcher watcher = WatcherInto(published);
  CountingSink sink;
  pinfo_mapping mapping{};
  mapping.start = 0x1000;
  mapping.end = 0x2000;
  for (const std::string& name : {std::string(path), std::string("/nonexistent/libpython3.11.so"),
                                  std::string("python"), std::string()}) {
    mapping.path_bytes = static_cast<pinfo_u32>(name.size());
    const RecordWords words = MakeRecord(mapping, PINFO_RECORD_MAPPING, 5, 1, 1, name);
    watcher.OnRecord(*DecodeRecord(BytesOf(words)), sink);
  }
  EXPECT_EQ(published.found, 0);
}

TEST(PythonWatcherTest, AnExecMakesTheOldInterpreterVoid) {
  Published published;
  PythonWatcher watcher = WatcherInto(published);
  CountingSink sink;
  const RecordWords words = MakeRecord(pinfo_exec{}, PINFO_RECORD_EXEC, 5, 7, 7);
  watcher.OnRecord(*DecodeRecord(BytesOf(words)), sink);
  EXPECT_EQ(published.forgotten, 1);
}

TEST(PythonWatcherTest, FramesOfAProcessWithoutAnInterpreterAreNotReadFrom) {
  Published published;
  PythonWatcher watcher = WatcherInto(published);
  CountingSink sink;
  const auto own = static_cast<uint32_t>(getpid());
  for (const uint32_t pid : {own, 0x7fffffffU}) {
    const RecordWords words = MakeSample(pid, {{1, 2, 3}, {UINT64_MAX, 5, PINFO_PYTHON_ENTRY}});
    watcher.OnRecord(*DecodeRecord(BytesOf(words)), sink);
  }
  EXPECT_EQ(sink.records, 0);
}

}  // namespace
}  // namespace pinfo
