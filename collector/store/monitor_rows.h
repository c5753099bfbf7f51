// Reading monitors' rows: what the store and the reader of monitors share.
#pragma once

#include <utility>

#include "collector/store/monitor_store.h"
#include "collector/store/reader_queries.h"

namespace pinfo::sqlite {

// Calls visit for each monitor, by group and name.
template <typename Visit>
Status ForEachMonitor(Database& database, Visit visit) {
  const auto real = [](const Statement& row, int column) {
    return row.IsNull(column) ? std::nullopt : std::optional(row.Real(column));
  };
  return ForEachRow(
      database,
      "SELECT name, title, description, group_name, unit, level, since_wall_ns, checked_wall_ns,"
      " value, text, pending_level, pending_since_wall_ns, warning, problem,"
      " no_value FROM monitor"
      " ORDER BY group_name, name",
      [&](const Statement& row) {
        visit(MonitorRow{.name = std::string(row.Text(0)),
                         .title = std::string(row.Text(1)),
                         .description = std::string(row.Text(2)),
                         .group = std::string(row.Text(3)),
                         .unit = std::string(row.Text(4)),
                         .level = static_cast<uint8_t>(row.Int(5)),
                         .since_wall_ns = row.Int(6),
                         .checked_wall_ns = row.Int(7),
                         .value = real(row, 8),
                         .text = std::string(row.Text(9)),
                         .pending_level = static_cast<uint8_t>(row.Int(10)),
                         .pending_since_wall_ns = row.Int(11),
                         .warning = real(row, 12),
                         .problem = real(row, 13),
                         .no_value = row.Int(14) != 0});
        return true;
      });
}

}  // namespace pinfo::sqlite
