// The statistics browser of `python -m pstats`: its commands, messages and help, over any profile
// that pinfo reads. No terminal and no files of its own: who calls it reads lines, prints what
// comes back, and loads profiles. One thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/base/result.h"
#include "collector/emit/stats_table.h"
#include "collector/profile/call_graph.h"

namespace pinfo {

struct BrowsedStats {
  CallGraph graph;
  std::vector<std::string> sources;  // the lines that say what it is of
};

class StatsBrowser {
 public:
  // Loads what `read` and `add` name.
  using Load = std::function<Result<BrowsedStats>(const std::string& name)>;
  explicit StatsBrowser(Load load) : load_(std::move(load)) {}

  // Starts with these statistics, as if `read name` had loaded them.
  void Start(const std::string& name, BrowsedStats stats);

  // What the command prints. An empty line repeats the last one; `EOF` is the end of input.
  std::string Execute(std::string_view line);
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] const std::string& prompt() const { return prompt_; }

  // Words that the last one of this line may be meant to be: commands, or sort's keys.
  [[nodiscard]] static std::vector<std::string> Completions(std::string_view line);

 private:
  std::string Run(const std::string& command, const std::string& argument, const std::string& line);
  [[nodiscard]] std::string Print(const std::string& command, const std::string& argument) const;
  std::string Read(const std::string& name);
  std::string Add(const std::string& name);
  std::string Sort(const std::string& keys);

  Load load_;
  std::optional<BrowsedStats> stats_;
  std::vector<StatsSortKey> sort_;  // empty: none
  bool reverse_ = false;
  std::string name_;  // of what was read last
  std::string prompt_ = "% ";
  std::string last_line_;
  bool done_ = false;
};

}  // namespace pinfo
