#include "collector/base/glob.h"

#include <string>

#include <gtest/gtest.h>

namespace pinfo {
namespace {

TEST(GlobMatches, AsAShellDoes) {
  EXPECT_TRUE(GlobMatches("/a/*", "/a/b/c"));
  EXPECT_FALSE(GlobMatches("/a/*", "/a"));
  EXPECT_TRUE(GlobMatches("/a/**", "/a"));
  EXPECT_TRUE(GlobMatches("/a/**", "/a/b/c"));
  EXPECT_FALSE(GlobMatches("/a/**", "/ab"));
  EXPECT_TRUE(GlobMatches("*.css", "/x/y.css"));
  EXPECT_TRUE(GlobMatches("/?.js", "/a.js"));
  EXPECT_FALSE(GlobMatches("/?.js", "/.js"));
  EXPECT_TRUE(GlobMatches("/\\*", "/*"));
  EXPECT_FALSE(GlobMatches("/\\*", "/a"));
  EXPECT_TRUE(GlobMatches("", ""));
  EXPECT_FALSE(GlobMatches("", "a"));
  EXPECT_FALSE(GlobMatches("a", ""));
  EXPECT_TRUE(GlobMatches("a\\", "a\\"));
}

TEST(GlobMatches, StaysFastOnHostileInput) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) {
    pattern += "a*";
  }
  EXPECT_FALSE(GlobMatches(pattern + "b", std::string(4000, 'a')));
}

}  // namespace
}  // namespace pinfo
