/* SPDX-License-Identifier: MIT */
#include "preload/writer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "preload/arch_x86_64.h"

_Static_assert(PINFO_LOSS_KIND_COUNT <= PINFO_RING_LOSS_KINDS, "a counter for each kind of loss");

/* Applications rely on getting the lowest free descriptor; what the shim keeps lies above. */
#define PINFO_FD_FLOOR 768

static struct pinfo_ring_header* header;
static unsigned char* data;
static pinfo_u64 data_mask;
static pinfo_u64 mapped_bytes;
static pinfo_u64 usable_bytes; /* of the file system, as last seen */
static char ring_name[64];

/* Kept open for forked children; checked by device and inode before use, since a daemon that
 * closes everything may have given the number to another file. */
static struct {
  int fd;
  dev_t device;
  ino_t inode;
} directory = {-1, 0, 0};

long pinfo_read_file(const char* path, char* buffer, long room) {
  const int fd = (int)pinfo_raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  long used = 0;
  while (used < room - 1) {
    const long n = pinfo_raw(SYS_read, fd, buffer + used, room - 1 - used);
    if (n <= 0) break;
    used += n;
  }
  buffer[used] = 0;
  pinfo_raw(SYS_close, fd);
  return used;
}

int pinfo_move_fd(int fd) {
  /* Lower where RLIMIT_NOFILE leaves no choice. */
  for (int floor = PINFO_FD_FLOOR; floor >= 32; floor /= 2) {
    const int moved = (int)pinfo_raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, floor);
    if (moved >= 0) {
      pinfo_raw(SYS_close, fd);
      return moved;
    }
  }
  pinfo_raw(SYS_close, fd);
  return -1;
}

static char* append_text(char* out, const char* text) {
  while (*text != 0) *out++ = *text++;
  *out = 0;
  return out;
}

static char* append_number(char* out, pinfo_u64 value) {
  char digits[24];
  int count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count > 0) *out++ = digits[--count];
  *out = 0;
  return out;
}

static int directory_still_ours(void) {
  struct stat now;
  return directory.fd >= 0 && pinfo_raw(SYS_fstat, directory.fd, &now) == 0 &&
         now.st_dev == directory.device && now.st_ino == directory.inode;
}

/* The default directory is shared by name with every user: only one that we own and that nobody
 * else can enter is used. Root uses no directory of another user's at all. The descriptor is for
 * directory_close. */
static int directory_open(int create) {
  if (directory_still_ours()) return directory.fd;
  char path[64];
  const char* name = getenv("PINFO_RING_DIR");
  const int is_default = name == NULL || *name == 0;
  if (is_default) {
    append_number(append_text(path, "/dev/shm/pinfo-"), (pinfo_u64)pinfo_raw(SYS_geteuid));
    name = path;
  }
  if (create) pinfo_raw(SYS_mkdir, name, 0700);
  const int fd = (int)pinfo_raw(SYS_openat, AT_FDCWD, name,
                                O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_default ? O_NOFOLLOW : 0));
  if (fd < 0) return fd;
  struct stat status;
  const long user = pinfo_raw(SYS_geteuid);
  if (pinfo_raw(SYS_fstat, fd, &status) != 0 || (user == 0 && status.st_uid != 0) ||
      (is_default && ((long)status.st_uid != user || (status.st_mode & 077)))) {
    pinfo_raw(SYS_close, fd);
    return -EPERM;
  }
  const int kept = (int)pinfo_raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
  directory.fd = kept >= 0 ? pinfo_move_fd(kept) : -1;
  directory.device = status.st_dev;
  directory.inode = status.st_ino;
  return fd;
}

static void directory_close(int fd) {
  if (fd >= 0 && fd != directory.fd) pinfo_raw(SYS_close, fd);
}

void pinfo_ring_forget_directory(void) {
  if (directory_still_ours()) pinfo_raw(SYS_close, directory.fd);
  directory.fd = -1;
}

static pinfo_u64 wanted_bytes(void) {
  const char* text = getenv("PINFO_RING_BYTES");
  const pinfo_u64 wanted = text != NULL ? strtoull(text, NULL, 10) : 0;
  pinfo_u64 bytes = PINFO_RING_MIN_BYTES;
  const pinfo_u64 limit = wanted != 0 ? wanted : PINFO_RING_DEFAULT_BYTES;
  while (bytes * 2 <= limit && bytes < PINFO_RING_MAX_BYTES) bytes *= 2;
  return bytes;
}

/* The largest ring that may be made, at most wanted_bytes(): a file above RLIMIT_FSIZE would raise
 * SIGXFSZ. 0 where there is none. */
static pinfo_u64 allowed_bytes(void) {
  struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  pinfo_raw(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit);
  pinfo_u64 bytes = wanted_bytes();
  while (bytes >= PINFO_RING_MIN_BYTES && bytes + PINFO_RING_HEADER_BYTES > limit.rlim_cur)
    bytes /= 2;
  return bytes >= PINFO_RING_MIN_BYTES ? bytes : 0;
}

/* What we find by name must be a ring that we made, or that was made for us by the directory's
 * owner before this process changed its user: whoever can truncate it can end us by SIGBUS. */
static int trusted(int directory_fd, const struct stat* ring) {
  struct stat parent;
  if (!S_ISREG(ring->st_mode) || ring->st_nlink != 1 || (ring->st_mode & 077)) return 0;
  if ((long)ring->st_uid == pinfo_raw(SYS_geteuid)) return 1;
  return pinfo_raw(SYS_fstat, directory_fd, &parent) == 0 && ring->st_uid == parent.st_uid;
}

/* What one ring may take of the file system: an eighth of what is free, so that the application's
 * own shared memory and the other processes' rings find room. */
static pinfo_u64 usable_share(int fd) {
  struct statfs status;
  /* No blocks at all: a tmpfs without a limit. */
  if (pinfo_raw(SYS_fstatfs, fd, &status) != 0 || status.f_blocks == 0) return ~0ull;
  return (pinfo_u64)status.f_bavail * (pinfo_u64)status.f_bsize / 8;
}

static int map_ring(int fd, pinfo_u64 bytes) {
  const long address = pinfo_raw(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address < 0 && address > -4096) return (int)address;
  header = (struct pinfo_ring_header*)address;
  data = (unsigned char*)address + PINFO_RING_HEADER_BYTES;
  mapped_bytes = bytes;
  return 0;
}

static void write_identity(pinfo_u32 pid, pinfo_u64 start_ticks) {
  memset(header, 0, sizeof(*header));
  header->version = PINFO_RING_VERSION;
  header->wire_version = PINFO_WIRE_VERSION;
  header->header_bytes = PINFO_RING_HEADER_BYTES;
  header->pid = pid;
  header->uid = (pinfo_u32)pinfo_raw(SYS_geteuid);
  header->start_ticks = start_ticks;
  char boot_id[64];
  if (pinfo_read_file("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id)) >= 36)
    memcpy(header->boot_id, boot_id, 36);
  __atomic_store_n(&header->magic, PINFO_RING_MAGIC, __ATOMIC_RELEASE);
}

static int header_is_ours(pinfo_u32 pid, pinfo_u64 start_ticks) {
  return header->magic == PINFO_RING_MAGIC && header->version == PINFO_RING_VERSION &&
         header->pid == pid && header->start_ticks == start_ticks;
}

static int open_in(int directory_fd, pinfo_u32 pid, pinfo_u64 start_ticks, int create) {
  char* end = append_number(append_text(ring_name, "pinfo."), pid);
  append_text(append_number(append_text(end, "."), start_ticks), ".ring");
  const int fd = (int)pinfo_raw(SYS_openat, directory_fd, ring_name,
                                O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);
  if (fd < 0) return fd;
  struct stat status;
  int error = (int)pinfo_raw(SYS_fstat, fd, &status);
  if (error == 0 && !trusted(directory_fd, &status)) error = -EPERM;
  const int fresh = error == 0 && status.st_size == 0;
  pinfo_u64 bytes = (pinfo_u64)status.st_size;
  if (error == 0 && fresh) {
    /* The header page is given memory now, the data when the process turns out to serve. */
    bytes = PINFO_RING_HEADER_BYTES + allowed_bytes();
    error = bytes > PINFO_RING_HEADER_BYTES ? (int)pinfo_raw(SYS_ftruncate, fd, bytes) : -EFBIG;
    if (error == 0) error = (int)pinfo_raw(SYS_fallocate, fd, 0, 0, PINFO_RING_HEADER_BYTES);
  }
  if (error == 0 && bytes < PINFO_RING_HEADER_BYTES + PINFO_RING_MIN_BYTES) error = -EINVAL;
  if (error == 0) error = map_ring(fd, bytes);
  if (error == 0) usable_bytes = usable_share(fd);
  pinfo_raw(SYS_close, fd);
  if (error != 0) {
    if (fresh) pinfo_raw(SYS_unlinkat, directory_fd, ring_name, 0);
    return error;
  }
  if (fresh) write_identity(pid, start_ticks);
  if (!header_is_ours(pid, start_ticks)) {
    pinfo_ring_drop();
    return -EINVAL;
  }
  return 0;
}

int pinfo_ring_open(pinfo_u32 pid, pinfo_u64 start_ticks) {
  if (header != NULL) return 0;
  const int fd = directory_open(1);
  const int result = fd < 0 ? fd : open_in(fd, pid, start_ticks, 1);
  directory_close(fd);
  return result;
}

int pinfo_ring_adopt(pinfo_u32 pid, pinfo_u64 start_ticks) {
  const int fd = directory_open(0);
  if (fd < 0) return 0;
  const int result = open_in(fd, pid, start_ticks, 0);
  directory_close(fd);
  if (result != 0) {
    pinfo_ring_forget_directory(); /* the ordinary program: it keeps no descriptor of ours */
    return 0;
  }
  return __atomic_load_n(&header->state, __ATOMIC_ACQUIRE) != PINFO_RING_STARTING;
}

/* fallocate needs a descriptor, and a worker may have lost the right to open its own ring again;
 * MADV_POPULATE_WRITE (Linux 5.14) does the same through the mapping and reports what would else
 * be a SIGBUS. */
static int populate(pinfo_u64 bytes) {
  const int error = (int)pinfo_raw(SYS_madvise, data, bytes, MADV_POPULATE_WRITE);
  if (error != -EINVAL) return error;
  if (!directory_still_ours()) return -ENOSPC;
  const int fd =
      (int)pinfo_raw(SYS_openat, directory.fd, ring_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fd;
  const int result = (int)pinfo_raw(SYS_fallocate, fd, 0, PINFO_RING_HEADER_BYTES, bytes);
  pinfo_raw(SYS_close, fd);
  return result;
}

int pinfo_ring_activate(void) {
  if (__atomic_load_n(&header->state, __ATOMIC_ACQUIRE) != PINFO_RING_STARTING) {
    const pinfo_u64 bytes = header->data_bytes; /* ours, from before an exec */
    if (bytes < PINFO_RING_MIN_BYTES || (bytes & (bytes - 1)) != 0 ||
        bytes + PINFO_RING_HEADER_BYTES > mapped_bytes)
      return -EINVAL;
    data_mask = bytes - 1;
    __atomic_store_n(&header->state, PINFO_RING_ACTIVE, __ATOMIC_RELEASE);
    return 1;
  }
  if (directory_still_ours()) usable_bytes = usable_share(directory.fd);
  pinfo_u64 bytes = mapped_bytes - PINFO_RING_HEADER_BYTES;
  int error = -ENOSPC;
  for (; bytes >= PINFO_RING_MIN_BYTES; bytes /= 2) {
    if (bytes > usable_bytes) continue;
    error = populate(bytes);
    if (error == 0) break;
    pinfo_raw(SYS_madvise, data, bytes, MADV_REMOVE); /* what was populated before it failed */
  }
  if (error != 0) return error;
  header->data_bytes = bytes;
  data_mask = bytes - 1;
  __atomic_store_n(&header->state, PINFO_RING_ACTIVE, __ATOMIC_RELEASE);
  return 0;
}

void pinfo_ring_drop(void) {
  if (header != NULL) pinfo_raw(SYS_munmap, header, mapped_bytes);
  header = NULL;
}

void pinfo_ring_end(void) {
  if (header == NULL) return;
  if (__atomic_load_n(&header->state, __ATOMIC_ACQUIRE) == PINFO_RING_STARTING) {
    if (directory_still_ours()) pinfo_raw(SYS_unlinkat, directory.fd, ring_name, 0);
    return;
  }
  __atomic_store_n(&header->state, PINFO_RING_ENDED, __ATOMIC_RELEASE);
}

void pinfo_ring_count_loss(enum pinfo_loss_kind loss) {
  __atomic_fetch_add(&header->losses[loss], 1, __ATOMIC_RELAXED);
}

struct pinfo_slot pinfo_ring_reserve(pinfo_u64 record_bytes, enum pinfo_loss_kind loss) {
  const pinfo_u64 size = data_mask + 1;
  const pinfo_u64 bytes = (PINFO_RING_WORD_BYTES + record_bytes + 7) & ~7ull;
  struct pinfo_slot slot = {NULL, 0, bytes};
  pinfo_u64 head = __atomic_load_n(&header->head, __ATOMIC_RELAXED);
  pinfo_u64 gap;
  for (;;) {
    /* Acquire: the reader has copied what it freed before we write over it. */
    const pinfo_u64 tail = __atomic_load_n(&header->tail, __ATOMIC_ACQUIRE);
    const pinfo_u64 to_end = size - (head & data_mask);
    gap = to_end < bytes ? to_end : 0;
    if (__atomic_load_n(&header->stopped, __ATOMIC_RELAXED)) return slot;
    if ((int64_t)(head - tail) < 0) { /* others wrote, and the reader read it, since we looked */
      head = __atomic_load_n(&header->head, __ATOMIC_RELAXED);
      continue;
    }
    if (head - tail + gap + bytes > size) {
      pinfo_ring_count_loss(loss);
      return slot;
    }
    if (__atomic_compare_exchange_n(&header->head, &head, head + gap + bytes, 1, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
      break;
  }
  if (gap != 0)
    __atomic_store_n((pinfo_u64*)(data + (head & data_mask)),
                     pinfo_ring_word(head, gap) | PINFO_RING_PAD, __ATOMIC_RELEASE);
  slot.position = head + gap;
  slot.record = data + (slot.position & data_mask) + PINFO_RING_WORD_BYTES;
  return slot;
}

void pinfo_ring_commit(struct pinfo_slot slot) {
  __atomic_store_n((pinfo_u64*)(data + (slot.position & data_mask)),
                   pinfo_ring_word(slot.position, slot.bytes), __ATOMIC_RELEASE);
}
