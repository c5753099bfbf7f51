#include "html/output_directory.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

namespace pinfo::html {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class OutputDirectoryTest : public testing::Test {
 protected:
  OutputDirectoryTest() {
    std::string pattern = (fs::temp_directory_path() / "pinfo_html_XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~OutputDirectoryTest() override { fs::remove_all(root_); }

  static void Put(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  static std::string Get(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path root_;
};

TEST_F(OutputDirectoryTest, CreatesWhatIsMissing) {
  const auto directory = OutputDirectory::Open((root_ / "a/b").string());
  ASSERT_TRUE(directory) << directory.error().message;
  ASSERT_TRUE(directory->Write("data/x.js", "text"));
  EXPECT_EQ(Get(root_ / "a/b/data/x.js"), "text");
}

TEST_F(OutputDirectoryTest, RefusesSomebodyElsesDirectoryAndLeavesIt) {
  Put(root_ / "thesis.txt", "precious");
  const auto directory = OutputDirectory::Open(root_.string());
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message,
              HasSubstr("is not empty and holds no earlier pinfo report"));
  EXPECT_THAT(directory.error().message, HasSubstr(root_.string()));
  EXPECT_EQ(Get(root_ / "thesis.txt"), "precious");
  EXPECT_FALSE(fs::exists(root_ / "data"));
}

TEST_F(OutputDirectoryTest, TakesOverAnEarlierReportAndRemovesOnlyItsRequestPages) {
  ASSERT_TRUE(OutputDirectory::Open(root_.string()));
  Put(root_ / "requests/12.html", "old");
  Put(root_ / "requests/12.stats", "old");
  Put(root_ / "requests/notes.html", "mine");
  Put(root_ / "requests/12.txt", "mine");
  ASSERT_TRUE(OutputDirectory::Open(root_.string()));
  EXPECT_FALSE(fs::exists(root_ / "requests/12.html"));
  EXPECT_FALSE(fs::exists(root_ / "requests/12.stats"));
  EXPECT_TRUE(fs::exists(root_ / "requests/notes.html"));
  EXPECT_TRUE(fs::exists(root_ / "requests/12.txt"));
}

TEST_F(OutputDirectoryTest, NamesTheFileThatStandsInTheWay) {
  Put(root_ / "out", "a file");
  const auto directory = OutputDirectory::Open((root_ / "out").string());
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message, HasSubstr("/out"));
}

TEST_F(OutputDirectoryTest, AStreamedFileAppearsWholeOrNotAtAll) {
  const fs::path path = root_ / "rows.js";
  {
    auto file = StreamedFile::Create(path.string());
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->Append(std::string(1 << 20, 'x')));
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_TRUE(fs::is_empty(root_)) << "an abandoned file stayed";
  auto file = StreamedFile::Create(path.string());
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->Append("one "));
  ASSERT_TRUE(file->Append("two"));
  ASSERT_TRUE(file->Commit());
  EXPECT_EQ(Get(path), "one two");
}

TEST_F(OutputDirectoryTest, AStreamedFileWritesThroughNoLink) {
  Put(root_ / "target", "precious");
  fs::create_symlink(root_ / "target", root_ / "rows.js.partial");
  fs::create_symlink(root_ / "target", root_ / "rows.js");
  auto file = StreamedFile::Create((root_ / "rows.js").string());
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->Append("data"));
  ASSERT_TRUE(file->Commit());
  EXPECT_EQ(Get(root_ / "target"), "precious");
  EXPECT_EQ(Get(root_ / "rows.js"), "data");
}

TEST_F(OutputDirectoryTest, AStreamedFileNamesWhatItCannotCreate) {
  const auto file = StreamedFile::Create((root_ / "none/rows.js").string());
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("none/rows.js"));
}

// A file may not grow beyond RLIMIT_FSIZE, which is as near to a full disk as a test gets.
TEST_F(OutputDirectoryTest, AStreamedFileSaysThatItCouldNotBeWritten) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  auto file = StreamedFile::Create((root_ / "rows.js").string());
  const Status status = file ? file->Append(std::string(1 << 20, 'x')) : Status();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("rows.js"));
  EXPECT_THAT(status.error().message, HasSubstr("File too large"));
}

}  // namespace
}  // namespace pinfo::html
