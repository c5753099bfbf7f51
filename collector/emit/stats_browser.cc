#include "collector/emit/stats_browser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace pinfo {
namespace {

constexpr const char* kNoStats = "No statistics object is loaded.\n";
constexpr const char* kArguments =
    "Arguments may be:\n"
    "* An integer maximum number of entries to print.\n"
    "* A decimal fractional number between 0 and 1, controlling\n"
    "  what fraction of selected entries to print.\n"
    "* A regular expression; only entries with function names\n"
    "  that match it are printed.\n";

struct Command {
  std::string_view name;
  std::string_view help;
  bool takes_restrictions = false;
};
constexpr std::array<Command, 11> kCommands = {{
    {"EOF", "Leave the profile browser.\n"},
    {"add", "Add profile info from given file to current statistics object.\n"},
    {"callees", "Print callees statistics from the current stat object.\n", true},
    {"callers", "Print callers statistics from the current stat object.\n", true},
    {"help", "Show help for a given command.\n"},
    {"quit", "Leave the profile browser.\n"},
    {"read",
     "Read in profile data from a specified file.\nWithout argument, reload the current file.\n"},
    {"reverse", "Reverse the sort order of the profiling report.\n"},
    {"sort",
     "Sort profile data according to specified keys.\n"
     "(Typing `sort' without arguments lists valid keys.)\n"},
    {"stats", "Print statistics from the current stat object.\n", true},
    {"strip", "Strip leading path information from filenames in the report.\n"},
}};

std::string_view Trim(std::string_view text) {
  static constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  while (!(text = Trim(text)).empty()) {
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

bool IsCommandCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string Help(const std::string& topic) {
  if (topic.empty()) {
    static constexpr std::string_view kHeading = "Documented commands (type help <topic>):";
    std::string names;
    for (const Command& command : kCommands) {
      names += names.empty() ? "" : "  ";
      names += command.name;
    }
    return fmt::format("\n{}\n{}\n{}\n\n", kHeading, std::string(kHeading.size(), '='), names);
  }
  for (const Command& command : kCommands) {
    if (command.name == topic) {
      return std::string(command.help) + (command.takes_restrictions ? kArguments : "");
    }
  }
  return fmt::format("*** No help on {}\n", topic);
}

}  // namespace

void StatsBrowser::Start(const std::string& name, BrowsedStats stats) {
  stats_ = std::move(stats);
  sort_.clear();
  name_ = name;
  prompt_ = name + "% ";
}

std::string StatsBrowser::Execute(std::string_view text) {
  std::string line(Trim(text));
  if (line.empty()) {
    if (last_line_.empty()) {
      return "";
    }
    line = last_line_;
  }
  if (line[0] == '?') {
    line = "help " + line.substr(1);
  }
  size_t end = 0;
  while (end < line.size() && IsCommandCharacter(line[end])) {
    ++end;
  }
  last_line_ = line == "EOF" ? "" : line;
  return Run(line.substr(0, end), std::string(Trim(std::string_view(line).substr(end))), line);
}

std::string StatsBrowser::Run(const std::string& command, const std::string& argument,
                              const std::string& line) {
  if (command == "help") {
    return Help(argument);
  }
  if (command == "quit" || command == "EOF") {
    done_ = true;
    return command == "EOF" ? "\n" : "";
  }
  if (command == "read") {
    return Read(argument);
  }
  const auto* known = std::find_if(kCommands.begin(), kCommands.end(),
                                   [&](const Command& each) { return each.name == command; });
  if (known == kCommands.end()) {
    return fmt::format("*** Unknown syntax: {}\n", line);
  }
  if (known->takes_restrictions) {
    return Print(command, argument);
  }
  if (!stats_) {
    return kNoStats;
  }
  if (command == "add") {
    return Add(argument);
  }
  if (command == "sort") {
    return Sort(argument);
  }
  if (command == "reverse") {
    reverse_ = !reverse_;
    return "";
  }
  stats_->graph = StripDirectories(stats_->graph);  // strip
  sort_.clear();
  reverse_ = false;
  return "";
}

// As pstats takes them: a whole number, a fraction, else a regular expression.
std::string StatsBrowser::Print(const std::string& command, const std::string& argument) const {
  StatsTableOptions options = {.sort = sort_, .reverse = reverse_, .restrictions = {}};
  std::string text;
  for (const std::string& word : Words(argument)) {
    const char* end = word.data() + word.size();
    int64_t limit = 0;
    double share = 0;
    const auto whole = std::from_chars(word.data(), end, limit);
    const auto fraction = std::from_chars(word.data(), end, share);
    if (whole.ec == std::errc() && whole.ptr == end) {
      if (limit >= 0) {
        options.restrictions.emplace_back(limit);
      }
    } else if (fraction.ec == std::errc() && fraction.ptr == end) {
      if (share > 1 || share < 0) {
        text += "Fraction argument must be in [0, 1]\n";
      } else if (share >= 0) {  // not a number is neither
        options.restrictions.emplace_back(share);
      }
    } else {
      options.restrictions.emplace_back(word);
    }
  }
  if (!stats_) {
    return text + kNoStats;
  }
  if (command == "stats") {
    return text + FormatStatsTable(stats_->graph, options, stats_->sources);
  }
  return text + (command == "callers" ? FormatCallers(stats_->graph, options)
                                      : FormatCallees(stats_->graph, options));
}

std::string StatsBrowser::Read(const std::string& name) {
  if (name.empty() && name_.empty()) {
    return "No statistics object is current -- cannot reload.\n";
  }
  const std::string& wanted = name.empty() ? name_ : name;
  Result<BrowsedStats> stats = load_(wanted);
  if (!stats) {
    return stats.error().message + '\n';
  }
  Start(std::string(wanted), std::move(*stats));
  reverse_ = false;
  return "";
}

std::string StatsBrowser::Add(const std::string& name) {
  const Result<BrowsedStats> stats = load_(name);
  if (!stats) {
    return fmt::format("Failed to load statistics for {}: {}\n", name, stats.error().message);
  }
  stats_->graph = MergeCallGraphs(stats_->graph, stats->graph);
  stats_->sources.insert(stats_->sources.end(), stats->sources.begin(), stats->sources.end());
  sort_.clear();
  reverse_ = false;
  return "";
}

std::string StatsBrowser::Sort(const std::string& keys) {
  std::vector<StatsSortKey> sort;
  bool valid = !keys.empty();
  for (const std::string& word : Words(keys)) {
    const Result<StatsSortKey> key = ParseSortKey(word);
    valid = valid && key.has_value();
    if (key) {
      sort.push_back(*key);
    }
  }
  if (valid) {
    sort_ = std::move(sort);
    reverse_ = false;
    return "";
  }
  std::string text = "Valid sort keys (unique prefixes are accepted):\n";
  for (const auto& [name, key] : kStatsSortKeyNames) {
    text += fmt::format("{} -- {}\n", name, StatsSortKeyDescription(key));
  }
  return text;
}

std::vector<std::string> StatsBrowser::Completions(std::string_view line) {
  const size_t word_at = line.find_last_of(" \t") + 1;  // npos + 1 is 0
  const std::string_view word = line.substr(word_at);
  const std::vector<std::string> before = Words(line.substr(0, word_at));
  std::vector<std::string> found;
  const auto offer = [&](std::string_view name) {
    if (name.starts_with(word)) {
      found.emplace_back(name);
    }
  };
  if (before.empty() || (before.size() == 1 && before[0] == "help")) {
    for (const Command& command : kCommands) {
      offer(command.name);
    }
  } else if (before[0] == "sort") {
    for (const auto& [name, key] : kStatsSortKeyNames) {
      offer(name);
    }
  }
  return found;
}

}  // namespace pinfo
