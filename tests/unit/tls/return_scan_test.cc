#include "collector/tls/return_scan.h"

#include <initializer_list>

#include <gmock/gmock.h>

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Result<FunctionExits> ExitsOf(std::initializer_list<int> bytes) {
  std::vector<std::byte> code;
  for (const int byte : bytes) {
    code.push_back(static_cast<std::byte>(byte));
  }
  return FindFunctionExits(code);
}

TEST(ReturnScan, EveryKindOfReturn) {
  // ret; repz ret; ret 16; nopw 0(%rax,%rax): padding.
  const auto exits =
      ExitsOf({0xc3, 0xf3, 0xc3, 0xc2, 0x10, 0x00, 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00});
  ASSERT_TRUE(exits) << exits.error().message;
  EXPECT_THAT(exits->returns, ElementsAre(0, 1, 3));
  EXPECT_THAT(exits->jumps_out, IsEmpty());
}

TEST(ReturnScan, AReturnsByteWithinAnotherInstructionIsNone) {
  // mov $0xc3c3c3c3,%eax; ret
  const auto exits = ExitsOf({0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3});
  ASSERT_TRUE(exits) << exits.error().message;
  EXPECT_THAT(exits->returns, ElementsAre(5));
}

TEST(ReturnScan, JumpsWithinAndOut) {
  // test %eax,%eax; js +1 (over the ret); ret; jmp +0x10 (out); js -0x20 (out)
  const auto exits = ExitsOf({0x85, 0xc0, 0x78, 0x01, 0xc3, 0xe9, 0x10, 0, 0, 0, 0x78, 0xe0});
  ASSERT_TRUE(exits) << exits.error().message;
  EXPECT_THAT(exits->returns, ElementsAre(4));
  EXPECT_THAT(exits->jumps_out, ElementsAre(0x1a, -0x14));
}

TEST(ReturnScan, WhatCannotBeFollowedIsRefused) {
  EXPECT_THAT(ExitsOf({0x06, 0xc3}).error().message, HasSubstr("no instruction at +0x0"));
  EXPECT_THAT(ExitsOf({0xb8, 0x01}).error().message, HasSubstr("no instruction"));  // cut off
  EXPECT_THAT(ExitsOf({0xff, 0xe0, 0xc3}).error().message, HasSubstr("computed"));  // jmp *%rax
  // js into the middle of the mov behind it
  EXPECT_THAT(ExitsOf({0x78, 0x02, 0xb8, 0, 0, 0, 0, 0xc3}).error().message,
              HasSubstr("middle of an instruction"));
}

TEST(ReturnScan, AnyBytesAtAll) {
  uint32_t state = 1;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> code(1 + round % 40);
    for (std::byte& byte : code) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::byte>(state >> 24);
    }
    const auto exits = FindFunctionExits(code);
    for (const uint64_t at : exits ? exits->returns : std::vector<uint64_t>{}) {
      ASSERT_LT(at, code.size());
    }
  }
}

}  // namespace
}  // namespace pinfo
