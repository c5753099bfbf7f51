#include "cli/profile_input.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "collector/emit/pstats_reader.h"
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
  return BuildCallGraph(profile->tree);
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
    sum = sum ? MergeCallGraphs(*sum, *graph) : std::move(*graph);
  }
  return std::move(*sum);
}

Result<CallGraph> LoadSite(Reader& reader, const std::string& site) {
  const Result<std::vector<RouteSummary>> routes = reader.Routes();
  if (!routes) {
    return Fail(routes.error().message);
  }
  CallTree sum;
  for (const RouteSummary& summary : *routes) {
    if (summary.site != site) {
      continue;
    }
    const Result<Profile> profile = reader.RouteProfile(site, summary.route);
    if (!profile) {
      return Fail(profile.error().message);
    }
    sum.Merge(profile->tree);
  }
  return BuildCallGraph(sum);
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
  if (input.route) {
    return ToGraph((*reader)->RouteProfile(input.site, *input.route));
  }
  return input.site ? LoadSite(**reader, *input.site) : ToGraph((*reader)->WholeProfile());
}

void PrintAll(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    ReportError(FailErrno("cannot write to standard output").value().message);
  }
}

}  // namespace pinfo::cli
