#include "collector/request/route_pattern.h"

#include <gtest/gtest.h>

#include "collector/request/route.h"

namespace pinfo {
namespace {

std::string Match(const std::vector<std::string>& patterns, std::string_view path) {
  return std::string(RoutePatterns::Parse(patterns).value().Match(path).value_or("none"));
}

TEST(RoutePatterns, MatchSegmentBySegment) {
  EXPECT_EQ(Match({"/shop/{product}"}, "/shop/red-shoe"), "/shop/{product}");
  EXPECT_EQ(Match({"/shop/{product}"}, "/shop/"), "none");
  EXPECT_EQ(Match({"/shop/{product}"}, "/shop"), "none");
  EXPECT_EQ(Match({"/shop/{product}"}, "/shop/red-shoe/"), "none");
  EXPECT_EQ(Match({"/shop/{product}/"}, "/shop/red-shoe/"), "/shop/{product}/");
  EXPECT_EQ(Match({"/shop/{product}/"}, "/shop/red-shoe"), "none");
  EXPECT_EQ(Match({"/a/{b}/c"}, "/a/x/c"), "/a/{b}/c");
  EXPECT_EQ(Match({"/a/{b}/c"}, "/a/x/d"), "none");
  EXPECT_EQ(Match({"/"}, "/"), "/");
  EXPECT_EQ(Match({"/"}, "/a"), "none");
  EXPECT_EQ(Match({}, "/a"), "none");
  EXPECT_EQ(Match({"/a"}, "*"), "none");
}

TEST(RoutePatterns, TakeTheRestWhereItIsAskedFor) {
  EXPECT_EQ(Match({"/static/**"}, "/static/css/a.css"), "/static/**");
  EXPECT_EQ(Match({"/static/**"}, "/static/"), "/static/**");
  EXPECT_EQ(Match({"/static/**"}, "/static"), "/static/**");
  EXPECT_EQ(Match({"/static/**"}, "/statics"), "none");
  EXPECT_EQ(Match({"/**"}, "/"), "/**");
}

TEST(RoutePatterns, TheFirstOneWins) {
  EXPECT_EQ(Match({"/u/me", "/u/{name}"}, "/u/me"), "/u/me");
  EXPECT_EQ(Match({"/u/{name}", "/u/me"}, "/u/me"), "/u/{name}");
}

TEST(RoutePatterns, NameWhatTheyCannotRead) {
  for (const char* bad : {"", "shop", "/a/**/b", "/a**", "/a b", "/a?x"}) {
    const auto parsed = RoutePatterns::Parse({bad});
    ASSERT_FALSE(parsed.has_value()) << bad;
    EXPECT_NE(parsed.error().message.find(std::string("'") + bad + "'"), std::string::npos);
  }
}

TEST(RouteFolder, PatternsComeBeforeFolding) {
  RouteFolder folder(200, 1000, RoutePatterns::Parse({"/u/{name}", "/n/**"}).value());
  EXPECT_EQ(folder.RouteOf("s", "/u/joe?x=1"), "/u/{name}");
  EXPECT_EQ(folder.RouteOf("s", "http://h/u/joe"), "/u/{name}");
  EXPECT_EQ(folder.RouteOf("s", "/n/5/6"), "/n/**");
  EXPECT_EQ(folder.RouteOf("s", "/m/5"), "/m/{n}");
}

}  // namespace
}  // namespace pinfo
