#include "collector/emit/file_io.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::HasSubstr;

TEST(WriteFileAtomically, ReplacesAndLeavesNothingElse) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory / "out";
  ASSERT_TRUE(WriteFileAtomically(path, "old"));
  ASSERT_TRUE(WriteFileAtomically(path, "new bytes"));
  EXPECT_EQ(ReadFile(path, 100).value(), "new bytes");
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    ++entries;
  }
  EXPECT_EQ(entries, 1U);
}

TEST(WriteFileAtomically, NamesTheFileItCannotWrite) {
  const Status status = WriteFileAtomically("/nonexistent/dir/x.stats", "bytes");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("/nonexistent/dir/x.stats: No such file"));
}

TEST(WriteFileAtomically, RemovesItsTemporaryWhereTheRenameFails) {
  const testing::TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "taken/inner");
  ASSERT_FALSE(WriteFileAtomically(directory / "taken", "bytes"));
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    EXPECT_EQ(entry.path().filename(), "taken");
  }
}

TEST(ReadFile, RefusesWhatIsNoFileOrTooLarge) {
  const testing::TemporaryDirectory directory;
  EXPECT_THAT(ReadFile(directory.path(), 10).error().message, HasSubstr("not a regular file"));
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(ReadFile(directory / "fifo", 10).error().message, HasSubstr("not a regular file"));
  EXPECT_THAT(ReadFile(directory / "missing", 10).error().message, HasSubstr("No such file"));
  ASSERT_TRUE(WriteFileAtomically(directory / "big", std::string(11, 'x')));
  EXPECT_THAT(ReadFile(directory / "big", 10).error().message, HasSubstr("larger than 10 bytes"));
}

}  // namespace
}  // namespace pinfo
