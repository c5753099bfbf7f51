#include "collector/emit/folded.h"

#include <vector>

#include <fmt/format.h>

#include "collector/profile/utf8.h"

namespace pinfo {
namespace {

std::string FrameText(const Function& function) {
  std::string text = function.name;
  if (!function.file.empty() && function.file != "~") {
    text +=
        fmt::format(" ({}:{})", function.file.substr(function.file.rfind('/') + 1), function.line);
  }
  text = ValidUtf8(text);
  for (char& c : text) {
    if (c == ';') {
      c = ':';
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      c = ' ';
    }
  }
  return text;
}

}  // namespace

std::string EncodeFolded(const CallTree& with_lines) {
  const CallTree tree = WithoutLines(with_lines);
  std::vector<std::string> names;
  names.reserve(tree.functions().size());
  for (const Function& function : tree.functions()) {
    names.push_back(FrameText(function));
  }
  std::string folded;
  std::vector<const std::string*> stack;
  for (CallTree::NodeIndex i = 0; i < tree.nodes().size(); ++i) {
    int64_t time_ns = 0;
    for (const int64_t ns : tree.nodes()[i].self_ns) {
      time_ns += ns;
    }
    if (time_ns == 0) {
      continue;
    }
    stack.clear();
    for (CallTree::NodeIndex at = i; at != CallTree::kRoot; at = tree.nodes()[at].parent) {
      stack.push_back(&names[tree.nodes()[at].function]);
    }
    if (stack.empty()) {
      folded += kUnsampledFrame;
    }
    for (size_t frame = stack.size(); frame-- > 0;) {
      folded += *stack[frame];
      folded += frame == 0 ? "" : ";";
    }
    folded += fmt::format(" {}\n", time_ns);
  }
  return folded;
}

}  // namespace pinfo
