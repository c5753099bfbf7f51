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
  pinfo_u64 address; /* of its first part; 0: not known */
  pinfo_u64 first;   /* bytes of the first part */
  pinfo_u64 length;  /* of all parts */
  pinfo_u64 iov;     /* the iovecs behind the first one; 0: there are none */
  pinfo_u64 iov_count;
};

/* Parts behind the first that are copied at most. */
#define CAPTURE_MORE_PARTS 3

static __always_inline void use_iovecs(pinfo_u64 iov, pinfo_u64 count, pinfo_u64 n,
                                       struct user_buffer *buffer) {
  struct user_iovec first;

  if (!count || bpf_probe_read_user(&first, sizeof(first), (void *)iov))
    return;
  buffer->address = first.base;
  buffer->first = first.length;
  buffer->length = n;
  buffer->iov = iov + sizeof(first);
  buffer->iov_count = count - 1;
}

/* The buffer that the running system call received into or sent from, as its own arguments name
 * it: the saved registers still hold them when the tracepoint fires. n bytes went through it. */
static __always_inline struct user_buffer current_buffer(const struct pt_regs *regs, pinfo_u64 n) {
  struct user_buffer buffer = {};
  struct user_message message;

  if (!regs)
    return buffer; /* the arguments are not of this transfer */
  switch (ARCH_SYSCALL(regs)) {
    case NR_read:
    case NR_write:
    case NR_recvfrom:
    case NR_sendto:
      buffer.address = ARCH_ARG2(regs);
      buffer.first = n;
      buffer.length = n;
      break;
    case NR_readv:
    case NR_writev:
      use_iovecs(ARCH_ARG2(regs), ARCH_ARG3(regs), n, &buffer);
      break;
    case NR_recvmsg:
    case NR_sendmsg:
    case NR_recvmmsg: /* the first message's header leads struct mmsghdr */
    case NR_sendmmsg:
      if (!bpf_probe_read_user(&message, sizeof(message), (void *)ARCH_ARG2(regs)))
        use_iovecs(message.iov, message.iov_count, n, &buffer);
      break;
    default: /* sendfile, splice, io_uring: bytes without a user buffer */
      break;
  }
  if (buffer.first > n)
    buffer.first = n;
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

/* Copies at most limit bytes (a constant the verifier knows); returns how many. Parts behind the
 * first are taken as long as what is before them fills less than half of the room: then a constant
 * bounds where each one goes and how long it is. */
static __always_inline pinfo_u16 copy_user(void *to, pinfo_u32 limit,
                                           const struct user_buffer *buffer) {
  pinfo_u64 length = buffer->first;
  pinfo_u64 at, rest;
  struct user_iovec part;

  if (!buffer->address || !buffer->length)
    return 0;
  if (length > limit)
    length = limit;
  if (length && bpf_probe_read_user(to, (pinfo_u32)length, (void *)buffer->address))
    return 0;
  at = length;
  for (int i = 0; i < CAPTURE_MORE_PARTS; i++) {
    rest = buffer->length - at;
    if (i >= buffer->iov_count || at >= buffer->length || at > limit / 2)
      break;
    if (bpf_probe_read_user(&part, sizeof(part), (void *)(buffer->iov + i * sizeof(part))))
      break;
    length = part.length < rest ? part.length : rest;
    if (length > limit / 2)
      length = limit / 2;
    if (length == 0)
      continue;
    /* Else what is compared is not what the verifier sees used. */
    asm volatile("" : "+r"(length), "+r"(at));
    if (at > limit / 2 || length > limit / 2 ||
        bpf_probe_read_user((char *)to + at, (pinfo_u32)length, (void *)part.base))
      break;
    at += length;
  }
  return (pinfo_u16)at;
}

#endif /* PINFO_BPF_CAPTURE_H */
