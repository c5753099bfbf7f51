// Call frame information made by hand.
#include "collector/stack/cfa_program.h"

#include <initializer_list>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) {
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

struct Row {
  uint64_t address = 0;
  UnwindRule rule;
};

// CFA = rsp + 8, return address at CFA - 8: what every CIE of x86-64 begins with.
const std::vector<std::byte>& StandardCie() {
  static const auto bytes = Bytes({0x0c, 7, 8, 0x90, 1});
  return bytes;
}

std::vector<Row> RowsOf(const std::vector<std::byte>& program, bool signal_frame = false) {
  auto cie = std::make_shared<FrameCie>();
  cie->data_alignment = -8;
  cie->return_register = 16;
  cie->signal_frame = signal_frame;
  cie->program = StandardCie();
  std::vector<Row> rows;
  CfaInterpreter().Run({0x1000, 0x1100, cie, program, 0}, [&](uint64_t at, const UnwindRule& rule) {
    rows.push_back({at, rule});
  });
  return rows;
}

TEST(CfaProgramTest, WithoutRowsOfItsOwnTheCieHolds) {
  const auto rows = RowsOf({});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].address, 0x1000u);
  EXPECT_EQ(rows[0].rule.cfa, CfaKind::kRegister);
  EXPECT_EQ(rows[0].rule.cfa_register, 7);
  EXPECT_EQ(rows[0].rule.offset, 8);
  EXPECT_EQ(rows[0].rule.saved[kSavedReturnAddress].kind, SavedKind::kAtCfa);
  EXPECT_EQ(rows[0].rule.saved[kSavedReturnAddress].offset, -8);
}

TEST(CfaProgramTest, PushAndFramePointer) {
  // push %rbp; mov %rsp,%rbp; ... remember; leave; ret; restore: more code behind the return.
  const auto rows = RowsOf(
      Bytes({0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x50, 0x0a, 0x0c, 7, 8, 0xc6, 0x41, 0x0b}));
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[1].address, 0x1001u);
  EXPECT_EQ(rows[1].rule.offset, 16);
  EXPECT_EQ(rows[1].rule.saved[1], (SavedRule{SavedKind::kAtCfa, 0, 0, -16}));
  EXPECT_EQ(rows[2].rule.cfa_register, 6);
  EXPECT_EQ(rows[3].address, 0x1014u);
  EXPECT_EQ(rows[3].rule, rows[0].rule);
  EXPECT_EQ(rows[4].address, 0x1015u);
  EXPECT_EQ(rows[4].rule, rows[2].rule);
}

TEST(CfaProgramTest, UndefinedReturnAddressEndsTheStack) {
  const auto rows = RowsOf(Bytes({0x07, 16}));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].rule.cfa, CfaKind::kEndOfStack);
}

TEST(CfaProgramTest, ThePltExpression) {
  for (const int threshold : {10, 11}) {
    const auto rows = RowsOf(
        Bytes({0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x30 + threshold, 0x2a, 0x33, 0x24, 0x22}));
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].rule.cfa, CfaKind::kPlt);
    EXPECT_EQ(rows[0].rule.offset, threshold);
  }
}

TEST(CfaProgramTest, ADereferencedCfaIsHeldAnyOtherExpressionIsNot) {
  const auto held = RowsOf(Bytes({0x0f, 5, 0x77, 0x28, 0x06, 0x23, 8}));
  EXPECT_EQ(held[0].rule.cfa, CfaKind::kDereference);
  EXPECT_EQ(held[0].rule.offset, 0x28);
  EXPECT_EQ(held[0].rule.addend, 8);
  const auto other = RowsOf(Bytes({0x0f, 4, 0x77, 8, 0x06, 0x06}));
  EXPECT_EQ(other[0].rule.cfa, CfaKind::kExpression);
}

TEST(CfaProgramTest, RegistersSavedByExpression) {
  const auto rows = RowsOf(Bytes({0x10, 6, 2, 0x76, 0x00, 0x10, 3, 2, 0x76, 0x58}));
  EXPECT_EQ(rows[0].rule.saved[1], (SavedRule{SavedKind::kAtRegister, 6, 0, 0}));
  EXPECT_EQ(rows[0].rule.saved[0], (SavedRule{SavedKind::kAtRegister, 6, 0, -40}));
}

TEST(CfaProgramTest, TheKernelsSignalFrame) {
  // As in glibc's __restore_rt: CFA = *(rsp + 160), rip at rsp + 168.
  const auto program = Bytes({0x0f, 4, 0x77, 0xa0, 0x01, 0x06, 0x10, 16, 3, 0x77, 0xa8, 0x01});
  EXPECT_EQ(RowsOf(program, true)[0].rule.cfa, CfaKind::kSignalFrame);
  EXPECT_EQ(RowsOf(program, false)[0].rule.cfa, CfaKind::kDereference);
}

TEST(CfaProgramTest, EveryOtherInstruction) {
  const auto rows = RowsOf(Bytes({
      0x05, 3,    2,                          // offset_extended rbx
      0x11, 12,   0x7d,                       // offset_extended_sf r12, -3
      0x14, 13,   2,                          // val_offset r13
      0x15, 14,   0x7e,                       // val_offset_sf r14, -2
      0x09, 15,   3,                          // register r15, rbx
      0x08, 6,                                // same_value rbp
      0x2e, 5,                                // GNU_args_size
      0x05, 40,   2,                          // a register that is not kept
      0x12, 6,    0x7e,                       // def_cfa_sf rbp, -2
      0x13, 0x7d,                             // def_cfa_offset_sf -3
      0x02, 4,                                // advance_loc1
      0x06, 3,                                // restore_extended rbx
      0x03, 4,    0,                          // advance_loc2
      0x2f, 3,    2,                          // GNU_negative_offset_extended rbx
      0x04, 4,    0,    0,    0,              // advance_loc4
      0x01, 0x10, 0x10, 0,    0, 0, 0, 0, 0,  // set_loc 0x1010
      0x16, 3,    1,    0x30,                 // val_expression rbx
  }));
  ASSERT_EQ(rows.size(), 5u);
  const auto& saved = rows[0].rule.saved;
  EXPECT_EQ(saved[0], (SavedRule{SavedKind::kAtCfa, 0, 0, -16}));
  EXPECT_EQ(saved[2], (SavedRule{SavedKind::kAtCfa, 0, 0, 24}));
  EXPECT_EQ(saved[3], (SavedRule{SavedKind::kCfaPlus, 0, 0, -16}));
  EXPECT_EQ(saved[4], (SavedRule{SavedKind::kCfaPlus, 0, 0, 16}));
  EXPECT_EQ(saved[5], (SavedRule{SavedKind::kRegister, 3, 0, 0}));
  EXPECT_EQ(rows[0].rule.offset, 24);
  EXPECT_EQ(rows[1].rule.saved[0], SavedRule());
  EXPECT_EQ(rows[2].rule.saved[0], (SavedRule{SavedKind::kAtCfa, 0, 0, 16}));
  EXPECT_EQ(rows[4].address, 0x1010u);
  EXPECT_EQ(rows[4].rule.cfa, CfaKind::kExpression);
}

TEST(CfaProgramTest, BehindADamagedInstructionNothingIsBelieved) {
  for (const auto& program :
       {Bytes({0x44, 0x3f}), Bytes({0x44, 0x0b}), Bytes({0x44, 0x0f, 0x7f}), Bytes({0x44, 0x0e})}) {
    const auto rows = RowsOf(program);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].rule.cfa, CfaKind::kRegister);
    EXPECT_EQ(rows[1].address, 0x1004u);
    EXPECT_EQ(rows[1].rule.cfa, CfaKind::kNone);
  }
}

TEST(CfaProgramTest, AdvancingBeyondTheEndEnds) {
  const auto rows = RowsOf(Bytes({0x04, 0xff, 0xff, 0xff, 0x7f, 0x0e, 99, 0x41}));
  ASSERT_EQ(rows.size(), 1u);
}

}  // namespace
}  // namespace pinfo
