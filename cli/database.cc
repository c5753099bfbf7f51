// pinfo db info, check and backup.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "cli/table.h"
#include "collector/store/maintenance.h"

namespace pinfo::cli {
namespace {

using Json = nlohmann::ordered_json;

Json Moment(const std::optional<int64_t>& wall_ns) {
  return wall_ns ? Json(FormatRfc3339(*wall_ns)) : Json();
}

void RunInfo(const GlobalOptions& global) {
  const Result<DatabaseInfo> info = DescribeDatabase(global.database);
  if (!info) {
    ReportError(info.error().message);
    return;
  }
  if (global.json) {
    Json tables = Json::object();
    for (const TableInfo& table : info->tables) {
      tables[table.name] = table.rows;
    }
    PrintAll(JsonLine({{"type", "database"},
                       {"path", info->path},
                       {"schema", info->schema},
                       {"known_schema", info->known_schema},
                       {"bytes", info->bytes},
                       {"wal_bytes", info->wal_bytes},
                       {"free_bytes", info->free_bytes},
                       {"first", Moment(info->first_wall_ns)},
                       {"last", Moment(info->last_wall_ns)},
                       {"rows", tables}}));
    return;
  }
  std::string text = fmt::format(
      "{}\nschema {} of {}; {}, of it {} free, and {} in the write-ahead log\n",
      EscapeForTerminal(info->path), info->schema, info->known_schema, FormatBytes(info->bytes),
      FormatBytes(info->free_bytes), FormatBytes(info->wal_bytes));
  text += info->first_wall_ns
              ? fmt::format("requests from {} to {}\n", FormatLocalTime(*info->first_wall_ns),
                            FormatLocalTime(*info->last_wall_ns))
              : "no requests yet\n";
  Table table({{"TABLE"}, {"ROWS", Align::kRight}});
  for (const TableInfo& each : info->tables) {
    table.AddRow({each.name, std::to_string(each.rows)});
  }
  PrintAll(text + "\n" + table.Render(StdoutIsTerminal()));
}

void RunCheck(const GlobalOptions& global) {
  const Result<std::vector<std::string>> found = CheckDatabase(global.database);
  if (!found) {
    ReportError(found.error().message);
    return;
  }
  if (global.json) {
    PrintAll(JsonLine({{"type", "check"}, {"sound", found->empty()}, {"found", *found}}));
  } else if (found->empty()) {
    PrintAll(EscapeForTerminal(global.database) + ": sound\n");
  } else {
    for (const std::string& line : *found) {
      PrintAll(EscapeForTerminal(line) + "\n");
    }
  }
  if (!found->empty()) {
    ReportError(
        global.database +
        ": is damaged; keep a copy of it, and let pinfo begin a new one: rename it, or name "
        "another one with --db");
  }
}

void RunBackup(const GlobalOptions& global, const std::string& to) {
  if (const Status status = BackUpDatabase(global.database, to); !status) {
    ReportError(status.error().message);
    return;
  }
  if (!global.quiet) {
    Tell("pinfo: {} is a whole copy of {}\n", EscapeForTerminal(to),
         EscapeForTerminal(global.database));
  }
}

}  // namespace

void RegisterDatabase(CLI::App& app, const GlobalOptions& global) {
  CLI::App* command = app.add_subcommand("db", "The database itself: info, check, backup");
  command->require_subcommand(1);
  command->add_subcommand("info", "Its size, its age and how many rows it has")
      ->callback([&global] { RunInfo(global); });
  command->add_subcommand("check", "Whether it is sound; exit status 1 where it is not")
      ->callback([&global] { RunCheck(global); });
  auto to = std::make_shared<std::string>();
  CLI::App* backup =
      command->add_subcommand("backup", "A whole copy as of now, while collectors go on writing");
  backup->add_option("FILE", *to, "Where to; must not exist yet")->required();
  backup->callback([&global, to] { RunBackup(global, *to); });
}

}  // namespace pinfo::cli
