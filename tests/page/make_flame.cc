// Writes what flame_test.mjs opens: flame.svg, diff.svg and profile.speedscope.json, of a profile
// with hostile names, into the directory given.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "collector/emit/file_io.h"
#include "collector/emit/flame_graph.h"
#include "collector/emit/speedscope.h"

namespace {

using pinfo::CallTree;
using pinfo::TimeKind;

CallTree MakeTree(int64_t parse_ns, int64_t render_ns) {
  CallTree tree;
  const auto function = [&tree](const std::string& name, const std::string& file, int32_t line) {
    return tree.AddFunction({.name = name, .file = file, .line = line});
  };
  const auto main = function("main", "/srv/app/main.cc", 10);
  const auto serve = function("serve_request", "/srv/app/main.cc", 40);
  const auto parse = function("parse_json", "/srv/app/parse.cc", 42);
  const auto render = function("</title><script>alert(1)</script>", "/srv/app/\"render'.cc", 7);
  const auto query = function("sqlite3_step", "/usr/src/sqlite3.c", 900);
  const auto read = function("read", "", 0);
  tree.AddStack(std::vector{main, serve}, TimeKind::kOnCpu, 2'000'000, 2);
  tree.AddStack(std::vector{main, serve, parse}, TimeKind::kOnCpu, parse_ns, 9);
  tree.AddStack(std::vector{main, serve, render}, TimeKind::kOnCpu, render_ns, 5);
  tree.AddStack(std::vector{main, serve, query}, TimeKind::kOnCpu, 3'000'000, 1);
  tree.AddStack(std::vector{main, serve, query, read}, TimeKind::kBlocked, 11'000'000, 4);
  for (int i = 0; i < 40; ++i) {
    const auto leaf = function(fmt::format("helper_{}", i), "/srv/app/helpers.cc", i);
    tree.AddStack(std::vector{main, serve, parse, leaf}, TimeKind::kOnCpu, 10'000 * (i + 1), 1);
  }
  const auto runqueue = tree.AddFunction({.name = pinfo::kRunqueueFrame});
  tree.AddStack(std::vector{runqueue}, TimeKind::kRunqueue, 1'500'000, 0);
  return tree;
}

bool Write(const std::string& path, const std::string& text) {
  const pinfo::Status status = pinfo::WriteFileAtomically(path, text);
  if (!status) {
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
  }
  return status.has_value();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_flame DIRECTORY\n");
    return 2;
  }
  const std::string directory = argv[1];
  const CallTree after = MakeTree(9'000'000, 6'000'000);
  const CallTree before = MakeTree(4'000'000, 8'000'000);
  const bool done =
      Write(
          directory + "/flame.svg",
          pinfo::WriteFlameGraph(after, {.title = "request 7: GET /list?<b>", .note = "a note"})) &&
      Write(directory + "/diff.svg",
            pinfo::WriteFlameComparison(pinfo::CompareTrees(before, after),
                                        {.title = "today against yesterday", .note = ""})) &&
      Write(directory + "/profile.speedscope.json",
            pinfo::EncodeSpeedscope(after, {.text = "request 7", .start_wall_ns = 0}));
  return done ? 0 : 1;
}
