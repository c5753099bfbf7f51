#include "collector/notify/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace pinfo {
namespace {

using testing::HasSubstr;
using testing::Not;

MonitorRow Row(const std::string& title, Level level) {
  MonitorRow row;
  row.name = title;
  row.title = title;
  row.level = static_cast<uint8_t>(level);
  row.text = "text of " + title;
  return row;
}

TEST(Message, NamesTheWorstFirst) {
  const Message message = InstantMessage(
      {Row("w", Level::kWarning), Row("p", Level::kProblem), Row("u", Level::kUnknown)}, 0);
  EXPECT_THAT(message.subject, HasSubstr("problem: p and 2 more"));
  EXPECT_LT(message.text.find("problem: p"), message.text.find("warning: w"));
  EXPECT_LT(message.text.find("warning: w"), message.text.find("unknown: u"));
}

TEST(Message, EscapesWhatOthersWrote) {
  MonitorRow row = Row("<script>\"x\"&", Level::kProblem);
  row.text = "\xff</td>";
  const Message message = InstantMessage({row}, 0);
  EXPECT_THAT(message.html, Not(HasSubstr("<script>")));
  EXPECT_THAT(message.html, HasSubstr("&lt;script&gt;&quot;x&quot;&amp;"));
  const auto json = nlohmann::json::parse(message.json);
  EXPECT_EQ(json["monitors"][0]["title"], "<script>\"x\"&");
  EXPECT_EQ(json["kind"], "instant");
}

TEST(Message, OfADigestCounts) {
  const Message message = DigestMessage({Row("a", Level::kProblem), Row("b", Level::kProblem)}, 0);
  EXPECT_THAT(message.subject, HasSubstr("digest: 2 problems, 0 warnings"));
}

}  // namespace
}  // namespace pinfo
