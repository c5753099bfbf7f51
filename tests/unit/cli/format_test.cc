#include "cli/format.h"

#include <cstdlib>
#include <ctime>
#include <limits>

#include <gmock/gmock.h>

namespace pinfo::cli {
namespace {

using testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

// Local time is that of the test's own zone: an hour east of Greenwich, without summer time.
class FormatTime : public testing::Test {
 protected:
  FormatTime() {
    ::setenv("TZ", "PIN-1", 1);
    ::tzset();
  }
  ~FormatTime() override {
    ::unsetenv("TZ");
    ::tzset();
  }
};

TEST(Format, Durations) {
  EXPECT_EQ(FormatDuration(0), "0 ns");
  EXPECT_EQ(FormatDuration(999), "999 ns");
  EXPECT_EQ(FormatDuration(1'000), "1.00 us");
  EXPECT_EQ(FormatDuration(48'249'000), "48.2 ms");
  EXPECT_EQ(FormatDuration(9'996'000), "10.0 ms");
  EXPECT_EQ(FormatDuration(99'960'000), "100 ms");
  EXPECT_EQ(FormatDuration(3 * kSecond), "3.00 s");
  EXPECT_EQ(FormatDuration(-5), "-5 ns");
  EXPECT_THAT(FormatDuration(std::numeric_limits<int64_t>::min()), HasSubstr("-9223372037 s"));
}

TEST(Format, Ages) {
  EXPECT_EQ(FormatAge(0), "0 ns");
  EXPECT_EQ(FormatAge(59 * kSecond), "59.0 s");
  EXPECT_EQ(FormatAge(60 * kSecond), "1 min 0 s");
  EXPECT_EQ(FormatAge(3'599 * kSecond), "59 min 59 s");
  EXPECT_EQ(FormatAge(3'600 * kSecond), "1 h 0 min");
  EXPECT_EQ(FormatAge(86'399 * kSecond), "23 h 59 min");
  EXPECT_EQ(FormatAge(200'000 * kSecond), "2 d 7 h");
}

TEST(Format, Bytes) {
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.00 KiB");
  EXPECT_EQ(FormatBytes(int64_t{5} << 30), "5.00 GiB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<int64_t>::max()), "8.00 EiB");
}

TEST(Format, Percent) {
  EXPECT_EQ(FormatPercent(1, 3), "33%");
  EXPECT_EQ(FormatPercent(0, 3), "0%");
  EXPECT_EQ(FormatPercent(42, 10'000), "0.42%");
}

TEST(Format, WhatComesFromTheNetworkCannotDriveATerminal) {
  EXPECT_EQ(EscapeForTerminal("/plain?q=a b"), "/plain?q=a b");
  EXPECT_EQ(EscapeForTerminal("\x1b[2J\r\n\t\x7f"), "\\x1b[2J\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(EscapeForTerminal("\xc2\x9b"
                              "31m"),
            "\\x9b31m");  // C1: CSI in one character
  EXPECT_EQ(EscapeForTerminal("a\xe2\x80\xae"
                              "b"),
            "a\\u202eb");  // right-to-left override
  EXPECT_EQ(EscapeForTerminal("h\xc3\xa9"), "h\xc3\xa9");
  EXPECT_EQ(EscapeForTerminal("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(EscapeForTerminal("\xff\xc3"), "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_F(FormatTime, Moments) {
  const int64_t moment = 1'769'846'700 * kSecond + 250'123'456;
  EXPECT_EQ(FormatRfc3339(moment), "2026-01-31T08:05:00.250123Z");
  EXPECT_EQ(FormatLocalTime(moment), "2026-01-31 09:05:00.250");
  EXPECT_EQ(FormatRfc3339(-1), "1969-12-31T23:59:59.999999Z");
}

TEST_F(FormatTime, MomentsAreRead) {
  const int64_t moment = 1'769'846'700 * kSecond;  // 2026-01-31 08:05 UTC
  for (const char* text :
       {"2026-01-31T08:05:00Z", "2026-01-31T08:05Z", "2026-01-31 09:05", "2026-01-31T09:05:00",
        "2026-01-31T09:05:00+01:00", "2026-01-31T06:35:00-01:30", "2026-01-31t08:05:00.000z"}) {
    EXPECT_EQ(ParseMoment(text, 0).value_or(-1), moment) << text;
  }
  EXPECT_EQ(ParseMoment("2026-01-31T08:05:00.25Z", 0).value_or(-1), moment + kSecond / 4);
  EXPECT_EQ(ParseMoment("2026-01-31", 0).value_or(-1), moment - (9 * 60 + 5) * 60 * kSecond);
  EXPECT_EQ(ParseMoment("10m", moment).value_or(-1), moment - 600 * kSecond);
}

TEST_F(FormatTime, WhatIsNoMomentIsRefused) {
  for (const char* text :
       {"", "yesterday", "2026", "2026-02-30", "2026-13-01", "2026-01-31T", "2026-01-31T25:00",
        "2026-01-31T09:05x", "2026-01-31T09:05:00.", "2026-01-31T09:05+1", "9999-01-01",
        "2026-01-31T09:05:00+99:00", "-5m", "2026-01-31T09:05:00Z "}) {
    EXPECT_FALSE(ParseMoment(text, 0)) << text;
  }
}

}  // namespace
}  // namespace pinfo::cli
