#include "collector/monitor/inputs.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>

#include "collector/base/glob.h"
#include "collector/store/sqlite_store.h"

namespace pinfo {
namespace {

constexpr int64_t kMinuteNs = 60 * kSecondNs;
// Figures of processes come every few seconds; what is older is of one that nobody looks at any
// more.
constexpr int64_t kMemoryFreshNs = 2 * kMinuteNs;

bool GlobOrAny(const std::string& glob, const std::string& text) {
  return glob.empty() || GlobMatches(glob, text);
}

class DatabaseInputs : public MonitorInputs {
 public:
  DatabaseInputs(std::string database, int64_t now_wall_ns, RequestTimes& times,
                 const std::map<std::string, CheckResult>& results)
      : database_(std::move(database)),
        now_wall_ns_(now_wall_ns),
        times_(times),
        results_(results) {}

  int64_t now_wall_ns() override { return now_wall_ns_; }

  Result<const std::vector<RouteWindow>*> Requests(int64_t window_ns) override {
    const int64_t since = (now_wall_ns_ - window_ns) / kMinuteNs;
    return Cached(requests_, since, [&]() -> Result<std::vector<RouteWindow>> {
      if (Status status = OpenMonitors(); !status) {
        return tl::unexpected(status.error());
      }
      return monitors_->Windows(since);
    });
  }

  Result<const std::map<std::string, MetricWindow>*> Metrics(int64_t window_ns) override {
    const int64_t since = (now_wall_ns_ - window_ns) / kMinuteNs * 60;
    return Cached(metrics_, since, [&]() -> Result<std::map<std::string, MetricWindow>> {
      if (Status status = OpenMetrics(); !status) {
        return tl::unexpected(status.error());
      }
      return metric_reader_->Windows(since, /*histograms=*/true);
    });
  }

  Result<const std::vector<ProcessMemory>*> Memories() override {
    return Cached(memories_, 0, [&]() -> Result<std::vector<ProcessMemory>> {
      if (Status status = OpenMonitors(); !status) {
        return tl::unexpected(status.error());
      }
      return monitors_->Memories(now_wall_ns_ - kMemoryFreshNs);
    });
  }

  Result<std::optional<int64_t>> LastRequestNs(const std::string& site,
                                               const std::string& route) override {
    Status status = OpenMonitors();
    if (status && !times_updated_) {
      status = times_.Update(*monitors_, now_wall_ns_);
      times_updated_ = status.has_value();
    }
    if (!status) {
      return tl::unexpected(status.error());
    }
    std::optional<int64_t> last;
    for (const auto& [key, minute] : times_.minutes()) {
      if (GlobOrAny(site, key.first) && GlobOrAny(route, key.second) &&
          (!last || minute * kMinuteNs > *last - *last % kMinuteNs - 1)) {
        const Result<int64_t> precise = WithinMinute(key.first, key.second, minute);
        if (!precise) {
          return tl::unexpected(precise.error());
        }
        last = std::max(last.value_or(0), *precise);
      }
    }
    return last;
  }

  Result<std::optional<int64_t>> LastMetricNs(const std::string& metric) override {
    if (Status status = OpenMetrics(); !status) {
      return tl::unexpected(status.error());
    }
    const Result<std::optional<MetricSummary>> found = metric_reader_->Find(metric);
    if (!found) {
      return tl::unexpected(found.error());
    }
    return *found && (*found)->last_wall_ns != 0 ? std::optional((*found)->last_wall_ns)
                                                 : std::nullopt;
  }

  Result<std::optional<int64_t>> FileTimeNs(const std::string& path) override {
    struct stat status {};
    if (stat(path.c_str(), &status) == 0) {
      return status.st_mtim.tv_sec * kSecondNs + status.st_mtim.tv_nsec;
    }
    return errno == ENOENT || errno == ENOTDIR ? Result<std::optional<int64_t>>(std::nullopt)
                                               : FailErrno(path);
  }

  const CheckResult* Check(const std::string& monitor) override {
    const auto found = results_.find(kMonitorKey + monitor);
    return found == results_.end() ? nullptr : &found->second;
  }

 private:
  template <typename Value>
  using Cache = std::map<int64_t, Result<Value>>;

  // Read once; a failure too is the same for every monitor that asks.
  template <typename Value, typename Read>
  Result<const Value*> Cached(Cache<Value>& cache, int64_t key, Read read) {
    auto found = cache.find(key);
    if (found == cache.end()) {
      found = cache.emplace(key, read()).first;
    }
    const Result<Value>& result = found->second;
    if (!result) {
      return tl::unexpected(result.error());
    }
    return &*result;
  }

  Status OpenMonitors() {
    if (monitors_) {
      return {};
    }
    Result<std::unique_ptr<MonitorReader>> reader = OpenMonitorReader(database_);
    if (!reader) {
      return tl::unexpected(reader.error());
    }
    monitors_ = std::move(*reader);
    return {};
  }
  Status OpenMetrics() {
    if (metric_reader_) {
      return {};
    }
    Result<std::unique_ptr<MetricReader>> reader = OpenMetricReader(database_);
    if (!reader) {
      return tl::unexpected(reader.error());
    }
    metric_reader_ = std::move(*reader);
    return {};
  }

  // When the last request of a minute began. Where no row of it was kept, the minute's end.
  Result<int64_t> WithinMinute(const std::string& site, const std::string& route, int64_t minute) {
    if (!requests_reader_) {
      Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(database_);
      if (!reader) {
        return tl::unexpected(reader.error());
      }
      requests_reader_ = std::move(*reader);
    }
    RequestFilter filter;
    filter.site = site;
    if (route.find_first_of("*?") == std::string::npos) {
      filter.route = route;  // else it would be taken for a glob
    }
    filter.since_wall_ns = minute * kMinuteNs;
    filter.until_wall_ns = (minute + 1) * kMinuteNs;
    int64_t last = std::min(now_wall_ns_, (minute + 1) * kMinuteNs);
    const Status status = requests_reader_->ForEachRequest(filter, [&](const RequestRow& row) {
      if (row.route != route) {
        return true;
      }
      last = row.start_wall_ns;
      return false;
    });
    return status ? Result<int64_t>(last) : tl::unexpected(status.error());
  }

  const std::string database_;
  const int64_t now_wall_ns_;
  RequestTimes& times_;
  bool times_updated_ = false;
  const std::map<std::string, CheckResult>& results_;
  std::unique_ptr<MonitorReader> monitors_;
  std::unique_ptr<MetricReader> metric_reader_;
  std::unique_ptr<Reader> requests_reader_;
  Cache<std::vector<RouteWindow>> requests_;
  Cache<std::map<std::string, MetricWindow>> metrics_;
  Cache<std::vector<ProcessMemory>> memories_;
};

}  // namespace

Status RequestTimes::Update(MonitorReader& reader, int64_t now_wall_ns) {
  const Result<std::vector<LastMinute>> found = reader.LastMinutes(seen_minute_);
  if (!found) {
    return tl::unexpected(found.error());
  }
  for (const LastMinute& each : *found) {
    int64_t& minute = minutes_[{each.site, each.route}];
    minute = std::max(minute, each.minute);
  }
  // A request is counted in the minute it began in, which may be known late.
  seen_minute_ = std::max<int64_t>(0, now_wall_ns / kMinuteNs - 60);
  return {};
}

std::unique_ptr<MonitorInputs> ReadMonitorInputs(
    const std::string& database, int64_t now_wall_ns, RequestTimes& times,
    const std::map<std::string, CheckResult>& results) {
  return std::make_unique<DatabaseInputs>(database, now_wall_ns, times, results);
}

}  // namespace pinfo
