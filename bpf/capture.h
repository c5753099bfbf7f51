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

/* Buffers of one call that are looked through for the last one. */
#define MAX_BUFFERS 16

/* Parts behind a call's first one that are copied from at most. */
#define MAX_MORE_PARTS 3

struct user_buffer {
  pinfo_u64 address; /* of the first part; 0: not known */
  pinfo_u64 length;  /* of the first part */
  pinfo_u64 total;   /* of all parts */
  pinfo_u64 vector;  /* of struct user_iovec, the first part's too; 0: that is all there is */
  pinfo_u64 count;
};

static __always_inline void first_iovec(pinfo_u64 iov, pinfo_u64 count,
                                        struct user_buffer *buffer) {
  struct user_iovec first;

  if (!count || bpf_probe_read_user(&first, sizeof(first), (void *)iov))
    return;
  buffer->address = first.base;
  buffer->length = first.length;
  if (count > 1) {
    buffer->vector = iov;
    buffer->count = count;
  }
}

/* The buffer that the running system call received into or sent from, as its own arguments name
 * it: the saved registers still hold them when the tracepoint fires. n bytes went through it. */
static __always_inline struct user_buffer current_buffer(const struct pt_regs *regs, pinfo_u64 n) {
  struct user_buffer buffer = {};
  struct user_message message;

  if (!regs)
    return buffer; /* the running call's arguments are not of this transfer */
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
      first_iovec(ARCH_ARG2(regs), ARCH_ARG3(regs), &buffer);
      break;
    case NR_recvmsg:
    case NR_sendmsg:
    case NR_recvmmsg: /* the first message's header leads struct mmsghdr */
    case NR_sendmmsg:
      if (!bpf_probe_read_user(&message, sizeof(message), (void *)ARCH_ARG2(regs)))
        first_iovec(message.iov, message.iov_count, &buffer);
      break;
    default: /* sendfile, splice, io_uring: bytes without a user buffer */
      break;
  }
  if (buffer.length > n)
    buffer.length = n;
  buffer.total = buffer.vector ? n : buffer.length;
  return buffer;
}

/* Where the n bytes of an event lie: in the buffer of the running system call, or, without
 * registers, in one that is known, if any is. */
struct byte_source {
  const struct pt_regs *regs;
  struct user_buffer buffer;
};

static __always_inline struct user_buffer source_buffer(const struct byte_source *source,
                                                        pinfo_u64 n) {
  return source->regs ? current_buffer(source->regs, n) : source->buffer;
}

/* The parts behind the first one go on at `at` of the memory, `size` bytes large; returns where they
 * end. They are taken as long as what is before them fills less than half of the room: then a
 * constant bounds where each one goes and how long it is. Not static: such a function is verified
 * once and by itself, whatever the state of its callers. */
#define COPY_PARTS(size)                                                                         \
  struct capture_##size {                                                                        \
    pinfo_u8 bytes[size];                                                                        \
  };                                                                                             \
  __noinline int copy_parts_##size(struct capture_##size *memory, const struct user_buffer *buffer, \
                                   pinfo_u64 at) {                                               \
    struct user_iovec part;                                                                      \
    pinfo_u64 length;                                                                            \
    pinfo_u32 i;                                                                                 \
                                                                                                 \
    if (!memory || !buffer)                                                                      \
      return at;                                                                                 \
    for (i = 1; i <= MAX_MORE_PARTS; i++) {                                                      \
      if (i >= buffer->count || at >= buffer->total || at > size / 2)                            \
        break;                                                                                   \
      if (bpf_probe_read_user(&part, sizeof(part),                                               \
                              (void *)(buffer->vector + i * sizeof(struct user_iovec))))         \
        break;                                                                                   \
      length = buffer->total - at;                                                               \
      if (length > part.length)                                                                  \
        length = part.length;                                                                    \
      if (length > size / 2)                                                                     \
        length = size / 2;                                                                       \
      if (length == 0)                                                                           \
        continue;                                                                                \
      /* Else what is compared is not what the verifier sees used. */                            \
      barrier_var(length);                                                                       \
      barrier_var(at);                                                                           \
      if (at > size / 2 || length > size / 2 ||                                                  \
          bpf_probe_read_user(memory->bytes + at, (pinfo_u32)length, (void *)part.base))         \
        break;                                                                                   \
      at += length;                                                                              \
    }                                                                                            \
    return at;                                                                                   \
  }
COPY_PARTS(144)
COPY_PARTS(512)
COPY_PARTS(912)
COPY_PARTS(4096)

/* Copies at most limit bytes, a constant: one of the sizes above, else of the first part alone.
 * Returns how many. */
static __always_inline pinfo_u16 copy_user(void *to, pinfo_u32 limit,
                                           const struct user_buffer *buffer) {
  pinfo_u64 length = buffer->length;

  if (!buffer->address && length)
    return 0;
  barrier_var(length); /* else what is compared is not what the verifier sees used */
  if (length > limit)
    length = limit;
  if (length && bpf_probe_read_user(to, (pinfo_u32)length, (void *)buffer->address))
    return 0;
  if (!buffer->vector)
    return (pinfo_u16)length;
  if (limit == 144)
    length = copy_parts_144(to, buffer, length);
  else if (limit == 512)
    length = copy_parts_512(to, buffer, length);
  else if (limit == 912)
    length = copy_parts_912(to, buffer, length);
  else if (limit == 4096)
    length = copy_parts_4096(to, buffer, length);
  barrier_var(length);
  return length <= limit ? (pinfo_u16)length : 0;
}

/* The last buffer of a call that moved n bytes: false where it is not known, as after a call that
 * did not move all it was given. */
static __always_inline bool last_buffer(const struct user_buffer *buffer, pinfo_u64 n,
                                        struct user_buffer *last) {
  struct user_iovec part = {};
  pinfo_u64 all = 0;
  pinfo_u32 i;

  if (!buffer->vector) {
    last->address = buffer->address;
    last->length = buffer->length;
    return buffer->address && buffer->length == n;
  }
  if (buffer->count > MAX_BUFFERS)
    return false;
  for (i = 0; i < MAX_BUFFERS; i++) {
    if (i >= buffer->count)
      break;
    if (bpf_probe_read_user(&part, sizeof(part),
                            (void *)(buffer->vector + i * sizeof(struct user_iovec))))
      return false;
    all += part.length;
  }
  last->address = part.base;
  last->length = part.length;
  return all == n;
}

#define EACH_BYTE 0x0101010101010101ull
/* A set bit in each byte of the word that is the given one. */
static __always_inline pinfo_u64 bytes_equal(pinfo_u64 word, pinfo_u64 byte) {
  const pinfo_u64 x = word ^ (byte * EACH_BYTE);

  return ~(((x & (0x7f * EACH_BYTE)) + 0x7f * EACH_BYTE) | x | (0x7f * EACH_BYTE));
}

/* Whether an empty line lies within the first n bytes of memory of `room` bytes, a constant: eight at
 * a time, and without a branch, which the verifier would follow each. */
static __always_inline bool holds_empty_line(const pinfo_u8 *bytes, pinfo_u32 n, pinfo_u32 room) {
  pinfo_u64 found = 0;
  pinfo_u32 i;

  for (i = 0; i + 16 <= room; i += 8) {
    const pinfo_u64 first = *(const pinfo_u64 *)(bytes + i);
    const pinfo_u64 second = *(const pinfo_u64 *)(bytes + i + 1);
    const pinfo_u64 third = *(const pinfo_u64 *)(bytes + i + 2);
    pinfo_u64 within = i + 9 - (pinfo_u64)n;

    /* All ones where the ten bytes looked at are among the n. The compiler would branch on it. */
    barrier_var(within);
    within = (pinfo_u64)((long long)within >> 63);
    barrier_var(within);
    found |= within & bytes_equal(first, '\n') &
             (bytes_equal(second, '\n') | (bytes_equal(second, '\r') & bytes_equal(third, '\n')));
  }
  return found != 0;
}

/* The same for memory of each size that is captured into. Not static: such a function is verified
 * once and by itself, whatever the state of its callers. */
#define HOLDS_EMPTY_LINE(size)                                                                   \
  __noinline int holds_empty_line_##size(const struct capture_##size *memory, pinfo_u32 n) {     \
    return memory && holds_empty_line(memory->bytes, n, size);                                   \
  }
HOLDS_EMPTY_LINE(144)
HOLDS_EMPTY_LINE(512)
HOLDS_EMPTY_LINE(912)
HOLDS_EMPTY_LINE(4096)

/* pinfo_head_run over n captured bytes in memory of `room` bytes, a constant. An empty line that
 * only shows with what lies beyond is missed: then more is captured than needed. */
static __always_inline pinfo_u8 head_run(pinfo_u8 head, const pinfo_u8 *bytes, pinfo_u32 n,
                                         pinfo_u32 room) {
  pinfo_u32 i;
  bool ended;

  if (n < 4) {
    for (i = 0; i < 3; i++)
      if (i < n)
        head = pinfo_head_next(head, bytes[i]);
    return head;
  }
  if (n > room)
    return head;
  if (pinfo_ends_lines(bytes + n - 4))
    return PINFO_HEAD_ENDED;
  ended = room == 144   ? holds_empty_line_144((const struct capture_144 *)bytes, n)
          : room == 512 ? holds_empty_line_512((const struct capture_512 *)bytes, n)
          : room == 912 ? holds_empty_line_912((const struct capture_912 *)bytes, n)
                        : holds_empty_line_4096((const struct capture_4096 *)bytes, n);
  return ended ? PINFO_HEAD_ENDED : PINFO_HEAD_IN_LINE;
}

#endif /* PINFO_BPF_CAPTURE_H */
