#include "collector/python/interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/python/fake_memory.h"

namespace pinfo {
namespace {

using testing::HasSubstr;

constexpr uint64_t kBias = 0x100000;

TEST(InterpreterTest, TheVersionIsReadFromNames) {
  EXPECT_EQ(VersionInName("/usr/lib/libpython3.9.so.1.0"), 0x0309);
  EXPECT_EQ(VersionInName("/usr/bin/python3.11"), 0x030b);
  EXPECT_EQ(VersionInName("/opt/python3.8/bin/uwsgi"), 0);
  EXPECT_EQ(VersionInName("/usr/bin/python3"), 0);
  EXPECT_EQ(VersionInName("python3."), 0);
  EXPECT_EQ(VersionInName("python3.999"), 0);
}

TEST(InterpreterTest, EachLayoutFitsWhatTheKernelReadsAtOnce) {
  for (PythonVersion version = 0x0308; version <= 0x030e; ++version) {
    const PythonLayout* layout = FindPythonLayout(version);
    ASSERT_NE(layout, nullptr) << version;
    const pinfo_python_layout& walk = layout->walk;
    EXPECT_LE(walk.frame_bytes, PINFO_PYTHON_FRAME_BYTES_MAX);
    for (const unsigned offset : {walk.thread_next, walk.thread_id, walk.thread_frame}) {
      EXPECT_LE(offset + 8, unsigned{PINFO_PYTHON_THREAD_BYTES}) << version;
    }
    for (const unsigned offset : {walk.frame_code, walk.frame_previous, walk.frame_instruction}) {
      EXPECT_LE(offset + 8, walk.frame_bytes) << version;
    }
    EXPECT_LT(walk.frame_entry, walk.frame_bytes);
    for (const unsigned offset : {walk.code_first_line, walk.code_file, walk.code_name}) {
      EXPECT_LE(offset + 8, unsigned{PINFO_PYTHON_CODE_BYTES}) << version;
    }
  }
  EXPECT_EQ(FindPythonLayout(0x030f), nullptr);
  EXPECT_EQ(FindPythonLayout(0x0307), nullptr);
}

TEST(InterpreterTest, TheSymbolDecidesOnTheVersionAndAddressesAreRelocated) {
  FakeMemory memory;
  memory.Map(kBias + 0x500, 8);
  memory.Write(kBias + 0x500, uint64_t{0x030b02f0});
  const InterpreterFile file{
      .runtime = 0x1000, .code_type = 0x2000, .version_symbol = 0x500, .version_in_name = 0x0309};
  const auto found = LocateInterpreter(file, kBias, memory);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->layout.version, 0x030b);
  EXPECT_EQ(found->code_type, kBias + 0x2000);
  EXPECT_EQ(found->layout.walk.interpreters, kBias + 0x1000 + 40);
}

TEST(InterpreterTest, UnknownVersionsAreNamed) {
  FakeMemory memory;
  InterpreterFile file{
      .runtime = 0x1000, .code_type = 0x2000, .version_symbol = {}, .version_in_name = 0x030f};
  EXPECT_THAT(LocateInterpreter(file, kBias, memory).error().message,
              HasSubstr("Python 3.15 is not one that pinfo can read"));
  file.version_in_name = 0;
  EXPECT_THAT(LocateInterpreter(file, kBias, memory).error().message,
              HasSubstr("of unknown version"));
  file.version_symbol = 0x500;  // cannot be read
  file.version_in_name = 0x030b;
  EXPECT_FALSE(LocateInterpreter(file, kBias, memory).has_value());
}

TEST(InterpreterTest, MemoryThatCannotBeReadIsNoUnknownVersion) {
  FakeMemory memory;
  memory.reason = EPERM;
  const InterpreterFile asked{
      .runtime = 0x1000, .code_type = 0x2000, .version_symbol = 0x500, .version_in_name = 0x030b};
  const InterpreterFile named{
      .runtime = 0x1000, .code_type = 0x2000, .version_symbol = {}, .version_in_name = 0x030d};
  for (const InterpreterFile& file : {asked, named}) {
    EXPECT_THAT(LocateInterpreter(file, kBias, memory).error().message,
                testing::AllOf(HasSubstr("CAP_SYS_PTRACE"), HasSubstr("run pinfo as root"),
                               testing::Not(HasSubstr("version"))));
  }
  memory.reason = ESRCH;
  EXPECT_THAT(LocateInterpreter(asked, kBias, memory).error().message,
              HasSubstr("cannot be read (No such process)"));
}

class SelfDescribedTest : public testing::Test {
 protected:
  void SetUp() override {
    memory_.Map(kBias + 0x1000, 256);
    memory_.WriteText(kBias + 0x1000, "xdebugpy");
    memory_.Write(kBias + 0x1000 + 40, uint64_t{640});
    memory_.Write(kBias + 0x1000 + 64, uint64_t{7300});
    memory_.Write(kBias + 0x1000 + 72, uint64_t{7400});
  }
  FakeMemory memory_;
  const InterpreterFile file_{
      .runtime = 0x1000, .code_type = 0x2000, .version_symbol = {}, .version_in_name = 0x030d};
};

TEST_F(SelfDescribedTest, OffsetsThatPatchReleasesChangeComeFromTheProcess) {
  const auto found = LocateInterpreter(file_, kBias, memory_);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->layout.walk.interpreters, kBias + 0x1000 + 640);
  EXPECT_EQ(found->layout.walk.interpreter_next, 7300U);
  EXPECT_EQ(found->layout.walk.interpreter_threads, 7400U);
}

TEST_F(SelfDescribedTest, FreeThreadedBuildsAreRefused) {
  memory_.Write(kBias + 0x1000 + 16, uint64_t{1});
  EXPECT_THAT(LocateInterpreter(file_, kBias, memory_).error().message, HasSubstr("free-threaded"));
}

TEST_F(SelfDescribedTest, AnythingElseThereIsRefused) {
  memory_.Write(kBias + 0x1000 + 72, UINT64_MAX);
  EXPECT_FALSE(LocateInterpreter(file_, kBias, memory_).has_value());
  memory_.WriteText(kBias + 0x1000, "xdebugPY");
  EXPECT_FALSE(LocateInterpreter(file_, kBias, memory_).has_value());
  EXPECT_FALSE(LocateInterpreter(file_, 0, memory_).has_value());
}

}  // namespace
}  // namespace pinfo
