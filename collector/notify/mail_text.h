// A message as mail has it: headers and a text and an HTML part (RFC 5322, RFC 2046, RFC 2047).
// Pure.
#pragma once

#include <cstdint>
#include <string>

#include "collector/notify/message.h"

namespace pinfo {

struct MailEnvelope {
  std::string from;
  std::string to;
  std::string message_id;  // without angle brackets
  int64_t wall_ns = 0;
};

// Lines end with CR LF, none is longer than 998 bytes. Whatever a subject holds, it stays one
// header.
std::string MailText(const MailEnvelope& envelope, const Message& message);

}  // namespace pinfo
