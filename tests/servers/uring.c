#define _GNU_SOURCE
#include "tests/servers/uring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
  int fd;
  struct io_uring_params params;
  char* submissions;
  char* completions;
  struct io_uring_sqe* entries;
};

static void* map(const struct ring* ring, size_t bytes, off_t what) {
  return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, what);
}

static int open_ring(struct ring* ring) {
  struct io_uring_params* params = &ring->params;
  memset(params, 0, sizeof(*params));
  ring->fd = (int)syscall(SYS_io_uring_setup, 4, params);
  if (ring->fd < 0) return -1;
  ring->submissions =
      map(ring, params->sq_off.array + params->sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
  ring->completions =
      map(ring, params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe),
          IORING_OFF_CQ_RING);
  ring->entries = map(ring, params->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  return ring->submissions != MAP_FAILED && ring->completions != MAP_FAILED &&
                 (void*)ring->entries != MAP_FAILED
             ? 0
             : -1;
}

static uint32_t* at(char* ring, uint32_t offset) { return (uint32_t*)(void*)(ring + offset); }

static ssize_t transfer(uint8_t operation, int fd, void* buffer, size_t size) {
  static __thread struct ring ring = {.fd = -1};
  if (ring.fd < 0 && open_ring(&ring) != 0) return -1;
  const struct io_sqring_offsets* sq = &ring.params.sq_off;
  const struct io_cqring_offsets* cq = &ring.params.cq_off;
  uint32_t* tail = at(ring.submissions, sq->tail);
  const uint32_t index = *tail & *at(ring.submissions, sq->ring_mask);
  struct io_uring_sqe* entry = &ring.entries[index];
  memset(entry, 0, sizeof(*entry));
  entry->opcode = operation;
  entry->fd = fd;
  entry->addr = (uint64_t)(uintptr_t)buffer;
  entry->len = (uint32_t)size;
  at(ring.submissions, sq->array)[index] = index;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  long done;
  do {
    done = syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  } while (done < 0 && errno == EINTR);
  if (done < 0) return -1;
  uint32_t* head = at(ring.completions, cq->head);
  const struct io_uring_cqe* events = (const void*)(ring.completions + cq->cqes);
  while (__atomic_load_n(at(ring.completions, cq->tail), __ATOMIC_ACQUIRE) == *head)
    syscall(SYS_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  const int result = events[*head & *at(ring.completions, cq->ring_mask)].res;
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

ssize_t uring_receive(int fd, void* buffer, size_t room) {
  return transfer(IORING_OP_RECV, fd, buffer, room);
}

ssize_t uring_send(int fd, const void* buffer, size_t size) {
  return transfer(IORING_OP_SEND, fd, (void*)(uintptr_t)buffer, size);
}
