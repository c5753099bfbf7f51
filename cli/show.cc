// pinfo show: one request, with where its time went.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/number_check.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "cli/session_text.h"
#include "cli/table.h"
#include "collector/profile/call_graph.h"
#include "collector/store/loss.h"
#include "collector/store/sqlite_store.h"
#include "collector/views/verdict.h"

namespace pinfo::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ShowOptions {
  int64_t id = 0;
  int64_t limit = 10;  // functions; 0: all
};

// All that is shown, read before anything is printed.
struct Shown {
  RequestRow request;
  std::optional<ProcessRow> process;
  Profile profile;
  std::vector<CallRow> calls;
  LossCounts lost{};  // while the request's session ran
};

Status LoadProcess(Reader& reader, Shown& shown) {
  const Result<std::vector<ProcessSummary>> processes = reader.Processes();
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  for (const ProcessSummary& each : *processes) {
    if (each.process.id == shown.request.process) {
      shown.process = each.process;
    }
  }
  return {};
}

// Of every session that ran when the request began: any of them may have seen it.
Status LoadLosses(Reader& reader, Shown& shown) {
  const Result<std::vector<SessionRow>> sessions = reader.Sessions();
  if (!sessions) {
    return tl::unexpected(sessions.error());
  }
  const int64_t start = shown.request.start_wall_ns;
  for (const SessionRow& session : *sessions) {
    if (session.start_wall_ns <= start && start <= session.end_wall_ns.value_or(start)) {
      for (size_t kind = 0; kind < session.lost.size(); ++kind) {
        shown.lost[kind] += session.lost[kind];
      }
    }
  }
  return {};
}

Result<Shown> Load(Reader& reader, RequestId id, const std::string& database) {
  Shown shown;
  const Result<std::optional<RequestRow>> request = reader.FindRequest(id);
  if (!request) {
    return tl::unexpected(request.error());
  }
  if (!*request) {
    return Fail(fmt::format("there is no request {} in {}; 'pinfo requests' lists those there are",
                            id.value, database));
  }
  shown.request = **request;
  Result<Profile> profile = reader.RequestProfile(id);
  if (!profile) {
    return tl::unexpected(profile.error());
  }
  shown.profile = std::move(*profile);
  Result<std::vector<CallRow>> calls = reader.RequestCalls(id);
  if (!calls) {
    return tl::unexpected(calls.error());
  }
  shown.calls = std::move(*calls);
  for (const Status& status : {LoadProcess(reader, shown), LoadLosses(reader, shown)}) {
    if (!status) {
      return tl::unexpected(status.error());
    }
  }
  return shown;
}

// Functions with the most time of their own first: in a single request every caller has the same
// total, and the leaves say where it was spent.
std::vector<CallGraph::FunctionCost> TopFunctions(const Profile& profile, int64_t limit) {
  std::vector<CallGraph::FunctionCost> functions = LoadedGraph(profile).functions;
  std::stable_sort(functions.begin(), functions.end(), [](const auto& a, const auto& b) {
    return std::pair(a.self_ns, a.total_ns) > std::pair(b.self_ns, b.total_ns);
  });
  if (limit > 0 && functions.size() > static_cast<size_t>(limit)) {
    functions.resize(static_cast<size_t>(limit));
  }
  return functions;
}

std::string Place(const Function& function) {
  if (function.file.empty()) {
    return function.module;
  }
  return function.line > 0 ? fmt::format("{}:{}", function.file, function.line) : function.file;
}

// The status where it is no ordinary one: that is what asks for an explanation first.
std::string Headline(const RequestRow& row, const CallTree& tree) {
  std::string how;
  if (row.status == 0 || row.status >= 400) {
    how = row.status == 0 ? OutcomeName(row.outcome) : std::to_string(row.status);
  }
  if (row.status != 0 && row.outcome != Outcome::kComplete) {
    how += fmt::format("{}({})", how.empty() ? "" : " ", OutcomeName(row.outcome));
  }
  return fmt::format("{} {} {}{}{}: {}\n", EscapeForTerminal(row.method),
                     EscapeForTerminal(row.target), how, how.empty() ? "" : " ",
                     FormatDuration(row.latency_ns), EscapeForTerminal(DescribeTime(row, tree)));
}

void AddTimes(const RequestRow& row, Table& table) {
  const auto add = [&table](const char* name, const std::optional<int64_t>& ns) {
    table.AddRow({name, ns ? FormatDuration(*ns) : "not known"});
  };
  add("waited to be accepted", row.queue_ns);
  add("first byte after", row.first_byte_ns);
  add("on CPU", row.on_cpu_ns);
  add("blocked", row.blocked_ns);
  add("waiting for a CPU", row.runqueue_ns);
  add("waiting (open while its thread did something else)", row.waiting_ns);
}

std::string ProtocolText(const RequestRow& row) {
  const std::string name = row.protocol.empty() ? "not known" : row.protocol;
  return row.tls ? name + " over TLS" : name;
}

Table Details(const Shown& shown) {
  const RequestRow& row = shown.request;
  Table table({{"REQUEST"}, {std::to_string(row.id.value)}});
  table.AddRow({"site", row.site.empty() ? "not known" : row.site});
  table.AddRow({"route", row.route});
  table.AddRow({"status", row.status == 0 ? "none seen" : std::to_string(row.status)});
  table.AddRow({"started", FormatLocalTime(row.start_wall_ns)});
  table.AddRow({"process", fmt::format("{} (thread {}) {}", row.pid.value, row.tid.value,
                                       shown.process ? shown.process->argv : "")});
  table.AddRow({"protocol", ProtocolText(row)});
  AddTimes(row, table);
  table.AddRow({"received", FormatBytes(row.bytes_in)});
  table.AddRow({"sent", FormatBytes(row.bytes_out)});
  const StackEndCounts& ends = shown.profile.samples_incomplete;
  table.AddRow({"samples",
                fmt::format("{}, {} of them not whole{}", shown.profile.samples, ends.Incomplete(),
                            ends.Incomplete() == 0 ? "" : ": " + DescribeStackEnds(ends))});
  table.AddRow({"stats file", row.stats_file.empty() ? "none" : row.stats_file});
  return table;
}

// Servers that were asked meanwhile; nothing where there were none.
std::string Calls(const Shown& shown, bool terminal) {
  if (shown.calls.empty()) {
    return "";
  }
  Table table({{"CALLED"}, {"CALLS", Align::kRight}, {"WAITED", Align::kRight}});
  for (const CallRow& call : shown.calls) {
    table.AddRow(
        {EscapeForTerminal(call.peer), std::to_string(call.calls), FormatDuration(call.waited_ns)});
  }
  return table.Render(terminal) + "\n";
}

std::string Losses(const Shown& shown) {
  std::string text;
  for (const std::string& line : DescribeLosses(shown.lost)) {
    text += "  " + line + "\n";
  }
  text = text.empty() ? "Nothing was lost while it was recorded.\n"
                      : "Lost in the session that recorded it, of all requests:\n" + text;
  if (const std::string line = DescribeNotProfiled(shown.lost); !line.empty()) {
    text += "In that session, of all requests, " + line + "\n";
  }
  return text;
}

std::string Text(const Shown& shown, int64_t limit) {
  const bool terminal = StdoutIsTerminal();
  Table functions({{"SELF", Align::kRight}, {"TOTAL", Align::kRight}, {"FUNCTION"}, {"WHERE"}});
  for (const CallGraph::FunctionCost& each : TopFunctions(shown.profile, limit)) {
    functions.AddRow({FormatDuration(each.self_ns), FormatDuration(each.total_ns),
                      each.function.name, Place(each.function)});
  }
  return fmt::format("{}\n{}\n{}{}\n{}", Headline(shown.request, shown.profile.tree),
                     Details(shown).Render(terminal), Calls(shown, terminal),
                     functions.Render(terminal), Losses(shown));
}

Json ToJson(const Shown& shown, int64_t limit) {
  Json json = RequestJson(shown.request);
  json["verdict"] = DescribeTime(shown.request, shown.profile.tree);
  json["called"] = Json::array();
  for (const CallRow& call : shown.calls) {
    json["called"].push_back(
        {{"peer", call.peer}, {"calls", call.calls}, {"waited_ns", call.waited_ns}});
  }
  const StackEndCounts& ends = shown.profile.samples_incomplete;
  json["samples_incomplete"] = ends.Incomplete();
  json["samples_truncated"] = ends.truncated;
  json["samples_broken"] = ends.broken;
  json["samples_too_deep"] = ends.too_deep;
  json["samples_without_stack"] = ends.missing;
  json["functions"] = Json::array();
  for (const CallGraph::FunctionCost& each : TopFunctions(shown.profile, limit)) {
    json["functions"].push_back({{"function", each.function.name},
                                 {"file", each.function.file},
                                 {"module", each.function.module},
                                 {"line", each.function.line},
                                 {"self_ns", each.self_ns},
                                 {"total_ns", each.total_ns},
                                 {"samples", each.calls}});
  }
  json["lost"] = Json::object();
  for (size_t kind = 0; kind < LossKinds(); ++kind) {
    json["lost"][LossKey(kind)] = shown.lost[kind];
  }
  return json;
}

void RunShow(const ShowOptions& options, const GlobalOptions& global) {
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    ReportError(reader.error().message);
    return;
  }
  const Result<Shown> shown = Load(**reader, RequestId{options.id}, global.database);
  if (!shown) {
    ReportError(shown.error().message);
    return;
  }
  PrintAll(global.json ? JsonLine(ToJson(*shown, options.limit)) : Text(*shown, options.limit));
}

}  // namespace

void RegisterShow(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* command =
      app.add_subcommand("show", "One request: its times, its functions, what was lost");
  command->add_option("ID", options->id, "As pinfo requests lists it")->required();
  command->add_option("--limit", options->limit, "How many functions at most, 0 for all")
      ->check(NotNegative())
      ->capture_default_str();
  command->callback([options, &global] { RunShow(*options, global); });
}

}  // namespace pinfo::cli
