#include "cli/profile_input.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "cli/format.h"
#include "collector/emit/pstats_reader.h"
#include "collector/pipeline/exact_stats.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

std::optional<RequestId> ParseRequestId(const std::string& text) {
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) {
    return std::nullopt;
  }
  RequestId id;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id.value);
  // No request has an id beyond 64 bits: one that cannot be found says it better than a file.
  return parsed.ec == std::errc() ? id : RequestId{};
}

Result<CallGraph> ToGraph(const Result<Profile>& profile) {
  if (!profile) {
    return Fail(profile.error().message);
  }
  return LoadedGraph(*profile);
}

void UncountFramesWithoutStack(CallGraph& graph) {
  if (!graph.calls_are_samples) {
    return;
  }
  for (CallGraph::FunctionCost& cost : graph.functions) {
    if (IsFrameWithoutStack(cost.function)) {
      cost.calls = cost.primitive_calls = 0;
    }
  }
}

// Fails where no request has been of this route and site. nullopt: of any.
Status CheckServed(Reader& reader, const std::optional<std::string>& route,
                   const std::optional<std::string>& site) {
  const Result<std::vector<RouteSummary>> routes = reader.Routes();
  if (!routes) {
    return tl::unexpected(routes.error());
  }
  for (const RouteSummary& each : *routes) {
    if (route.value_or(each.route) == each.route && site.value_or(each.site) == each.site) {
      return {};
    }
  }
  return Fail("no request of" + (route ? " route " + EscapeForTerminal(*route) : "") +
              (site ? " site " + EscapeForTerminal(*site) : ""));
}

// What was counted exactly is in the request's stats file alone; that frame marks such a file.
std::optional<CallGraph> ExactProfileOf(const RequestRow& row) {
  if (row.stats_file.empty()) {
    return std::nullopt;
  }
  Result<CallGraph> graph = ReadStatsFile(row.stats_file);
  const auto is_outside = [](const CallGraph::FunctionCost& cost) {
    return cost.function.name == kOutsideExactFrame && SourceName(cost.function) == "~";
  };
  if (!graph || std::none_of(graph->functions.begin(), graph->functions.end(), is_outside)) {
    return std::nullopt;  // of samples, or removed: the database has those
  }
  return std::move(*graph);
}

Result<CallGraph> LoadRequest(Reader& reader, RequestId id, const std::string& text,
                              const std::string& database) {
  const Result<std::optional<RequestRow>> row = reader.FindRequest(id);
  if (!row) {
    return Fail(row.error().message);
  }
  if (!row->has_value()) {
    return Fail(fmt::format("there is no request {} in {}; 'pinfo requests' lists those there are",
                            text, database));
  }
  if (auto exact = ExactProfileOf(**row)) {
    return std::move(*exact);
  }
  return ToGraph(reader.RequestProfile(id));
}

Result<CallGraph> LoadInputs(const GlobalOptions& global, const std::vector<std::string>& inputs) {
  std::unique_ptr<Reader> reader;
  std::optional<CallGraph> sum;
  for (const std::string& text : inputs) {
    Result<CallGraph> graph;
    if (const std::optional<RequestId> id = ParseRequestId(text)) {
      if (reader == nullptr) {
        Result<std::unique_ptr<Reader>> opened = OpenSqliteReader(global.database);
        if (!opened) {
          return Fail(opened.error().message);
        }
        reader = std::move(*opened);
      }
      graph = LoadRequest(*reader, *id, text, global.database);
    } else {
      graph = ReadStatsFile(text);
    }
    if (!graph) {
      return graph;
    }
    UncountFramesWithoutStack(*graph);
    sum = sum ? MergeCallGraphs(*sum, *graph) : std::move(*graph);
  }
  return std::move(*sum);
}

Result<CallGraph> LoadSite(Reader& reader, const std::string& site) {
  const Result<std::vector<RouteSummary>> routes = reader.Routes();
  if (!routes) {
    return Fail(routes.error().message);
  }
  Profile sum;
  for (const RouteSummary& summary : *routes) {
    if (summary.site != site) {
      continue;
    }
    const Result<Profile> profile = reader.RouteProfile(site, summary.route);
    if (!profile) {
      return Fail(profile.error().message);
    }
    sum.tree.Merge(profile->tree);
  }
  return LoadedGraph(sum);
}

}  // namespace

void AddProfileInputOptions(CLI::App& command, ProfileInput& input) {
  auto* inputs = command.add_option("input", input.inputs,
                                    "Request ids and stats files, added up (a file whose name is "
                                    "a number: ./123)");
  command.add_option("--route", input.route, "All sampled requests of this route")
      ->excludes(inputs);
  command.add_option("--site", input.site, "All sampled requests of this site")->excludes(inputs);
}

Result<CallGraph> LoadProfile(const GlobalOptions& global, const ProfileInput& input) {
  if (!input.inputs.empty()) {
    return LoadInputs(global, input.inputs);
  }
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    return Fail(reader.error().message);
  }
  if (input.route || input.site) {
    if (const Status served = CheckServed(**reader, input.route, input.site); !served) {
      return Fail(served.error().message);
    }
  }
  if (input.route) {
    return ToGraph((*reader)->RouteProfile(input.site, *input.route));
  }
  return input.site ? LoadSite(**reader, *input.site) : ToGraph((*reader)->WholeProfile());
}

CallGraph LoadedGraph(const Profile& profile) {
  CallGraph graph = BuildCallGraph(profile.tree);
  UncountFramesWithoutStack(graph);
  return graph;
}

void PrintAll(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    ReportError(FailErrno("cannot write to standard output").value().message);
  }
}

}  // namespace pinfo::cli
