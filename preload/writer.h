/* SPDX-License-Identifier: MIT */
/*
 * The writing end of this process's ring (ring.h). Reserve and commit are lock-free, safe in signal
 * handlers, and make no system call; opening is done by one thread at a time (process.c).
 */
#ifndef PINFO_PRELOAD_WRITER_H
#define PINFO_PRELOAD_WRITER_H

#include "preload/ring.h"

struct pinfo_slot {
  void* record; /* 8-byte aligned; NULL where there is no room */
  pinfo_u64 position;
  pinfo_u64 bytes;
};

/* Room for a record of record_bytes. None: counted under loss (unless the reader has stopped). */
struct pinfo_slot pinfo_ring_reserve(pinfo_u64 record_bytes, enum pinfo_loss_kind loss);
/* REQUIRES: every byte of the record is written, header.size at most what was reserved. */
void pinfo_ring_commit(struct pinfo_slot slot);
void pinfo_ring_count_loss(enum pinfo_loss_kind loss);

/* The ring of (pid, start_ticks) in the ring directory, created as needed, in state STARTING or,
 * for the image after an exec, as its predecessor left it. 0 or -errno. */
int pinfo_ring_open(pinfo_u32 pid, pinfo_u64 start_ticks);
/* Maps the ring of this process only if there is one. Returns whether it has been active. */
int pinfo_ring_adopt(pinfo_u32 pid, pinfo_u64 start_ticks);
/* Reserves the data's memory (so that no later write can raise SIGBUS), at most an eighth of what
 * the file system has free, and less or -ENOSPC where that is little. The pages count against the
 * process's memory cgroup. Then sets the state to ACTIVE. Returns 0, 1 where it was active before,
 * or -errno. */
int pinfo_ring_activate(void);
/* Forgets the mapping, e.g. a parent's. */
void pinfo_ring_drop(void);
/* Closes the descriptor that is kept for children. */
void pinfo_ring_forget_directory(void);
/* State ENDED; a ring that never became active is unlinked. */
void pinfo_ring_end(void);

/* Reads a small file whole into buffer, zero-terminated. Bytes read, or -errno. Keeps errno. */
long pinfo_read_file(const char* path, char* buffer, long room);
/* Moves fd out of the numbers that applications expect to get. The new number, or -1 and fd closed
 * where RLIMIT_NOFILE leaves none. */
int pinfo_move_fd(int fd);

#endif /* PINFO_PRELOAD_WRITER_H */
