// Command lines as users give them, through the options' own definitions.
#include <gmock/gmock.h>

#include "cli/capture.h"
#include "cli/command.h"
#include "cli/select_processes.h"
#include "tests/unit/store/store_fixture.h"

namespace pinfo::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class CommandLineTest : public StoreFixture {
 protected:
  CommandLineTest() {
    global_.database = path_;
    app_.add_flag("--json", global_.json);
    app_.require_subcommand(1);
    app_.fallthrough();
    CLI::App* attach = app_.add_subcommand("attach");
    AddSelectionOptions(*attach, selection_);
    AddCaptureOptions(*attach, capture_, /*with_record=*/true);
    RegisterRequests(app_, global_);
    RegisterStats(app_, global_);
  }

  // Parses and runs; returns what was printed on standard output. The error is in error_.
  std::string Run(std::vector<std::string> words) {
    SetExit(kExitDone);
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
      app_.parse(words);
    } catch (const CLI::ParseError& error) {
      ReportUsageError(UsageMessage(app_, error));
    }
    error_ = testing::internal::GetCapturedStderr();
    return testing::internal::GetCapturedStdout();
  }

  GlobalOptions global_;
  ProcessSelection selection_;
  CaptureOptions capture_;
  CLI::App app_{"", "pinfo"};
  std::string error_;
};

TEST_F(CommandLineTest, OptionsTakeOneValueAndLeaveTheProcessIds) {
  Run({"attach",  "--match",   "/list",  "7",        "--exclude",
       "/a",      "--exclude", "/b",     "8",        "--skip-if-header",
       "x-probe", "9",         "--comm", "nginx",    "10",
       "--port",  "8080",      "11",     "--cgroup", "/web",
       "12"});
  EXPECT_EQ(error_, "");
  EXPECT_THAT(selection_.pids, ElementsAre(7, 8, 9, 10, 11, 12));
  EXPECT_THAT(capture_.match, ElementsAre("/list"));
  EXPECT_THAT(capture_.exclude, ElementsAre("/a", "/b"));
  EXPECT_THAT(capture_.skip_header, ElementsAre("x-probe"));
  EXPECT_THAT(selection_.comms, ElementsAre("nginx"));
  EXPECT_THAT(selection_.ports, ElementsAre(8080));
  EXPECT_THAT(selection_.cgroups, ElementsAre("/web"));
}

TEST_F(CommandLineTest, WhatIsWrongIsSaidInPinfosWords) {
  Run({"attach", "abc"});
  EXPECT_THAT(error_, HasSubstr("abc is no process id"));
  EXPECT_EQ(ExitStatus(), kExitUsage);
  Run({"attach", "0"});
  EXPECT_THAT(error_, HasSubstr("0 is no process id"));
  Run({"frob", "--json"});
  EXPECT_THAT(error_, HasSubstr("pinfo: there is no command frob"));
  EXPECT_EQ(ExitStatus(), kExitUsage);
  Run({});
  EXPECT_THAT(error_, HasSubstr("which command?"));
  Run({"requests", "--sort", "foo"});
  EXPECT_THAT(error_, HasSubstr("pinfo: --sort: foo not in {start,latency,on-cpu"));
  EXPECT_EQ(ExitStatus(), kExitUsage);
  Run({"requests", "--status", "9xx"});
  EXPECT_THAT(error_, HasSubstr("a class from 1xx to 5xx"));
  EXPECT_EQ(ExitStatus(), kExitUsage);
}

TEST_F(CommandLineTest, RequestsThatAreNotCompleteSaySoBesideTheStatus) {
  RequestRow aborted = MakeRequest(1);
  aborted.outcome = Outcome::kAborted;
  aborted.pid = Pid{4242};
  RequestRow turn = MakeRequest(2);
  turn.method = "TURN";
  turn.status = 0;
  AddRequests(*OpenStore(), {aborted, turn});
  const std::string all = Run({"requests"});
  EXPECT_THAT(all, HasSubstr("#ID\tSTART\tLATENCY"));
  EXPECT_THAT(all, HasSubstr("\t200 aborted\tGET\t"));
  EXPECT_THAT(all, HasSubstr("\t-\tTURN\t"));
  const std::string one = Run({"requests", "--pid", "4242"});
  EXPECT_THAT(one, HasSubstr("\t4242\t"));
  EXPECT_THAT(one, Not(HasSubstr("TURN")));
}

TEST_F(CommandLineTest, ARouteThatWasNeverServedIsAnError) {
  AddRequests(*OpenStore(), {MakeRequest(1)});
  EXPECT_EQ(Run({"stats", "--route", "/nosuch"}), "");
  EXPECT_EQ(error_, "pinfo: no request of route /nosuch\n");
  EXPECT_EQ(ExitStatus(), kExitFailed);
}

TEST_F(CommandLineTest, FramesThatStandForNoStackAreNoSamples) {
  AddRequests(*OpenStore(), {MakeRequest(1)});
  const std::string lines = Run({"stats", "1", "--json"});
  EXPECT_THAT(lines, HasSubstr(R"("function":"[unsampled]")"));
  EXPECT_THAT(lines, HasSubstr(R"("samples":0)"));
  EXPECT_THAT(lines, Not(HasSubstr(R"("samples":1)")));
}

TEST_F(CommandLineTest, ARecordingThatCannotBeMadeIsSaidBeforeAnythingIsAttached) {
  capture_.record = directory_ / "no" / "such" / "folder";
  const Result<PreparedCapture> capture = PrepareCapture(capture_, global_, /*live=*/true);
  EXPECT_THAT(MessageOf(capture), HasSubstr(capture_.record));
  capture_.record = directory_ / "recording";
  EXPECT_EQ(MessageOf(PrepareCapture(capture_, global_, /*live=*/true)), "");
}

}  // namespace
}  // namespace pinfo::cli
