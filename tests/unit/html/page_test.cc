#include "html/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo::html {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PageTest, AllowsNothingButWhatCarriesItsNonce) {
  const std::string html = RenderPage({.kind = "routes", .title = "Routes"}, "n0nce");
  EXPECT_THAT(html, HasSubstr("content=\"default-src 'none'; script-src 'nonce-n0nce'; style-src "
                              "'nonce-n0nce'; base-uri 'none'; form-action 'none'\""));
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

TEST(PageTest, ReachesTheFilesAboveFromASubfolder) {
  const std::string html =
      RenderPage({.kind = "request", .title = "Request 7", .in_subfolder = true}, "n");
  EXPECT_THAT(html, HasSubstr("href=\"../assets/report.css\""));
  EXPECT_THAT(html, HasSubstr("href=\"../index.html\""));
  EXPECT_THAT(html, Not(HasSubstr("aria-current")));
}

TEST(PageTest, EscapesItsTitle) {
  EXPECT_THAT(RenderPage({.kind = "request", .title = "</title><b>"}, "n"),
              HasSubstr("<h1>&lt;/title&gt;&lt;b&gt;</h1>"));
}

}  // namespace
}  // namespace pinfo::html
