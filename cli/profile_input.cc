#include "cli/profile_input.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "cli/format.h"
#include "collector/base/wall_clock.h"
#include "collector/emit/file_io.h"
#include "collector/emit/pprof.h"
#include "collector/emit/pstats_reader.h"
#include "collector/pipeline/exact_stats.h"
#include "collector/profile/inferred_tree.h"
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

// ctime without its line break, as pstats heads its tables.
std::string TimeAndDate(std::time_t seconds) {
  char text[32] = "";
  ::ctime_r(&seconds, text);
  const std::string line = text;
  return line.substr(0, line.find('\n'));
}

LoadedProfile OfStore(Profile profile) {
  LoadedProfile loaded;
  loaded.graph = BuildCallGraph(profile.tree);
  loaded.requests = profile.requests;
  loaded.tree = std::move(profile.tree);
  return loaded;
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

Result<LoadedProfile> LoadRequest(Reader& reader, RequestId id, const std::string& text,
                                  const std::string& database) {
  const Result<std::optional<RequestRow>> row = reader.FindRequest(id);
  if (!row) {
    return Fail(row.error().message);
  }
  if (!row->has_value()) {
    return Fail(fmt::format("there is no request {} in {}; 'pinfo requests' lists those there are",
                            text, database));
  }
  LoadedProfile loaded;
  if (auto exact = ExactProfileOf(**row)) {
    loaded.graph = std::move(*exact);
  } else {
    Result<Profile> profile = reader.RequestProfile(id);
    if (!profile) {
      return Fail(profile.error().message);
    }
    loaded = OfStore(std::move(*profile));
  }
  const RequestRow& request = **row;
  loaded.title =
      EscapeForTerminal(fmt::format("request {}: {} {}", id.value, request.method, request.target));
  loaded.start_wall_ns = request.start_wall_ns;
  loaded.sources = {
      fmt::format("{}    {}", TimeAndDate(request.start_wall_ns / 1'000'000'000), loaded.title)};
  return loaded;
}

Result<LoadedProfile> LoadFile(const std::string& path, FunctionOrder order) {
  const Result<std::string> bytes = ReadFile(path, kMaxStatsFileBytes);
  if (!bytes) {
    return Fail(bytes.error().message);
  }
  LoadedProfile loaded;
  if (LooksLikePprof(*bytes)) {
    Result<CallTree> tree = DecodePprof(*bytes);
    if (!tree) {
      return Fail(fmt::format("cannot read {}: {}", path, tree.error().message));
    }
    loaded.graph = BuildCallGraph(*tree);
    loaded.tree = std::move(*tree);
  } else {
    Result<CallGraph> graph = DecodePstats(*bytes, order);
    if (!graph) {
      return Fail(fmt::format("cannot read {}: {}", path, graph.error().message));
    }
    loaded.graph = std::move(*graph);
  }
  struct stat status {};
  loaded.title = path;
  loaded.sources = {::stat(path.c_str(), &status) == 0
                        ? fmt::format("{}    {}", TimeAndDate(status.st_mtime), path)
                        : path};
  return loaded;
}

void AddTo(LoadedProfile& sum, const LoadedProfile& profile) {
  if (sum.tree && profile.tree) {
    sum.tree->Merge(*profile.tree);
  } else if (sum.tree || profile.tree) {  // of what has no tree, the likely one
    CallTree tree = TreeOf(sum);
    tree.Merge(TreeOf(profile));
    sum.tree = std::move(tree);
  }
  sum.graph = MergeCallGraphs(sum.graph, profile.graph);
  sum.title += ", " + profile.title;
  sum.sources.insert(sum.sources.end(), profile.sources.begin(), profile.sources.end());
  sum.requests = sum.requests != 0 && profile.requests != 0 ? sum.requests + profile.requests : 0;
}

Result<LoadedProfile> LoadInputs(const GlobalOptions& global,
                                 const std::vector<std::string>& inputs, FunctionOrder order) {
  std::unique_ptr<Reader> reader;
  std::optional<LoadedProfile> sum;
  for (const std::string& text : inputs) {
    Result<LoadedProfile> profile;
    if (const std::optional<RequestId> id = ParseRequestId(text)) {
      if (reader == nullptr) {
        Result<std::unique_ptr<Reader>> opened = OpenSqliteReader(global.database);
        if (!opened) {
          return Fail(opened.error().message);
        }
        reader = std::move(*opened);
      }
      profile = LoadRequest(*reader, *id, text, global.database);
    } else {
      profile = LoadFile(text, order);
    }
    if (!profile) {
      return profile;
    }
    if (sum) {
      AddTo(*sum, *profile);
    } else {
      sum = std::move(*profile);
    }
  }
  return std::move(*sum);
}

Result<std::optional<int64_t>> Moment(const char* option, const std::string& text) {
  if (text.empty()) {
    return std::optional<int64_t>();
  }
  const Result<int64_t> moment = ParseMoment(text, WallClockNs());
  if (!moment) {
    return Fail(fmt::format("{}: {}", option, moment.error().message));
  }
  return std::optional(*moment);
}

std::string Describe(const ProfileInput& input, int64_t requests) {
  std::string text = fmt::format("{} request{}", requests, requests == 1 ? "" : "s");
  const auto add = [&text](const char* what, const std::string& value) {
    text += fmt::format("{} {}", what, EscapeForTerminal(value));
  };
  if (input.route) {
    add(" of route", *input.route);
  }
  if (input.site) {
    add(" of site", *input.site);
  }
  if (input.pid) {
    add(" of process", std::to_string(*input.pid));
  }
  if (!input.since.empty()) {
    add(" since", input.since);
  }
  if (!input.until.empty()) {
    add(" until", input.until);
  }
  return text;
}

Result<LoadedProfile> LoadPool(const GlobalOptions& global, const ProfileInput& input) {
  ProfileFilter filter = {.site = input.site, .route = input.route};
  const Result<std::optional<int64_t>> since = Moment("--since", input.since);
  const Result<std::optional<int64_t>> until = Moment("--until", input.until);
  for (const auto* moment : {&since, &until}) {
    if (!*moment) {
      return Fail(moment->error().message);
    }
  }
  filter.since_wall_ns = *since;
  filter.until_wall_ns = *until;
  if (input.pid) {
    filter.pid = Pid{*input.pid};
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
  Result<Profile> profile = (*reader)->PooledProfile(filter);
  if (!profile) {
    return Fail(profile.error().message);
  }
  LoadedProfile loaded = OfStore(std::move(*profile));
  loaded.title = Describe(input, loaded.requests);
  loaded.sources = {fmt::format("{}    {} in {}", TimeAndDate(std::time(nullptr)), loaded.title,
                                global.database)};
  return loaded;
}

}  // namespace

void AddProfileInputOptions(CLI::App& command, ProfileInput& input) {
  auto* inputs = command.add_option("input", input.inputs,
                                    "Request ids, stats files and pprof files, added up (a file "
                                    "whose name is a number: ./123); all: every request");
  command.add_option("--route", input.route, "All sampled requests of this route")
      ->excludes(inputs);
  command.add_option("--site", input.site, "All sampled requests of this site")->excludes(inputs);
  command.add_option("--pid", input.pid, "Those that this process served")->excludes(inputs);
  command
      .add_option("--since", input.since,
                  "Those that began in the last 30m, 2h, 1d ..., or since a date and time")
      ->excludes(inputs);
  command.add_option("--until", input.until, "Those that began before this")->excludes(inputs);
}

Result<LoadedProfile> LoadProfile(const GlobalOptions& global, const ProfileInput& input) {
  const bool is_pool = input.inputs.empty() || input.inputs == std::vector<std::string>{"all"};
  return is_pool ? LoadPool(global, input) : LoadInputs(global, input.inputs, input.order);
}

CallTree TreeOf(const LoadedProfile& profile) {
  return profile.tree ? *profile.tree : InferCallTree(profile.graph);
}

CallGraph GraphForDisplay(CallGraph graph) {
  if (graph.calls_are_samples) {
    for (CallGraph::FunctionCost& cost : graph.functions) {
      if (IsFrameWithoutStack(cost.function)) {
        cost.calls = cost.primitive_calls = 0;
      }
    }
  }
  return graph;
}

CallGraph LoadedGraph(const Profile& profile) {
  return GraphForDisplay(BuildCallGraph(profile.tree));
}

void PrintAll(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    ReportError(FailErrno("cannot write to standard output").value().message);
  }
}

}  // namespace pinfo::cli
