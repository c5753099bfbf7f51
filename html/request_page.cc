#include "html/request_page.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "collector/emit/dot.h"
#include "collector/emit/file_io.h"
#include "collector/emit/graphviz.h"
#include "collector/profile/call_graph.h"
#include "collector/views/verdict.h"
#include "html/data_script.h"
#include "html/escape.h"
#include "html/inline_svg.h"
#include "html/page.h"
#include "html/request_json.h"

namespace pinfo::html {
namespace {

// More than anybody reads; a deep C++ program has tens of thousands.
constexpr size_t kListedFunctions = 2000;
constexpr size_t kLargestStatsFile = size_t{64} << 20;

// What the page shows of the files beside it.
struct Files {
  std::string drawing;                                     // HTML
  std::vector<std::pair<std::string, std::string>> links;  // file, what it is
  std::string missing;                                     // text; empty where all are there
};

nlohmann::json FunctionsJson(const CallGraph& graph) {
  std::vector<const CallGraph::FunctionCost*> costs;
  costs.reserve(graph.functions.size());
  for (const CallGraph::FunctionCost& cost : graph.functions) {
    costs.push_back(&cost);
  }
  std::ranges::stable_sort(costs, std::greater{},
                           [](const CallGraph::FunctionCost* cost) { return cost->total_ns; });
  costs.resize(std::min(costs.size(), kListedFunctions));
  nlohmann::json functions = nlohmann::json::array();
  for (const CallGraph::FunctionCost* cost : costs) {
    const Function& function = cost->function;
    // A frame in brackets stands for time without samples.
    const bool sampled = graph.calls_are_samples && !function.name.starts_with('[');
    functions.push_back({{"name", function.name},
                         {"file", function.file},
                         {"line", function.line},
                         {"module", function.module},
                         {"self_ns", cost->self_ns},
                         {"total_ns", cost->total_ns},
                         {"samples", sampled ? nlohmann::json(cost->calls) : nullptr}});
  }
  return functions;
}

nlohmann::json PageJson(const RequestRow& row, bool show_values, const Profile& profile,
                        const CallGraph& graph) {
  nlohmann::json functions = FunctionsJson(graph);
  const size_t listed = functions.size();
  return {
      {"request", RequestJson(row, show_values)},
      {"tid", row.tid.value},
      {"protocol", row.protocol},
      {"tls", row.tls},
      {"queue_ns", OrNull(row.queue_ns)},
      {"first_byte_ns", OrNull(row.first_byte_ns)},
      {"bytes_in", row.bytes_in},
      {"verdict", DescribeTime(row, profile.tree)},
      {"profile_ns", profile.tree.TotalNs()},
      {"samples", profile.samples},
      {"samples_incomplete", profile.samples_incomplete.Incomplete()},
      {"stack_ends", DescribeStackEnds(profile.samples_incomplete)},
      {"functions", std::move(functions)},
      {"functions_left", graph.functions.size() - listed},
  };
}

void SetDrawing(const Result<std::string>& svg, Files* files) {
  const Result<std::string> drawing = svg ? InlineSvg(*svg) : svg;
  files->drawing = drawing ? "<div class=\"drawing\" role=\"region\" aria-label=\"Call graph\" "
                             "tabindex=\"0\">\n" +
                                 *drawing + "</div>\n"
                           : "<p>No drawing: " + EscapeHtml(drawing.error().message) + ".</p>\n";
}

Status WriteGraph(const CallGraph& graph, const std::string& id, const OutputDirectory& directory,
                  Files* files) {
  const Result<std::string> dot = WriteDot(graph, DotOptions());
  if (!dot) {
    SetDrawing(dot, files);
    return {};
  }
  if (Status status = directory.Write("requests/" + id + ".dot", *dot); !status) {
    return status;
  }
  files->links.emplace_back(id + ".dot", "call graph as DOT");
  const Result<std::string> svg = RenderDot(*dot, GraphFormat::kSvg);
  SetDrawing(svg, files);
  if (!svg) {
    return {};
  }
  files->links.emplace_back(id + ".svg", "call graph as SVG");
  return directory.Write("requests/" + id + ".svg", *svg);
}

// The path comes out of the database, which may be somebody else's: only what is a stats file is
// copied (a pstats file is one marshalled dict, which begins with '{').
Status CopyStatsFile(const RequestRow& row, const std::string& id, const OutputDirectory& directory,
                     Files* files) {
  namespace fs = std::filesystem;
  if (row.stats_file.empty()) {
    return {};
  }
  std::error_code error;
  const bool regular = fs::is_regular_file(fs::symlink_status(row.stats_file, error));
  const Result<std::string> stats = regular && fs::path(row.stats_file).extension() == ".stats"
                                        ? ReadFile(row.stats_file, kLargestStatsFile)
                                        : Fail(row.stats_file + ": no stats file is there");
  if (!stats) {
    files->missing = stats.error().message;
    return {};
  }
  if (!stats->starts_with('{')) {
    files->missing = row.stats_file + ": not a stats file";
    return {};
  }
  files->links.emplace_back(id + ".stats", "profile for python3 -m pstats");
  return directory.Write("requests/" + id + ".stats", *stats);
}

std::string ContentHtml(const Files& files) {
  std::string links;
  for (const auto& [file, what] : files.links) {
    links +=
        fmt::format("<li><a href=\"{0}\" download>{0}</a> <span class=\"note\">{1}</span></li>\n",
                    EscapeHtml(file), EscapeHtml(what));
  }
  if (!files.missing.empty()) {
    links += "<li>No stats file: " + EscapeHtml(files.missing) + "</li>\n";
  }
  return "<section id=\"call-graph\">\n<h2>Call graph</h2>\n" + files.drawing +
         "</section>\n<section>\n<h2>Files</h2>\n<ul class=\"plain\">\n" + links +
         "</ul>\n</section>\n";
}

}  // namespace

Status WriteRequestPage(Reader& reader, const RequestRow& row, bool show_values,
                        const OutputDirectory& directory, std::string_view nonce) {
  const Result<Profile> profile = reader.RequestProfile(row.id);
  if (!profile) {
    return tl::unexpected(profile.error());
  }
  const CallGraph graph = BuildCallGraph(profile->tree);
  const std::string id = std::to_string(row.id.value);
  Files files;
  if (Status status = WriteGraph(graph, id, directory, &files); !status) {
    return status;
  }
  if (Status status = CopyStatsFile(row, id, directory, &files); !status) {
    return status;
  }
  const std::string data = "requests/" + id + ".js";
  if (Status status =
          directory.Write(data, DataScript("request", PageJson(row, show_values, *profile, graph)));
      !status) {
    return status;
  }
  const Page page = {.kind = "request",
                     .title = "Request " + id,
                     .scripts = {data},
                     .content = ContentHtml(files),
                     .in_subfolder = true};
  return directory.Write("requests/" + id + ".html", RenderPage(page, nonce));
}

}  // namespace pinfo::html
