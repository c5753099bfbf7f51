#include "collector/process/proc_files.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct TemporaryFile {
  explicit TemporaryFile(const std::string& text)
      : path(testing::TempDir() + "proc_files_test.XXXXXX") {
    const UniqueFd fd(mkstemp(path.data()));
    EXPECT_EQ(write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { unlink(path.c_str()); }
  std::string path;
};

std::vector<std::string> LinesUntil(const std::string& path, const std::string& last) {
  std::vector<std::string> lines;
  ForFirstLines(path, [&](const std::string& line) {
    lines.push_back(line);
    return line != last;
  });
  return lines;
}

TEST(ProcFiles, FirstLinesUpToTheOneThatEndsIt) {
  const TemporaryFile file("one\n\nthree\nfour\n");
  EXPECT_THAT(LinesUntil(file.path, "three"), ElementsAre("one", "", "three"));
  EXPECT_THAT(LinesUntil(file.path, "none"), ElementsAre("one", "", "three", "four"));
}

TEST(ProcFiles, LinesThatAreLongerThanWhatIsReadAtOnce) {
  const std::string longer(10'000, 'x');
  const TemporaryFile file("short\n" + longer + "\nlast\n" +
                           longer);  // the end of a line is missing
  EXPECT_THAT(LinesUntil(file.path, ""), ElementsAre("short", longer, "last"));
}

TEST(ProcFiles, NothingOfAFileThatIsNotThere) {
  EXPECT_THAT(LinesUntil("/proc/0/maps", ""), IsEmpty());
}

}  // namespace
}  // namespace pinfo
