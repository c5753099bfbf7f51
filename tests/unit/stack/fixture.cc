#include "tests/unit/stack/fixture.h"

namespace fixture {
namespace {

volatile int work = 0;
Lines lines;

[[gnu::always_inline]] inline void Inner(Callback callback) {
  lines.inner_call = __LINE__ + 1;
  callback();
  work = work + 1;  // no tail call
}

[[gnu::always_inline]] inline void Middle(Callback callback) {
  lines.middle_call = __LINE__ + 1;
  Inner(callback);
  work = work + 1;
}

}  // namespace

[[gnu::noinline]] void Outer(Callback callback) {
  lines.outer_begin = __LINE__ - 1;
  lines.outer_call = __LINE__ + 1;
  Middle(callback);
  work = work + 1;
}

Lines ExpectedLines() { return lines; }

}  // namespace fixture

// A measured function, a gap that no symbol covers, and a label without a size.
asm(R"(
  .text
  .balign 16
  .type fixture_local, @function
fixture_local:
  .skip 15, 0x90
  ret
  .size fixture_local, .-fixture_local
  .globl fixture_measured
  .type fixture_measured, @function
fixture_measured:
  .skip 8, 0x90
  ret
  .size fixture_measured, .-fixture_measured
  .skip 7, 0xcc
  .globl fixture_gap
  .type fixture_gap, @object
fixture_gap:
  .skip 16, 0xcc
  .globl fixture_unmeasured
  .type fixture_unmeasured, @function
fixture_unmeasured:
  .skip 15, 0x90
  ret
  .globl fixture_next
  .type fixture_next, @function
fixture_next:
  ret
  .size fixture_next, 1
  .skip 15, 0xcc
)");
