// The table walk against libunwind, on real stacks.
#include "collector/stack/unwinder.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/stack/libunwind_unwinder.h"
#include "tests/unit/stack/capture.h"

extern "C" void debug_frame_calls(void (*back)());

// popped_inner has popped rbp, its caller's frame pointer, but the rule still says that it lies in
// memory, now below the stack pointer. popped_outer is the thread's start.
asm(R"(
    .text
popped_inner:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset 6, -16
    pop %rbp
    .cfi_def_cfa_offset 8
    .globl popped_inner_at
popped_inner_at:
    ret
    .cfi_endproc
popped_middle:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset 6, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register 6
    call popped_inner
    .globl popped_middle_at
popped_middle_at:
    leave
    .cfi_def_cfa 7, 8
    ret
    .cfi_endproc
popped_outer:
    .cfi_startproc
    .cfi_undefined rip
    call popped_middle
    .globl popped_outer_at
popped_outer_at:
    hlt
    .cfi_endproc
)");
extern "C" const char popped_inner_at[];
extern "C" const char popped_middle_at[];
extern "C" const char popped_outer_at[];

namespace pinfo {
namespace {

AddressSpace SpaceOf(ModuleCache& modules, pid_t pid) {
  AddressSpace space(modules, Pid{static_cast<uint32_t>(pid)});
  EXPECT_TRUE(space.Refresh());
  return space;
}

class SelfUnwindTest : public testing::Test {
 protected:
  // Both unwinders see the same frames, to the thread's start.
  void ExpectAgreement(const CapturedStack& stack, size_t at_least) {
    const AddressSpace space = SpaceOf(modules_, ::getpid());
    const UnwoundStack walked = unwinder_.Unwind(space, stack.View());
    const UnwoundStack oracle = libunwind_.Unwind(space, stack.View());
    EXPECT_EQ(walked.pcs, oracle.pcs);
    EXPECT_EQ(walked.end, StackEnd::kComplete);
    EXPECT_GE(walked.pcs.size(), at_least);
  }

  ModuleCache modules_{""};
  Unwinder unwinder_;
  LibunwindUnwinder libunwind_;
};

__attribute__((noinline)) void Recurse(int depth, const std::function<void()>& at_bottom) {
  if (depth == 0) {
    at_bottom();
  } else {
    Recurse(depth - 1, at_bottom);
  }
  asm volatile("");  // no tail call
}

TEST_F(SelfUnwindTest, DeepRecursion) {
  CapturedStack stack;
  Recurse(100, [&] { stack = CaptureSelf(); });
  ExpectAgreement(stack, 110);
}

CapturedStack* g_stack = nullptr;

TEST_F(SelfUnwindTest, ThroughLibcWithoutFramePointers) {
  CapturedStack stack;
  g_stack = &stack;
  std::array<int, 2> values = {2, 1};
  ::qsort(values.data(), values.size(), sizeof(int), [](const void* a, const void* b) {
    *g_stack = CaptureSelf();
    return *static_cast<const int*>(a) - *static_cast<const int*>(b);
  });
  ExpectAgreement(stack, 6);
}

TEST_F(SelfUnwindTest, OutOfASignalHandler) {
  CapturedStack stack;
  g_stack = &stack;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { *g_stack = CaptureSelf(); };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  ::raise(SIGUSR1);
  ::sigaction(SIGUSR1, &before, nullptr);
  ExpectAgreement(stack, 6);
}

TEST_F(SelfUnwindTest, ThroughAFunctionWithDebugFrameAlone) {
  CapturedStack stack;
  g_stack = &stack;
  debug_frame_calls([] { *g_stack = CaptureSelf(); });
  // libunwind does not look for .debug_frame here.
  const UnwoundStack walked = unwinder_.Unwind(SpaceOf(modules_, ::getpid()), stack.View());
  EXPECT_EQ(walked.end, StackEnd::kComplete);
  const auto calls = reinterpret_cast<uint64_t>(&debug_frame_calls);
  EXPECT_TRUE(std::any_of(walked.pcs.begin(), walked.pcs.end(),
                          [&](uint64_t pc) { return pc - calls < 100; }));
}

TEST_F(SelfUnwindTest, OfAThread) {
  CapturedStack stack;
  std::thread([&] { Recurse(10, [&] { stack = CaptureSelf(); }); }).join();
  ExpectAgreement(stack, 13);
}

// A realigned, variable-sized frame: its CFA is found through memory.
__attribute__((noinline)) void Realigned(size_t size, const std::function<void()>& at_bottom) {
  alignas(128) volatile char aligned[128];
  auto* dynamic = static_cast<volatile char*>(__builtin_alloca(size));
  aligned[0] = 1;
  dynamic[0] = 1;
  at_bottom();
  dynamic[0] = static_cast<char>(aligned[0] + 1);
}

TEST_F(SelfUnwindTest, ThroughARealignedFrame) {
  CapturedStack stack;
  Realigned(333, [&] { stack = CaptureSelf(); });
  ExpectAgreement(stack, 6);
}

TEST_F(SelfUnwindTest, ARegisterThatHasJustBeenPopped) {
  const auto inner = reinterpret_cast<uint64_t>(popped_inner_at);
  const auto middle = reinterpret_cast<uint64_t>(popped_middle_at);
  const auto outer = reinterpret_cast<uint64_t>(popped_outer_at);
  const std::array<uint64_t, 4> words = {middle, 0, outer, 0};
  StackCopy copy{.bytes = std::as_bytes(std::span(words)), .truncated = false};
  copy.registers[PINFO_REGISTER_RIP] = inner;
  copy.registers[PINFO_REGISTER_RSP] = 0x7000;
  copy.registers[PINFO_REGISTER_RBP] = 0x7008;
  const AddressSpace space = SpaceOf(modules_, ::getpid());
  for (const UnwoundStack& stack :
       {unwinder_.Unwind(space, copy), libunwind_.Unwind(space, copy)}) {
    EXPECT_THAT(stack.pcs, testing::ElementsAre(inner, middle, outer));
    EXPECT_EQ(stack.end, StackEnd::kComplete);
  }
  StackRegisters registers = copy.registers;
  ASSERT_TRUE(libunwind_.Step(space, copy, registers, /*interrupted=*/true));
  EXPECT_EQ(registers[PINFO_REGISTER_RIP], middle);
  EXPECT_EQ(registers[PINFO_REGISTER_RBP], 0x7008U);
}

TEST_F(SelfUnwindTest, ATruncatedCopySaysSo) {
  CapturedStack stack;
  Recurse(100, [&] { stack = CaptureSelf(4096); });
  ASSERT_TRUE(stack.truncated);
  const UnwoundStack walked = unwinder_.Unwind(SpaceOf(modules_, ::getpid()), stack.View());
  EXPECT_EQ(walked.end, StackEnd::kTruncated);
  EXPECT_GT(walked.pcs.size(), 5u);
}

TEST_F(SelfUnwindTest, CutAtTheLimit) {
  CapturedStack stack;
  Recurse(600, [&] { stack = CaptureSelf(); });
  const UnwoundStack walked = unwinder_.Unwind(SpaceOf(modules_, ::getpid()), stack.View());
  EXPECT_EQ(walked.end, StackEnd::kTooDeep);
  EXPECT_EQ(walked.pcs.size(), kMaxFrames);
}

TEST_F(SelfUnwindTest, WithoutBytesOnlyThePcIsKnown) {
  StackCopy copy;
  copy.registers[PINFO_REGISTER_RIP] = reinterpret_cast<uint64_t>(&::qsort);
  const UnwoundStack walked = unwinder_.Unwind(SpaceOf(modules_, ::getpid()), copy);
  EXPECT_EQ(walked.end, StackEnd::kMissing);
  EXPECT_THAT(walked.pcs, testing::ElementsAre(copy.registers[PINFO_REGISTER_RIP]));
}

TEST_F(SelfUnwindTest, UnmappedCodeIsBroken) {
  CapturedStack stack = CaptureSelf();
  stack.registers[PINFO_REGISTER_RIP] = 0x1234;
  const UnwoundStack walked = unwinder_.Unwind(SpaceOf(modules_, ::getpid()), stack.View());
  EXPECT_EQ(walked.end, StackEnd::kBroken);
  EXPECT_THAT(walked.pcs, testing::ElementsAre(0x1234));
}

// Any bytes for a stack and registers: the walk ends, inside the copy (AddressSanitizer watches).
TEST_F(SelfUnwindTest, HostileStacksEnd) {
  CapturedStack stack;
  Recurse(20, [&] { stack = CaptureSelf(8192); });
  const AddressSpace space = SpaceOf(modules_, ::getpid());
  uint64_t seed = 42;
  const auto next = [&] { return seed = seed * 6364136223846793005u + 1442695040888963407u; };
  size_t longest = 0;
  for (int round = 0; round < 2000; ++round) {
    CapturedStack damaged = stack;
    for (int i = 0; i < 30; ++i) {
      damaged.memory[next() % damaged.memory.size()] = static_cast<std::byte>(next() >> 56);
    }
    damaged.registers[next() % 16] ^= next() >> (next() % 64);
    longest = std::max(longest, unwinder_.Unwind(space, damaged.View()).pcs.size());
  }
  EXPECT_LE(longest, kMaxFrames);
  EXPECT_GT(longest, 20u);
}

Mapping AnonymousCode() {
  Mapping mapping;
  mapping.start = 0x10000;
  mapping.end = 0x20000;
  return mapping;
}

// Code in anonymous memory has no table: frame pointers lead through it.
TEST(JitUnwindTest, FollowsFramePointersThroughAnonymousCode) {
  ModuleCache modules("");
  AddressSpace space(modules, Pid{1}, "");
  space.Add(AnonymousCode());
  std::array<uint64_t, 8> words = {0, 0, 0x7028, 0x10100, 0, 0x7038, 0x10200, 0};
  words[5] = 0x7038;  // at 0x7028: the next frame's rbp
  StackCopy copy{.bytes = std::as_bytes(std::span(words)), .truncated = false};
  copy.registers[PINFO_REGISTER_RIP] = 0x10010;
  copy.registers[PINFO_REGISTER_RSP] = 0x7000;
  copy.registers[PINFO_REGISTER_RBP] = 0x7010;
  // 0x7010: {0x7028, 0x10100}; 0x7028: {0x7038, 0x10200}; 0x7038: {0, outside the copy}.
  const UnwoundStack walked = Unwinder().Unwind(space, copy);
  EXPECT_THAT(walked.pcs, testing::ElementsAre(0x10010, 0x10100, 0x10200));
  EXPECT_EQ(walked.end, StackEnd::kBroken);
}

TEST(JitUnwindTest, AZeroReturnAddressEndsAChain) {
  ModuleCache modules("");
  AddressSpace space(modules, Pid{1}, "");
  space.Add(AnonymousCode());
  const std::array<uint64_t, 4> words = {0x7010, 0x10100, 0, 0};
  StackCopy copy{.bytes = std::as_bytes(std::span(words)), .truncated = false};
  copy.registers[PINFO_REGISTER_RIP] = 0x10010;
  copy.registers[PINFO_REGISTER_RSP] = 0x7000;
  copy.registers[PINFO_REGISTER_RBP] = 0x7000;
  const UnwoundStack walked = Unwinder().Unwind(space, copy);
  EXPECT_THAT(walked.pcs, testing::ElementsAre(0x10010, 0x10100));
  EXPECT_EQ(walked.end, StackEnd::kComplete);
}

// A child that runs command until it is killed.
class Child {
 public:
  explicit Child(std::vector<std::string> command) {
    std::vector<char*> arguments;
    for (std::string& word : command) {
      arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&pid_, arguments[0], nullptr, nullptr, arguments.data(), environ), 0);
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

struct Comparison {
  int samples = 0;
  int complete = 0;
  int same = 0;
  size_t frames = 0;
  std::chrono::nanoseconds walking{};
};

Comparison SampleAndCompare(const Child& child, int samples) {
  ModuleCache modules("");
  Unwinder unwinder;
  LibunwindUnwinder libunwind;
  Comparison result;
  const AddressSpace space = SpaceOf(modules, child.pid());
  for (int i = 0; i < samples; ++i) {
    ::usleep(1000 + i % 7 * 100);
    if (::ptrace(PTRACE_INTERRUPT, child.pid(), nullptr, nullptr) != 0 ||
        ::waitpid(child.pid(), nullptr, 0) != child.pid()) {
      return result;
    }
    const CapturedStack stack = CaptureStopped(child.pid());
    ::ptrace(PTRACE_CONT, child.pid(), nullptr, nullptr);
    const UnwoundStack walked = unwinder.Unwind(space, stack.View());
    // The first walk may load tables.
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(unwinder.Unwind(space, stack.View()).pcs, walked.pcs);
    result.walking += std::chrono::steady_clock::now() - begin;
    const UnwoundStack oracle = libunwind.Unwind(space, stack.View());
    ++result.samples;
    result.frames += walked.pcs.size();
    result.complete += walked.end == StackEnd::kComplete ? 1 : 0;
    result.same += walked.pcs == oracle.pcs ? 1 : 0;
  }
  return result;
}

TEST(LiveUnwindTest, PythonAgreesWithLibunwind) {
  const Child python(
      {"/usr/bin/python3", "-c",
       "import json, hashlib\n"
       "def f(n): return n if n == 0 else f(n - 1)\n"
       "while True:\n"
       "  f(20); json.dumps(list(range(500))); sorted(range(500), key=lambda x: -x)\n"
       "  hashlib.sha256(bytes(10000)).digest()\n"});
  ::usleep(300'000);
  if (::ptrace(PTRACE_SEIZE, python.pid(), nullptr, nullptr) != 0) {
    GTEST_SKIP() << "ptrace is not permitted here";
  }
  const Comparison got = SampleAndCompare(python, 400);
  ASSERT_EQ(got.samples, 400);
  std::printf("python: %d samples, %d complete, %d as libunwind, %.1f frames, %.0f ns a stack\n",
              got.samples, got.complete, got.same, static_cast<double>(got.frames) / got.samples,
              static_cast<double>(got.walking.count()) / got.samples);
  EXPECT_GE(got.complete, got.samples * 99 / 100);
  EXPECT_GE(got.same, got.samples * 995 / 1000);
  EXPECT_GT(got.frames, 10u * got.samples);
}

}  // namespace
}  // namespace pinfo
