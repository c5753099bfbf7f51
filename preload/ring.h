/* SPDX-License-Identifier: MIT */
/*
 * The shared-memory ring of one preloaded process: a file that the shim maps and writes and that
 * the collector reads. docs/formats.md describes it for readers. C and C++, no includes but wire.h.
 *
 * File: <directory>/pinfo.<pid>.<start ticks>.ring, mode 0600, in a directory of mode 0700.
 * Layout: one header page, then data_bytes (a power of two) of slots. Positions (head, tail) count
 * bytes ever written and never wrap; the byte of position p lies at header_bytes + p % data_bytes.
 *
 *   slot := word (8 bytes) | record (bpf/wire.h) | padding to 8 bytes
 *
 * The word holds the slot's own position, so a slot that is reserved and not yet committed, or one
 * left from an earlier lap, never matches: no busy flag, no clearing. A slot never crosses the end
 * of the data; the gap there is a slot of its own with PINFO_RING_PAD and no record.
 *
 * Many writers (threads, and signal handlers within them): reserve by compare-and-swap on head,
 * fill, then store the word with release order. No room: the loss counter of the record's kind
 * grows, nothing waits. One reader, which holds flock(2) on the file: it advances tail.
 * The file outlives its writer; what a killed writer had reserved and not committed is skipped.
 *
 * Trust: writers believe the header (they own it). The reader believes nothing: it uses read(2)
 * into memory of its own, so that neither truncation nor concurrent change can hurt it.
 */
#ifndef PINFO_PRELOAD_RING_H
#define PINFO_PRELOAD_RING_H

#include "bpf/wire.h"

#define PINFO_RING_MAGIC 0x676e69726f666e70ull /* "pnforing" in memory */
#define PINFO_RING_VERSION 2
#define PINFO_RING_HEADER_BYTES 4096u
#define PINFO_RING_DEFAULT_BYTES (8u << 20)
#define PINFO_RING_MIN_BYTES (128u << 10) /* holds the longest slot, a sample */
#define PINFO_RING_MAX_BYTES (1u << 30)
#define PINFO_RING_LOSS_KINDS 32

enum pinfo_ring_state {
  PINFO_RING_STARTING = 0, /* created, no data reserved yet: nothing to read */
  PINFO_RING_ACTIVE = 1,
  PINFO_RING_ENDED = 2, /* the process has ended in an orderly way */
};

struct pinfo_ring_header {
  pinfo_u64 magic;
  pinfo_u32 version;
  pinfo_u32 wire_version;
  pinfo_u32 header_bytes;
  pinfo_u32 state; /* enum pinfo_ring_state; stored with release order */
  pinfo_u64 data_bytes;
  pinfo_u32 pid;
  pinfo_u32 uid;
  pinfo_u64 start_ticks; /* /proc/PID/stat field 22 */
  char boot_id[40];      /* /proc/sys/kernel/random/boot_id, zero-terminated */
  pinfo_u8 reserved[40];
  pinfo_u64 head; /* written by writers; its own cache line */
  pinfo_u8 reserved2[56];
  pinfo_u64 tail;    /* written by the reader; its own cache line */
  pinfo_u64 stopped; /* written by the reader: 1 while nobody wants records */
  pinfo_u8 reserved3[48];
  pinfo_u64 losses[PINFO_RING_LOSS_KINDS]; /* by enum pinfo_loss_kind; only grow */
};
PINFO_ASSERT_SIZE(struct pinfo_ring_header, 512);

#define PINFO_RING_HEAD_OFFSET 128u
#define PINFO_RING_TAIL_OFFSET 192u
#define PINFO_RING_STOPPED_OFFSET 200u

/* The word: position / 8 in the upper 40 bits, PINFO_RING_PAD, slot bytes / 8 in the lower 23. */
#define PINFO_RING_WORD_BYTES 8u
#define PINFO_RING_PAD (1ull << 23)
#define PINFO_RING_SIZE_MASK (PINFO_RING_PAD - 1)
#define PINFO_RING_POSITION_SHIFT 24

static inline pinfo_u64 pinfo_ring_word(pinfo_u64 position, pinfo_u64 slot_bytes) {
  return (position / 8) << PINFO_RING_POSITION_SHIFT | slot_bytes / 8;
}

/* Bytes of the slot that the word announces, or 0 where the word is not of this position. */
static inline pinfo_u64 pinfo_ring_slot_bytes(pinfo_u64 word, pinfo_u64 position) {
  if (word >> PINFO_RING_POSITION_SHIFT != (position / 8) % (1ull << 40)) return 0;
  return (word & PINFO_RING_SIZE_MASK) * 8;
}

#endif /* PINFO_PRELOAD_RING_H */
