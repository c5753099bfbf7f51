#include "cli/line_editor.h"

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <utility>

#include <fmt/format.h>
#include <histedit.h>
#include <unistd.h>

namespace pinfo::cli {
namespace {

constexpr int kHistoryLines = 500;

}  // namespace

struct LineEditor::Terminal {
  Terminal(std::string history_path, Complete complete_word)
      : path(std::move(history_path)), complete(std::move(complete_word)) {
    edit = el_init("pinfo", stdin, stdout, stderr);
    lines = history_init();
    HistEvent event;
    history(lines, &event, H_SETSIZE, kHistoryLines);
    history(lines, &event, H_SETUNIQUE, 1);
    if (!path.empty()) {
      history(lines, &event, H_LOAD, path.c_str());
    }
    // Callbacks go through C's "...": they must be function pointers there, hence the +.
    el_set(edit, EL_CLIENTDATA, this);
    el_set(
        edit, EL_PROMPT, +[](EditLine* self) { return Of(self)->prompt.data(); });
    el_set(edit, EL_SIGNAL, 1);  // a signal finds the terminal as it was
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_HIST, history, lines);
    el_set(
        edit, EL_ADDFN, "pinfo-complete", "complete a word",
        +[](EditLine* self, int) -> unsigned char { return Of(self)->CompleteWord(); });
    el_set(edit, EL_BIND, "^I", "pinfo-complete", nullptr);
    el_source(edit, nullptr);  // ~/.editrc
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (!path.empty()) {
      std::error_code ignored;
      std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
      HistEvent event;
      history(lines, &event, H_SAVE, path.c_str());
    }
    history_end(lines);
    el_end(edit);
  }

  static Terminal* Of(EditLine* self) {
    void* data = nullptr;
    el_get(self, EL_CLIENTDATA, &data);
    return static_cast<Terminal*>(data);
  }

  // Up to where all candidates agree; they are listed where that is nothing new.
  unsigned char CompleteWord() const {
    const LineInfo* info = el_line(edit);
    const std::string_view line(info->buffer, static_cast<size_t>(info->cursor - info->buffer));
    const size_t word_length = line.size() - (line.find_last_of(" \t") + 1);
    const std::vector<std::string> candidates = complete(line);
    if (candidates.empty()) {
      return CC_REFRESH_BEEP;
    }
    std::string common = candidates[0];
    for (const std::string& candidate : candidates) {
      while (!candidate.starts_with(common)) {
        common.pop_back();
      }
    }
    if (candidates.size() == 1) {
      common += ' ';
    }
    if (common.size() > word_length) {
      return el_insertstr(edit, common.c_str() + word_length) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    }
    std::string listed = "\n";
    for (const std::string& candidate : candidates) {
      listed += candidate + "  ";
    }
    std::fputs((listed + '\n').c_str(), stdout);
    return CC_REDISPLAY;
  }

  std::string path;
  Complete complete;
  std::string prompt;
  EditLine* edit = nullptr;
  History* lines = nullptr;
};

LineEditor::LineEditor(std::string history_path, Complete complete) {
  if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) {
    terminal_ = std::make_unique<Terminal>(std::move(history_path), std::move(complete));
  }
}

LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::Read(const std::string& prompt) {
  if (terminal_ != nullptr) {
    terminal_->prompt = prompt;
    int length = 0;
    const char* text = el_gets(terminal_->edit, &length);
    if (text == nullptr || length <= 0) {
      return std::nullopt;
    }
    std::string line(text, static_cast<size_t>(length));
    line.erase(line.find_last_not_of("\r\n") + 1);
    if (!line.empty()) {
      HistEvent event;
      history(terminal_->lines, &event, H_ENTER, line.c_str());
    }
    return line;
  }
  std::fputs(prompt.c_str(), stdout);
  std::fflush(stdout);
  std::string line;
  if (!std::getline(std::cin, line)) {
    return std::nullopt;
  }
  return line;
}

}  // namespace pinfo::cli
