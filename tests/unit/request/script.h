// Random conversations of well-behaved clients and servers, with what must come of them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/request/conversation.h"

namespace pinfo::testing {

struct Exchange {
  std::string method;
  std::string target;  // unique in its script
  int status = 0;
  std::string request;   // its bytes
  std::string response;  // its bytes
};

struct Script {
  std::vector<Exchange> exchanges;
  std::vector<StoredRecord> records;
};

struct ScriptOptions {
  bool pipelined = false;  // several requests in one read
  bool split_sends = true;
  Producer producer = Producer::kEachSend;
};

// The server reads what there is, answers every whole request, and reads on.
Script RandomScript(uint32_t seed, ScriptOptions options);

}  // namespace pinfo::testing
