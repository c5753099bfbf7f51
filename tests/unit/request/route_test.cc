#include "collector/request/route.h"

#include <gtest/gtest.h>

#include "collector/request/site.h"

namespace pinfo {
namespace {

TEST(FoldPath, FoldsWhatVaries) {
  EXPECT_EQ(FoldPath("/users/42/orders/7?x=1#f"), "/users/{n}/orders/{n}");
  EXPECT_EQ(FoldPath("/o/123E4567-e89b-12d3-a456-426614174000/x"), "/o/{uuid}/x");
  EXPECT_EQ(FoldPath("/blob/d41d8cd98f00b204e9800998ecf8427e"), "/blob/{hash}");
  EXPECT_EQ(FoldPath("/log/2026-11-21/"), "/log/{date}/");
  EXPECT_EQ(FoldPath("/v2/api"), "/v2/api");
  EXPECT_EQ(FoldPath("/effaced/decade"), "/effaced/decade");
  EXPECT_EQ(FoldPath("/a%20b/%34"), "/a%20b/%34");
  EXPECT_EQ(FoldPath("http://host/users/1"), "/users/{n}");
  EXPECT_EQ(FoldPath("http://host?next=/1"), "/");
  EXPECT_EQ(FoldPath("*"), "*");
  EXPECT_EQ(FoldPath(""), "");
  EXPECT_EQ(FoldPath("//x//"), "//x//");
  EXPECT_EQ(FoldPath("/?a"), "/");
  const std::string longest = FoldPath("/" + std::string(5000, 'x'));
  EXPECT_EQ(longest.size(), 203U);
  EXPECT_TRUE(longest.ends_with("..."));
}

TEST(RouteFolder, BoundsTheRoutesOfEachSite) {
  RouteFolder folder(2, 2);
  EXPECT_EQ(folder.RouteOf("a", "/x"), "/x");
  EXPECT_EQ(folder.RouteOf("a", "/y/1"), "/y/{n}");
  EXPECT_EQ(folder.RouteOf("a", "/z"), "{other}");
  EXPECT_EQ(folder.RouteOf("a", "/y/2"), "/y/{n}");
  EXPECT_EQ(folder.RouteOf("b", "/z"), "/z");
  EXPECT_EQ(folder.overflowed(), 1U);
  // Sites beyond the limit share one set of routes.
  EXPECT_EQ(folder.RouteOf("c", "/1"), "/{n}");
  EXPECT_EQ(folder.RouteOf("d", "/p"), "/p");
  EXPECT_EQ(folder.RouteOf("e", "/q"), "{other}");
}

TEST(NormalizeHost, KeepsHostsAndRejectsGarbage) {
  EXPECT_EQ(NormalizeHost("Example.ORG"), "example.org");
  EXPECT_EQ(NormalizeHost("a.example.:80"), "a.example");
  EXPECT_EQ(NormalizeHost("a:443"), "a");
  EXPECT_EQ(NormalizeHost("a:8080"), "a:8080");
  EXPECT_EQ(NormalizeHost("a:"), "a");
  EXPECT_EQ(NormalizeHost("[::1]:8000"), "[::1]:8000");
  EXPECT_EQ(NormalizeHost("[FE80::1]"), "[fe80::1]");
  for (const char* bad : {"", ".", ":80", "a b", "a/b", "<script>", "a:b", "a:123456", "[::1", "[]",
                          "[::1]x", "::1", "\xff", "a\r\n b", "[zz]"}) {
    EXPECT_EQ(NormalizeHost(bad), "") << bad;
  }
  EXPECT_EQ(NormalizeHost(std::string(254, 'a')), "");
  EXPECT_EQ(NormalizeHost(std::string(100000, 'a')), "");
}

TEST(SiteOf, FallsBackToTheAddress) {
  ServedRequest request;
  request.local_address = "127.0.0.1:80";
  EXPECT_EQ(SiteOf(request), "127.0.0.1:80");
  request.host = "a";
  EXPECT_EQ(SiteOf(request), "a");
}

TEST(FormatAddress, OfEveryTransport) {
  const uint8_t v4[16] = {192, 168, 0, 255};
  const uint8_t v6[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  EXPECT_EQ(FormatAddress(PINFO_TRANSPORT_TCP4, v4, 65535), "192.168.0.255:65535");
  EXPECT_EQ(FormatAddress(PINFO_TRANSPORT_TCP6, v6, 80), "[fe80::1]:80");
  EXPECT_EQ(FormatAddress(PINFO_TRANSPORT_UNIX, v4, 0), "unix");
  EXPECT_EQ(FormatAddress(PINFO_TRANSPORT_UNKNOWN, v4, 0), "");
  EXPECT_EQ(FormatAddress(200, v4, 0), "");
}

}  // namespace
}  // namespace pinfo
