#include <cstdint>
#include <string>
#include <variant>

#include "collector/store/reader_queries.h"

namespace pinfo::sqlite {
namespace {

// CROSS JOIN fixes the order: the filters are on request, the rest is looked up by row id.
constexpr std::string_view kSelect =
    "SELECT r.id, r.process_id, r.pid, r.tid, site.name, method.text, r.target, route.name,"
    " r.status, protocol.text, r.outcome, r.start_wall_ns, r.queue_ns, r.first_byte_ns,"
    " r.latency_ns, r.on_cpu_ns, r.blocked_ns, r.runqueue_ns, r.waiting_ns, r.bytes_in, "
    "r.bytes_out,"
    " r.samples, r.profiled, r.stats_file, r.weight, r.tls, r.ended_by, r.calls, r.calls_ns"
    " FROM request r CROSS JOIN route ON route.id = r.route_id"
    " CROSS JOIN site ON site.id = route.site_id"
    " CROSS JOIN word method ON method.id = r.method_id"
    " CROSS JOIN word protocol ON protocol.id = r.protocol_id";

EndedBy EndedByOf(int64_t value) {
  const bool known = value >= 0 && value <= static_cast<int64_t>(EndedBy::kSilence);
  return known ? static_cast<EndedBy>(value) : EndedBy::kNotSeen;
}

Outcome OutcomeOf(int64_t value) {
  const bool known = value >= 0 && value <= static_cast<int64_t>(Outcome::kPartial);
  return known ? static_cast<Outcome>(value) : Outcome::kUnknown;
}

constexpr std::string_view kSelectFigures =
    "SELECT r.id, r.route_id, r.status, r.outcome, r.start_wall_ns, r.latency_ns, r.on_cpu_ns,"
    " r.blocked_ns, r.runqueue_ns, r.waiting_ns, r.profiled, r.weight FROM request r";

RequestFigures FiguresOf(const Statement& row) {
  return {.id = {row.Int(0)},
          .route = row.Int(1),
          .status = static_cast<int32_t>(row.Int(2)),
          .outcome = OutcomeOf(row.Int(3)),
          .start_wall_ns = row.Int(4),
          .times = {.latency_ns = row.Int(5),
                    .on_cpu_ns = row.OptionalInt(6),
                    .blocked_ns = row.OptionalInt(7),
                    .runqueue_ns = row.OptionalInt(8),
                    .waiting_ns = row.OptionalInt(9)},
          .profiled = row.Int(10) != 0,
          .weight = row.Real(11)};
}

RequestRow RowOf(const Statement& statement) {
  RequestRow row;
  int column = 0;
  row.id.value = statement.Int(column++);
  row.process.value = statement.Int(column++);
  row.pid.value = static_cast<uint32_t>(statement.Int(column++));
  row.tid.value = static_cast<uint32_t>(statement.Int(column++));
  row.site = statement.Text(column++);
  row.method = statement.Text(column++);
  row.target = statement.Text(column++);
  row.route = statement.Text(column++);
  row.status = static_cast<int32_t>(statement.Int(column++));
  row.protocol = statement.Text(column++);
  row.outcome = OutcomeOf(statement.Int(column++));
  row.start_wall_ns = statement.Int(column++);
  row.queue_ns = statement.OptionalInt(column++);
  row.first_byte_ns = statement.OptionalInt(column++);
  row.latency_ns = statement.Int(column++);
  row.on_cpu_ns = statement.OptionalInt(column++);
  row.blocked_ns = statement.OptionalInt(column++);
  row.runqueue_ns = statement.OptionalInt(column++);
  row.waiting_ns = statement.OptionalInt(column++);
  row.bytes_in = statement.Int(column++);
  row.bytes_out = statement.Int(column++);
  row.samples = statement.Int(column++);
  row.profiled = statement.Int(column++) != 0;
  row.stats_file = statement.Text(column++);
  row.weight = statement.Real(column++);
  row.tls = statement.Int(column++) != 0;
  row.ended_by = EndedByOf(statement.Int(column++));
  row.calls = statement.Int(column++);
  row.calls_ns = statement.Int(column);
  return row;
}

const char* OrderBy(RequestOrder order) {
  switch (order) {
    case RequestOrder::kNewest:
      return "r.start_wall_ns DESC, r.id DESC";
    case RequestOrder::kOldest:
      return "r.start_wall_ns, r.id";
    case RequestOrder::kSlowest:
      return "r.latency_ns DESC, r.id DESC";
    case RequestOrder::kOnCpu:
      return "r.on_cpu_ns DESC NULLS LAST, r.id DESC";
    case RequestOrder::kBlocked:
      return "r.blocked_ns DESC NULLS LAST, r.id DESC";
    case RequestOrder::kBytesOut:
      return "r.bytes_out DESC, r.id DESC";
  }
  return "r.id";  // not reached: every order is named above
}

// WHERE clauses with their values, in order.
struct Conditions {
  std::string sql;
  std::vector<std::variant<int64_t, std::string>> values;

  void Add(std::string_view condition) {
    sql += sql.empty() ? " WHERE " : " AND ";
    sql += condition;
  }
  template <typename Value>
  void Add(std::string_view condition, Value value) {
    Add(condition);
    values.emplace_back(std::move(value));
  }
};

void AddRouteConditions(const RequestFilter& filter, Conditions& conditions) {
  if (filter.site) {
    conditions.Add(
        "r.route_id IN (SELECT id FROM route WHERE site_id IN"
        " (SELECT id FROM site WHERE name = ?))",
        *filter.site);
  }
  if (filter.route) {
    const bool glob = filter.route->find_first_of("*?") != std::string::npos;
    if (glob) {
      conditions.Add("r.route_id IN (SELECT id FROM route WHERE name GLOB ?)",
                     GlobPattern(*filter.route));
    } else {
      conditions.Add("r.route_id IN (SELECT id FROM route WHERE name = ?)", *filter.route);
    }
  }
  if (filter.method) {
    conditions.Add("r.method_id IN (SELECT id FROM word WHERE text = ? COLLATE NOCASE)",
                   *filter.method);
  }
}

Conditions ConditionsOf(const RequestFilter& filter) {
  Conditions conditions;
  AddRouteConditions(filter, conditions);
  if (filter.pid) {
    conditions.Add("r.pid = ?", int64_t{filter.pid->value});
  }
  if (filter.status) {
    conditions.Add("r.status = ?", int64_t{*filter.status});
  }
  if (filter.status_class) {
    conditions.Add("r.status / 100 = ?", int64_t{*filter.status_class});
  }
  if (filter.slower_than_ns) {
    conditions.Add("r.latency_ns > ?", *filter.slower_than_ns);
  }
  if (filter.since_wall_ns) {
    conditions.Add("r.start_wall_ns >= ?", *filter.since_wall_ns);
  }
  if (filter.until_wall_ns) {
    conditions.Add("r.start_wall_ns < ?", *filter.until_wall_ns);
  }
  if (filter.profiled) {
    conditions.Add("r.profiled = ?", int64_t{*filter.profiled ? 1 : 0});
  }
  if (filter.failed) {
    conditions.Add("(r.status BETWEEN 500 AND 599 OR r.outcome = ?)",
                   static_cast<int64_t>(Outcome::kAborted));
  }
  return conditions;
}

Result<Statement> PrepareFor(Database& database, std::string_view sql,
                             const Conditions& conditions) {
  Result<Statement> statement = database.Prepare(sql);
  if (!statement) {
    return statement;
  }
  int index = 0;
  for (const auto& value : conditions.values) {
    ++index;
    std::visit([&](const auto& each) { statement->BindAt(index, each); }, value);
  }
  return statement;
}

}  // namespace

std::string GlobPattern(std::string_view route) {
  std::string pattern;
  for (const char c : route) {
    pattern += c == '[' ? "[[]" : std::string(1, c);
  }
  return pattern;
}

Status ForEachRequest(Database& database, const RequestFilter& filter,
                      const std::function<bool(const RequestRow&)>& visit) {
  Conditions conditions = ConditionsOf(filter);
  std::string sql(kSelect);
  sql += conditions.sql;
  sql += " ORDER BY ";
  sql += OrderBy(filter.order);
  if (filter.limit) {
    sql += " LIMIT ?";
    conditions.values.emplace_back(*filter.limit);
  }
  Result<Statement> statement = PrepareFor(database, sql, conditions);
  if (!statement) {
    return tl::unexpected(statement.error());
  }
  return ForEachRowOf(*statement, [&](Statement& row) { return visit(RowOf(row)); });
}

Status ForEachRequestById(Database& database, std::span<const RequestId> ids,
                          const std::function<bool(const RequestRow&)>& visit) {
  Result<Statement> statement = database.Prepare(std::string(kSelect) + " WHERE r.id = ?");
  if (!statement) {
    return tl::unexpected(statement.error());
  }
  for (const RequestId id : ids) {
    statement->Bind(id.value);
    const Result<bool> row = statement->Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    if (*row && !visit(RowOf(*statement))) {
      return {};
    }
    statement->Reset();
  }
  return {};
}

Status ForEachFigures(Database& database, const RequestFilter& filter,
                      const std::function<bool(const RequestFigures&)>& visit) {
  const Conditions conditions = ConditionsOf(filter);
  Result<Statement> statement =
      PrepareFor(database, std::string(kSelectFigures) + conditions.sql, conditions);
  if (!statement) {
    return tl::unexpected(statement.error());
  }
  return ForEachRowOf(*statement, [&](Statement& row) { return visit(FiguresOf(row)); });
}

Result<int64_t> CountRequests(Database& database, const RequestFilter& filter) {
  const Conditions conditions = ConditionsOf(filter);
  Result<Statement> statement =
      PrepareFor(database, "SELECT count(*) FROM request r" + conditions.sql, conditions);
  if (!statement) {
    return tl::unexpected(statement.error());
  }
  const Result<bool> row = statement->Step();
  if (!row) {
    return tl::unexpected(row.error());
  }
  return statement->Int(0);
}

Result<std::optional<RequestRow>> FindRequest(Database& database, RequestId id) {
  std::optional<RequestRow> found;
  const Status status = ForEachRow(
      database, std::string(kSelect) + " WHERE r.id = ?",
      [&found](const Statement& row) {
        found = RowOf(row);
        return false;
      },
      id.value);
  if (!status) {
    return tl::unexpected(status.error());
  }
  return found;
}

Result<std::vector<CallRow>> RequestCalls(Database& database, RequestId id) {
  std::vector<CallRow> calls;
  const Status status = ForEachRow(
      database,
      "SELECT peer.text, c.calls, c.waited_ns FROM request_call c"
      " JOIN word peer ON peer.id = c.peer_id WHERE c.request_id = ?"
      " ORDER BY c.waited_ns DESC, peer.text",
      [&calls](const Statement& row) {
        calls.push_back(
            {.peer = std::string(row.Text(0)), .calls = row.Int(1), .waited_ns = row.Int(2)});
        return true;
      },
      id.value);
  if (!status) {
    return tl::unexpected(status.error());
  }
  return calls;
}

}  // namespace pinfo::sqlite
