/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What depends on x86-64: system call numbers and argument registers (arch/x86/entry/syscalls/
 * syscall_64.tbl; System V psABI appendix A.2.1), and the order of a sample's registers. Another
 * architecture is another file with the same names.
 */
#ifndef PINFO_BPF_ARCH_X86_64_H
#define PINFO_BPF_ARCH_X86_64_H

#include "kernel_types.h"
#include "wire.h"

enum {
  NR_read = 0,
  NR_write = 1,
  NR_close = 3,
  NR_poll = 7,
  NR_readv = 19,
  NR_writev = 20,
  NR_select = 23,
  NR_sendfile = 40,
  NR_connect = 42,
  NR_accept = 43,
  NR_sendto = 44,
  NR_recvfrom = 45,
  NR_sendmsg = 46,
  NR_recvmsg = 47,
  NR_futex = 202,
  NR_epoll_wait = 232,
  NR_pselect6 = 270,
  NR_ppoll = 271,
  NR_splice = 275,
  NR_epoll_pwait = 281,
  NR_accept4 = 288,
  NR_recvmmsg = 299,
  NR_sendmmsg = 307,
  NR_io_uring_enter = 426,
  NR_epoll_pwait2 = 441,
};

/* The context of a perf_event program (uapi/linux/bpf_perf_event.h), down to the field read. Stable
 * interface, so no relocation. */
struct perf_event_context {
  unsigned long registers_before_ip[16];
  unsigned long ip;
};

/* The context of a program on a uprobe: the thread's registers (uapi/asm/ptrace.h). Stable interface
 * too. Volatile: the verifier wants each read at a constant offset, the compiler would join them. */
struct user_probe_context {
  volatile unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
  volatile unsigned long orig_ax, ip, cs, flags, sp, ss;
};

#define ARCH_SYSCALL(regs) ((long)(regs)->orig_ax)
#define ARCH_ARG1(regs) ((unsigned long)(regs)->di)
#define ARCH_ARG2(regs) ((unsigned long)(regs)->si)
#define ARCH_ARG3(regs) ((unsigned long)(regs)->dx)
/* Of a function's call, where they differ from a system call's. */
#define ARCH_FUNCTION_ARG4(regs) ((unsigned long)(regs)->cx)
#define ARCH_FUNCTION_ARG5(regs) ((unsigned long)(regs)->r8)
#define ARCH_ARG4(regs) ((unsigned long)(regs)->r10)
#define ARCH_STACK_POINTER(regs) ((unsigned long)(regs)->sp)
#define ARCH_IN_SYSCALL(regs) ((long)(regs)->orig_ax != -1)

/* Kernel addresses have the sign bit set. */
#define ARCH_IS_KERNEL_IP(ip) ((long)(ip) < 0)

static __always_inline void arch_copy_registers(pinfo_u64 *to, const struct pt_regs *regs) {
  to[0] = regs->ax;
  to[1] = regs->dx;
  to[2] = regs->cx;
  to[3] = regs->bx;
  to[4] = regs->si;
  to[5] = regs->di;
  to[6] = regs->bp;
  to[7] = regs->sp;
  to[8] = regs->r8;
  to[9] = regs->r9;
  to[10] = regs->r10;
  to[11] = regs->r11;
  to[12] = regs->r12;
  to[13] = regs->r13;
  to[14] = regs->r14;
  to[15] = regs->r15;
  to[16] = regs->ip;
}

/* Where a glibc thread's stack ends: its thread control block lies at the top of the stack that
 * pthread_create allocates (nptl/allocatestack.c), and the fs base points to it. */
#define ARCH_THREAD_POINTER(task) ((task)->thread.fsbase)

#endif /* PINFO_BPF_ARCH_X86_64_H */
