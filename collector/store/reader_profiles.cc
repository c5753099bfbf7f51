#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bpf/wire.h"
#include "collector/store/reader_queries.h"

namespace pinfo::sqlite {
namespace {

// Builds the stacks of one profile out of the trie. Nodes and frames are read once each.
class StackLoader {
 public:
  explicit StackLoader(ProfileBuilder& builder) : builder_(builder) {}

  Status Prepare(Database& database) {
    return database.Prepare(
        {{&node_, "SELECT parent_id, frame_id FROM stack WHERE id = ?1"},
         {&frame_,
          "SELECT function.name, file.path, module.path, function.line, frame.line"
          " FROM frame"
          " JOIN function ON function.id = frame.function_id"
          " JOIN file ON file.id = function.file_id"
          " JOIN file module ON module.id = function.module_id WHERE frame.id = ?1"}});
  }

  // The stack, outermost function first. A node that is missing or does not lead to the root (a
  // damaged database) ends it: parents have lower ids than their children, so no cycle is followed.
  Result<std::vector<CallTree::Frame>> Load(int64_t stack_id) {
    std::vector<CallTree::Frame> frames;
    int64_t at = stack_id;
    while (at > 0) {
      const Result<Node> node = LoadNode(at);
      if (!node) {
        return tl::unexpected(node.error());
      }
      if (node->parent < 0 || node->parent >= at) {
        break;
      }
      frames.push_back(node->frame);
      at = node->parent;
    }
    std::reverse(frames.begin(), frames.end());
    return frames;
  }

 private:
  struct Node {
    int64_t parent = -1;
    CallTree::Frame frame;
  };

  Result<Node> LoadNode(int64_t id) {
    if (const auto it = nodes_.find(id); it != nodes_.end()) {
      return it->second;
    }
    node_.Bind(id);
    const Result<bool> row = node_.Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    Node node;
    if (*row) {
      node.parent = node_.Int(0);
      const int64_t frame_id = node_.Int(1);
      node_.Reset();
      const Result<CallTree::Frame> frame = LoadFrame(frame_id);
      if (!frame) {
        return tl::unexpected(frame.error());
      }
      node.frame = *frame;
    }
    return nodes_[id] = node;
  }

  Result<CallTree::Frame> LoadFrame(int64_t id) {
    if (const auto it = frames_.find(id); it != frames_.end()) {
      return it->second;
    }
    frame_.Bind(id);
    const Result<bool> row = frame_.Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    FrameRow frame;
    if (*row) {
      frame.function = frame_.Text(0);
      frame.file = frame_.Text(1);
      frame.module = frame_.Text(2);
      frame.function_line = static_cast<int32_t>(frame_.Int(3));
      frame.line = static_cast<int32_t>(frame_.Int(4));
      frame_.Reset();
    } else {
      frame.function = kUnattributedFrame;
    }
    return frames_[id] = builder_.AddFrame(frame);
  }

  ProfileBuilder& builder_;
  Statement node_;
  Statement frame_;
  std::unordered_map<int64_t, Node> nodes_;
  std::unordered_map<int64_t, CallTree::Frame> frames_;
};

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

  // routes: a condition on route_id, with ?1 and ?2 for site and route.
  Result<Profile> Load(std::string_view routes, const std::optional<std::string>& site,
                       const std::string& route) {
    Status status = stacks_.Prepare(database_);
    if (status) {
      status = LoadTimes(routes, site, route);
    }
    if (status) {
      status = LoadSamples(routes, site, route);
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
  Status LoadTimes(std::string_view routes, const std::optional<std::string>& site,
                   const std::string& route) {
    const std::string sql = fmt::format(
        "SELECT {} AS known, count(*), sum(max(r.latency_ns, 0)), sum(r.on_cpu_ns),"
        " sum(r.blocked_ns), sum(r.runqueue_ns), sum(r.waiting_ns)"
        " FROM request r WHERE r.{} GROUP BY known",
        kKnownPartsOf, routes);
    return ForEachRow(
        database_, sql,
        [this](const Statement& row) {
          SummedTimes& group = groups_.at(static_cast<size_t>(row.Int(0)));
          group.requests = row.Int(1);
          group.times = {.latency_ns = row.Int(2),
                         .on_cpu_ns = row.OptionalInt(3),
                         .blocked_ns = row.OptionalInt(4),
                         .runqueue_ns = row.OptionalInt(5),
                         .waiting_ns = row.OptionalInt(6)};
          return true;
        },
        site, route);
  }

  Status LoadSamples(std::string_view routes, const std::optional<std::string>& site,
                     const std::string& route) {
    const std::string sql = fmt::format(
        "SELECT s.stack_id, s.kind, {} AS known, r.id IS NULL AS orphan, sum(s.weight),"
        " sum(s.duration_ns), count(*), sum(s.stack_end <> 0)"
        " FROM sample s LEFT JOIN request r ON r.id = s.request_id WHERE s.{}"
        " GROUP BY s.stack_id, s.kind, known, orphan",
        kKnownPartsOf, routes);
    Status stacks;
    const Status status = ForEachRow(
        database_, sql,
        [&](const Statement& row) {
          stacks = AddSamples(row);
          return stacks.has_value();
        },
        site, route);
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
                                         .incomplete = row.Int(7)});
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
        "SELECT stack_id, kind, sum(weight), sum(duration_ns), count(*), sum(stack_end <> 0)"
        " FROM sample WHERE request_id = ?1 GROUP BY stack_id, kind",
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
                             .incomplete = sample.Int(5)});
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

Result<Profile> LoadRouteProfile(Database& database, const std::optional<std::string>& site,
                                 const std::string& route) {
  constexpr std::string_view kOneRoute =
      "route_id IN (SELECT id FROM route WHERE name = ?2 AND"
      " (?1 IS NULL OR site_id = (SELECT id FROM site WHERE name = ?1)))";
  return PooledProfile(database).Load(kOneRoute, site, route);
}

Result<Profile> LoadWholeProfile(Database& database) {
  // ?1 and ?2 are named so that one query's parameters fit both.
  constexpr std::string_view kEveryRoute = "route_id IS NOT NULL AND ?1 IS NULL AND ?2 = ''";
  return PooledProfile(database).Load(kEveryRoute, std::nullopt, "");
}

}  // namespace pinfo::sqlite
