// Runs a program to its end, or ends it: never longer than it may take, never more output than is
// wanted. Safe in a program with threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "collector/base/result.h"

namespace pinfo {

struct CommandRequest {
  std::vector<std::string> arguments;  // the first is the program, looked for in PATH
  std::vector<std::pair<std::string, std::string>> environment;  // beside this process's own
  std::string input;                                             // its standard input
  int64_t timeout_ns = 0;
  size_t output_max = 16'384;               // what is beyond is read and thrown away
  const std::atomic<bool>* stop = nullptr;  // where set to true, the command is ended too
};

struct CommandOutcome {
  int status = 0;      // as wait(2) gives it
  std::string output;  // standard output
  std::string errors;  // standard error
};

// Fails where the program cannot be started, or did not end in time: then it and whatever it has
// started in its process group were killed.
Result<CommandOutcome> RunCommand(const CommandRequest& request);

}  // namespace pinfo
