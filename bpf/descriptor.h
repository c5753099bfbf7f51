/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* From a descriptor of the running task to its socket, and whether the running system call's
 * arguments are those of the transfer that a socket tracepoint tells of. */
#ifndef PINFO_BPF_DESCRIPTOR_H
#define PINFO_BPF_DESCRIPTOR_H

#include "state.h"

enum {
  KERNEL_PF_IO_WORKER = 0x00000010, /* include/linux/sched.h; since 3bfe6106693b (5.12) */
};

static __always_inline struct sock *socket_of_fd(struct task_struct *task, pinfo_u32 fd,
                                                 pinfo_u64 *inode) {
  struct fdtable *table = BPF_CORE_READ(task, files, fdt);
  struct file **files;
  struct socket *socket;
  struct file *file = NULL;

  if (fd >= BPF_CORE_READ(table, max_fds))
    return NULL;
  files = BPF_CORE_READ(table, fd);
  bpf_probe_read_kernel(&file, sizeof(file), files + fd);
  if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & 0170000) != 0140000) /* S_IFSOCK */
    return NULL;
  *inode = BPF_CORE_READ(file, f_inode, i_ino);
  socket = BPF_CORE_READ(file, private_data);
  return BPF_CORE_READ(socket, sk);
}

static __always_inline const struct pt_regs *current_registers(void) {
  return (const struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* The registers whose system call made the transfer on sk, or NULL where it was made for io_uring:
 * by a worker thread, or by whatever system call the task happened to return from. Then the bytes
 * lie in a buffer that only io_uring knows. */
static __always_inline const struct pt_regs *transfer_registers(struct sock *sk) {
  struct task_struct *task = bpf_get_current_task_btf();
  const struct pt_regs *regs = current_registers();
  pinfo_u64 inode;

  if (task->flags & KERNEL_PF_IO_WORKER) {
    count_loss(PINFO_LOSS_IO_URING);
    return NULL;
  }
  if (bpf_core_field_exists(task->io_uring) && task->io_uring && regs &&
      socket_of_fd(task, (pinfo_u32)ARCH_ARG1(regs), &inode) != sk) {
    count_loss(PINFO_LOSS_IO_URING);
    return NULL;
  }
  return regs;
}

#endif /* PINFO_BPF_DESCRIPTOR_H */
