#include "collector/emit/json_text.h"

#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace pinfo {
namespace {

TEST(JsonTextTest, IsAsciiAndReadsBackAsTheText) {
  EXPECT_EQ(JsonString("a\"b\\c\nd\x01\x7f"), R"("a\"b\\c\nd\u0001\u007f")");
  EXPECT_EQ(JsonString("\u2028\xff"), R"("\u2028\ufffd")");
  EXPECT_EQ(JsonString(""), R"("")");
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (auto left = random() % 40; left > 0; --left) {
      text += static_cast<char>(random() % 128);
    }
    EXPECT_EQ(nlohmann::json::parse(JsonString(text)).get<std::string>(), text);
  }
}

}  // namespace
}  // namespace pinfo
