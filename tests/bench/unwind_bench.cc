// What the collector pays for a sample's stack of 30 frames, once its tables are loaded.
#include <cstdlib>
#include <cstring>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "collector/stack/libunwind_unwinder.h"
#include "collector/stack/unwinder.h"
#include "tests/unit/stack/capture.h"

namespace pinfo {
namespace {

constexpr size_t kFrames = 30;

CapturedStack* g_captured = nullptr;

int CompareAndCapture(const void* a, const void* b) {
  *g_captured = CaptureSelf(64 << 10);
  return std::memcmp(a, b, 1);
}

// Distinct functions, each with a frame of its own size, as a program's are; the innermost calls
// back out of libc.
template <size_t kDepth>
__attribute__((noinline)) void Chain() {
  volatile char room[16 + kDepth * 8];
  room[0] = static_cast<char>(kDepth);
  if constexpr (kDepth == 0) {
    char letters[] = "ba";
    ::qsort(letters, 2, 1, CompareAndCapture);
  } else {
    Chain<kDepth - 1>();
  }
  room[1] = room[0];
}

CapturedStack ThirtyFrames(const AddressSpace& space) {
  CapturedStack stack;
  g_captured = &stack;
  Chain<13>();
  g_captured = nullptr;
  if (Unwinder().Unwind(space, stack.View()).pcs.size() != kFrames) {
    std::abort();  // the figures below would be of something else
  }
  return stack;
}

struct Self {
  Self() {
    if (!space.Refresh()) {
      std::abort();
    }
    stack = ThirtyFrames(space);
  }
  ModuleCache modules{""};
  AddressSpace space{modules, Pid{static_cast<uint32_t>(::getpid())}};
  CapturedStack stack;
};

void BM_TableWalk(benchmark::State& state) {
  const Self self;
  Unwinder unwinder;
  size_t frames = 0;
  for (auto _ : state) {
    frames += unwinder.Unwind(self.space, self.stack.View()).pcs.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(frames));
  state.counters["frames"] =
      static_cast<double>(frames) / static_cast<double>(state.iterations());
}
BENCHMARK(BM_TableWalk);

void BM_Libunwind(benchmark::State& state) {
  const Self self;
  LibunwindUnwinder unwinder;
  size_t frames = 0;
  for (auto _ : state) {
    frames += unwinder.Unwind(self.space, self.stack.View()).pcs.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(frames));
}
BENCHMARK(BM_Libunwind);

}  // namespace
}  // namespace pinfo
