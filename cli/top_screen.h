// The screen of pinfo top, by ncurses: the one place that knows it. One at a time in a process;
// belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cli/top_table.h"

namespace pinfo::cli {

// What the user has chosen so far.
struct TopChoices {
  TopColumn column = TopColumn::kTime;
  bool reversed = false;
  double delay_s = 2;
  int64_t window_ns = 10'000'000'000;
  std::string filter;
  bool help = false;
  bool paused = false;
  bool quit = false;
};

class TopScreen {
 public:
  TopScreen();
  TopScreen(const TopScreen&) = delete;
  TopScreen& operator=(const TopScreen&) = delete;
  ~TopScreen();  // gives the terminal back

  // problem: shown in place of the table; empty where there is none.
  void Draw(const TopTable& table, const TopChoices& choices, const std::string& problem);

  // Waits for a key as long as given; true: the screen is to be drawn anew at once.
  bool HandleKey(int64_t wait_ms, TopChoices* choices);

 private:
  std::string Ask(const std::string& question, const std::string& before);
};

}  // namespace pinfo::cli
