#include "collector/notify/deliver.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/base/run_command.h"

namespace pinfo {
namespace {

using testing::HasSubstr;

class DeliverTest : public testing::Test {
 protected:
  DeliverTest() {
    std::string name = testing::TempDir() + "pinfo-notify-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~DeliverTest() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(DeliverTest, ASecretIsNotForEverybody) {
  const std::filesystem::path path = folder_ / "secret";
  std::ofstream(path) << "s3cret\n";
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  EXPECT_THAT(ReadSecret({.file = path, .environment = ""}).error().message,
              HasSubstr("chmod 600"));
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  EXPECT_EQ(*ReadSecret({.file = path, .environment = ""}), "s3cret");
  std::ofstream(path) << "two\nlines\n";
  EXPECT_FALSE(ReadSecret({.file = path, .environment = ""}));
  EXPECT_FALSE(ReadSecret({.file = folder_ / "missing", .environment = ""}));
  setenv("PINFO_TEST_SECRET", "from outside", 1);
  EXPECT_EQ(*ReadSecret({.file = "", .environment = "PINFO_TEST_SECRET"}), "from outside");
  EXPECT_FALSE(ReadSecret({.file = "", .environment = "PINFO_TEST_NO_SECRET"}));
}

TEST_F(DeliverTest, ACommandGetsTheMessage) {
  Configuration configuration;
  Person person;
  person.name = "ann";
  person.command = {"/bin/sh", "-c",
                    "cat > " + (folder_ / "out").string() + "; echo bad >&2; exit 3"};
  Message message;
  message.kind = "test";
  message.json = "{}";
  const Status status = Deliver({.configuration = configuration,
                                 .person = person,
                                 .channel = "command",
                                 .id = 1,
                                 .wall_ns = 0,
                                 .stop = nullptr},
                                message);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("exited with 3: bad"));
  std::string line;
  std::getline(std::ifstream(folder_ / "out"), line);
  EXPECT_EQ(line, "{}");
}

TEST(RunCommand, EndsWhatDoesNotEndByItself) {
  CommandRequest request;
  request.arguments = {"/bin/sh", "-c", "sleep 1000 & sleep 1000"};
  request.timeout_ns = 100'000'000;
  const auto outcome = RunCommand(request);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("did not end within 0.1 s"));
}

TEST(RunCommand, TakesNoMoreOutputThanWanted) {
  CommandRequest request;
  request.arguments = {"/bin/sh", "-c", "head -c 10000000 /dev/zero; echo end >&2"};
  request.timeout_ns = 30 * kSecondNs;
  request.output_max = 1'000;
  const auto outcome = RunCommand(request);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output.size(), 1'000U);
  EXPECT_EQ(outcome->errors, "end\n");
}

TEST(RunCommand, DoesNotWaitForWhatItLeavesRunning) {
  CommandRequest request;
  request.arguments = {"/bin/sh", "-c", "sleep 5 & echo done"};
  request.timeout_ns = 3'600 * kSecondNs;
  const auto outcome = RunCommand(request);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "done\n");
}

TEST(RunCommand, ThatReadsNothingAndIsNotThereIsTold) {
  CommandRequest request;
  request.arguments = {"true"};
  request.input = std::string(1'000'000, 'x');
  request.timeout_ns = 30 * kSecondNs;
  EXPECT_TRUE(RunCommand(request));
  request.arguments = {"/nonexistent/program"};
  EXPECT_FALSE(RunCommand(request));
}

}  // namespace
}  // namespace pinfo
