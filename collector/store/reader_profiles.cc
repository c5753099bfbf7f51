#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bpf/wire.h"
#include "collector/store/reader_queries.h"
#include "collector/store/stack_loader.h"

namespace pinfo::sqlite {
namespace {

StackEndCounts EndsOf(int64_t end, int64_t count) {
  StackEndCounts ends;
  ends.Add(static_cast<StackEnd>(end), count);
  return ends;
}

// What is known of where a request's time went decides how its samples count. Rows that know the
// same parts are summed up; the number is that of kKnownParts' bits.
enum KnownParts : uint8_t { kOnCpuKnown = 1, kBlockedKnown = 2 };
constexpr size_t kKnownPartsCount = 4;

struct SummedTimes {
  RequestTimes times;
  int64_t requests = 0;
  std::vector<StackSamples> samples;
};

// r: the request a sample belongs to; NULL columns where its row was not kept.
constexpr const char* kKnownPartsOf =
    "((r.on_cpu_ns IS NOT NULL) + 2 * (r.blocked_ns IS NOT NULL))";

class PooledProfile {
 public:
  explicit PooledProfile(Database& database) : database_(database), stacks_(builder_) {}

  Result<Profile> Load(const ProfileFilter& filter) {
    Status status = stacks_.Prepare(database_);
    if (status) {
      status = LoadTimes(filter);
    }
    if (status) {
      status = LoadSamples(filter);
    }
    if (!status) {
      return tl::unexpected(status.error());
    }
    for (const SummedTimes& each : groups_) {
      builder_.Add(each.times, each.requests, each.samples);
    }
    return builder_.Take();
  }

 private:
  // The parameters are numbered: 1 site, 2 route, 3 since, 4 until, 5 pid. A route is looked for
  // only where one is named, so that samples are found by their index on it.
  static std::string_view Routes(const ProfileFilter& filter) {
    if (!filter.site && !filter.route) {
      return "route_id IS NOT NULL AND ?1 IS NULL AND ?2 IS NULL";
    }
    return "route_id IN (SELECT id FROM route WHERE (?2 IS NULL OR name = ?2) AND"
           " (?1 IS NULL OR site_id = (SELECT id FROM site WHERE name = ?1)))";
  }

  template <typename Visit>
  Status ForEachRowOf(const ProfileFilter& filter, const std::string& sql, Visit visit) {
    const auto pid = filter.pid ? std::optional<int64_t>(filter.pid->value) : std::nullopt;
    return ForEachRow(database_, sql, visit, filter.site, filter.route, filter.since_wall_ns,
                      filter.until_wall_ns, pid);
  }

  Status LoadTimes(const ProfileFilter& filter) {
    const std::string sql = fmt::format(
        "SELECT {} AS known, count(*), sum(max(r.latency_ns, 0)), sum(r.on_cpu_ns),"
        " sum(r.blocked_ns), sum(r.runqueue_ns), sum(r.waiting_ns)"
        " FROM request r WHERE r.{} AND (?3 IS NULL OR r.start_wall_ns >= ?3)"
        " AND (?4 IS NULL OR r.start_wall_ns < ?4) AND (?5 IS NULL OR r.pid = ?5) GROUP BY known",
        kKnownPartsOf, Routes(filter));
    return ForEachRowOf(filter, sql, [this](const Statement& row) {
      SummedTimes& group = groups_.at(static_cast<size_t>(row.Int(0)));
      group.requests = row.Int(1);
      group.times = {.latency_ns = row.Int(2),
                     .on_cpu_ns = row.OptionalInt(3),
                     .blocked_ns = row.OptionalInt(4),
                     .runqueue_ns = row.OptionalInt(5),
                     .waiting_ns = row.OptionalInt(6)};
      return true;
    });
  }

  // A sample belongs to the time its request began in, where that is known.
  Status LoadSamples(const ProfileFilter& filter) {
    const std::string sql = fmt::format(
        "SELECT s.stack_id, s.kind, {} AS known, r.id IS NULL AS orphan, sum(s.weight),"
        " sum(s.duration_ns), count(*), s.stack_end"
        " FROM sample s LEFT JOIN request r ON r.id = s.request_id WHERE s.{}"
        " AND (?3 IS NULL OR coalesce(r.start_wall_ns, s.wall_ns) >= ?3)"
        " AND (?4 IS NULL OR coalesce(r.start_wall_ns, s.wall_ns) < ?4)"
        " AND (?5 IS NULL OR s.process_id IN (SELECT id FROM process WHERE pid = ?5))"
        " GROUP BY s.stack_id, s.kind, known, orphan, s.stack_end",
        kKnownPartsOf, Routes(filter));
    Status stacks;
    const Status status = ForEachRowOf(filter, sql, [&](const Statement& row) {
      stacks = AddSamples(row);
      return stacks.has_value();
    });
    return status ? stacks : status;
  }

  // A sample of a request whose row was not kept still says where that route's on-CPU time goes; a
  // duration of it is no part of the latencies summed up here.
  Status AddSamples(const Statement& row) {
    const auto kind = static_cast<uint8_t>(row.Int(1));
    const bool orphan = row.Int(3) != 0;
    if (orphan && kind == PINFO_SAMPLE_BLOCKED) {
      return {};
    }
    Result<std::vector<CallTree::Frame>> stack = stacks_.Load(row.Int(0));
    if (!stack) {
      return tl::unexpected(stack.error());
    }
    const size_t known = orphan ? kOnCpuKnown | kBlockedKnown : static_cast<size_t>(row.Int(2));
    groups_.at(known).samples.push_back({.root_first = std::move(*stack),
                                         .kind = kind,
                                         .weight = row.Int(4),
                                         .duration_ns = row.Int(5),
                                         .count = row.Int(6),
                                         .incomplete = EndsOf(row.Int(7), row.Int(6))});
    return {};
  }

  Database& database_;
  ProfileBuilder builder_;
  StackLoader stacks_;
  std::array<SummedTimes, kKnownPartsCount> groups_;
};

}  // namespace

Result<Profile> LoadRequestProfile(Database& database, RequestId id) {
  const Result<std::optional<RequestRow>> row = FindRequest(database, id);
  if (!row) {
    return tl::unexpected(row.error());
  }
  if (!*row) {
    return Fail(fmt::format("there is no request {} in {}", id.value, database.Path()));
  }
  ProfileBuilder builder;
  StackLoader stacks(builder);
  Status status = stacks.Prepare(database);
  std::vector<StackSamples> samples;
  Status loaded;
  if (status) {
    status = ForEachRow(
        database,
        "SELECT stack_id, kind, sum(weight), sum(duration_ns), count(*), stack_end"
        " FROM sample WHERE request_id = ?1 GROUP BY stack_id, kind, stack_end",
        [&](const Statement& sample) {
          Result<std::vector<CallTree::Frame>> stack = stacks.Load(sample.Int(0));
          if (!stack) {
            loaded = tl::unexpected(stack.error());
            return false;
          }
          samples.push_back({.root_first = std::move(*stack),
                             .kind = static_cast<uint8_t>(sample.Int(1)),
                             .weight = sample.Int(2),
                             .duration_ns = sample.Int(3),
                             .count = sample.Int(4),
                             .incomplete = EndsOf(sample.Int(5), sample.Int(4))});
          return true;
        },
        id.value);
  }
  for (const Status& each : {status, loaded}) {
    if (!each) {
      return tl::unexpected(each.error());
    }
  }
  builder.Add(TimesOf(**row), 1, samples);
  return builder.Take();
}

Result<Profile> LoadPooledProfile(Database& database, const ProfileFilter& filter) {
  return PooledProfile(database).Load(filter);
}

}  // namespace pinfo::sqlite
