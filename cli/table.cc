#include "cli/table.h"

#include <algorithm>
#include <string_view>

#include <unistd.h>

#include "cli/format.h"

namespace pinfo::cli {
namespace {

constexpr size_t kMaxCellWidth = 96;
constexpr std::string_view kCut = "...";

bool StartsCodePoint(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// In code points, which is the width of everything but East Asian and combining characters.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), StartsCodePoint));
}

std::string Cut(const std::string& text) {
  if (Width(text) <= kMaxCellWidth) {
    return text;
  }
  size_t points = 0;
  size_t bytes = 0;
  for (; bytes < text.size(); ++bytes) {
    if (StartsCodePoint(text[bytes]) && ++points > kMaxCellWidth - kCut.size()) {
      break;
    }
  }
  return text.substr(0, bytes) + std::string(kCut);
}

std::string Join(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) {
    line += (&cell == cells.data() ? "" : "\t") + cell;
  }
  return line + "\n";
}

std::string AlignedLine(const std::vector<Column>& columns, const std::vector<size_t>& widths,
                        const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - Width(cells[i]), ' ');
    if (i > 0) {
      line += "  ";
    }
    line += columns[i].align == Align::kRight ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

void Table::AddRow(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    cell = EscapeForTerminal(cell);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::Render(bool terminal) const {
  std::string text;
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns_) {
    lines[0].push_back(column.header);
  }
  if (!terminal) {
    if (!rows_.empty()) {
      text += "#" + Join(lines[0]);
    }
    for (const std::vector<std::string>& row : rows_) {
      text += Join(row);
    }
    return text;
  }
  for (const std::vector<std::string>& row : rows_) {
    std::vector<std::string>& line = lines.emplace_back();
    std::transform(row.begin(), row.end(), std::back_inserter(line), Cut);
  }
  std::vector<size_t> widths(columns_.size());
  for (const std::vector<std::string>& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], Width(line[i]));
    }
  }
  for (const std::vector<std::string>& line : lines) {
    text += AlignedLine(columns_, widths, line);
  }
  return text;
}

bool StdoutIsTerminal() { return ::isatty(STDOUT_FILENO) == 1; }

}  // namespace pinfo::cli
