// pinfo requests: the requests kept in the database, filtered and sorted.
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/number_check.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "cli/table.h"
#include "collector/base/duration.h"
#include "collector/base/wall_clock.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

constexpr int64_t kDefaultLimit = 50;
constexpr size_t kPrintAtBytes = 1 << 16;

struct RequestsOptions {
  std::optional<std::string> site;
  std::optional<std::string> route;
  std::optional<std::string> method;
  std::string status;
  std::string slower_than;
  std::string since;
  bool failed = false;
  std::optional<uint32_t> pid;
  std::string sort = "start";
  std::optional<int64_t> limit;  // 0: all
};

const std::map<std::string, RequestOrder> kOrders = {{"start", RequestOrder::kNewest},
                                                     {"latency", RequestOrder::kSlowest},
                                                     {"on-cpu", RequestOrder::kOnCpu},
                                                     {"blocked", RequestOrder::kBlocked},
                                                     {"bytes-out", RequestOrder::kBytesOut}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "200" or "5xx".
Status SetStatus(const std::string& text, RequestFilter& filter) {
  const bool three = text.size() == 3 && text[0] >= '1' && text[0] <= '9';
  const bool class_known = three && text[0] <= '5';
  if (three && IsDigit(text[1]) && IsDigit(text[2])) {
    filter.status = std::stoi(text);
  } else if (class_known && (text.substr(1) == "xx" || text.substr(1) == "XX")) {
    filter.status_class = text[0] - '0';
  } else {
    return Fail(fmt::format("--status {}: give a status as 404 or a class from 1xx to 5xx",
                            EscapeForTerminal(text)));
  }
  return {};
}

Result<RequestFilter> FilterOf(const RequestsOptions& options, bool json) {
  RequestFilter filter;
  filter.site = options.site;
  filter.route = options.route;
  filter.method = options.method;
  filter.failed = options.failed;
  filter.pid = options.pid ? std::optional(Pid{*options.pid}) : std::nullopt;
  filter.order = kOrders.at(options.sort);  // CLI11 has checked that it is one
  if (!options.status.empty()) {
    if (const Status status = SetStatus(options.status, filter); !status) {
      return tl::unexpected(status.error());
    }
  }
  if (!options.slower_than.empty()) {
    const Result<int64_t> duration = ParseDuration(options.slower_than);
    if (!duration) {
      return Fail("--slower-than: " + duration.error().message);
    }
    filter.slower_than_ns = *duration;
  }
  if (!options.since.empty()) {
    const Result<int64_t> since = ParseMoment(options.since, WallClockNs());
    if (!since) {
      return Fail("--since: " + since.error().message);
    }
    filter.since_wall_ns = *since;
  }
  const int64_t limit = options.limit.value_or(json ? 0 : kDefaultLimit);
  if (limit > 0) {
    filter.limit = limit;
  }
  return filter;
}

std::string OrDash(const std::optional<int64_t>& ns) { return ns ? FormatDuration(*ns) : "-"; }

// The status, with the outcome where the request is not complete: "200 aborted". "-" is what ended
// well and has no status, as a turn of another protocol than HTTP.
std::string StatusText(const RequestRow& row) {
  if (row.outcome == Outcome::kComplete) {
    return row.status == 0 ? "-" : std::to_string(row.status);
  }
  const std::string outcome = OutcomeName(row.outcome);
  return row.status == 0 ? outcome : fmt::format("{} {}", row.status, outcome);
}

std::vector<std::string> CellsOf(const RequestRow& row) {
  return {std::to_string(row.id.value),
          FormatLocalTime(row.start_wall_ns),
          FormatDuration(row.latency_ns),
          OrDash(row.on_cpu_ns),
          OrDash(row.blocked_ns),
          FormatBytes(row.bytes_out),
          StatusText(row),
          row.method,
          row.site.empty() ? "-" : row.site,
          std::to_string(row.pid.value),
          row.target};
}

// In pieces, so that a million requests are printed as they are read.
Status PrintJson(Reader& reader, const RequestFilter& filter) {
  std::string text;
  const Status status = reader.ForEachRequest(filter, [&text](const RequestRow& row) {
    text += JsonLine(RequestJson(row));
    if (text.size() >= kPrintAtBytes) {
      PrintAll(text);
      text.clear();
    }
    return true;
  });
  PrintAll(text);
  return status;
}

Status PrintTable(Reader& reader, RequestFilter filter, bool quiet) {
  const std::optional<int64_t> limit = filter.limit;
  if (limit) {
    filter.limit = *limit + 1;  // to know whether there are more
  }
  Table table({{"ID", Align::kRight},
               {"START"},
               {"LATENCY", Align::kRight},
               {"ON-CPU", Align::kRight},
               {"BLOCKED", Align::kRight},
               {"SENT", Align::kRight},
               {"STATUS"},
               {"METHOD"},
               {"SITE"},
               {"PID", Align::kRight},
               {"TARGET"}});
  int64_t rows = 0;
  const Status status = reader.ForEachRequest(filter, [&](const RequestRow& row) {
    ++rows;
    const bool wanted = !limit || rows <= *limit;
    if (wanted) {
      table.AddRow(CellsOf(row));
    }
    return wanted;
  });
  if (!status) {
    return status;
  }
  const bool terminal = StdoutIsTerminal();
  if (!table.empty() || !terminal) {
    PrintAll(table.Render(terminal));
  }
  if (!quiet && table.empty()) {
    Tell("pinfo: no request matches\n");
  } else if (!quiet && limit && rows > *limit) {
    Tell("pinfo: there are more than these {}; --limit 0 shows all\n", *limit);
  }
  return {};
}

void RunRequests(const RequestsOptions& options, const GlobalOptions& global) {
  const Result<RequestFilter> filter = FilterOf(options, global.json);
  if (!filter) {
    ReportError(filter.error().message);
    SetExit(kExitUsage);
    return;
  }
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    ReportError(reader.error().message);
    return;
  }
  const Status status =
      global.json ? PrintJson(**reader, *filter) : PrintTable(**reader, *filter, global.quiet);
  if (!status) {
    ReportError(status.error().message);
  }
}

}  // namespace

void RegisterRequests(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<RequestsOptions>();
  CLI::App* command = app.add_subcommand("requests", "The requests, newest first");
  command->add_option("--site", options->site, "Only of this site, as pinfo status names it");
  command->add_option("--route", options->route, "Only of this route; * and ? match any text");
  command->add_option("--method", options->method, "Only with this method, as GET");
  command->add_option("--pid", options->pid, "Only served by this process");
  command->add_option("--status", options->status, "Only with this status (404) or class (5xx)");
  command->add_option("--slower-than", options->slower_than, "Only with a longer latency, as 50ms");
  command->add_option("--since", options->since,
                      "Only from then on: how long ago (10m, 2h) or a date and time");
  command->add_flag("--failed", options->failed, "Only 5xx and aborted ones");
  command->add_option("--sort", options->sort, "What comes first: the latest or the largest")
      ->check(CLI::IsMember({"start", "latency", "on-cpu", "blocked", "bytes-out"}))
      ->capture_default_str();
  command
      ->add_option("--limit", options->limit,
                   "How many at most, 0 for all (50 where not given, all with --json)")
      ->check(NotNegative());
  command->callback([options, &global] { RunRequests(*options, global); });
}

}  // namespace pinfo::cli
