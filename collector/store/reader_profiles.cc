#include <functional>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "bpf/wire.h"
#include "collector/store/reader_queries.h"
#include "collector/store/stack_loader.h"

namespace pinfo::sqlite {
namespace {

// The parameters are numbered: 1 site, 2 route, 3 since, 4 until, 5 pid. A route is looked for
// only where one is named, so that samples are found by their index on it.
std::string_view Routes(const ProfileFilter& filter) {
  if (!filter.site && !filter.route) {
    return "route_id IS NOT NULL AND ?1 IS NULL AND ?2 IS NULL";
  }
  return "route_id IN (SELECT id FROM route WHERE (?2 IS NULL OR name = ?2) AND"
         " (?1 IS NULL OR site_id = (SELECT id FROM site WHERE name = ?1)))";
}

template <typename Visit>
Status ForEachRowOf(Database& database, const ProfileFilter& filter, const std::string& sql,
                    Visit visit) {
  const auto pid = filter.pid ? std::optional<int64_t>(filter.pid->value) : std::nullopt;
  return ForEachRow(database, sql, visit, filter.site, filter.route, filter.since_wall_ns,
                    filter.until_wall_ns, pid);
}

// One pass over the filter's rows. Not a join with their samples: where rows are not settled yet,
// the table `request` is a view, which a join would read as a whole.
Status LoadTimes(Database& database, const ProfileFilter& filter, PooledTimes& times,
                 PartsIndex& parts) {
  const std::string sql = fmt::format(
      "SELECT r.id, r.latency_ns, r.on_cpu_ns, r.blocked_ns, r.runqueue_ns, r.waiting_ns"
      " FROM request r WHERE r.{} AND (?3 IS NULL OR r.start_wall_ns >= ?3)"
      " AND (?4 IS NULL OR r.start_wall_ns < ?4) AND (?5 IS NULL OR r.pid = ?5)",
      Routes(filter));
  Status status = ForEachRowOf(database, filter, sql, [&](const Statement& row) {
    const LatencyParts each = {.latency_ns = row.Int(1),
                               .on_cpu_ns = row.OptionalInt(2),
                               .blocked_ns = row.OptionalInt(3),
                               .runqueue_ns = row.OptionalInt(4),
                               .waiting_ns = row.OptionalInt(5)};
    times.Add(each);
    parts.Add({row.Int(0)}, KnownPartsOf(each));
    return true;
  });
  parts.Sort();
  return status;
}

// Samples summed up by stack before they are spread.
class PooledProfile {
 public:
  PooledProfile(Database& database, const ProfileFilter& filter, const PartsIndex& parts)
      : database_(database), filter_(filter), parts_(parts) {}

  Result<Profile> Load(const PooledTimes& times) {
    Status status = trie_.Prepare(database_);
    if (status) {
      status = LoadSamples();
    }
    std::vector<StackSamples> samples[kKnownPartsCount];
    if (status) {
      status = LoadStacks(samples);
    }
    if (!status) {
      return tl::unexpected(status.error());
    }
    for (size_t known = 0; known < kKnownPartsCount; ++known) {
      const PooledTimes::Sum& sum = times.Of(known);
      builder_.Add(sum.times, sum.requests, samples[known]);
    }
    return builder_.Take();
  }

 private:
  // Known parts of the request, stack, kind, how the stack ended.
  using Key = std::tuple<size_t, int64_t, int64_t, int64_t>;
  struct Pool {
    int64_t weight = 0;
    int64_t duration_ns = 0;
    int64_t count = 0;
  };

  // A sample belongs to the time its request began in; one whose request's row was not kept, to its
  // own.
  [[nodiscard]] bool InTime(int64_t wall_ns) const {
    return (!filter_.since_wall_ns || wall_ns >= *filter_.since_wall_ns) &&
           (!filter_.until_wall_ns || wall_ns < *filter_.until_wall_ns);
  }

  Status LoadSamples() {
    const std::string sql = fmt::format(
        "SELECT s.stack_id, s.kind, s.weight, s.duration_ns, s.stack_end, s.request_id, s.wall_ns"
        " FROM sample s WHERE s.{}"
        " AND (?5 IS NULL OR s.process_id IN (SELECT id FROM process WHERE pid = ?5))",
        Routes(filter_));
    const bool all_times = !filter_.since_wall_ns && !filter_.until_wall_ns;
    return ForEachRowOf(database_, filter_, sql, [&](const Statement& row) {
      const int64_t kind = row.Int(1);
      const std::optional<int64_t> request = row.OptionalInt(5);
      const auto known = request ? parts_.Find({*request}) : std::nullopt;
      size_t parts = kOnCpuKnown | kBlockedKnown;
      if (known) {
        parts = *known;
      } else if (request && !all_times) {
        return true;  // of a request that is not of this time
      } else if (kind == PINFO_SAMPLE_BLOCKED || !InTime(row.Int(6))) {
        // It says where the route's on-CPU time goes, all the same; a duration of it is no part of
        // the latencies summed up here.
        return true;
      }
      Pool& pool = pools_[{parts, row.Int(0), kind, row.Int(4)}];
      pool.weight += row.Int(2);
      pool.duration_ns += row.Int(3);
      ++pool.count;
      return true;
    });
  }

  Status LoadStacks(std::vector<StackSamples>* samples) {
    StackLoader stacks(trie_, builder_);
    for (const auto& [key, pool] : pools_) {
      const auto& [parts, stack_id, kind, end] = key;
      Result<std::vector<CallTree::Frame>> stack = stacks.Load(stack_id);
      if (!stack) {
        return tl::unexpected(stack.error());
      }
      StackSamples& each = samples[parts].emplace_back();
      each.root_first = std::move(*stack);
      each.kind = static_cast<uint8_t>(kind);
      each.weight = pool.weight;
      each.duration_ns = pool.duration_ns;
      each.count = pool.count;
      each.incomplete.Add(static_cast<StackEnd>(end), pool.count);
    }
    return {};
  }

  Database& database_;
  const ProfileFilter& filter_;
  const PartsIndex& parts_;
  StackTrie trie_;
  ProfileBuilder builder_;
  std::map<Key, Pool> pools_;
};

}  // namespace

Result<Profile> LoadPooledProfile(Database& database, const ProfileFilter& filter) {
  PooledTimes times;
  PartsIndex parts;
  if (Status status = LoadTimes(database, filter, times, parts); !status) {
    return tl::unexpected(status.error());
  }
  return LoadPooledProfile(database, filter, times, parts);
}

Result<Profile> LoadPooledProfile(Database& database, const ProfileFilter& filter,
                                  const PooledTimes& times, const PartsIndex& parts) {
  return PooledProfile(database, filter, parts).Load(times);
}

}  // namespace pinfo::sqlite
