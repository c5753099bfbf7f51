#include "cli/top_screen.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <clocale>
#include <ctime>

#include <fmt/format.h>
#include <ncurses.h>

#include "cli/format.h"

namespace pinfo::cli {
namespace {

constexpr int kEscape = 27;
constexpr int kHeaderLines = 5;
constexpr int kBarWidth = 20;
constexpr std::array<int, kTopColumns> kWidths = {9, 7, 9, 9, 9, 9, 7, 8, 0};
constexpr double kLeastDelay = 0.2;
constexpr double kMostDelay = 3600;

enum Pair : short { kCpuPair = 1, kBlockedPair, kRunqueuePair, kWaitingPair, kBadPair };

// Letters, too: colours are not for everybody.
constexpr std::array<char, 5> kBarLetters = {'C', 'B', 'R', 'W', '?'};
constexpr std::array<short, 5> kBarPairs = {kCpuPair, kBlockedPair, kRunqueuePair, kWaitingPair, 0};

constexpr std::array<const char*, 14> kHelp = {
    "pinfo top: the routes of the last seconds. Keys, as in top:",
    "",
    "  < >        sort by the column to the left, to the right",
    "  P T N M    sort by %CPU, %TIME, requests a second, the slowest",
    "  R          reverse the order",
    "  d or s     set the delay between updates",
    "  w          set the window that the figures are of",
    "  o or /     show only sites and routes that contain a text;  = shows all",
    "  space      update now          p    pause",
    "  h or ?     this help           q    quit",
    "",
    "The bar says where the time went: C on CPU, B blocked, R waiting for a CPU,",
    "W waiting while its thread did something else, ? not known.",
    "%CPU is of one CPU; %TIME is of the latencies of all requests together.",
};

std::string Clock() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

void Line(int row, const std::string& text) {
  if (row < LINES) {
    mvaddnstr(row, 0, text.c_str(), -1);
    clrtoeol();
  }
}

void DrawBar(const TopRow& row, int width) {
  const std::array<int, 5> cells = TopBar(row, width);
  for (size_t kind = 0; kind < cells.size(); ++kind) {
    const attr_t look =
        kBarPairs.at(kind) != 0 && has_colors() ? COLOR_PAIR(kBarPairs.at(kind)) : A_DIM;
    attron(look);
    for (int i = 0; i < cells.at(kind); ++i) {
      addch(static_cast<chtype>(kBarLetters.at(kind)));
    }
    attroff(look);
  }
}

void DrawSummary(const TopTable& table, const TopChoices& choices) {
  const TopRow& all = table.all;
  const auto window_s = static_cast<double>(table.window_ns) / 1e9;
  Line(0, fmt::format("pinfo top - {}, the last {:g} s{}{}", Clock(), window_s,
                      choices.paused ? ", paused" : "",
                      table.cut ? ", only the newest requests looked at" : ""));
  Line(1, fmt::format("Requests: {:.1f}/s, {:.1f}/s failed, {} routes", all.requests / window_s,
                      all.failed / window_s, table.rows.size()));
  Line(2, fmt::format("Latency:  p50 {}, p90 {}, p99 {}, max {}",
                      FormatDuration(all.Percentile(50)), FormatDuration(all.Percentile(90)),
                      FormatDuration(all.Percentile(99)), FormatDuration(all.max_ns)));
  Line(3, "Time:     ");
  move(3, 10);
  DrawBar(all, std::clamp(COLS - 34, 10, 60));
  addstr(
      fmt::format("  {:.2f} CPUs", all.on_cpu_ns / static_cast<double>(table.window_ns)).c_str());
  clrtoeol();
}

void DrawHeader(const TopChoices& choices) {
  move(kHeaderLines - 1, 0);
  clrtoeol();
  attron(A_REVERSE);
  mvhline(kHeaderLines - 1, 0, ' ', COLS);
  int x = 0;
  for (size_t i = 0; i + 1 < kTopColumns; ++i) {
    const auto column = static_cast<TopColumn>(i);
    const bool chosen = column == choices.column;
    const std::string title =
        std::string(TopColumnTitle(column)) + (chosen ? choices.reversed ? "^" : "v" : "");
    attron(chosen ? A_BOLD : A_NORMAL);
    mvaddstr(kHeaderLines - 1, x, fmt::format("{:>{}}", title, kWidths.at(i)).c_str());
    attroff(A_BOLD);
    x += kWidths.at(i);
  }
  mvaddnstr(kHeaderLines - 1, x + 1, fmt::format("{:<{}} ROUTE", "WHERE", kBarWidth).c_str(),
            std::max(0, COLS - x - 1));
  attroff(A_REVERSE);
}

void DrawRows(const TopTable& table) {
  int y = kHeaderLines;
  for (const TopRow& row : table.rows) {
    if (y >= LINES) {
      break;
    }
    move(y, 0);
    for (size_t i = 0; i + 1 < kTopColumns; ++i) {
      const auto column = static_cast<TopColumn>(i);
      const bool bad = column == TopColumn::kFailed && row.failed > 0;
      attron(bad && has_colors() ? COLOR_PAIR(kBadPair) : A_NORMAL);
      addstr(fmt::format("{:>{}}", TopCell(row, column, table), kWidths.at(i)).c_str());
      attroff(COLOR_PAIR(kBadPair));
    }
    addch(' ');
    DrawBar(row, kBarWidth);
    addch(' ');
    const int room = COLS - getcurx(stdscr);
    if (room > 0) {
      addnstr(TopCell(row, TopColumn::kRoute, table).c_str(), room);
    }
    clrtoeol();
    ++y;
  }
  if (table.rows.empty() && y < LINES) {
    Line(y++, "  No request began in this window.");
  }
}

TopColumn Beside(TopColumn column, int step) {
  const int next = static_cast<int>(column) + step;
  return static_cast<TopColumn>(std::clamp(next, 0, static_cast<int>(kTopColumns) - 1));
}

double NumberOr(const std::string& text, double otherwise) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value > 0 ? value : otherwise;
}

}  // namespace

TopScreen::TopScreen() {
  std::setlocale(LC_CTYPE, "");
  initscr();
  cbreak();
  noecho();
  keypad(stdscr, TRUE);
  set_escdelay(50);
  curs_set(0);
  if (has_colors()) {
    start_color();
    use_default_colors();
    init_pair(kCpuPair, COLOR_BLACK, COLOR_YELLOW);
    init_pair(kBlockedPair, COLOR_WHITE, COLOR_BLUE);
    init_pair(kRunqueuePair, COLOR_BLACK, COLOR_RED);
    init_pair(kWaitingPair, COLOR_BLACK, COLOR_WHITE);
    init_pair(kBadPair, COLOR_RED, -1);
  }
}

TopScreen::~TopScreen() { endwin(); }

void TopScreen::Draw(const TopTable& table, const TopChoices& choices, const std::string& problem) {
  erase();
  if (choices.help) {
    for (size_t i = 0; i < kHelp.size(); ++i) {
      Line(static_cast<int>(i), kHelp.at(i));
    }
  } else if (!problem.empty()) {
    Line(0, "pinfo top - " + Clock());
    Line(2, EscapeForTerminal(problem));
  } else {
    DrawSummary(table, choices);
    DrawHeader(choices);
    DrawRows(table);
  }
  refresh();
}

bool TopScreen::HandleKey(int64_t wait_ms, TopChoices* choices) {
  timeout(static_cast<int>(wait_ms));
  const int key = getch();
  if (key == ERR) {
    return false;
  }
  const auto sort = [choices](TopColumn column) { choices->column = column; };
  const bool was_help = choices->help;
  choices->help = false;
  switch (key) {
    case 'q':
      choices->quit = true;
      break;
    case 'h':
    case '?':
      choices->help = !was_help;
      break;
    case '<':
    case KEY_LEFT:
      sort(Beside(choices->column, -1));
      break;
    case '>':
    case KEY_RIGHT:
      sort(Beside(choices->column, 1));
      break;
    case 'P':
      sort(TopColumn::kCpu);
      break;
    case 'T':
      sort(TopColumn::kTime);
      break;
    case 'N':
      sort(TopColumn::kRate);
      break;
    case 'M':
      sort(TopColumn::kMax);
      break;
    case 'R':
      choices->reversed = !choices->reversed;
      break;
    case 'p':
      choices->paused = !choices->paused;
      break;
    case 'd':
    case 's':
      choices->delay_s = std::clamp(NumberOr(Ask("Delay in seconds: ", ""), choices->delay_s),
                                    kLeastDelay, kMostDelay);
      break;
    case 'w': {
      const auto now = static_cast<double>(choices->window_ns) / 1e9;
      const double seconds = std::clamp(NumberOr(Ask("Window in seconds: ", ""), now), 1.0, 3600.0);
      choices->window_ns = static_cast<int64_t>(seconds * 1e9);
      break;
    }
    case 'o':
    case '/':
      choices->filter = Ask("Only what contains: ", choices->filter);
      break;
    case '=':
      choices->filter.clear();
      break;
    default:  // space, a new size of the terminal, any other key
      break;
  }
  return true;
}

// On the line above the table; Escape leaves it as it was.
std::string TopScreen::Ask(const std::string& question, const std::string& before) {
  constexpr size_t kLongest = 200;
  std::string text;
  timeout(-1);
  curs_set(1);
  for (;;) {
    Line(kHeaderLines - 2, question + text);
    refresh();
    const int key = getch();
    if (key == '\n' || key == KEY_ENTER || key == '\r') {
      break;
    }
    if (key == kEscape || key == ERR) {
      text = before;
      break;
    }
    if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
      if (!text.empty()) {
        text.pop_back();
      }
    } else if (key >= ' ' && key < 127 && text.size() < kLongest) {
      text += static_cast<char>(key);
    }
  }
  curs_set(0);
  return text;
}

}  // namespace pinfo::cli
