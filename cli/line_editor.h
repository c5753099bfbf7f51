// Reads lines: from a terminal with editing, history and completion (libedit), else as they come,
// with the prompts on standard output, as Python's input() has it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pinfo::cli {

// One thread; one at a time.
class LineEditor {
 public:
  // What the last word of a line may become.
  using Complete = std::function<std::vector<std::string>(std::string_view line)>;

  // history_path: kept from one run to the next; empty or not writable: only while it runs.
  LineEditor(std::string history_path, Complete complete);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  // Without the line break; nullopt at the end of input.
  std::optional<std::string> Read(const std::string& prompt);

 private:
  struct Terminal;
  std::unique_ptr<Terminal> terminal_;  // null where there is none
};

}  // namespace pinfo::cli
