/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The few kernel types the programs read, written by hand so that the build needs no BTF of the
 * build machine. Only names matter: CO-RE relocates each field by name against the running
 * kernel's BTF when the programs are loaded.
 */
#ifndef PINFO_BPF_KERNEL_TYPES_H
#define PINFO_BPF_KERNEL_TYPES_H

#include <linux/types.h>

#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  int counter;
} atomic_t;

struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
  unsigned long orig_ax, ip;
  unsigned long flags, sp;
};

struct in6_addr {
  union {
    __u8 u6_addr8[16];
  } in6_u;
};

struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
  struct sock_common __sk_common;
  int sk_err;
  __u16 sk_protocol;
  __u16 sk_type;
};

struct sockaddr_un {
  unsigned short sun_family;
  char sun_path[108];
};

struct unix_address {
  int len;
  struct sockaddr_un name[0];
};

struct unix_sock {
  struct sock sk;
  struct sock *peer;
  struct unix_address *addr;
};

struct socket {
  struct sock *sk;
};

struct inode {
  unsigned long i_ino;
  unsigned short i_mode;
};

struct file {
  struct inode *f_inode;
  void *private_data;
};

struct fdtable {
  unsigned int max_fds;
  struct file **fd;
};

struct files_struct {
  struct fdtable *fdt;
};

struct mm_struct {
  unsigned long start_stack;
};

struct signal_struct {
  atomic_t live;
};

struct thread_struct {
  unsigned long fsbase;
};

struct bpf_local_storage;
struct io_uring_task;

struct task_struct {
  unsigned int __state;
  unsigned int flags;
  int pid;
  int tgid;
  int exit_code;
  struct mm_struct *mm;
  struct files_struct *files;
  struct signal_struct *signal;
  struct task_struct *real_parent;
  struct task_struct *group_leader;
  char comm[16];
  struct bpf_local_storage *bpf_storage; /* NULL: no program keeps state of this task */
  struct io_uring_task *io_uring; /* absent without CONFIG_IO_URING */
  struct thread_struct thread;
};

struct linux_binprm {
  const char *filename;
};

#pragma clang attribute pop

#endif /* PINFO_BPF_KERNEL_TYPES_H */
