#include "html/data_script.h"

#include <gtest/gtest.h>

namespace pinfo::html {
namespace {

TEST(DataScriptTest, IsAsciiWhateverTheData) {
  const std::string script =
      DataScript("routes", {{"route", "\u2028\u2029</script>\xc3\x28'\"\\"}});
  EXPECT_EQ(script, "pinfoData.routes={\"route\":\"\\u2028\\u2029</script>\\ufffd('\\\"\\\\\"};\n");
}

TEST(DataScriptTest, ScriptStringQuotesWhatJsonLeaves) {
  EXPECT_EQ(ScriptString(R"(["it's","a\"b"])"), R"('["it\'s","a\\"b"]')");
}

TEST(DataScriptTest, MicrosecondsAreExactInAScript) {
  constexpr int64_t kLargestExact = int64_t{1} << 53;
  EXPECT_EQ(Microseconds(1'700'000'000'123'456'789), 1'700'000'000'123'456);
  EXPECT_LT(Microseconds(1'700'000'000'123'456'789), kLargestExact);
}

TEST(DataScriptTest, UnknownIsNull) {
  EXPECT_EQ(ToJson(OrNull(std::optional<int64_t>())), "null");
  EXPECT_EQ(ToJson(OrNull(std::optional<int64_t>(0))), "0");
}

// RFC 4648, section 10.
TEST(Base64Test, IsThatOfTheStandard) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foo"), "Zm9v");
  EXPECT_EQ(Base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace pinfo::html
