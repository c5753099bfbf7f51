// Sends one message to one person by one channel. Every attempt ends within its time limit.
#pragma once

#include <atomic>
#include <string>

#include "collector/base/result.h"
#include "collector/config/configuration.h"
#include "collector/notify/message.h"

namespace pinfo {

struct Delivery {
  const Configuration& configuration;
  const Person& person;
  std::string channel;  // "mail", "webhook" or "command"
  int64_t id = 0;       // of the queue: the same in every attempt, so that receivers can tell
  int64_t wall_ns = 0;  // when the message was made
  const std::atomic<bool>* stop = nullptr;  // set: give up at once
};

// Fails with the reason, never with a secret in it. Secrets are read at this moment and live no
// longer than the attempt.
Status Deliver(const Delivery& delivery, const Message& message);

// The text at the place, without the line feed at its end. Fails where there is none, or a file may
// be read by everybody.
Result<std::string> ReadSecret(const SecretPlace& place);

}  // namespace pinfo
