// pinfo graph: a profile as a call graph in DOT, SVG or PNG.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/number_check.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "collector/emit/dot.h"
#include "collector/emit/dot_compare.h"
#include "collector/emit/file_io.h"
#include "collector/emit/graphviz.h"
#include "collector/emit/pstats_reader.h"

namespace pinfo::cli {
namespace {

namespace fs = std::filesystem;

enum class Picture : uint8_t { kDot, kSvg, kPng };

struct GraphOptions {
  ProfileInput input;
  std::string output;
  std::string type;
  std::string theme = "color";
  std::vector<std::string> labels;
  std::string compare;
  bool no_legend = false;
  DotOptions dot;
  DotComparisonOptions comparison;
};

std::optional<Picture> ParsePicture(const std::string& type) {
  if (type == "dot") {
    return Picture::kDot;
  }
  if (type == "svg") {
    return Picture::kSvg;
  }
  return type == "png" ? std::optional(Picture::kPng) : std::nullopt;
}

Result<std::string> Render(Result<std::string> dot, Picture picture) {
  if (!dot || picture == Picture::kDot) {
    return dot;
  }
  return RenderDot(*dot, picture == Picture::kSvg ? GraphFormat::kSvg : GraphFormat::kPng);
}

Result<std::string> Draw(const CallGraph& graph, const DotOptions& options, Picture picture) {
  return Render(WriteDot(graph, options), picture);
}

Status DrawFile(const fs::path& stats_file, const fs::path& picture_file, const DotOptions& options,
                Picture picture) {
  const Result<CallGraph> graph = ReadStatsFile(stats_file.string());
  if (!graph) {
    return Fail(graph.error().message);
  }
  const Result<std::string> drawn = Draw(*graph, options, picture);
  if (!drawn) {
    return Fail(fmt::format("{}: {}", stats_file.string(), drawn.error().message));
  }
  return WriteFileAtomically(picture_file.string(), *drawn);
}

Result<std::vector<fs::path>> StatsFilesIn(const std::string& directory) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".stats") {
      files.push_back(it->path());
    }
  }
  if (error) {
    return Fail(fmt::format("cannot read {}: {}", directory, error.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// One file that cannot be drawn does not keep the others from it; the exit status tells.
void DrawDirectory(const std::string& directory, const GraphOptions& options,
                   const GlobalOptions& global) {
  const std::string type = options.type.empty() ? "svg" : options.type;
  const Picture picture = ParsePicture(type).value_or(Picture::kSvg);
  const fs::path target = options.output.empty() ? directory : options.output;
  const Result<std::vector<fs::path>> files = StatsFilesIn(directory);
  if (!files) {
    ReportError(files.error().message);
    return;
  }
  if (files->empty()) {
    ReportError(fmt::format("there is no .stats file in {}", directory));
    return;
  }
  std::error_code error;
  fs::create_directories(target, error);
  if (error) {
    ReportError(fmt::format("cannot make the directory {}: {}", target.string(), error.message()));
    return;
  }
  size_t drawn = 0;
  for (const fs::path& file : *files) {
    const fs::path picture_file = target / file.filename().replace_extension(type);
    if (const Status status = DrawFile(file, picture_file, options.dot, picture); !status) {
      ReportError(status.error().message);
    } else {
      ++drawn;
      if (global.json) {
        PrintAll(JsonLine({{"graph", picture_file.string()}}));
      }
    }
  }
  if (!global.quiet) {
    Tell("{} of {} graphs written to {}\n", drawn, files->size(), target.string());
  }
}

// From --type, else from the extension of the output, else DOT.
Result<Picture> PictureOf(const GraphOptions& options) {
  std::string type = options.type;
  if (type.empty() && !options.output.empty()) {
    type = fs::path(options.output).extension().string();
    type.erase(0, 1);
    if (!ParsePicture(type)) {
      return Fail(fmt::format(
          "'{}' does not end in .dot, .svg or .png: give such a name, or --type", options.output));
    }
  }
  return ParsePicture(type).value_or(Picture::kDot);
}

Result<std::string> DrawComparison(const CallGraph& graph, const GraphOptions& options,
                                   Picture picture, const GlobalOptions& global) {
  ProfileInput input;
  input.inputs = {options.compare};
  Result<LoadedProfile> other = LoadProfile(global, input);
  if (!other) {
    return Fail(other.error().message);
  }
  const CallGraph second = std::move(other->graph);
  return Render(WriteDotComparison(graph, second, options.dot, options.comparison), picture);
}

void DrawProfile(const GraphOptions& options, const GlobalOptions& global) {
  const Result<Picture> picture = PictureOf(options);
  if (!picture) {
    ReportError(picture.error().message);
    SetExit(kExitUsage);
    return;
  }
  Result<LoadedProfile> profile = LoadProfile(global, options.input);
  if (!profile) {
    ReportError(profile.error().message);
    return;
  }
  const CallGraph graph = std::move(profile->graph);
  if (graph.functions.empty()) {
    ReportError("no data yet: there is nothing to draw");
    return;
  }
  const Result<std::string> drawn = options.compare.empty()
                                        ? Draw(graph, options.dot, *picture)
                                        : DrawComparison(graph, options, *picture, global);
  if (!drawn) {
    ReportError(drawn.error().message);
    return;
  }
  if (options.output.empty()) {
    PrintAll(*drawn);
    return;
  }
  if (const Status status = WriteFileAtomically(options.output, *drawn); !status) {
    ReportError(status.error().message);
  } else if (global.json) {
    PrintAll(JsonLine({{"graph", options.output}}));
  }
}

void RunGraph(GraphOptions& options, const GlobalOptions& global) {
  options.dot.legend = !options.no_legend;
  options.dot.theme = ParseDotTheme(options.theme).value_or(DotTheme::kColor);
  if (!options.labels.empty()) {
    options.dot.labels.clear();
  }
  for (const std::string& name : options.labels) {
    if (const std::optional<NodeLabel> label = ParseNodeLabel(name)) {
      options.dot.labels.push_back(*label);
    }
  }
  std::error_code error;
  const std::vector<std::string>& inputs = options.input.inputs;
  if (inputs.size() == 1 && fs::is_directory(inputs[0], error)) {
    DrawDirectory(inputs[0], options, global);
    return;
  }
  if (global.json && options.output.empty()) {
    ReportUsageError("--json names the file that was written: give it with -o");
    return;
  }
  DrawProfile(options, global);
}

// The names are gprof2dot's.
void AddDotOptions(CLI::App& command, GraphOptions& options) {
  GraphSelectionOptions& selection = options.dot.selection;
  command
      .add_option("-n,--node-thres", selection.node_threshold,
                  "Leave out functions below this percentage")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command
      .add_option("-e,--edge-thres", selection.edge_threshold,
                  "Leave out calls below this percentage")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command.add_option("-z,--root", selection.root, "Only what functions of this name (a glob) call");
  command.add_option("-l,--leaf", selection.leaf, "Only what calls functions of this name");
  command.add_option("--depth", selection.depth, "At most so many calls away from root or leaf");
  command.add_option("-p,--path", selection.paths, "Only functions in files that begin with this")
      ->allow_extra_args(false);
  command.add_option("-c,--colormap", options.theme, "Colours")
      ->check(CLI::IsMember(DotThemeNames()))
      ->capture_default_str();
  command
      .add_option("--skew", options.dot.skew,
                  "Below 1: more variety in the colours of low percentages; above: less")
      ->check(AboveZero());
  command.add_flag("--color-nodes-by-selftime,--colour-nodes-by-selftime",
                   options.dot.color_by_self_time, "Colour by self time instead of total time");
  command.add_option("--node-label", options.labels, "What a node shows; may be repeated")
      ->check(CLI::IsMember(NodeLabelNames()))
      ->allow_extra_args(false);
  command.add_flag("--show-samples", options.dot.show_samples, "Show the number of samples");
  command.add_flag("-s,--strip", options.dot.strip,
                   "C++ names without parameters, const and template arguments");
  command.add_flag("-w,--wrap", options.dot.wrap, "Break long names into lines");
  command.add_flag("--no-legend", options.no_legend,
                   "No table of kinds of time and no borders in their colours");
  DotComparisonOptions& comparison = options.comparison;
  command.add_option("--compare", options.compare,
                     "Show by how much each function's share is larger or smaller in this one: a "
                     "request id, a file or all");
  command
      .add_option("--compare-tolerance", comparison.tolerance,
                  "Percentage points; what differs by less counts as the same")
      ->check(AboveZero())
      ->capture_default_str();
  auto* slower = command.add_flag("--compare-only-slower", comparison.only_slower,
                                  "Mark only functions that are slower in the other");
  command
      .add_flag("--compare-only-faster", comparison.only_faster,
                "Mark only functions that are faster in the other")
      ->excludes(slower);
  command.add_flag("--compare-color-by-difference,--compare-colour-by-difference",
                   comparison.color_by_difference, "Colour by how much a function differs");
}

}  // namespace

void RegisterGraph(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<GraphOptions>();
  CLI::App* command = app.add_subcommand(
      "graph",
      "The call graph of a request, a route, stats files or everything; of a directory: "
      "one for each of its stats files");
  AddProfileInputOptions(*command, options->input);
  command->add_option("-o,--output", options->output,
                      "FILE.dot, .svg or .png, or a directory for a directory's graphs; DOT on "
                      "standard output where not given");
  command
      ->add_option("--type", options->type,
                   "dot, svg or png, whatever the output's name (a directory's graphs: svg)")
      ->check(CLI::IsMember({"dot", "svg", "png"}));
  AddDotOptions(*command, *options);
  command->callback([options, &global] { RunGraph(*options, global); });
}

}  // namespace pinfo::cli
