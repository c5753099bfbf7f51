// Tables for people on a terminal, plain columns in a pipe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pinfo::cli {

enum class Align : uint8_t { kLeft, kRight };

struct Column {
  std::string header;
  Align align = Align::kLeft;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Cells come as they are in the data: Render escapes them. REQUIRES: one for each column.
  void AddRow(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }

  // On a terminal: a header, aligned columns, long cells cut. Otherwise: rows whole, with one tab
  // between columns, as cut and awk take them, below a line of the headers that begins with '#';
  // nothing at all where there are no rows.
  [[nodiscard]] std::string Render(bool terminal) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // escaped
};

bool StdoutIsTerminal();

}  // namespace pinfo::cli
