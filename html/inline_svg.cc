#include "html/inline_svg.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace pinfo::html {
namespace {

constexpr auto kElements = std::to_array<std::string_view>(
    {"svg", "g", "a", "title", "text", "path", "polygon", "polyline", "ellipse"});

// No link, no style and no event handler among them.
constexpr auto kAttributes = std::to_array<std::string_view>({"xmlns",
                                                              "xmlns:xlink",
                                                              "xlink:title",
                                                              "width",
                                                              "height",
                                                              "viewBox",
                                                              "class",
                                                              "transform",
                                                              "fill",
                                                              "fill-opacity",
                                                              "stroke",
                                                              "stroke-width",
                                                              "stroke-opacity",
                                                              "points",
                                                              "d",
                                                              "stroke-dasharray",
                                                              "x",
                                                              "y",
                                                              "cx",
                                                              "cy",
                                                              "rx",
                                                              "ry",
                                                              "text-anchor",
                                                              "font-family",
                                                              "font-size",
                                                              "font-weight",
                                                              "font-style",
                                                              "text-decoration"});

constexpr std::string_view kDropped = "id";

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  Result<std::string> Scan() {
    while (!rest_.empty()) {
      if (Status status = ScanPiece(); !status) {
        return tl::unexpected(status.error());
      }
    }
    if (!open_.empty()) {
      return Fail("the drawing ends inside <" + open_.back() + ">");
    }
    return std::move(output_);
  }

 private:
  Status ScanPiece() {
    const size_t text = std::min(rest_.find('<'), rest_.size());
    if (!open_.empty()) {
      output_ += rest_.substr(0, text);
    }
    rest_.remove_prefix(text);
    if (rest_.empty()) {
      return {};
    }
    if (Take("<!--")) {
      const size_t end = rest_.find("-->");
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 3);
      return {};
    }
    return Take("</") ? ScanEndTag() : ScanStartTag();
  }

  Status ScanEndTag() {
    const std::string name(TakeName());
    if (open_.empty() || open_.back() != name || !Take(">")) {
      return Fail("the drawing has an unexpected </" + name + ">");
    }
    open_.pop_back();
    output_ += "</" + name + ">";
    return {};
  }

  Status ScanStartTag() {
    rest_.remove_prefix(1);
    const std::string name(TakeName());
    if (std::ranges::find(kElements, name) == kElements.end()) {
      return Fail("the drawing has an element <" + name + ">");
    }
    output_ += "<" + name;
    while (true) {
      SkipSpace();
      if (Take("/>")) {
        output_ += "/>";
        return {};
      }
      if (Take(">")) {
        output_ += ">";
        open_.push_back(name);
        return {};
      }
      if (Status status = ScanAttribute(); !status) {
        return status;
      }
    }
  }

  Status ScanAttribute() {
    const std::string name(TakeName());
    const bool dropped = name == kDropped;
    if (!dropped && std::ranges::find(kAttributes, name) == kAttributes.end()) {
      return Fail("the drawing has an attribute " + name);
    }
    if (!Take("=\"")) {
      return Fail("the drawing's attribute " + name + " has no quoted value");
    }
    const size_t end = rest_.find_first_of("\"<");
    if (end == std::string_view::npos || rest_[end] != '"') {
      return Fail("the drawing's attribute " + name + " does not end");
    }
    if (!dropped) {
      output_ += " " + name + "=\"" + std::string(rest_.substr(0, end)) + "\"";
    }
    rest_.remove_prefix(end + 1);
    return {};
  }

  std::string_view TakeName() {
    const auto end = std::ranges::find_if_not(
        rest_, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == ':'; });
    const std::string_view name = rest_.substr(0, static_cast<size_t>(end - rest_.begin()));
    rest_.remove_prefix(name.size());
    return name;
  }

  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) {
      return false;
    }
    rest_.remove_prefix(token.size());
    return true;
  }

  void SkipSpace() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front())) != 0) {
      rest_.remove_prefix(1);
    }
  }

  std::string_view rest_;
  std::string output_;
  std::vector<std::string> open_;
};

}  // namespace

Result<std::string> InlineSvg(std::string_view document) {
  const size_t start = document.find("<svg");
  if (start == std::string_view::npos) {
    return Fail("the drawing holds no <svg>");
  }
  return Scanner(document.substr(start)).Scan();
}

}  // namespace pinfo::html
