#include "cli/table.h"

#include <gmock/gmock.h>

namespace pinfo::cli {
namespace {

Table Example() {
  Table table({{"ID", Align::kRight}, {"NAME"}, {"SIZE", Align::kRight}});
  table.AddRow({"7", "h\xc3\xa9", "12"});
  table.AddRow({"10", "two words", "3"});
  return table;
}

TEST(Table, IsAlignedOnATerminal) {
  EXPECT_EQ(Example().Render(true),
            "ID  NAME       SIZE\n"
            " 7  h\xc3\xa9           12\n"
            "10  two words     3\n");
}

TEST(Table, IsPlainColumnsInAPipe) {
  EXPECT_EQ(Example().Render(false), "#ID\tNAME\tSIZE\n7\th\xc3\xa9\t12\n10\ttwo words\t3\n");
}

TEST(Table, ACellCannotBreakItsRow) {
  Table table({{"A"}, {"B"}});
  table.AddRow({"x\ty\nz", "\x1b[31m"});
  EXPECT_EQ(table.Render(false), "#A\tB\nx\\x09y\\x0az\t\\x1b[31m\n");
}

TEST(Table, LongCellsAreCutOnATerminalOnly) {
  Table table({{"A"}});
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += "\xc3\xa9";
  }
  table.AddRow({text});
  EXPECT_EQ(table.Render(false), "#A\n" + text + "\n");
  EXPECT_EQ(table.Render(true), "A\n" + text.substr(0, 2 * 93) + "...\n");
}

TEST(Table, EmptyOnesHaveNoRows) {
  const Table table({{"A"}});
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.Render(true), "A\n");
  EXPECT_EQ(table.Render(false), "");
}

}  // namespace
}  // namespace pinfo::cli
