#include "collector/emit/dot_name.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace pinfo {
namespace {

constexpr size_t kMaxNameCharacters = 4096;
constexpr size_t kWrapColumns = 32;
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";
constexpr std::string_view kSpace = " \t\n\v\f\r";

// Characters, not bytes. REQUIRES: valid UTF-8, as everything in a CallGraph is.
bool IsContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

size_t CharacterCount(std::string_view text) {
  size_t count = 0;
  for (const char c : text) {
    count += IsContinuationByte(c) ? 0 : 1;
  }
  return count;
}

// An open bracket without its partner stays, as does a closing one.
std::string EraseBracketed(const std::string& name, char open, char close) {
  std::string kept;
  std::vector<size_t> opened;  // where in kept
  for (const char c : name) {
    if (c == close && !opened.empty()) {
      kept.resize(opened.back());
      opened.pop_back();
      continue;
    }
    if (c == open) {
      opened.push_back(kept.size());
    }
    kept += c;
  }
  return kept;
}

std::string EraseTrailingConst(std::string name) {
  static constexpr std::string_view kConst = "const";
  if (!name.ends_with(kConst)) {
    return name;
  }
  const size_t before = name.size() - kConst.size();
  const size_t last = name.find_last_not_of(kSpace, before == 0 ? 0 : before - 1);
  if (before == 0 || last + 1 == before) {
    return name;
  }
  name.resize(last + 1);
  return name;
}

void ReplaceAll(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
}

// Breaks at white space only; a word longer than a line has one of its own.
std::string BreakLines(std::string_view text) {
  std::string lines;
  size_t column = 0;
  while (true) {
    const size_t start = text.find_first_not_of(kSpace);
    if (start == std::string_view::npos) {
      return lines;
    }
    const size_t end = std::min(text.find_first_of(kSpace, start), text.size());
    const std::string_view word = text.substr(start, end - start);
    const size_t width = CharacterCount(word);
    const size_t gap = column == 0 ? 0 : start;
    if (column != 0 && column + gap + width > kWrapColumns) {
      lines += '\n';
      column = 0;
    } else {
      lines.append(gap, ' ');
      column += gap;
    }
    lines += word;
    column += width;
    text.remove_prefix(end);
  }
}

}  // namespace

std::string StripSignature(std::string name) {
  name = EraseTrailingConst(EraseBracketed(name, '(', ')'));
  return EraseBracketed(name, '<', '>');
}

std::string WrapName(const std::string& name) {
  std::string wrapped = CharacterCount(name) > kWrapColumns ? BreakLines(name) : name;
  ReplaceAll(wrapped, ", ", ",");
  ReplaceAll(wrapped, "> >", ">>");
  ReplaceAll(wrapped, "> >", ">>");
  return wrapped;
}

std::string ShortenName(std::string name) {
  if (CharacterCount(name) < kMaxNameCharacters) {
    return name;
  }
  size_t bytes = 0;
  for (size_t characters = 0; bytes < name.size(); ++bytes) {
    if (!IsContinuationByte(name[bytes]) && characters++ == kMaxNameCharacters - 1) {
      break;
    }
  }
  name.resize(bytes);
  return name.append(kEllipsis);
}

}  // namespace pinfo
