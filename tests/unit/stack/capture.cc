#include "tests/unit/stack/capture.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "collector/stack/proc_maps.h"

namespace pinfo {
namespace {

uint64_t EndOfStack(uint64_t sp, pid_t pid) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(maps, line);) {
    const auto parsed = ParseMapsLine(line);
    if (parsed && parsed->mapping.start <= sp && sp < parsed->mapping.end) {
      return parsed->mapping.end;
    }
  }
  return sp;
}

void CopyMemory(pid_t pid, size_t limit, CapturedStack& stack) {
  const uint64_t sp = stack.registers[PINFO_REGISTER_RSP];
  const uint64_t used = EndOfStack(sp, pid) - sp;
  stack.truncated = used > limit;
  stack.memory.resize(std::min<uint64_t>(used, limit));
  iovec local{stack.memory.data(), stack.memory.size()};
  iovec remote{reinterpret_cast<void*>(sp), stack.memory.size()};
  const ssize_t got = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
  stack.memory.resize(got < 0 ? 0 : got);
}

}  // namespace

CapturedStack CaptureFrom(const ucontext_t& context, size_t limit) {
  const auto& g = context.uc_mcontext.gregs;
  CapturedStack stack;
  const std::array<int, PINFO_REGISTER_COUNT> order = {
      REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
      REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  for (size_t i = 0; i < order.size(); ++i) {
    stack.registers[i] = static_cast<uint64_t>(g[order[i]]);
  }
  CopyMemory(::getpid(), limit, stack);
  return stack;
}

// Not inlined: the context is that of this function, whose frame must still be there when copied.
__attribute__((noinline)) CapturedStack CaptureSelf(size_t limit) {
  ucontext_t context;
  ::getcontext(&context);
  return CaptureFrom(context, limit);
}

CapturedStack CaptureStopped(pid_t pid, size_t limit) {
  user_regs_struct r{};
  CapturedStack stack;
  if (::ptrace(PTRACE_GETREGS, pid, nullptr, &r) != 0) {
    return stack;
  }
  stack.registers = {r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8,
                     r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip};
  CopyMemory(pid, limit, stack);
  return stack;
}

}  // namespace pinfo
