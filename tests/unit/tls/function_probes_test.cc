#include "collector/tls/function_probes.h"

#include <initializer_list>

#include <gmock/gmock.h>

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Result<FunctionProbes> ProbesOf(std::initializer_list<int> bytes) {
  std::vector<std::byte> code;
  for (const int byte : bytes) {
    code.push_back(static_cast<std::byte>(byte));
  }
  return FindFunctionProbes(code);
}

ProbePlace At(uint64_t offset, uint32_t stack_bytes = 0) {
  return {.offset = offset, .stack_bytes = stack_bytes};
}

TEST(FunctionProbesTest, EveryKindOfReturn) {
  // ret; repz ret; ret 16; nopw 0(%rax,%rax): padding.
  const auto probes =
      ProbesOf({0xc3, 0xf3, 0xc3, 0xc2, 0x10, 0x00, 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00});
  ASSERT_TRUE(probes) << probes.error().message;
  EXPECT_THAT(probes->returns, ElementsAre(At(0), At(1), At(3)));
  EXPECT_THAT(probes->jumps_out, IsEmpty());
}

TEST(FunctionProbesTest, AReturnsByteWithinAnotherInstructionIsNone) {
  // mov $0xc3c3c3c3,%eax; ret
  const auto probes = ProbesOf({0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3});
  ASSERT_TRUE(probes) << probes.error().message;
  EXPECT_THAT(probes->returns, ElementsAre(At(5)));
}

TEST(FunctionProbesTest, JumpsWithinAndOut) {
  // test %eax,%eax; js +1 (over the ret); ret; jmp +0x10 (out); js -0x20 (out)
  const auto probes = ProbesOf({0x85, 0xc0, 0x78, 0x01, 0xc3, 0xe9, 0x10, 0, 0, 0, 0x78, 0xe0});
  ASSERT_TRUE(probes) << probes.error().message;
  EXPECT_THAT(probes->returns, ElementsAre(At(4)));
  EXPECT_THAT(probes->jumps_out, ElementsAre(0x1a, -0x14));
}

TEST(FunctionProbesTest, WhatCannotBeFollowedIsRefused) {
  EXPECT_THAT(ProbesOf({0x06, 0xc3}).error().message, HasSubstr("no instruction at +0x0"));
  EXPECT_THAT(ProbesOf({0xb8, 0x01}).error().message, HasSubstr("no instruction"));  // cut off
  EXPECT_THAT(ProbesOf({0xff, 0xe0, 0xc3}).error().message, HasSubstr("computed"));  // jmp *%rax
  // js into the middle of the mov behind it
  EXPECT_THAT(ProbesOf({0x78, 0x02, 0xb8, 0, 0, 0, 0, 0xc3}).error().message,
              HasSubstr("middle of an instruction"));
}

// What compilers make of SSL_read, shortened. Each byte that a test changes has a parameter.
struct LikeRead {
  int argument_test = 0xd2;                     // of 85 d2: test %edx,%edx
  int failure_jump = 5;                         // js, to the canary's check
  std::vector<int> after_check = {0x31, 0xd2};  // xor %edx,%edx, behind the stack's release
  std::vector<int> behind = {};                 // code behind the call that never returns

  [[nodiscard]] Result<FunctionProbes> Probes() const {
    std::vector<int> bytes = {0x48, 0x83,
                              0xec, 0x18,           // 0: sub $0x18,%rsp
                              0x85, argument_test,  // 4
                              0x78, failure_jump,   // 6: js
                              0xe8, 0,
                              0,    0,
                              0,  // 8: call
                              0x48, 0x29,
                              0xc2,     // 13: sub %rax,%rdx
                              0x75, 0,  // 16: jne
                              0x48, 0x83,
                              0xc4, 0x18};  // 18: add $0x18,%rsp
    bytes.insert(bytes.end(), after_check.begin(), after_check.end());
    bytes.push_back(0xc3);
    bytes[17] = static_cast<int>(bytes.size()) - 18;
    bytes.insert(bytes.end(), {0xe8, 0, 0, 0, 0});  // call __stack_chk_fail
    bytes.insert(bytes.end(), behind.begin(), behind.end());
    std::vector<std::byte> code;
    for (const int byte : bytes) {
      code.push_back(static_cast<std::byte>(byte));
    }
    return FindFunctionProbes(code);
  }
};

TEST(FunctionProbesTest, PlacesThatNeedNoSingleStep) {
  const auto probes = LikeRead{}.Probes();
  ASSERT_TRUE(probes) << probes.error().message;
  EXPECT_EQ(probes->entry, At(6, 0x18));
  EXPECT_THAT(probes->returns, ElementsAre(At(16, 0x18)));
  // pop %rbx; pop %r12: further up. nopw: padding behind the call.
  const auto popped = LikeRead{
      .after_check = {0x5b, 0x41, 0x5c},
      .behind = {0x66, 0x0f, 0x1f, 0x44, 0,
                 0}}.Probes();
  EXPECT_THAT(popped->returns, ElementsAre(At(16, 0x18 + 16)));
}

TEST(FunctionProbesTest, EntriesThatPush) {
  EXPECT_EQ(ProbesOf({0x55, 0x53, 0xc3})->entry, At(0));                          // push %rbp
  EXPECT_EQ(ProbesOf({0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0x54, 0xc3})->entry, At(4));  // endbr64
  // sub $8,%rsp; mov %rdi,%rax; push %rbx
  EXPECT_EQ(ProbesOf({0x48, 0x83, 0xec, 0x08, 0x48, 0x89, 0xf8, 0x53, 0xc3})->entry, At(7, 8));
}

TEST(FunctionProbesTest, AnEntryIsNotMovedWhereItsArgumentsOrStackMayBeOthers) {
  EXPECT_EQ(ProbesOf({0x48, 0x89, 0xfe, 0x53, 0xc3})->entry, At(0));        // mov %rdi,%rsi; push
  EXPECT_EQ(ProbesOf({0x31, 0xd2, 0x53, 0xc3})->entry, At(0));              // xor %edx,%edx; push
  EXPECT_EQ(ProbesOf({0x48, 0x83, 0xe4, 0xf0, 0x53, 0xc3})->entry, At(0));  // and $-16,%rsp
  EXPECT_EQ(ProbesOf({0xff, 0xd0, 0x53, 0xc3})->entry, At(0));              // call *%rax; push
  EXPECT_EQ(ProbesOf({0xe8, 0, 0, 0, 0, 0x53, 0xc3})->entry, At(0));        // call, left alone
  // xor %eax,%eax; push %rbx; js to the push: that one may be executed more often
  EXPECT_EQ(ProbesOf({0x31, 0xc0, 0x53, 0x78, 0xfd, 0xc3})->entry, At(0));
  EXPECT_EQ(ProbesOf({0x66, 0x50, 0xc3})->entry, At(0));  // push %ax: not emulated
}

TEST(FunctionProbesTest, AReturnIsNotMovedWhereItsResultOrItsWayMayBeOthers) {
  // js behind the check, to the release of the stack
  EXPECT_THAT(LikeRead{.failure_jump = 10}.Probes()->returns, ElementsAre(At(24)));
  // mov %ebx,%eax; xor %al,%al: another result
  EXPECT_THAT((LikeRead{.after_check = {0x89, 0xd8}}.Probes()->returns), ElementsAre(At(24)));
  EXPECT_THAT((LikeRead{.after_check = {0x30, 0xc0}}.Probes()->returns), ElementsAre(At(24)));
  // mov %ecx,(%rbx): what the function stores may be the number of bytes
  EXPECT_THAT((LikeRead{.after_check = {0x89, 0x0b}}.Probes()->returns), ElementsAre(At(24)));
  // leave: the stack pointer is not known
  EXPECT_THAT((LikeRead{.after_check = {0xc9, 0x90}}.Probes()->returns), ElementsAre(At(24)));
  // the call at the jump's end may return: xor %eax,%eax; ret follow
  EXPECT_THAT((LikeRead{.behind = {0x31, 0xc0, 0xc3}}.Probes()->returns),
              ElementsAre(At(24), At(32)));
  // test; je over the ret: what it skips is one way of two
  EXPECT_THAT(ProbesOf({0x85, 0xc0, 0x74, 0x01, 0xc3, 0x31, 0xc0, 0xc3})->returns,
              ElementsAre(At(4), At(7)));
}

TEST(FunctionProbesTest, AnyBytesAtAll) {
  uint32_t state = 1;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> code(1 + round % 40);
    for (std::byte& byte : code) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::byte>(state >> 24);
    }
    const auto probes = FindFunctionProbes(code);
    if (probes) {
      ASSERT_LT(probes->entry.offset, code.size());
      for (const ProbePlace& place : probes->returns) {
        ASSERT_LT(place.offset, code.size());
      }
    }
  }
}

}  // namespace
}  // namespace pinfo
