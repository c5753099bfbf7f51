/* SPDX-License-Identifier: MIT */
/*
 * Everything in the shim that depends on the architecture: raw system calls, registers out of a
 * signal's ucontext, registers of the running function. A port adds a file beside this one.
 */
#ifndef PINFO_PRELOAD_ARCH_X86_64_H
#define PINFO_PRELOAD_ARCH_X86_64_H

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "bpf/wire.h"

/* A system call that neither touches errno nor is a cancellation point: the result, or -errno. */
static inline long pinfo_raw6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#define PINFO_RAW_SELECT(_1, _2, _3, _4, _5, _6, _7, count, ...) count
#define pinfo_raw(...)                                                                           \
  PINFO_RAW_SELECT(__VA_ARGS__, pinfo_raw_6, pinfo_raw_5, pinfo_raw_4, pinfo_raw_3, pinfo_raw_2, \
                   pinfo_raw_1, pinfo_raw_0, 0)                                                  \
  (__VA_ARGS__)
#define pinfo_raw_0(n) pinfo_raw6(n, 0, 0, 0, 0, 0, 0)
#define pinfo_raw_1(n, a) pinfo_raw6(n, (long)(a), 0, 0, 0, 0, 0)
#define pinfo_raw_2(n, a, b) pinfo_raw6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define pinfo_raw_3(n, a, b, c) pinfo_raw6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define pinfo_raw_4(n, a, b, c, d) pinfo_raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define pinfo_raw_5(n, a, b, c, d, e) \
  pinfo_raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define pinfo_raw_6(n, a, b, c, d, e, f) \
  pinfo_raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* The interrupted registers, in the order of wire.h. */
static inline void pinfo_registers_of(const ucontext_t* context, pinfo_u64* registers) {
  static const unsigned char kOrder[PINFO_REGISTER_COUNT] = {
      REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
      REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  for (int i = 0; i < PINFO_REGISTER_COUNT; ++i)
    registers[i] = (pinfo_u64)context->uc_mcontext.gregs[kOrder[i]];
}

/* True where the signal arrived as a system call returned -EINTR and nothing has run since: the
 * instruction before the interrupted one is `syscall` (0f 05). */
static inline int pinfo_interrupted_syscall(const ucontext_t* context) {
  const uintptr_t ip = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
  if (context->uc_mcontext.gregs[REG_RAX] != -EINTR || (ip & 4095) < 2) return 0;
  const unsigned char* before = (const unsigned char*)ip - 2;
  return before[0] == 0x0f && before[1] == 0x05;
}

/* The registers an unwinder needs to start in the calling function itself; the rest are zero. */
#define PINFO_CURRENT_REGISTERS(registers)                                        \
  __asm__ volatile(                                                               \
      "movq %%rbx, 3*8(%0)\n\tmovq %%rbp, 6*8(%0)\n\tmovq %%rsp, 7*8(%0)\n\t"     \
      "movq %%r12, 12*8(%0)\n\tmovq %%r13, 13*8(%0)\n\tmovq %%r14, 14*8(%0)\n\t"  \
      "movq %%r15, 15*8(%0)\n\tleaq 0f(%%rip), %%rax\n\tmovq %%rax, 16*8(%0)\n0:" \
      :                                                                           \
      : "r"(registers)                                                            \
      : "rax", "memory")

#endif /* PINFO_PRELOAD_ARCH_X86_64_H */
