#include "tests/unit/emit/testing.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

// Font caches that live as long as the process, of the libraries under Graphviz. LeakSanitizer
// looks for this name; without it this is dead weight of one function.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libfontconfig.so\nleak:libpango\nleak:libcairo.so\nleak:libgvplugin\n";
}

namespace pinfo::testing {

TemporaryDirectory::TemporaryDirectory()
    : path_((std::filesystem::temp_directory_path() / "pinfo-emit-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) {
    ADD_FAILURE() << "no temporary directory";
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

CommandResult RunCommand(const std::string& shell_command) {
  CommandResult result;
  FILE* pipe = ::popen((shell_command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    return result;
  }
  char buffer[4096];
  while (const size_t got = std::fread(buffer, 1, sizeof(buffer), pipe)) {
    result.output.append(buffer, got);
  }
  const int status = ::pclose(pipe);
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

CommandResult RunPython(const std::string& script) {
  const TemporaryDirectory directory;
  const std::string file = directory / "script.py";
  std::ofstream(file) << script;
  return RunCommand("/usr/bin/python3 " + file);
}

CallTree SampleTree() {
  CallTree tree;
  const auto main = tree.AddFunction({.name = "main", .file = "/srv/app/main.cc", .line = 10});
  const auto parse = tree.AddFunction(
      {.name = "ns::parse<int>(char const*) const", .file = "/srv/app/parse.cc", .line = 42});
  const auto read = tree.AddFunction({.name = "read", .module = "/lib/x86_64-linux-gnu/libc.so.6"});
  const auto waiting = tree.AddFunction({.name = kWaitingFrame});
  tree.AddStack(std::vector{main, parse}, TimeKind::kOnCpu, 10'000'000, 1);
  tree.AddStack(std::vector{main, parse, parse}, TimeKind::kOnCpu, 30'000'000, 3);
  tree.AddStack(std::vector{main, read}, TimeKind::kBlocked, 60'000'000, 6);
  tree.AddStack(std::vector{waiting}, TimeKind::kWaiting, 100'000'000, 0);
  return tree;
}

CallGraph SampleGraph() { return BuildCallGraph(SampleTree()); }

}  // namespace pinfo::testing
