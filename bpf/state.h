/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Knobs, maps and the state kept in them. Included once, by pinfo.bpf.c. */
#ifndef PINFO_BPF_STATE_H
#define PINFO_BPF_STATE_H

#include <linux/bpf.h>

#include "kernel_types.h"
/* libbpf's headers want the kernel types above first. */
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "arch_x86_64.h"
#include "turn.h"

/* Set by the loader before the programs are loaded. */
const volatile __u32 knob_own_pid = 0;      /* pinfo itself: never followed */
const volatile bool knob_follow_children = true; /* processes that a followed one forks */
const volatile __u32 knob_stack_bytes = PINFO_STACK_MAX; /* at most that */
const volatile __u64 knob_sample_period_ns = 0; /* what one on-CPU sample stands for */
const volatile bool knob_python = true;         /* false where the verifier refuses the walk */
const volatile bool knob_kernel_stacks = false; /* the kernel's part of a stack, too */
const volatile bool knob_tls = true;            /* plaintext of TLS connections */
const volatile bool knob_all_listeners = false; /* who listens on any port is followed */
const volatile __u64 knob_off_cpu_min_ns = 0;   /* stacks of waits at least this long; 0: none */

/* Addresses that a connection's records repeat. */
struct endpoint {
  pinfo_u8 local_address[16];
  pinfo_u8 peer_address[16];
  pinfo_u16 local_port;
  pinfo_u16 peer_port;
  pinfo_u8 transport;
  pinfo_u8 reserved[3];
};

enum connection_role {
  ROLE_UNKNOWN = 0,
  ROLE_SERVER = 1, /* the followed process answers on it */
  ROLE_OTHER = 2,  /* no stream, or not known whose */
  ROLE_CLIENT = 3, /* the followed process asks on it */
};

enum outgoing_phase {
  OUTGOING_IDLE = 0,
  OUTGOING_OPENED = 1, /* by connect, for outgoing.request; nothing sent yet */
  OUTGOING_ASKED = 2,
  OUTGOING_ANSWERED = 3,
};

/* What is known of a connection on which the followed process does not answer. */
struct outgoing {
  pinfo_u64 connection; /* at the place of pinfo_turn.connection */
  pinfo_u64 owner;      /* whose turn sent last (segment.h); 0: none */
  pinfo_u32 owner_turn;
  pinfo_u8 owed;   /* nothing was received since the owner sent */
  pinfo_u8 shared; /* turns overlapped on it */
  /* The call under way, where the role is CLIENT (outgoing.h). */
  pinfo_u8 phase;   /* enum outgoing_phase */
  pinfo_u8 adopted; /* only a wake-up ties its thread to the request */
  pinfo_u32 request_turn;
  pinfo_u32 opener;  /* thread that opened it, while it is OPENED */
  pinfo_u64 request; /* connection of the request it is made for; 0: none or not known */
  pinfo_u64 sent_ns; /* the last byte sent; while it is OPENED, when that was */
};

enum connection_tls {
  TLS_NOT_KNOWN = 0, /* nothing has been received or sent yet */
  TLS_NONE = 1,
  TLS_STREAM = 2,    /* TLS records went over the socket */
  TLS_TIED = 3,      /* and an SSL object that is known is at its end: tls_tied, tls_pid */
  TLS_PLAINTEXT = 4, /* no socket, but an SSL object (tls.h) */
};

struct connection {
  union {
    struct pinfo_turn turn;
    struct outgoing outgoing; /* role OTHER and CLIENT */
  };
  struct endpoint endpoint;
  pinfo_u64 inode; /* syscall strategy: tells a new socket at an old address */
  /* TLS_TIED: address of the SSL object. TLS_PLAINTEXT: id of the socket's connection, or 0. */
  pinfo_u64 tls_tied;
  pinfo_u32 tls_pid; /* whose address */
  pinfo_u8 role;     /* enum connection_role */
  pinfo_u8 closed;
  pinfo_u8 tls;            /* enum connection_tls */
  pinfo_u8 tls_from_start; /* TLS_PLAINTEXT: nothing of it was missed */
  pinfo_u8 seen_from_start; /* accepted under our eyes: nothing was under way before */
  pinfo_u8 reserved[7];
};
/* With the kernel's own 72 bytes it stays within its 256-byte slab, and with the 192 of the socket's
 * storage head below 512 bytes a connection. */
_Static_assert(sizeof(struct connection) <= 184, "kernel memory of one connection");

enum thread_run_state {
  THREAD_RUNNING = 0,
  THREAD_RUNNABLE = 1, /* waiting for a CPU */
  THREAD_BLOCKED = 2,
};

/* What a thread has not told yet: the beginning of a small request that it has just received, and the
 * response that it is writing. Each becomes a record when the thread turns to something else, or both
 * become one (EXCHANGE): a small request that one thread answers without a break costs one record,
 * and all writes of one response cost no more. Where both are there they are of one turn. */
struct held_request {
  struct pinfo_received received; /* the record, its captured bytes right behind it */
  pinfo_u8 bytes[PINFO_EXCHANGE_CAPTURE_MAX];
};
struct pending_response {
  struct pinfo_response response; /* the record, its captured bytes right behind it */
  pinfo_u8 bytes[PINFO_RESPONSE_CAPTURE_MAX];
  pinfo_u8 room[sizeof(struct held_request)]; /* for the request, in an EXCHANGE */
};

/* The call on an SSL object that the thread is in. */
struct tls_call {
  pinfo_u64 ssl; /* 0: none */
  pinfo_u64 buffer;
  pinfo_u64 length;
  pinfo_u64 done; /* where the function puts the number of bytes */
  pinfo_u64 sp;   /* at its entry */
  pinfo_u32 function; /* enum pinfo_tls_function */
  pinfo_u32 reserved;
};

/* What ties a thread to the turn it handles. */
enum thread_claim {
  CLAIM_NONE = 0,
  CLAIM_ADOPTED = 1, /* a thread that handled it woke this one; see segment.h */
  CLAIM_TOUCHED = 2, /* it received or sent on the turn's connection */
};

/* What kind of call a thread is blocked in. */
enum blocked_call {
  BLOCKED_OTHER = 0,
  BLOCKED_EVENTS = 1, /* for any of several descriptors, or for a connection to accept */
  BLOCKED_INPUT = 2,
  BLOCKED_FUTEX = 3, /* without a time limit */
};

/* Calls gathered into one record, the name of their peer right behind it. */
struct pending_calls {
  struct pinfo_call call;
  pinfo_u8 path[PINFO_UNIX_PATH_MAX];
};

struct thread_state {
  pinfo_u32 pid; /* of its process */
  pinfo_u32 tid;
  struct pinfo_thread_time spent; /* up to since_ns */
  pinfo_u64 since_ns;             /* when the run state was entered */
  pinfo_u64 connection;           /* whose turn the thread handles; 0: nobody's */
  pinfo_u32 turn;
  pinfo_u8 run_state; /* enum thread_run_state */
  pinfo_u8 pending_active; /* pending holds a response */
  pinfo_u8 claim;        /* enum thread_claim */
  pinfo_u8 answered;     /* it has sent a part of the turn's response */
  pinfo_u64 segment_ns;  /* since when it has handled the turn */
  struct pinfo_thread_time segment_spent; /* its time then */
  pinfo_u64 loose_ns;    /* since when it has been running without a turn, or answered one last */
  struct pinfo_thread_time loose_spent;
  pinfo_u64 offer;       /* connection of the thread that woke it; written by that one */
  pinfo_u32 offer_turn;
  pinfo_u32 blocked_slot; /* 1 + index into blocked_samples, behind these deep ones; 0: none */
  pinfo_u64 blocked_ip;  /* where it blocked last */
  pinfo_u64 blocked_sp;
  pinfo_u64 adopted_ip;  /* where it waited for work when it was given the turn */
  pinfo_u64 adopted_sp;
  pinfo_u64 blocked_before_ns; /* spent.blocked_ns when it blocked last */
  pinfo_u8 blocked_call; /* enum blocked_call */
  pinfo_u8 request_held; /* request holds a request's beginning */
  pinfo_u8 busy; /* a program changes what it holds; see thread_busy */
  pinfo_u8 reserved;
  pinfo_u32 open_turns; /* begun by it, not answered yet; may be too high, see outgoing.h */
  pinfo_u64 calls_on;   /* id of the connection whose calls are gathered; 0: none */
  pinfo_u64 events_ns;  /* when it waited for events last */
  pinfo_u64 python_state; /* address of its PyThreadState when last seen; 0: none */
  struct tls_call tls;
  struct pending_response pending;
  struct held_request request;
  struct pending_calls calls;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 32 << 20); /* resized by the loader */
} ring SEC(".maps");

/* Samples have a ring of their own so that a burst of stacks cannot push out requests. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} sample_ring SEC(".maps");

/* Bits of a followed process. */
enum {
  FOLLOWED = 1,
  FOLLOWED_TLS = 2, /* has a TLS library that is probed */
};

/* Thread group ids that are followed: presence is what counts, and the bits above. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, pinfo_u32);
  __type(value, pinfo_u8);
} followed SEC(".maps");

/* A byte for each low half of a process id: 0 where no process with it is in `followed`. It spares
 * every other process of the machine a look into that table at each send and receive. Bytes are set
 * before the table has the process, by both sides, and never taken back. */
#define FOLLOWED_HINTS 65536
__u8 followed_hints[FOLLOWED_HINTS];

static __always_inline void hint_followed(pinfo_u32 tgid) {
  followed_hints[tgid & (FOLLOWED_HINTS - 1)] = 1;
}

/* Local TCP ports on which followed processes listen, host byte order. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, pinfo_u32);
  __type(value, pinfo_u8);
} listen_ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct thread_state);
} threads SEC(".maps");

/* Socket strategy: state lives and dies with the socket. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct connection);
} sockets SEC(".maps");

/* Syscall strategy: keyed by the socket's address. TCP sockets are taken out when they close; where
 * there is no room for one more, that is counted. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 131072);
  __type(key, pinfo_u64);
  __type(value, struct connection);
} socket_table SEC(".maps");

/* Unix sockets of the same, of which no tracepoint tells when they close: the longest unused goes. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, pinfo_u64);
  __type(value, struct connection);
} unix_table SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, PINFO_LOSS_KIND_COUNT);
  __type(key, pinfo_u32);
  __type(value, pinfo_u64);
} losses SEC(".maps");

static __always_inline void count_loss(pinfo_u32 kind) {
  pinfo_u64 *count = bpf_map_lookup_elem(&losses, &kind);

  if (count)
    *count += 1;
}

/* Of a record that the running thread makes of itself, which is followed. */
static __always_inline void fill_header_of(struct pinfo_header *header,
                                           const struct thread_state *thread, pinfo_u16 type,
                                           pinfo_u32 size, pinfo_u64 now) {
  header->size = size;
  header->type = type;
  header->reserved = 0;
  header->pid = thread->pid;
  header->tid = thread->tid;
  header->time_ns = now;
}

static __always_inline void fill_header(struct pinfo_header *header, pinfo_u16 type, pinfo_u32 size,
                                        pinfo_u64 now) {
  const pinfo_u64 pid_tgid = bpf_get_current_pid_tgid();

  header->size = size;
  header->type = type;
  header->reserved = 0;
  header->pid = pid_tgid >> 32;
  header->tid = (pinfo_u32)pid_tgid;
  header->time_ns = now;
}

#endif /* PINFO_BPF_STATE_H */
