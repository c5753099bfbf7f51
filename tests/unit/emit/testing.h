// What the tests of emit/ share: a folder of their own, other programs as judges, a sample graph.
#pragma once

#include <string>

#include "collector/profile/call_graph.h"

namespace pinfo::testing {

// A new directory, removed with all it holds.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct CommandResult {
  int exit_status = -1;
  std::string output;  // standard output and error
};
CommandResult RunCommand(const std::string& shell_command);

// Runs a script with Debian's Python.
CommandResult RunPython(const std::string& script);

// main 100 ms: parse 40 ms (recursive), read 60 ms in libc; [waiting] 100 ms.
CallTree SampleTree();
CallGraph SampleGraph();  // of it

}  // namespace pinfo::testing
