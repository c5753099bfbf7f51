#include "collector/emit/dot_text.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

namespace pinfo {
namespace {

constexpr std::string_view kTimes = "\xC3\x97";  // U+00D7, the multiplication sign
constexpr std::string_view kFont = "Arial";

// DOT takes letters and digits bare unless they are a keyword; all else needs quotes.
bool IsBareId(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kKeywords = {"node",    "edge",     "graph",
                                                                "digraph", "subgraph", "strict"};
  std::string lower;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      return false;
    }
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return !text.empty() && !text.starts_with("0x") &&
         std::find(kKeywords.begin(), kKeywords.end(), lower) == kKeywords.end();
}

}  // namespace

std::string DotId(std::string_view text) {
  if (IsBareId(text)) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '"':
        quoted += "\\\"";
        break;
      default:
        quoted += c;
    }
  }
  return quoted + '"';
}

std::string DotPercentage(double share) { return fmt::format("{:.2f}%", share * 100); }

// gprof2dot's %.7g.
std::string DotSeconds(int64_t ns) { return fmt::format("{:.7g}", static_cast<double>(ns) / 1e9); }

std::string DotCalls(int64_t calls) { return fmt::format("{}{}", calls, kTimes); }

std::string DotHead(DotTheme theme, const ThemeStyle& style, std::string_view node_extra) {
  // Without a tooltip of its own an unnamed graph has Graphviz's internal name for one.
  return fmt::format(
      "digraph {{\n"
      "\ttooltip=\" \"\n"
      "\tgraph [fontname={0}, nodesep=0.125, ranksep=0.25];\n"
      "\tnode [fontcolor={1}, fontname={0}, height=0, {3}style={2}, width=0];\n"
      "\tedge [fontname={0}];\n",
      kFont, theme == DotTheme::kPrint ? "black" : "white", style.filled ? "filled" : "solid",
      node_extra);
}

}  // namespace pinfo
