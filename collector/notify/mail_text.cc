#include "collector/notify/mail_text.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/format.h>

#include "collector/profile/utf8.h"

namespace pinfo {
namespace {

constexpr size_t kLineBytes = 76;        // RFC 2045, 6.8
constexpr size_t kWordSourceBytes = 42;  // of an encoded word: 56 in base64, 75 with its frame

std::string Base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - at);
    uint32_t word = 0;
    for (size_t i = 0; i < 3; ++i) {
      word = (word << 8) | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (size_t i = 0; i < 4; ++i) {
      text += i <= count ? kDigits[(word >> (18 - 6 * i)) & 63] : '=';
    }
  }
  return text;
}

std::string Base64Lines(std::string_view bytes) {
  const std::string text = Base64(bytes);
  std::string lines;
  for (size_t at = 0; at < text.size(); at += kLineBytes) {
    lines += text.substr(at, kLineBytes) + "\r\n";
  }
  return lines;
}

// As it is where it is short plain ASCII, else as encoded words, none of which cuts a character.
std::string HeaderText(const std::string& text) {
  const std::string valid = ValidUtf8(text);
  const bool plain =
      valid.size() <= 60 && valid.find("=?") == std::string::npos &&
      std::all_of(valid.begin(), valid.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (plain) {
    return valid;
  }
  std::string words;
  for (size_t at = 0; at < valid.size();) {
    size_t end = std::min(valid.size(), at + kWordSourceBytes);
    while (end > at + 1 && end < valid.size() &&
           (static_cast<unsigned char>(valid[end]) & 0xc0) == 0x80) {
      --end;
    }
    words += fmt::format("{}=?UTF-8?B?{}?=", words.empty() ? "" : "\r\n ",
                         Base64(std::string_view(valid).substr(at, end - at)));
    at = end;
  }
  return words;
}

// RFC 5322, 3.3: English whatever the locale is.
std::string DateText(int64_t wall_ns) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<time_t>(wall_ns / kSecondNs);
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
                     kDays.at(static_cast<size_t>(utc.tm_wday)), utc.tm_mday,
                     kMonths.at(static_cast<size_t>(utc.tm_mon)), 1900 + utc.tm_year, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

}  // namespace

std::string MailText(const MailEnvelope& envelope, const Message& message) {
  // Both parts are in base64, in which no boundary can occur.
  const std::string boundary = "=_pinfo_" + Base64(envelope.message_id).substr(0, 24) + "_part";
  std::string text = fmt::format(
      "From: pinfo <{}>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}>\r\n"
      "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n"
      "Content-Type: multipart/alternative; boundary=\"{}\"\r\n\r\n",
      envelope.from, envelope.to, HeaderText(message.subject), DateText(envelope.wall_ns),
      envelope.message_id, boundary);
  for (const auto& [type, body] : {std::pair{"plain", &message.text}, {"html", &message.html}}) {
    text += fmt::format(
        "--{}\r\nContent-Type: text/{}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        boundary, type);
    text += Base64Lines(ValidUtf8(*body));
  }
  return text + "--" + boundary + "--\r\n";
}

}  // namespace pinfo
