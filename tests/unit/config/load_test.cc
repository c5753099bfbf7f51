#include "collector/config/load.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

using testing::HasSubstr;

std::string MessageOf(const std::string& text) {
  const Result<Configuration> configuration = ParseConfiguration(text, "c.toml");
  return configuration ? "" : configuration.error().message;
}

constexpr const char* kWhole = R"(
[[metric]]
name = "logins"
title = "Logins"
unit = "logins"
group = "Users"
order = 3
chart = "bars"
probe = "/usr/sbin/app:login_ok"

[[metric]]
name = "posts"
request = "POST /shop/*"
status = "2xx"

[[metric]]
name = "rows"
query = "SELECT count(*) FROM request"
every = "5m"

[[metric]]
name = "queue"
command = ["queue-length", "--all"]

[[person]]
name = "ann"
mail = "ann@example.org"
mode = "digest"

[[monitor]]
name = "shop is slow"
latency = "/shop/*"
percentile = 99.9
warning = "250ms"
problem = 1
for = "2m"
text.problem = "slow: {value}"
notify = ["ann", { person = "ann", mode = "instant" }]

[[monitor]]
name = "no logins"
metric = "logins"
figure = "sum"
below = true
warning = 10
problem = 1

[[monitor]]
name = "backup"
age_of_file = "/var/backups/last"

[mail]
smtp = "smtps://mail.example.org:465"
user = "pinfo"
password_file = "/etc/pinfo/password"

[notify]
delay = "1h"
digest_at = "07:30"

[statsd]
udp = "127.0.0.1:8125"
)";

TEST(Configuration, IsReadWhole) {
  const Result<Configuration> read = ParseConfiguration(kWhole, "c.toml");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->metrics.size(), 4U);
  const MetricSettings& logins = read->metrics[0];
  EXPECT_EQ(logins.title, "Logins");
  EXPECT_EQ(logins.order, 3);
  EXPECT_EQ(logins.chart, ChartKind::kBars);
  EXPECT_EQ(std::get<ProbeSource>(logins.source).path, "/usr/sbin/app");
  EXPECT_EQ(std::get<ProbeSource>(logins.source).symbol, "login_ok");
  const auto& posts = std::get<RequestSource>(read->metrics[1].source);
  EXPECT_EQ(posts.method, "POST");
  EXPECT_EQ(posts.target, "/shop/*");
  EXPECT_EQ(posts.status_class, 2);
  EXPECT_EQ(read->metrics[2].every_ns, 300 * kSecondNs);
  EXPECT_EQ(std::get<CommandSource>(read->metrics[3].source).arguments.size(), 2U);
  const MonitorSettings& slow = read->monitors[0];
  EXPECT_DOUBLE_EQ(*slow.warning, 0.25);
  EXPECT_DOUBLE_EQ(*slow.problem, 1);
  EXPECT_EQ(slow.for_ns, 120 * kSecondNs);
  EXPECT_EQ(slow.unit, "s");
  EXPECT_EQ(slow.texts[static_cast<size_t>(Level::kProblem)], "slow: {value}");
  ASSERT_EQ(slow.notify->size(), 2U);
  EXPECT_EQ((*slow.notify)[1].mode, NotifyMode::kInstant);
  EXPECT_TRUE(read->monitors[1].below);
  EXPECT_EQ(read->notify.delay_ns, 3600 * kSecondNs);
  EXPECT_EQ(read->notify.digest_minute, 450);
}

TEST(Configuration, AnAgeHasItsDefaults) {
  const Result<Configuration> read = ParseConfiguration(kWhole, "c.toml");
  ASSERT_TRUE(read);
  const MonitorSettings& backup = read->monitors[2];
  EXPECT_DOUBLE_EQ(*backup.warning, 86'400);
  EXPECT_DOUBLE_EQ(*backup.problem, 172'800);
  EXPECT_EQ(backup.no_value, Level::kProblem);
  EXPECT_EQ(ParseConfiguration(kWhole, "")->notify.delay_ns, 3600 * kSecondNs);
  EXPECT_EQ(ParseConfiguration("", "")->notify.delay_ns, 21'600 * kSecondNs);
}

TEST(Configuration, MalformedTomlIsToldWithItsPlace) {
  EXPECT_THAT(MessageOf("[[metric]]\nname = \n"), HasSubstr("c.toml:2:"));
  EXPECT_THAT(MessageOf("a = 1\na = 2\n"), HasSubstr("c.toml:2:"));
  EXPECT_THAT(MessageOf("[statsd]\nudp = \"\xff\xfe\"\n"), HasSubstr("c.toml:2:"));
  EXPECT_NE(MessageOf(std::string(100'000, '[')), "");
}

TEST(Configuration, UnknownNamesAreRefusedWithTheirPlace) {
  EXPECT_THAT(MessageOf("[[metric]]\nname = \"a\"\n  titel = \"A\"\n"),
              HasSubstr("c.toml:3:3: metric 'a': there is no setting 'titel'"));
  EXPECT_THAT(MessageOf("[metrics]\n"), HasSubstr("c.toml:1:2: c.toml: there is no setting"));
  EXPECT_THAT(MessageOf("[[monitor]]\nname = \"m\"\nmetric = \"x\"\nproblem = 1\n"),
              HasSubstr("there is no metric 'x'"));
  EXPECT_THAT(MessageOf("[[metric]]\nname = \"x\"\n[[monitor]]\nname = \"m\"\nmetric = \"x\"\n"
                        "problem = 1\nnotify = [\"nobody\"]\n"),
              HasSubstr("c.toml:3:1: monitor 'm': there is no person 'nobody'"));
}

TEST(Configuration, DuplicatesAreRefusedWithBothPlaces) {
  EXPECT_THAT(MessageOf("[[metric]]\nname = \"a\"\n[[metric]]\nname = \"a\"\n"),
              HasSubstr("c.toml:4:8: metric 'a': is there already, at c.toml:1:1"));
}

TEST(Configuration, EveryProblemIsTold) {
  const std::string message =
      MessageOf("[[metric]]\nname = \"a\"\nchart = \"pie\"\norder = 1.5\n[[monitor]]\n");
  EXPECT_THAT(message,
              HasSubstr("c.toml:3:9: metric 'a': chart must be one of: line, bars, number"));
  EXPECT_THAT(message, HasSubstr("c.toml:4:9: "));
  EXPECT_THAT(message, HasSubstr("monitor: has no name"));
}

struct Wrong {
  const char* text;
  const char* expected;
};
class WrongSettings : public testing::TestWithParam<Wrong> {};

TEST_P(WrongSettings, AreRefused) {
  EXPECT_THAT(MessageOf(GetParam().text), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Each, WrongSettings,
    testing::Values(
        Wrong{"[[metric]]\nname = \"\"", "name is empty"},
        Wrong{"[[metric]]\nname = \"a\\u0007b\"", "control characters"},
        Wrong{"[[metric]]\nname = 5", "must be a text, not a number"},
        Wrong{"[metric]\nname = \"a\"", "write [[metric]]"},
        Wrong{"[[metric]]\nname=\"a\"\nprobe=\"app:f\"", "probe must be a file and a function"},
        Wrong{"[[metric]]\nname=\"a\"\nrequest=\"POST\"", "request must be as"},
        Wrong{"[[metric]]\nname=\"a\"\nrequest=\"/x\"\nquery=\"SELECT 1\"", "exclude each other"},
        Wrong{"[[metric]]\nname=\"a\"\nsite=\"x\"", "site belongs to request"},
        Wrong{"[[metric]]\nname=\"a\"\nevery=\"soon\"", "is not a duration"},
        Wrong{"[[metric]]\nname=\"a\"\ncommand=[]", "command must be"},
        Wrong{"[[monitor]]\nname=\"m\"", "must watch one thing"},
        Wrong{"[[monitor]]\nname=\"m\"\nmemory=\"x\"\nlatency=\"/\"\nproblem=1", "one thing"},
        Wrong{"[[monitor]]\nname=\"m\"\nmemory=\"x\"", "neither warning nor problem"},
        Wrong{"[[monitor]]\nname=\"m\"\nmemory=\"x\"\nproblem=\"5s\"", "write it as 512MiB"},
        Wrong{"[[monitor]]\nname=\"m\"\nmemory=\"x\"\nwarning=2\nproblem=1", "before warning"},
        Wrong{"[[monitor]]\nname=\"m\"\ncommand=\"true\"\nproblem=1", "no setting 'problem'"},
        Wrong{"[[person]]\nname=\"p\"", "cannot be reached"},
        Wrong{"[[person]]\nname=\"p\"\nmail=\"a b@c\"", "is not a mail address"},
        Wrong{"[[person]]\nname=\"p\"\nmail=\"a@c\\r\\nBcc: x@y\"", "control characters"},
        Wrong{"[mail]\nuser=\"u\"", "belong together"},
        Wrong{"[mail]\npassword=\"secret\"", "no setting 'password'"},
        Wrong{"[mail]\nsmtp=\"smtp://u:p@host\"", "no user or password here"},
        Wrong{"[notify]\ndigest_at=\"25:00\"", "must be a time of day"},
        Wrong{"[statsd]\nudp=\"127.0.0.1:99999\"", "must be an address and a port"},
        Wrong{"[statsd]\nunix=\"relative\"", "absolute path"}));

class ConfigurationFiles : public testing::Test {
 protected:
  ConfigurationFiles() {
    std::string name = testing::TempDir() + "pinfo-config-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~ConfigurationFiles() override { std::filesystem::remove_all(folder_); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  std::filesystem::path folder_;
};

TEST_F(ConfigurationFiles, OfAFolderAreOne) {
  Write("a.toml", "[[metric]]\nname = \"one\"\n");
  Write("b.toml", "[[monitor]]\nname = \"m\"\nmetric = \"one\"\nproblem = 1\n");
  Write("ignored.txt", "not toml at all");
  Write(".hidden.toml", "not toml at all");
  const Result<Configuration> read = LoadConfiguration(folder_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->files.size(), 2U);
  EXPECT_EQ(read->metrics.size(), 1U);
  EXPECT_EQ(read->monitors.size(), 1U);
}

TEST_F(ConfigurationFiles, NameTheOtherFileOfADuplicate) {
  Write("a.toml", "[[metric]]\nname = \"one\"\n");
  Write("b.toml", "\n[[metric]]\nname = \"one\"\n[mail]\n");
  Write("c.toml", "[mail]\n");
  const Result<Configuration> read = LoadConfiguration(folder_);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("b.toml:3:8: metric 'one': is there already, at"));
  EXPECT_THAT(read.error().message, HasSubstr("a.toml:1:1"));
  EXPECT_THAT(read.error().message, HasSubstr("c.toml:1:1: [mail] is there already"));
}

TEST_F(ConfigurationFiles, ThatAreNotThereOrNoFilesAreTold) {
  EXPECT_FALSE(LoadConfiguration(folder_ / "missing.toml"));
  EXPECT_FALSE(LoadConfiguration("/dev/null"));
  EXPECT_TRUE(LoadConfiguration(folder_)) << "an empty folder";
  EXPECT_TRUE(LoadConfiguration("")) << "none";
}

}  // namespace
}  // namespace pinfo
