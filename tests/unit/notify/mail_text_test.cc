#include "collector/notify/mail_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string TextWith(const std::string& subject, const std::string& body = "body") {
  Message message;
  message.subject = subject;
  message.text = body;
  message.html = "<p>" + body + "</p>";
  return MailText({.from = "a@example.org",
                   .to = "b@example.org",
                   .message_id = "1@host",
                   .wall_ns = 1'700'000'000'000'000'000},
                  message);
}

TEST(MailText, HasItsHeaders) {
  const std::string text = TextWith("problem: x");
  EXPECT_THAT(text, HasSubstr("Subject: problem: x\r\n"));
  EXPECT_THAT(text, HasSubstr("To: <b@example.org>\r\n"));
  EXPECT_THAT(text, HasSubstr("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
  EXPECT_THAT(text, HasSubstr("Ym9keQ==\r\n"));  // "body"
}

TEST(MailText, ASubjectStaysOneHeader) {
  const std::string text = TextWith("x\r\nBcc: everybody@example.org\r\n\r\nbody");
  EXPECT_THAT(text, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(text, HasSubstr("Subject: =?UTF-8?B?"));
}

TEST(MailText, NoLineIsTooLong) {
  std::string subject;
  for (int i = 0; i < 500; ++i) {
    subject += "ö";
  }
  const std::string text = TextWith(subject, std::string(100'000, 'x'));
  size_t begin = 0;
  for (size_t end = text.find("\r\n"); end != std::string::npos; end = text.find("\r\n", begin)) {
    EXPECT_LE(end - begin, 78U);
    begin = end + 2;
  }
  EXPECT_EQ(text.find('\n', begin), std::string::npos);
}

}  // namespace
}  // namespace pinfo
