#include "collector/monitor/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/base/histogram.h"
#include "collector/config/load.h"

namespace pinfo {
namespace {

using testing::HasSubstr;

constexpr int64_t kNow = 1'700'000'000 * kSecondNs;

class FakeInputs : public MonitorInputs {
 public:
  int64_t now_wall_ns() override { return kNow; }
  Result<const std::vector<RouteWindow>*> Requests(int64_t) override { return &routes; }
  Result<const std::map<std::string, MetricWindow>*> Metrics(int64_t) override { return &metrics; }
  Result<const std::vector<ProcessMemory>*> Memories() override { return &memories; }
  Result<std::optional<int64_t>> LastRequestNs(const std::string&, const std::string&) override {
    return last;
  }
  Result<std::optional<int64_t>> LastMetricNs(const std::string&) override { return last; }
  Result<std::optional<int64_t>> FileTimeNs(const std::string&) override { return last; }
  const CheckResult* Check(const std::string&) override { return check ? &*check : nullptr; }

  std::vector<RouteWindow> routes;
  std::map<std::string, MetricWindow> metrics;
  std::vector<ProcessMemory> memories;
  std::optional<int64_t> last;
  std::optional<CheckResult> check;
};

MonitorSettings Monitor(const std::string& text) {
  Result<Configuration> configuration = ParseConfiguration(
      "[[metric]]\nname = \"m\"\nunit = \"jobs\"\n[[monitor]]\nname = \"x\"\n" + text, "c.toml");
  EXPECT_TRUE(configuration) << configuration.error().message;
  return configuration->monitors.at(0);
}

TEST(Evaluate, ThresholdsAreReachedOrPassed) {
  FakeInputs inputs;
  const MonitorSettings above = Monitor("metric = \"m\"\nwarning = 5\nproblem = 10\n");
  const MonitorSettings below =
      Monitor("metric = \"m\"\nbelow = true\nwarning = 10\nproblem = 5\n");
  const auto level = [&](const MonitorSettings& monitor, double value) {
    inputs.metrics["m"] = {
        .count = 1, .sum = value, .min = value, .max = value, .last = value, .histogram = {}};
    return Evaluate(monitor, inputs).level;
  };
  EXPECT_EQ(level(above, 4.9), Level::kFine);
  EXPECT_EQ(level(above, 5), Level::kWarning);
  EXPECT_EQ(level(above, 10), Level::kProblem);
  EXPECT_EQ(level(below, 10.1), Level::kFine);
  EXPECT_EQ(level(below, 10), Level::kWarning);
  EXPECT_EQ(level(below, 5), Level::kProblem);
}

TEST(Evaluate, EachFigureOfAMetric) {
  FakeInputs inputs;
  inputs.metrics["m"] = {.count = 4,
                         .sum = 20,
                         .min = 1,
                         .max = 9,
                         .last = 7,
                         .histogram = {{HistogramBucket(8'000'000), 4}}};
  const auto value = [&](const std::string& figure) {
    return *Evaluate(Monitor("metric = \"m\"\nwindow = \"10s\"\nproblem = 1000\n" + figure), inputs)
                .value;
  };
  EXPECT_DOUBLE_EQ(value(""), 7);
  EXPECT_DOUBLE_EQ(value("figure = \"sum\""), 20);
  EXPECT_DOUBLE_EQ(value("figure = \"count\""), 4);
  EXPECT_DOUBLE_EQ(value("figure = \"mean\""), 5);
  EXPECT_DOUBLE_EQ(value("figure = \"min\""), 1);
  EXPECT_DOUBLE_EQ(value("figure = \"max\""), 9);
  EXPECT_DOUBLE_EQ(value("figure = \"rate\""), 2);
  EXPECT_NEAR(value("percentile = 50"), 8, 0.5);
}

TEST(Evaluate, LatencyAndErrorsOfTheRoutesThatMatch) {
  FakeInputs inputs;
  inputs.routes = {{.site = "a",
                    .route = "/shop/{}",
                    .count = 90,
                    .failed = 0,
                    .histogram = {{HistogramBucket(10'000'000), 90}}},
                   {.site = "b",
                    .route = "/shop/x",
                    .count = 10,
                    .failed = 10,
                    .histogram = {{HistogramBucket(500'000'000), 10}}},
                   {.site = "a",
                    .route = "/other",
                    .count = 1000,
                    .failed = 1000,
                    .histogram = {{HistogramBucket(9'000'000'000), 1000}}}};
  EXPECT_NEAR(
      *Evaluate(Monitor("latency = \"/shop/*\"\npercentile = 50\nproblem = 1"), inputs).value,
      0.010, 0.0007);
  EXPECT_NEAR(
      *Evaluate(Monitor("latency = \"/shop/*\"\npercentile = 95\nproblem = 1"), inputs).value, 0.5,
      0.04);
  EXPECT_DOUBLE_EQ(*Evaluate(Monitor("error_rate = \"/shop/*\"\nproblem = 1"), inputs).value, 10);
  EXPECT_DOUBLE_EQ(
      *Evaluate(Monitor("error_rate = \"/**\"\nsite = \"b\"\nproblem = 1"), inputs).value, 100);
  EXPECT_FALSE(
      Evaluate(Monitor("error_rate = \"/shop/*\"\nat_least = 101\nproblem = 1"), inputs).value);
}

TEST(Evaluate, MemoryOfTheLargestOrOfAll) {
  FakeInputs inputs;
  inputs.memories = {{.pid = 1, .comm = "gunicorn", .exe = "/usr/bin/python3", .rss_bytes = 100},
                     {.pid = 2, .comm = "gunicorn", .exe = "/usr/bin/python3", .rss_bytes = 300},
                     {.pid = 3, .comm = "nginx", .exe = "/usr/sbin/nginx", .rss_bytes = 900}};
  EXPECT_DOUBLE_EQ(*Evaluate(Monitor("memory = \"gunicorn\"\nproblem = 1"), inputs).value, 300);
  EXPECT_DOUBLE_EQ(
      *Evaluate(Monitor("memory = \"*/python3\"\nsum = true\nproblem = 1"), inputs).value, 400);
  EXPECT_FALSE(Evaluate(Monitor("memory = \"java\"\nproblem = 1"), inputs).value);
}

TEST(Evaluate, AnAgeAndItsDefaults) {
  FakeInputs inputs;
  const MonitorSettings monitor = Monitor("age_of_file = \"/x\"\n");
  EXPECT_EQ(Evaluate(monitor, inputs).level, Level::kProblem) << "no value";
  inputs.last = kNow - 86'399 * kSecondNs;
  EXPECT_EQ(Evaluate(monitor, inputs).level, Level::kFine);
  inputs.last = kNow - 86'400 * kSecondNs;
  EXPECT_EQ(Evaluate(monitor, inputs).level, Level::kWarning);
  inputs.last = kNow - 172'800 * kSecondNs;
  EXPECT_EQ(Evaluate(monitor, inputs).level, Level::kProblem);
  inputs.last = kNow + 3'600 * kSecondNs;
  EXPECT_DOUBLE_EQ(*Evaluate(monitor, inputs).value, 0) << "a clock that was set back";
}

TEST(Evaluate, AQueriedTimeIsSecondsOrNanoseconds) {
  FakeInputs inputs;
  const MonitorSettings monitor = Monitor("age_of_query = \"SELECT 1\"\n");
  inputs.check = CheckResult{};
  inputs.check->value = 1'699'999'990;
  EXPECT_NEAR(*Evaluate(monitor, inputs).value, 10, 1e-3);
  inputs.check->value = 1'699'999'990e9;
  EXPECT_NEAR(*Evaluate(monitor, inputs).value, 10, 1e-3);
}

TEST(Evaluate, NoValueIsWhatIsDeclared) {
  FakeInputs inputs;
  Finding finding = Evaluate(Monitor("metric = \"m\"\nproblem = 1\n"), inputs);
  EXPECT_EQ(finding.level, Level::kUnknown);
  EXPECT_TRUE(finding.no_value);
  finding = Evaluate(Monitor("metric = \"m\"\nproblem = 1\nno_value = \"problem\"\n"), inputs);
  EXPECT_EQ(finding.level, Level::kProblem);
}

TEST(Evaluate, ACommandSaysItByItsExitCode) {
  FakeInputs inputs;
  const MonitorSettings monitor = Monitor("command = \"x\"\n");
  EXPECT_TRUE(Evaluate(monitor, inputs).not_yet);
  inputs.check = CheckResult{};
  for (const auto& [code, level] : {std::pair{0, Level::kFine},
                                    {1, Level::kWarning},
                                    {2, Level::kProblem},
                                    {3, Level::kUnknown},
                                    {127, Level::kUnknown}}) {
    inputs.check->exit_code = code;
    EXPECT_EQ(Evaluate(monitor, inputs).level, level) << code;
  }
  inputs.check->error = "the command did not end";
  const Finding finding = Evaluate(monitor, inputs);
  EXPECT_EQ(finding.level, Level::kUnknown);
  EXPECT_FALSE(finding.no_value) << "something is wrong";
  EXPECT_THAT(finding.text, HasSubstr("did not end"));
}

TEST(Evaluate, TextsAreFilledIn) {
  FakeInputs inputs;
  inputs.metrics["m"] = {.count = 1, .sum = 7, .min = 7, .max = 7, .last = 7, .histogram = {}};
  const Finding finding = Evaluate(
      Monitor("metric = \"m\"\ntitle = \"T\"\nwarning = 5\ntext.warning = \"{title}: {value}, "
              "from {warning}, {problem} {other}\"\n"),
      inputs);
  EXPECT_EQ(finding.text, "T: 7, from 5, none {other}");
}

struct Steps {
  MonitorSettings monitor = Monitor("metric = \"m\"\nproblem = 1\nfor = \"60s\"\n");
  std::optional<MonitorRow> row;
  bool changed = false;

  Level At(int64_t second, Level found) {
    Finding finding;
    finding.level = found;
    row = Advance(monitor, row ? &*row : nullptr, finding, kNow + second * kSecondNs, &changed);
    return static_cast<Level>(row->level);
  }
};

TEST(Advance, AWorseLevelMustLast) {
  Steps steps;
  EXPECT_EQ(steps.At(0, Level::kProblem), Level::kFine) << "new: it must last too";
  EXPECT_EQ(steps.At(59, Level::kProblem), Level::kFine);
  EXPECT_EQ(steps.At(60, Level::kProblem), Level::kProblem);
  EXPECT_TRUE(steps.changed);
  EXPECT_EQ(steps.At(61, Level::kProblem), Level::kProblem);
  EXPECT_FALSE(steps.changed);
  EXPECT_EQ(steps.row->since_wall_ns, kNow + 60 * kSecondNs);
}

TEST(Advance, ABetterLevelCountsAtOnce) {
  Steps steps;
  steps.At(0, Level::kProblem);
  steps.At(60, Level::kProblem);
  EXPECT_EQ(steps.At(61, Level::kFine), Level::kFine);
  EXPECT_TRUE(steps.changed);
}

TEST(Advance, AMomentOfFineBeginsTheWaitAnew) {
  Steps steps;
  steps.At(0, Level::kFine);
  steps.At(10, Level::kProblem);
  steps.At(50, Level::kFine);
  EXPECT_EQ(steps.At(60, Level::kProblem), Level::kFine);
  EXPECT_EQ(steps.At(119, Level::kProblem), Level::kFine);
  EXPECT_EQ(steps.At(120, Level::kProblem), Level::kProblem);
}

TEST(Advance, WarningAndProblemLastTogether) {
  Steps steps;
  steps.At(0, Level::kFine);
  steps.At(10, Level::kWarning);
  steps.At(40, Level::kProblem);
  EXPECT_EQ(steps.At(70, Level::kWarning), Level::kWarning);
}

TEST(Advance, AClockSetBackWaitsNoLonger) {
  Steps steps;
  steps.At(0, Level::kFine);
  steps.At(10'000, Level::kProblem);
  EXPECT_EQ(steps.At(20, Level::kProblem), Level::kFine);
  EXPECT_EQ(steps.At(80, Level::kProblem), Level::kProblem);
}

TEST(FormatValue, IsForPeople) {
  EXPECT_EQ(FormatValue(0.3125, "s"), "312 ms");
  EXPECT_EQ(FormatValue(90'000, "s"), "25 h");
  EXPECT_EQ(FormatValue(1.5 * 1024 * 1024, "B"), "1.5 MiB");
  EXPECT_EQ(FormatValue(4.21, "%"), "4.21%");
  EXPECT_EQ(FormatValue(17, "logins"), "17 logins");
  EXPECT_EQ(FormatValue(17, ""), "17");
}

TEST(FirstNumber, IsFoundInText) {
  EXPECT_DOUBLE_EQ(*FirstNumber("the answer is 42.5 of 50"), 42.5);
  EXPECT_DOUBLE_EQ(*FirstNumber("-3e2"), -300);
  EXPECT_DOUBLE_EQ(*FirstNumber("a .5"), 0.5);
  EXPECT_FALSE(FirstNumber("none"));
  EXPECT_FALSE(FirstNumber(""));
}

}  // namespace
}  // namespace pinfo
