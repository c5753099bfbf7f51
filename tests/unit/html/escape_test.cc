#include "html/escape.h"

#include <gtest/gtest.h>

namespace pinfo::html {
namespace {

TEST(EscapeHtmlTest, LeavesNothingThatEndsTextOrAnAttribute) {
  EXPECT_EQ(EscapeHtml("<script>alert(\"a\" & 'b')</script>"),
            "&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;");
}

TEST(EscapeHtmlTest, KeepsUnicodeAndReplacesWhatIsNone) {
  EXPECT_EQ(EscapeHtml("gr\u00fc\u00df \u2028"), "gr\u00fc\u00df \u2028");
  EXPECT_EQ(EscapeHtml("a\xff\x80z"), "a\ufffd\ufffdz");
}

}  // namespace
}  // namespace pinfo::html
