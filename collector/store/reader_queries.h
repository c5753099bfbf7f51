// The queries behind the SQLite Reader, by what they ask about. Each reads within the transaction
// its caller holds open.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "collector/store/sqlite_handle.h"
#include "collector/views/profile_builder.h"

namespace pinfo::sqlite {

// reader_requests.cc
Status ForEachRequest(Database& database, const RequestFilter& filter,
                      const std::function<bool(const RequestRow&)>& visit);
Status ForEachRequestById(Database& database, std::span<const RequestId> ids,
                          const std::function<bool(const RequestRow&)>& visit);
Status ForEachFigures(Database& database, const RequestFilter& filter,
                      const std::function<bool(const RequestFigures&)>& visit);
Result<int64_t> CountRequests(Database& database, const RequestFilter& filter);
Result<std::optional<RequestRow>> FindRequest(Database& database, RequestId id);
Result<std::vector<CallRow>> RequestCalls(Database& database, RequestId id);

// reader_summaries.cc
Result<std::vector<SiteSummary>> LoadSites(Database& database, const SummaryFilter& filter);
Result<std::vector<RouteSummary>> LoadRoutes(Database& database, const SummaryFilter& filter);
Result<LatencySummary> LoadSummary(Database& database, const SummaryFilter& filter);
Result<std::vector<std::pair<int64_t, LatencySummary>>> LoadMinutes(Database& database,
                                                                    const SummaryFilter& filter);
Result<Totals> LoadTotals(Database& database);

// reader_processes.cc
Result<std::vector<ProcessSummary>> LoadProcesses(Database& database);
Result<std::vector<SessionRow>> LoadSessions(Database& database);
Result<std::vector<HostRow>> LoadHosts(Database& database);

// reader_history.cc
Result<std::vector<LatencyCount>> LoadLatencyHistory(Database& database, const HistoryRange& range,
                                                     const std::optional<std::string>& site,
                                                     const std::optional<std::string>& route);
Result<std::vector<ProcessesPoint>> LoadProcessHistory(Database& database,
                                                       const HistoryRange& range);
Result<std::vector<SystemRow>> LoadSystemHistory(Database& database, const HistoryRange& range);
Result<std::vector<SystemRow>> LoadLatestSystems(Database& database);

// reader_profiles.cc. Request times and samples of many requests are summed up before they are
// spread, so a profile of a million requests costs as much memory as its distinct stacks.
Result<Profile> LoadPooledProfile(Database& database, const ProfileFilter& filter);
Result<Profile> LoadPooledProfile(Database& database, const ProfileFilter& filter,
                                  const PooledTimes& times, const PartsIndex& parts);

// A route as people give it, for SQLite's GLOB, which also knows [sets]: here a bracket stands for
// itself.
std::string GlobPattern(std::string_view route);

// Calls visit(statement) for each row of a bound statement until it returns false.
template <typename Visit>
Status ForEachRowOf(Statement& statement, Visit visit) {
  while (true) {
    const Result<bool> row = statement.Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    if (!*row || !visit(statement)) {
      return {};
    }
  }
}

// Prepares sql and calls visit for each row until it returns false.
template <typename Visit, typename... Values>
Status ForEachRow(Database& database, std::string_view sql, Visit visit, const Values&... values) {
  Result<Statement> statement = database.Prepare(sql);
  if (!statement) {
    return tl::unexpected(statement.error());
  }
  statement->Bind(values...);
  return ForEachRowOf(*statement, visit);
}

}  // namespace pinfo::sqlite
