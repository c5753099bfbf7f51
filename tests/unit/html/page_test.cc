#include "html/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo::html {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PageTest, AllowsNothingButWhatCarriesItsNonce) {
  const std::string html = RenderPage({.kind = "routes", .title = "Routes"}, "n0nce");
  EXPECT_THAT(
      html, HasSubstr("content=\"default-src 'none'; script-src 'nonce-n0nce' 'wasm-unsafe-eval'; "
                      "style-src 'nonce-n0nce'; connect-src 'none'; base-uri 'none'; "
                      "form-action 'none'\""));
  EXPECT_THAT(html, HasSubstr("<script src=\"assets/report.js\" nonce=\"n0nce\" defer></script>"));
  EXPECT_THAT(html, HasSubstr("<a href=\"routes.html\" aria-current=\"page\">Routes</a>"));
}

TEST(PageTest, LoadsItsDataBetweenTheFirstScriptAndTheCode) {
  const std::string html =
      RenderPage({.kind = "routes", .title = "Routes", .scripts = {"data/routes.js"}}, "n");
  const size_t first = html.find("data/report.js");
  const size_t data = html.find("data/routes.js");
  const size_t code = html.find("assets/report.js");
  EXPECT_LT(first, data);
  EXPECT_LT(data, code);
  EXPECT_NE(code, std::string::npos);
}

TEST(PageTest, MarksTheSectionThatAPageOfOneRequestBelongsTo) {
  const std::string html = RenderPage({.kind = "request", .title = "Request"}, "n");
  EXPECT_THAT(html, HasSubstr("<a href=\"requests.html\" aria-current=\"true\">"));
  EXPECT_THAT(html, Not(HasSubstr("aria-current=\"page\"")));
}

TEST(PageTest, OnlyALivePageMayAskItsServer) {
  EXPECT_THAT(RenderPage({.kind = "routes", .title = "Routes", .live = true}, "n"),
              HasSubstr("connect-src 'self';"));
}

TEST(PageTest, EscapesItsTitle) {
  EXPECT_THAT(RenderPage({.kind = "request", .title = "</title><b>"}, "n"),
              HasSubstr("<h1>&lt;/title&gt;&lt;b&gt;</h1>"));
}

}  // namespace
}  // namespace pinfo::html
