#include "collector/profile/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace pinfo {
namespace {

constexpr const char* kBad = "\xEF\xBF\xBD";

TEST(ValidUtf8, LeavesWellFormedTextAlone) {
  for (const std::string text : {"", "main",
                                 "fa\xC3\xA7"
                                 "ade",
                                 "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    EXPECT_EQ(ValidUtf8(text), text);
  }
}

TEST(ValidUtf8, ReplacesEachBadByte) {
  EXPECT_EQ(ValidUtf8("a\xFF"
                      "b"),
            std::string("a") + kBad + "b");
  EXPECT_EQ(ValidUtf8("\xC3"), kBad);                                     // cut short
  EXPECT_EQ(ValidUtf8("\xC0\xAF"), std::string(kBad) + kBad);             // overlong
  EXPECT_EQ(ValidUtf8("\xED\xA0\x80"), std::string(kBad) + kBad + kBad);  // surrogate
  EXPECT_EQ(ValidUtf8("\xF4\x90\x80\x80"),                                // beyond U+10FFFF
            std::string(kBad) + kBad + kBad + kBad);
  EXPECT_EQ(ValidUtf8(std::string("a\0b", 3)), std::string("a") + kBad + "b");
}

TEST(ValidUtf8, IsIdempotent) {
  std::string all;
  for (int lead = 0; lead < 256; ++lead) {
    for (int next = 0; next < 256; ++next) {
      all += static_cast<char>(lead);
      all += static_cast<char>(next);
    }
  }
  const std::string once = ValidUtf8(all);
  EXPECT_EQ(ValidUtf8(once), once);
}

}  // namespace
}  // namespace pinfo
