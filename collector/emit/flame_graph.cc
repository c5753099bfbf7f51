#include "collector/emit/flame_graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include <fmt/format.h>

#include "collector/emit/flame_script.h"
#include "collector/emit/xml_text.h"

namespace pinfo {
namespace {

constexpr double kLeft = 10;
constexpr double kWidth = 1180;
constexpr int kTop = 66;
constexpr int kRow = 18;
constexpr int kFooter = 46;
constexpr double kCharacter = 6.7;  // of the font below, a little more than its mean
// A box narrower than this share of the whole is left out: zooming in makes room for it only where
// it is worth looking at, and the file's size has a bound.
constexpr int64_t kSmallestShare = 20'000;

std::string Duration(int64_t ns) {
  const auto value = static_cast<double>(ns < 0 ? -ns : ns);
  const char* sign = ns < 0 ? "-" : "";
  if (value >= 1e9) {
    return fmt::format("{}{:.4g} s", sign, value / 1e9);
  }
  if (value >= 1e6) {
    return fmt::format("{}{:.4g} ms", sign, value / 1e6);
  }
  return value >= 1e3 ? fmt::format("{}{:.4g} \xC2\xB5s", sign, value / 1e3)
                      : fmt::format("{} ns", ns);
}

// The hues: what ran, what waited, what is not known.
enum class Hue : uint8_t { kRan, kWaited, kUnknown };
constexpr size_t kHueCount = 3;

Hue HueOf(TimeKind kind) {
  switch (kind) {
    case TimeKind::kOnCpu:
      return Hue::kRan;
    case TimeKind::kBlocked:
    case TimeKind::kRunqueue:
    case TimeKind::kWaiting:
      return Hue::kWaited;
    case TimeKind::kUnattributed:
      return Hue::kUnknown;
  }
  return Hue::kUnknown;
}

// One function has one shade wherever it is: neighbours are told apart by it.
std::string ColorOf(Hue hue, const std::string& name) {
  uint32_t hash = 2166136261U;  // FNV-1a: the same in every file
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  const uint32_t shade = hash >> 8 & 31;
  switch (hue) {
    case Hue::kRan:
      return fmt::format("#{:02x}{:02x}{:02x}", 0xF0 + shade / 4, 0x90 + shade * 2, 0x50 + shade);
    case Hue::kWaited:
      return fmt::format("#{:02x}{:02x}{:02x}", 0x80 + shade, 0xAC + shade, 0xE8 + shade / 2);
    case Hue::kUnknown:
      return fmt::format("#{0:02x}{0:02x}{0:02x}", 0xC0 + shade / 2);
  }
  return "";
}

struct Subtree {
  std::array<int64_t, kTimeKindCount> ns_by_kind{};
  int64_t before_ns = 0;
  int64_t samples = 0;
  [[nodiscard]] int64_t Total() const {
    int64_t total = 0;
    for (const int64_t ns : ns_by_kind) {
      total += ns;
    }
    return total;
  }
};

class FlameWriter {
 public:
  // before_self_ns: by node, of a comparison; empty: of none.
  FlameWriter(const CallTree& tree, std::vector<int64_t> before_self_ns,
              const FlameGraphOptions& options)
      : tree_(tree),
        nodes_(tree.nodes()),
        before_self_ns_(std::move(before_self_ns)),
        options_(options) {
    SumUp();
    LayOut();
  }

  std::string Write() {
    std::string boxes;
    for (const CallTree::NodeIndex node : order_) {
      boxes += Box(node);
    }
    const int height = kTop + (deepest_ + 1) * kRow + kFooter;
    return Head(height) + Axis() + "<g id=\"boxes\">\n" + boxes + "</g>\n" + Foot(height);
  }

 private:
  [[nodiscard]] bool is_comparison() const { return !before_self_ns_.empty(); }
  [[nodiscard]] int64_t whole_ns() const { return sums_[CallTree::kRoot].Total(); }

  void SumUp() {
    sums_.resize(nodes_.size());
    for (size_t i = nodes_.size(); i-- > 0;) {
      Subtree& sum = sums_[i];
      for (size_t kind = 0; kind < kTimeKindCount; ++kind) {
        sum.ns_by_kind[kind] += std::max<int64_t>(nodes_[i].self_ns[kind], 0);
      }
      sum.samples += nodes_[i].self_samples;
      sum.before_ns += is_comparison() ? before_self_ns_[i] : 0;
      if (i != CallTree::kRoot) {
        Subtree& parent = sums_[nodes_[i].parent];
        for (size_t kind = 0; kind < kTimeKindCount; ++kind) {
          parent.ns_by_kind[kind] += sum.ns_by_kind[kind];
        }
        parent.samples += sum.samples;
        parent.before_ns += sum.before_ns;
      }
    }
  }

  // Children from the left, the longest first; a function's own time is what they leave free.
  void LayOut() {
    std::vector<std::vector<CallTree::NodeIndex>> children(nodes_.size());
    for (CallTree::NodeIndex i = 1; i < nodes_.size(); ++i) {
      children[nodes_[i].parent].push_back(i);
    }
    begin_ns_.resize(nodes_.size());
    depth_.resize(nodes_.size());
    std::vector<bool> drawn(nodes_.size());
    drawn[CallTree::kRoot] = true;
    for (CallTree::NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (!drawn[i]) {
        continue;
      }
      order_.push_back(i);
      deepest_ = std::max(deepest_, depth_[i]);
      std::stable_sort(children[i].begin(), children[i].end(),
                       [this](auto a, auto b) { return sums_[a].Total() > sums_[b].Total(); });
      int64_t at_ns = begin_ns_[i];
      for (const CallTree::NodeIndex child : children[i]) {
        const int64_t child_ns = sums_[child].Total();
        begin_ns_[child] = at_ns;
        depth_[child] = depth_[i] + 1;
        at_ns += child_ns;
        drawn[child] = child_ns > 0 && child_ns >= whole_ns() / kSmallestShare;
        left_out_ += drawn[child] || child_ns == 0 ? 0 : 1;
        largest_change_ns_ =
            std::max(largest_change_ns_, std::abs(child_ns - sums_[child].before_ns));
      }
    }
  }

  [[nodiscard]] double X(int64_t ns) const {
    return kLeft + (whole_ns() == 0 ? 0 : static_cast<double>(ns) / whole_ns() * kWidth);
  }

  [[nodiscard]] std::string NameOf(CallTree::NodeIndex node) const {
    return node == CallTree::kRoot ? "all" : tree_.functions()[nodes_[node].function].name;
  }

  [[nodiscard]] std::string TooltipOf(CallTree::NodeIndex node) const {
    const Subtree& sum = sums_[node];
    std::string text = NameOf(node);
    if (node != CallTree::kRoot) {
      const Function& function = tree_.functions()[nodes_[node].function];
      if (!function.file.empty() && function.file != "~") {
        text += fmt::format(" ({}:{})", function.file, function.line);
      } else if (!function.module.empty()) {
        text += fmt::format(" ({})", function.module);
      }
    }
    const int64_t total = sum.Total();
    text += fmt::format("\n{}, {:.2f}%", Duration(total), Percent(total));
    int64_t self_ns = 0;
    for (const int64_t ns : nodes_[node].self_ns) {
      self_ns += ns;
    }
    text += fmt::format("; itself {}", Duration(self_ns));
    for (const TimeKind kind : kTimeKinds) {
      const int64_t ns = sum.ns_by_kind[static_cast<size_t>(kind)];
      if (ns > 0) {
        text += fmt::format("; {} {}", TimeKindName(kind), Duration(ns));
      }
    }
    if (sum.samples > 0) {
      text += fmt::format("; {} samples", sum.samples);
    }
    if (is_comparison()) {
      const int64_t change = total - sum.before_ns;
      text += fmt::format("\nbefore {}: {}{}", Duration(sum.before_ns), change >= 0 ? "+" : "",
                          Duration(change));
    }
    return text;
  }

  [[nodiscard]] double Percent(int64_t ns) const {
    return whole_ns() == 0 ? 0 : 100.0 * static_cast<double>(ns) / static_cast<double>(whole_ns());
  }

  // One rectangle for each hue there is, side by side.
  [[nodiscard]] std::string Rectangles(CallTree::NodeIndex node) const {
    const Subtree& sum = sums_[node];
    const auto total = static_cast<double>(sum.Total());
    if (is_comparison()) {
      return Rectangle(node, 0, 1, ChangeColor(sum.Total() - sum.before_ns));
    }
    std::array<int64_t, kHueCount> by_hue{};
    for (const TimeKind kind : kTimeKinds) {
      by_hue[static_cast<size_t>(HueOf(kind))] += sum.ns_by_kind[static_cast<size_t>(kind)];
    }
    std::string rectangles;
    int64_t from_ns = 0;
    for (size_t hue = 0; hue < kHueCount; ++hue) {
      if (by_hue[hue] > 0) {
        const int64_t to_ns = from_ns + by_hue[hue];
        rectangles += Rectangle(node, static_cast<double>(from_ns) / total,
                                static_cast<double>(to_ns) / total,
                                ColorOf(static_cast<Hue>(hue), NameOf(node)));
        from_ns = to_ns;
      }
    }
    return rectangles.empty() ? Rectangle(node, 0, 1, "#eeeeee") : rectangles;
  }

  [[nodiscard]] std::string Rectangle(CallTree::NodeIndex node, double from, double to,
                                      const std::string& color) const {
    const double x = X(begin_ns_[node]);
    const double width = X(begin_ns_[node] + sums_[node].Total()) - x;
    return fmt::format(
        "<rect x=\"{:.2f}\" y=\"{}\" width=\"{:.2f}\" height=\"{}\" fill=\"{}\" data-a=\"{:.6g}\" "
        "data-b=\"{:.6g}\"/>",
        x + from * width, kTop + depth_[node] * kRow, (to - from) * width, kRow - 1, color, from,
        to);
  }

  [[nodiscard]] std::string ChangeColor(int64_t change_ns) const {
    const double strength = largest_change_ns_ == 0
                                ? 0
                                : std::min(1.0, static_cast<double>(std::abs(change_ns)) /
                                                    static_cast<double>(largest_change_ns_));
    const int faint = static_cast<int>(std::lround(235 - 175 * std::sqrt(strength)));
    return change_ns >= 0 ? fmt::format("#f0{0:02x}{0:02x}", faint)
                          : fmt::format("#{0:02x}{0:02x}f0", faint);
  }

  [[nodiscard]] std::string Box(CallTree::NodeIndex node) const {
    const std::string name = XmlText(NameOf(node));
    const std::string tooltip = XmlText(TooltipOf(node));
    const double x = X(begin_ns_[node]);
    const double width = X(begin_ns_[node] + sums_[node].Total()) - x;
    return fmt::format(
        "<g data-x=\"{}\" data-w=\"{}\" data-d=\"{}\" data-n=\"{}\" tabindex=\"-1\" "
        "role=\"button\" "
        "aria-label=\"{}\"><title>{}</title>{}<text x=\"{:.2f}\" y=\"{}\">{}</text></g>\n",
        begin_ns_[node], sums_[node].Total(), depth_[node], name, tooltip, tooltip,
        Rectangles(node), x + 3, kTop + depth_[node] * kRow + 13, Label(NameOf(node), width));
  }

  // As the script has it, for where there is none.
  [[nodiscard]] static std::string Label(const std::string& name, double width) {
    const auto fits = static_cast<size_t>(std::max(0.0, (width - 6) / kCharacter));
    if (fits < 3) {
      return "";
    }
    if (name.size() <= fits) {
      return XmlText(name);
    }
    size_t end = fits - 1;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) {
      --end;
    }
    return XmlText(name.substr(0, end)) + "\xE2\x80\xA6";
  }

  [[nodiscard]] std::string Legend() const {
    std::string legend;
    double x = kLeft;
    const auto entry = [&](const std::string& color, const std::string& text) {
      legend += fmt::format(
          "<rect x=\"{:.0f}\" y=\"30\" width=\"12\" height=\"12\" fill=\"{}\"/>"
          "<text x=\"{:.0f}\" y=\"40\">{}</text>\n",
          x, color, x + 16, XmlText(text));
      x += 34 + static_cast<double>(text.size()) * kCharacter;
    };
    if (is_comparison()) {
      entry("#f03c3c", "longer than before");
      entry("#3c3cf0", "shorter");
      return legend;
    }
    static constexpr std::array<const char*, kHueCount> kColors = {"#f4a868", "#90bcf0", "#c8c8c8"};
    for (const TimeKind kind : kTimeKinds) {
      const int64_t ns = sums_[CallTree::kRoot].ns_by_kind[static_cast<size_t>(kind)];
      if (ns > 0) {
        entry(kColors[static_cast<size_t>(HueOf(kind))],
              fmt::format("{} {}, {:.1f}%", TimeKindName(kind), Duration(ns), Percent(ns)));
      }
    }
    return legend;
  }

  [[nodiscard]] std::string Head(int height) const {
    return fmt::format(
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1200 {0}\" width=\"1200\" "
               "height=\"{0}\" font-family=\"Verdana, DejaVu Sans, sans-serif\" font-size=\"11\" "
               "data-left=\"{1}\" data-width=\"{2}\">\n<title>{3}</title>\n"
               "<rect width=\"1200\" height=\"{0}\" fill=\"#ffffff\"/>\n"
               "<text x=\"10\" y=\"20\" font-size=\"14\">{3}</text>\n",
               height, kLeft, kWidth, XmlText(options_.title)) +
           Legend();
  }

  // Ticks at 1, 2 or 5 times a power of ten, at most nine of them.
  [[nodiscard]] std::string Axis() const {
    std::string axis = "<g id=\"axis\" fill=\"#555\">\n";
    const auto whole = static_cast<double>(whole_ns());
    if (whole > 0) {
      const double power = std::pow(10, std::floor(std::log10(whole / 8)));
      double step = power;
      for (const int factor : {2, 5, 10}) {
        step = step >= whole / 8 ? step : factor * power;
      }
      for (int i = 0; i * step <= whole * 1.0001; ++i) {
        const double x = kLeft + i * step / whole * kWidth;
        axis += fmt::format(
            "<path d=\"M{0:.2f} 58v6\" stroke=\"#555\"/><text x=\"{0:.2f}\" y=\"54\" "
            "text-anchor=\"{1}\">{2}</text>\n",
            x,
            i == 0                    ? "start"
            : x > kLeft + kWidth - 30 ? "end"
                                      : "middle",
            i == 0 ? "0" : Duration(std::llround(i * step)));
      }
    }
    return axis + "</g>\n";
  }

  [[nodiscard]] std::string Note() const {
    std::string note = options_.note;
    const auto add = [&note](const std::string& text) {
      note += (note.empty() ? "" : "; ") + text;
    };
    if (is_comparison()) {
      int64_t gone_ns = 0;
      for (CallTree::NodeIndex i = 1; i < nodes_.size(); ++i) {
        gone_ns += sums_[i].Total() == 0 ? before_self_ns_[i] : 0;
      }
      add(fmt::format("{} now, {} before", Duration(whole_ns()),
                      Duration(sums_[CallTree::kRoot].before_ns)));
      if (gone_ns > 0) {
        add(fmt::format("{} of before in stacks that are no more", Duration(gone_ns)));
      }
    }
    if (left_out_ > 0) {
      add(fmt::format("{} boxes narrower than 0.005% are left out", left_out_));
    }
    return note;
  }

  // The controls are hidden until the script is there to serve them.
  [[nodiscard]] std::string Foot(int height) const {
    return fmt::format(
        "<text id=\"details\" x=\"10\" y=\"{}\" aria-live=\"polite\"></text>\n"
        "<text x=\"10\" y=\"{}\" fill=\"#555\">{}</text>\n"
        "<g id=\"controls\" visibility=\"hidden\">"
        "<text id=\"reset\" x=\"860\" y=\"20\" visibility=\"hidden\" role=\"button\" "
        "tabindex=\"0\" "
        "fill=\"#0645ad\">reset zoom</text>"
        "<text id=\"matched\" x=\"1190\" y=\"40\" text-anchor=\"end\" aria-live=\"polite\"></text>"
        "<foreignObject x=\"950\" y=\"4\" width=\"240\" height=\"24\">"
        "<input xmlns=\"http://www.w3.org/1999/xhtml\" id=\"search\" type=\"search\" size=\"26\" "
        "placeholder=\"search: a regular expression\" aria-label=\"search functions\"/>"
        "</foreignObject></g>\n"
        "<script><![CDATA[{}]]></script>\n</svg>\n",
        height - 26, height - 8, XmlText(Note()), kFlameGraphScript);
  }

  const CallTree& tree_;
  const std::vector<CallTree::Node>& nodes_;
  const std::vector<int64_t> before_self_ns_;
  const FlameGraphOptions& options_;
  std::vector<Subtree> sums_;
  std::vector<int64_t> begin_ns_;
  std::vector<int> depth_;
  std::vector<CallTree::NodeIndex> order_;  // of the boxes; parents first
  int deepest_ = 0;
  int64_t left_out_ = 0;
  int64_t largest_change_ns_ = 0;
};

}  // namespace

std::string WriteFlameGraph(const CallTree& tree, const FlameGraphOptions& options) {
  const CallTree without_lines = WithoutLines(tree);
  return FlameWriter(without_lines, {}, options).Write();
}

std::string WriteFlameComparison(const TreeComparison& comparison,
                                 const FlameGraphOptions& options) {
  return FlameWriter(comparison.tree, comparison.before_self_ns, options).Write();
}

}  // namespace pinfo
