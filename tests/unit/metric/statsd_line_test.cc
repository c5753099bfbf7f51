#include "collector/metric/statsd_line.h"

#include <gtest/gtest.h>

namespace pinfo {
namespace {

StatsdLine Parse(std::string_view line) {
  StatsdLine parsed;
  EXPECT_TRUE(ParseStatsdLine(line, parsed)) << line;
  return parsed;
}

bool IsRefused(std::string_view line) {
  StatsdLine parsed;
  return !ParseStatsdLine(line, parsed);
}

TEST(StatsdLine, EveryType) {
  EXPECT_EQ(Parse("a:1|c").values.at(0).kind, MetricKind::kCounter);
  EXPECT_EQ(Parse("a:1|g").values.at(0).kind, MetricKind::kGauge);
  EXPECT_EQ(Parse("a:1|ms").values.at(0).kind, MetricKind::kTiming);
  EXPECT_EQ(Parse("a:1|h").values.at(0).kind, MetricKind::kTiming);
  EXPECT_EQ(Parse("a:1|d").values.at(0).kind, MetricKind::kTiming);
  const StatsdLine set = Parse("users:ann of x|s");
  EXPECT_EQ(set.values.at(0).kind, MetricKind::kSet);
  EXPECT_EQ(set.values.at(0).text, "ann of x");
}

TEST(StatsdLine, Numbers) {
  EXPECT_DOUBLE_EQ(Parse("a:-2.5e3|c").values.at(0).number, -2500);
  EXPECT_DOUBLE_EQ(Parse("a:320|ms|@0.1").values.at(0).weight, 10);
  EXPECT_FALSE(Parse("a:7|g").values.at(0).relative);
  EXPECT_TRUE(Parse("a:+7|g").values.at(0).relative);
  EXPECT_DOUBLE_EQ(Parse("a:+7|g").values.at(0).number, 7);
  EXPECT_DOUBLE_EQ(Parse("a:-7|g").values.at(0).number, -7);
  EXPECT_FALSE(Parse("a:-7|c").values.at(0).relative);
}

TEST(StatsdLine, TagsOfEveryNotationAreSorted) {
  EXPECT_EQ(Parse("a:1|c|#zone:eu,host:a b").tags, "host:a b,zone:eu");
  EXPECT_EQ(Parse("a:1|c|@0.5|#x:1:2").tags, "x:1:2");
  EXPECT_EQ(Parse("a,zone=eu,host=b:1|c").tags, "host:b,zone:eu");
  EXPECT_EQ(Parse("a;zone=eu;host=b:1|c").tags, "host:b,zone:eu");
  EXPECT_EQ(Parse("a:1|c|#one,one,two").tags, "one,two");
  EXPECT_EQ(Parse("a:1|c|#").tags, "");
  EXPECT_EQ(Parse("a,zone=eu:1|c").name, "a");
}

TEST(StatsdLine, SeveralValuesAndBits) {
  const StatsdLine packed = Parse("a:1:2:3|ms|@0.5");
  ASSERT_EQ(packed.values.size(), 3U);
  EXPECT_DOUBLE_EQ(packed.values[2].number, 3);
  EXPECT_DOUBLE_EQ(packed.values[2].weight, 2);
  const StatsdLine bits = Parse("gorets:1|c|@0.1:320|ms:5|g");
  ASSERT_EQ(bits.values.size(), 3U);
  EXPECT_EQ(bits.values[0].kind, MetricKind::kCounter);
  EXPECT_DOUBLE_EQ(bits.values[0].weight, 10);
  EXPECT_EQ(bits.values[1].kind, MetricKind::kTiming);
  EXPECT_DOUBLE_EQ(bits.values[1].weight, 1);
  EXPECT_DOUBLE_EQ(bits.values[2].number, 5);
}

TEST(StatsdLine, FieldsOfDogStatsdAreLetBy) {
  EXPECT_EQ(Parse("a:1|c|#x:1|c:83c0a99c0a54|T1656581400").values.size(), 1U);
}

TEST(StatsdLine, GarbageIsRefused) {
  for (const std::string_view line : {"",
                                      "a",
                                      "a:",
                                      ":1|c",
                                      "a:|c",
                                      "a:1",
                                      "a:1|",
                                      "a:1|x",
                                      "a:x|c",
                                      "a:1|c|@0",
                                      "a:1|c|@2",
                                      "a:1|c|@x",
                                      "a:1|c|@",
                                      "a:1|c|?",
                                      "a:nan|g",
                                      "a:inf|g",
                                      "a:1e999|c",
                                      "a:+-1|g",
                                      "a:1||c",
                                      "a\x01:1|c",
                                      "a:1|c|#t\x7f",
                                      "a:1|c:",
                                      "a:1|c:2",
                                      "a:1:|c:x",
                                      "_e{5,4}:title|text",
                                      "_sc|name|0",
                                      "GET / HTTP/1.1",
                                      "a:0x10|c",
                                      "a: 1|c",
                                      "\xff:1|c"}) {
    EXPECT_TRUE(IsRefused(line)) << line;
  }
  EXPECT_TRUE(IsRefused(std::string(kStatsdNameMax + 1, 'n') + ":1|c"));
  EXPECT_TRUE(IsRefused("a:1|c|#" + std::string(kStatsdTagsMax + 1, 't')));
  std::string many = "a";
  for (int i = 0; i < 2000; ++i) {
    many += ":1";
  }
  EXPECT_TRUE(IsRefused(many + "|c"));
}

// Whatever bytes come, reading ends and nothing lies outside of the line.
TEST(StatsdLine, AnyPrefixAndAnyChangedByteIsRead) {
  const std::string line = "some.name,tag=x:1:2|ms|@0.5:3|c|#a:b,c";
  for (size_t at = 0; at < line.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = line;
      changed[at] = static_cast<char>(byte);
      StatsdLine parsed;
      if (ParseStatsdLine(changed, parsed)) {
        EXPECT_GE(parsed.name.data(), changed.data());
        EXPECT_LE(parsed.name.data() + parsed.name.size(), changed.data() + changed.size());
      }
    }
    StatsdLine parsed;
    ParseStatsdLine(std::string_view(line).substr(0, at), parsed);
  }
}

}  // namespace
}  // namespace pinfo
