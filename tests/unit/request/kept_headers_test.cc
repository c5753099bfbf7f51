#include "collector/request/kept_headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::FieldsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(KeptHeadersTest, KeepsWhatTellsAndHidesWhatIsSecret) {
  EXPECT_THAT(KeptHeaders("GET /?key=1 HTTP/1.1\r\nhost:  shop.example \r\nX-Other: 1\r\n"
                          "COOKIE: session=hunter2\r\nAuthorization: Basic aHVudGVyMg==\r\n"
                          "User-Agent: curl/8\r\n\r\nReferer: no field, the body\r\n"),
              ElementsAre(FieldsAre("Host", "shop.example"), FieldsAre("Cookie", "..."),
                          FieldsAre("Authorization", "..."), FieldsAre("User-Agent", "curl/8")));
}

TEST(KeptHeadersTest, TakesWhatServersTake) {
  EXPECT_THAT(KeptHeaders("\r\n\r\nGET / HTTP/1.0\nHost : a\nno field\nVia:\n\n"),
              ElementsAre(FieldsAre("Host", "a"), FieldsAre("Via", "")));
  EXPECT_THAT(KeptHeaders("GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: cut o"),
              ElementsAre(FieldsAre("Host", "a")));
  for (const char* head : {"", "\r\n", "GET", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n", ":\n:\n:"}) {
    EXPECT_THAT(KeptHeaders(head), IsEmpty()) << head;
  }
}

TEST(KeptHeadersTest, IsBounded) {
  std::string head = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 1000; ++i) {
    head += "Via: " + std::string(1000, 'x') + "\r\n";
  }
  const std::vector<HeaderRow> rows = KeptHeaders(head + "\r\n");
  EXPECT_THAT(rows, SizeIs(24));
  EXPECT_EQ(rows[0].value.size(), 300U);
}

}  // namespace
}  // namespace pinfo
