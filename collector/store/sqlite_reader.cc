#include <optional>
#include <span>

#include <fmt/format.h>

#include "collector/store/reader_queries.h"
#include "collector/store/request_detail.h"
#include "collector/store/sqlite_handle.h"
#include "collector/store/sqlite_open.h"
#include "collector/store/sqlite_store.h"

namespace pinfo {
namespace {

using sqlite::Database;

// Holds one read transaction all its life: that is what makes its answers fit together.
class SqliteReader : public Reader {
 public:
  explicit SqliteReader(Database database) : database_(std::move(database)) {}

  Status ForEachRequestById(std::span<const RequestId> ids,
                            const std::function<bool(const RequestRow&)>& visit) override {
    return sqlite::ForEachRequestById(database_, ids, visit);
  }
  Status ForEachFigures(const RequestFilter& filter,
                        const std::function<bool(const RequestFigures&)>& visit) override {
    return sqlite::ForEachFigures(database_, filter, visit);
  }

  Status ForEachRequest(const RequestFilter& filter,
                        const std::function<bool(const RequestRow&)>& visit) override {
    return sqlite::ForEachRequest(database_, filter, visit);
  }
  Result<std::optional<RequestRow>> FindRequest(RequestId id) override {
    return sqlite::FindRequest(database_, id);
  }
  Result<std::vector<CallRow>> RequestCalls(RequestId id) override {
    return sqlite::RequestCalls(database_, id);
  }
  Result<std::vector<ProcessSummary>> Processes() override {
    return sqlite::LoadProcesses(database_);
  }
  Result<int64_t> CountRequests(const RequestFilter& filter) override {
    return sqlite::CountRequests(database_, filter);
  }
  Result<std::vector<SiteSummary>> Sites(const SummaryFilter& filter) override {
    return sqlite::LoadSites(database_, filter);
  }
  Result<std::vector<RouteSummary>> Routes(const SummaryFilter& filter) override {
    return sqlite::LoadRoutes(database_, filter);
  }
  Result<LatencySummary> Summary(const SummaryFilter& filter) override {
    return sqlite::LoadSummary(database_, filter);
  }
  Result<Totals> GetTotals() override { return sqlite::LoadTotals(database_); }
  Result<std::vector<SessionRow>> Sessions() override { return sqlite::LoadSessions(database_); }
  Result<std::vector<std::pair<int64_t, LatencySummary>>> Minutes(
      const SummaryFilter& filter) override {
    return sqlite::LoadMinutes(database_, filter);
  }
  Result<std::vector<LatencyCount>> LatencyHistory(
      const HistoryRange& range, const std::optional<std::string>& site,
      const std::optional<std::string>& route) override {
    return sqlite::LoadLatencyHistory(database_, range, site, route);
  }
  Result<std::vector<ProcessesPoint>> ProcessHistory(const HistoryRange& range) override {
    return sqlite::LoadProcessHistory(database_, range);
  }
  Result<std::vector<SystemRow>> SystemHistory(const HistoryRange& range) override {
    return sqlite::LoadSystemHistory(database_, range);
  }
  Result<std::vector<HostRow>> Hosts() override { return sqlite::LoadHosts(database_); }
  Result<std::vector<SystemRow>> LatestSystems() override {
    return sqlite::LoadLatestSystems(database_);
  }
  Result<Profile> RequestProfile(RequestId id) override {
    Result<RequestDetail> detail = DetailOf(id);
    if (!detail) {
      return tl::unexpected(detail.error());
    }
    return std::move(detail->profile);
  }
  Result<Profile> RouteProfile(const std::optional<std::string>& site,
                               const std::string& route) override {
    return sqlite::LoadPooledProfile(database_, {.site = site, .route = route});
  }
  Result<Profile> WholeProfile() override { return sqlite::LoadPooledProfile(database_, {}); }
  Result<Profile> PooledProfile(const ProfileFilter& filter) override {
    return sqlite::LoadPooledProfile(database_, filter);
  }
  Result<Profile> PooledProfile(const ProfileFilter& filter, const PooledTimes& times,
                                const PartsIndex& parts) override {
    return sqlite::LoadPooledProfile(database_, filter, times, parts);
  }
  Result<Timeline> RequestTimeline(RequestId id) override {
    Result<RequestDetail> detail = DetailOf(id);
    if (!detail) {
      return tl::unexpected(detail.error());
    }
    return std::move(detail->timeline);
  }
  Result<RequestDetail> Detail(const RequestRow& row) override {
    if (!details_) {
      details_.emplace();
      if (Status status = details_->Prepare(database_); !status) {
        details_.reset();
        return tl::unexpected(status.error());
      }
    }
    return details_->Load(row);
  }

 private:
  Result<RequestDetail> DetailOf(RequestId id) {
    const Result<std::optional<RequestRow>> row = FindRequest(id);
    if (!row) {
      return tl::unexpected(row.error());
    }
    return *row ? Detail(**row)
                : Fail(fmt::format("there is no request {} in {}", id.value, database_.Path()));
  }

  Database database_;
  std::optional<sqlite::DetailLoader> details_;  // made when it is first asked for
};

}  // namespace

Result<std::unique_ptr<Reader>> OpenSqliteReader(const std::string& path) {
  Result<Database> database = sqlite::OpenForReading(path);
  if (!database) {
    return tl::unexpected(database.error());
  }
  return std::make_unique<SqliteReader>(std::move(*database));
}

}  // namespace pinfo
