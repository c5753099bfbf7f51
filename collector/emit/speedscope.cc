#include "collector/emit/speedscope.h"

#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

namespace pinfo {
namespace {

using Json = nlohmann::ordered_json;

int64_t TimeOf(const CallTree::Node& node, std::optional<TimeKind> kind) {
  if (kind) {
    return node.self_ns[static_cast<size_t>(*kind)];
  }
  int64_t time_ns = 0;
  for (const int64_t ns : node.self_ns) {
    time_ns += ns;
  }
  return time_ns;
}

Json FramesOf(const CallTree& tree) {
  Json frames = Json::array();
  for (const Function& function : tree.functions()) {
    Json frame = {{"name", function.name}};
    const std::string& file = function.file.empty() ? function.module : function.file;
    if (!file.empty()) {
      frame["file"] = file;
    }
    if (function.line > 0) {
      frame["line"] = function.line;
    }
    frames.push_back(std::move(frame));
  }
  frames.push_back({{"name", kUnsampledFrame}});  // for empty stacks
  return frames;
}

// Null where there is no such time.
Json ProfileOf(const CallTree& tree, const std::string& name, std::optional<TimeKind> kind) {
  Json samples = Json::array();
  Json weights = Json::array();
  int64_t total_ns = 0;
  for (CallTree::NodeIndex i = 0; i < tree.nodes().size(); ++i) {
    const int64_t time_ns = TimeOf(tree.nodes()[i], kind);
    if (time_ns == 0) {
      continue;
    }
    std::vector<size_t> stack;
    for (CallTree::NodeIndex at = i; at != CallTree::kRoot; at = tree.nodes()[at].parent) {
      stack.push_back(tree.nodes()[at].function);
    }
    if (stack.empty()) {
      stack.push_back(tree.functions().size());
    }
    samples.push_back(std::vector<size_t>(stack.rbegin(), stack.rend()));
    weights.push_back(time_ns);
    total_ns += time_ns;
  }
  if (samples.empty() && kind) {
    return nullptr;
  }
  return {{"type", "sampled"},
          {"name", name},
          {"unit", "nanoseconds"},
          {"startValue", 0},
          {"endValue", total_ns},
          {"samples", std::move(samples)},
          {"weights", std::move(weights)}};
}

}  // namespace

std::string EncodeSpeedscope(const CallTree& with_lines, const ProfileTitle& title) {
  const CallTree tree = WithoutLines(with_lines);
  Json profiles = Json::array({ProfileOf(tree, "all time", std::nullopt)});
  std::vector<Json> of_kinds;
  for (const TimeKind kind : kTimeKinds) {
    if (Json profile = ProfileOf(tree, TimeKindName(kind), kind); !profile.is_null()) {
      of_kinds.push_back(std::move(profile));
    }
  }
  if (of_kinds.size() > 1) {
    for (Json& profile : of_kinds) {
      profiles.push_back(std::move(profile));
    }
  }
  const Json file = {{"$schema", "https://www.speedscope.app/file-format-schema.json"},
                     {"shared", {{"frames", FramesOf(tree)}}},
                     {"profiles", std::move(profiles)},
                     {"name", title.text},
                     {"activeProfileIndex", 0},
                     {"exporter", "pinfo"}};
  // Names are any bytes: what is no UTF-8 is replaced.
  return file.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace pinfo
