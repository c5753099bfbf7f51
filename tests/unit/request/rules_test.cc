#include "collector/request/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

ServedRequest Request(std::string target, int status = 200, int64_t latency_ns = 1000) {
  ServedRequest request;
  request.target = std::move(target);
  request.head = "GET " + request.target + " HTTP/1.1\r\nreferer: x\r\n\r\n";
  request.status = status;
  request.outcome = Outcome::kComplete;
  request.start_ns = 5;
  request.end_ns = 5 + latency_ns;
  return request;
}

ProfileRule Rule(std::string_view text, ProfileFilters filters = {}) {
  auto rule = ProfileRule::Parse(text, std::move(filters));
  EXPECT_TRUE(rule.has_value()) << text;
  return rule.value();
}

TEST(ProfileRule, ChoosesByItsKind) {
  EXPECT_TRUE(Rule("all").Wants(Request("/")));
  EXPECT_FALSE(Rule("none").Wants(Request("/")));
  ProfileRule one_in_three = Rule("1/3");
  std::string chosen;
  for (int i = 0; i < 7; ++i) {
    chosen += one_in_three.Wants(Request("/")) ? 'x' : '.';
  }
  EXPECT_EQ(chosen, "x..x..x");
  EXPECT_TRUE(Rule("slow=50ms").Wants(Request("/", 200, 50'000'000)));
  EXPECT_FALSE(Rule("slow=50ms").Wants(Request("/", 200, 49'999'999)));
  EXPECT_TRUE(Rule("failed").Wants(Request("/", 500)));
  EXPECT_FALSE(Rule("failed").Wants(Request("/", 404)));
  ServedRequest aborted = Request("/", 0);
  aborted.outcome = Outcome::kAborted;
  EXPECT_TRUE(Rule("failed").Wants(aborted));
  ServedRequest partial = Request("/");
  partial.outcome = Outcome::kPartial;
  EXPECT_FALSE(Rule("all").Wants(partial));
}

TEST(ProfileRule, FiltersComeFirst) {
  ProfileRule rule = Rule("1/2", {{"/api/*"}, {"/api/private/**"}, {"X-Probe"}, {}});
  EXPECT_FALSE(rule.Wants(Request("/other")));
  EXPECT_TRUE(rule.Wants(Request("/api/a?x=/api/private")));
  EXPECT_FALSE(rule.Wants(Request("/api/private")));
  EXPECT_FALSE(rule.Wants(Request("/api/b")));
  EXPECT_TRUE(rule.Wants(Request("/api/c")));
  EXPECT_FALSE(Rule("all", {.skip_header = {"Referer"}}).Wants(Request("/")));
}

TEST(ProfileRule, MediaTypesAreOfTheResponse) {
  ServedRequest page = Request("/");
  page.media_type = "Text/HTML";
  ServedRequest image = Request("/");
  image.media_type = "image/png";
  ProfileRule rule = Rule("all", {.media_types = {"text/html", "application/*"}});
  EXPECT_TRUE(rule.Wants(page));
  EXPECT_FALSE(rule.Wants(image));
  EXPECT_FALSE(rule.Wants(Request("/")));  // no type, or not known
  EXPECT_TRUE(Rule("all", {.media_types = {"IMAGE/*"}}).Wants(image));
}

TEST(ProfileRule, NamesWhatItCannotRead) {
  for (const char* bad : {"", "some", "1/0", "1/", "1/x", "1/-2", "1/99999999999999999999", "2/3",
                          "slow=", "slow=5", "slow=-1s", "ALL"}) {
    const auto rule = ProfileRule::Parse(bad, {});
    ASSERT_FALSE(rule.has_value()) << bad;
    EXPECT_THAT(rule.error().message, ::testing::HasSubstr(std::string("'") + bad + "'"));
  }
  EXPECT_FALSE(ProfileRule::Parse("all", {{""}, {}, {}, {}}).has_value());
  EXPECT_FALSE(ProfileRule::Parse("all", {.media_types = {"html"}}).has_value());
  const auto header = ProfileRule::Parse("all", {{}, {}, {"X: y"}, {}});
  ASSERT_FALSE(header.has_value());
  EXPECT_THAT(header.error().message, ::testing::HasSubstr("'X: y'"));
}

}  // namespace
}  // namespace pinfo
