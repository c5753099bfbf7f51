/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Where the user's buffer of the system call under way lies, and copying its first bytes. */
#ifndef PINFO_BPF_CAPTURE_H
#define PINFO_BPF_CAPTURE_H

#include "state.h"

/* struct iovec and the head of struct user_msghdr, as user space lays them out. */
struct user_iovec {
  pinfo_u64 base;
  pinfo_u64 length;
};
struct user_message {
  pinfo_u64 name;
  pinfo_u64 name_length;
  pinfo_u64 iov;
  pinfo_u64 iov_count;
};

struct user_buffer {
  pinfo_u64 address; /* 0: not known */
  pinfo_u64 length;
};

static __always_inline void first_iovec(pinfo_u64 iov, struct user_buffer *buffer) {
  struct user_iovec first;

  if (bpf_probe_read_user(&first, sizeof(first), (void *)iov))
    return;
  buffer->address = first.base;
  buffer->length = first.length;
}

/* The buffer that the running system call received into or sent from, as its own arguments name
 * it: the saved registers still hold them when the tracepoint fires. n bytes went through it. */
static __always_inline struct user_buffer current_buffer(const struct pt_regs *regs, pinfo_u64 n) {
  struct user_buffer buffer = {};
  struct user_message message;

  switch (ARCH_SYSCALL(regs)) {
    case NR_read:
    case NR_write:
    case NR_recvfrom:
    case NR_sendto:
      buffer.address = ARCH_ARG2(regs);
      buffer.length = n;
      break;
    case NR_readv:
    case NR_writev:
      first_iovec(ARCH_ARG2(regs), &buffer);
      break;
    case NR_recvmsg:
    case NR_sendmsg:
    case NR_recvmmsg: /* the first message's header leads struct mmsghdr */
    case NR_sendmmsg:
      if (!bpf_probe_read_user(&message, sizeof(message), (void *)ARCH_ARG2(regs)))
        first_iovec(message.iov, &buffer);
      break;
    default: /* sendfile, splice, io_uring: bytes without a user buffer */
      break;
  }
  if (buffer.length > n)
    buffer.length = n;
  return buffer;
}

/* Where the n bytes of an event lie: in the buffer of the running system call, or, without
 * registers, in one that is known. */
struct byte_source {
  const struct pt_regs *regs;
  struct user_buffer buffer;
};

static __always_inline struct user_buffer source_buffer(const struct byte_source *source,
                                                        pinfo_u64 n) {
  return source->regs ? current_buffer(source->regs, n) : source->buffer;
}

/* Copies at most limit bytes (a constant the verifier knows); returns how many. */
static __always_inline pinfo_u16 copy_user(void *to, pinfo_u32 limit,
                                           const struct user_buffer *buffer) {
  pinfo_u64 length = buffer->length;

  if (!buffer->address || !length)
    return 0;
  if (length > limit)
    length = limit;
  if (bpf_probe_read_user(to, (pinfo_u32)length, (void *)buffer->address))
    return 0;
  return (pinfo_u16)length;
}

#endif /* PINFO_BPF_CAPTURE_H */
