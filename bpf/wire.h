/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The record contract between the producers that run beside the target (the BPF programs in
 * bpf/, the preload shim in preload/) and the collector. docs/formats.md describes it for readers.
 *
 * Rules: C without includes, fixed-width fields, no implicit padding (every gap is a named field),
 * sizes asserted below, little-endian. A producer writes every field before it hands a record on.
 * All times are CLOCK_MONOTONIC nanoseconds. Whoever changes a layout raises PINFO_WIRE_VERSION.
 */
#ifndef PINFO_BPF_WIRE_H
#define PINFO_BPF_WIRE_H

#define PINFO_WIRE_VERSION 8

typedef unsigned char pinfo_u8;
typedef unsigned short pinfo_u16;
typedef unsigned int pinfo_u32;
typedef unsigned long long pinfo_u64;

/* Bytes of one received or sent buffer that a record carries at most. */
#define PINFO_CAPTURE_MAX 4096
/* Bytes of one response's beginning that a record carries: of any, and of one whose head has not
 * ended by then. */
#define PINFO_RESPONSE_CAPTURE_MAX 512
#define PINFO_RESPONSE_HEAD_MAX 4096
/* Of a send that may end a chunked body: bytes of its beginning, and of its end (the last chunk and
 * its trailer fields) that a record carries at most. */
#define PINFO_SEND_FRONT_MAX 16
#define PINFO_SEND_BACK_MAX 96
/* Bytes of one turn's request that all its records carry at most: of any request, and of one whose
 * head has not ended by then. */
#define PINFO_TURN_CAPTURE_MAX 8192
#define PINFO_HEAD_CAPTURE_MAX 32768
/* Bytes of one request's beginning that an exchange carries at most; more makes a record of its own
 * (PINFO_RECORD_RECEIVED). */
#define PINFO_EXCHANGE_CAPTURE_MAX 512
/* Bytes of user stack that a sample carries at most. */
#define PINFO_STACK_MAX 65536
/* Python frames that a sample carries at most, the innermost ones. */
#define PINFO_PYTHON_FRAMES_MAX 256
/* Kernel addresses that a sample carries at most, the innermost ones. */
#define PINFO_KERNEL_FRAMES_MAX 64
/* Longest path or command line a record carries; longer ones are cut at the end. */
#define PINFO_TEXT_MAX 4096

enum pinfo_record_type {
  PINFO_RECORD_RECEIVED = 1, /* struct pinfo_received + captured bytes */
  PINFO_RECORD_RESPONSE = 2, /* struct pinfo_response + captured bytes */
  PINFO_RECORD_CLOSE = 3,    /* struct pinfo_close */
  PINFO_RECORD_SAMPLE = 4,   /* struct pinfo_sample + stack bytes + Python frames */
  PINFO_RECORD_TASK = 5,     /* struct pinfo_task: a process or thread began */
  PINFO_RECORD_EXEC = 6,     /* struct pinfo_exec + path */
  PINFO_RECORD_EXIT = 7,     /* struct pinfo_exit: a process or thread ended */
  PINFO_RECORD_MAPPING = 8,  /* struct pinfo_mapping + path */
  PINFO_RECORD_PROCESS = 9,  /* struct pinfo_process + exe, comm, cwd and argv */
  PINFO_RECORD_STATUS = 10,  /* struct pinfo_status: /proc figures of a process at one moment */
  PINFO_RECORD_LOSS = 11,    /* struct pinfo_loss */
  PINFO_RECORD_PYTHON_CODE = 12, /* struct pinfo_python_code + names and line table */
  PINFO_RECORD_PYTHON = 13,      /* struct pinfo_python: a preloaded process runs Python */
  PINFO_RECORD_EXACT = 14,       /* struct pinfo_exact + functions + edges */
  PINFO_RECORD_SEGMENT = 15,     /* struct pinfo_segment */
  PINFO_RECORD_SYSTEM = 16,      /* struct pinfo_system: /proc figures of the machine at one moment */
  PINFO_RECORD_EXCHANGE = 17,    /* struct pinfo_exchange + captured bytes + a RECEIVED record */
  PINFO_RECORD_CALL = 18,        /* struct pinfo_call + path of a unix socket */
  PINFO_RECORD_KERNEL_FUNCTION = 19, /* struct pinfo_kernel_function + names */
};

/* Every record begins with this. size counts the header and the payload, without alignment. */
struct pinfo_header {
  pinfo_u32 size;
  pinfo_u16 type; /* enum pinfo_record_type */
  pinfo_u16 reserved;
  pinfo_u32 pid; /* thread group id, in the initial pid namespace for eBPF */
  pinfo_u32 tid;
  pinfo_u64 time_ns; /* when the record was made */
};

/* Where a thread's time went. The sum of the three grows exactly as the clock does (eBPF), or up
 * to a residual (preload: what is neither on-CPU nor known runqueue time counts as blocked). */
struct pinfo_thread_time {
  pinfo_u64 on_cpu_ns;
  pinfo_u64 blocked_ns;
  pinfo_u64 runqueue_ns; /* runnable, waiting for a CPU */
};

enum pinfo_transport {
  PINFO_TRANSPORT_UNKNOWN = 0,
  PINFO_TRANSPORT_TCP4 = 1,
  PINFO_TRANSPORT_TCP6 = 2,
  PINFO_TRANSPORT_UNIX = 3,
};

/* struct pinfo_received.flags */
#define PINFO_RECEIVED_PARTIAL 1u /* first seen in the middle of a turn: start is too late */
#define PINFO_RECEIVED_OLD 2u     /* the connection is older than what was seen of it, and this is
                                   * its first turn seen: it may be the middle of one */
/* The peer sent it over TLS: the plaintext where pinfo can see it, else the records as they came.
 * Addresses and ports are zero where the connection behind the TLS library is not known. */
#define PINFO_RECEIVED_TLS 128u

/* Bytes of a request were handed to the server. The first record of a turn has offset 0; more
 * follow while the turn is being read and fewer than the capture limit's bytes were carried. */
struct pinfo_received {
  struct pinfo_header header;
  pinfo_u64 connection;     /* never reused while the machine runs (preload: while the process) */
  pinfo_u64 start_ns;       /* the turn's first byte was handed to the server */
  pinfo_u64 established_ns; /* the connection was established; 0 where unknown */
  pinfo_u64 offset;         /* bytes of this turn received before this call */
  pinfo_u64 received;       /* bytes received by this call */
  pinfo_u64 previous_out;   /* bytes sent in the turn before: what of them no record told is lost */
  pinfo_u32 turn;           /* number of the turn on its connection, from 1 */
  pinfo_u16 local_port;     /* host byte order; 0 for unix sockets */
  pinfo_u16 peer_port;
  pinfo_u8 local_address[16]; /* IPv4 in the first four bytes */
  pinfo_u8 peer_address[16];
  pinfo_u8 transport; /* enum pinfo_transport */
  pinfo_u8 flags;
  pinfo_u16 captured; /* payload bytes */
  pinfo_u32 reserved;
};

/* struct pinfo_response.flags */
#define PINFO_RESPONSE_TIMES_VALID 1u /* spent holds: one thread worked on it all the time */
#define PINFO_RESPONSE_CLOSED 2u      /* the connection is closed: no PINFO_RECORD_CLOSE follows */
#define PINFO_RESPONSE_RESET 4u       /* with CLOSED: the peer reset it */
#define PINFO_RESPONSE_PARTIAL 8u     /* the turn was under way when pinfo first saw it */
#define PINFO_RESPONSE_END_SEEN 16u   /* the last send's end was looked at: where back is 0, no
                                       * chunked body ends with it */

/* What is known of a turn's response so far. May come more than once a turn, with larger figures;
 * the last one stands. A send that begins a response (in a pipelined turn, or after an interim one)
 * begins a record of its own: first_out_ns and the captured bytes are those of its response.
 * Payload: `captured` bytes of the stream that the turn sent, from `offset` on; then `front` first
 * and `back` last bytes of the last send, where it may end a chunked body and is not all captured.
 */
struct pinfo_response {
  struct pinfo_header header; /* tid: the thread that sent last */
  pinfo_u64 connection;
  pinfo_u64 start_ns;
  pinfo_u64 first_out_ns; /* first byte of the response handed to the kernel */
  pinfo_u64 last_out_ns;  /* last byte so far */
  pinfo_u64 bytes_in;
  pinfo_u64 bytes_out;
  pinfo_u64 offset;    /* bytes that the turn had sent before this record's first send */
  pinfo_u64 last_sent; /* bytes of the last send */
  struct pinfo_thread_time spent; /* from start_ns to last_out_ns, of the thread begin_tid */
  pinfo_u32 turn;
  pinfo_u32 begin_tid; /* the thread that received the turn's first byte */
  pinfo_u16 captured;
  pinfo_u8 flags;
  pinfo_u8 front;
  pinfo_u8 back;
  pinfo_u8 reserved[3];
};

/* struct pinfo_segment.flags */
#define PINFO_SEGMENT_ADOPTED 1u /* only a wake-up tells: the thread did not touch the connection */

/* A stretch of time in which one thread worked on one turn; sent where a RESPONSE record's spent
 * cannot tell it: the thread turned to something else in between, or several threads worked on the
 * turn. The time of a turn that lies in no segment was waiting. Segments of one thread with the
 * same begin_ns are one, of which the last stands. Comes before the RESPONSE record it belongs to. */
struct pinfo_segment {
  struct pinfo_header header; /* tid: the thread that worked; time_ns: end_ns */
  pinfo_u64 connection;
  pinfo_u64 begin_ns;
  pinfo_u64 end_ns;
  struct pinfo_thread_time spent; /* from begin_ns to end_ns */
  pinfo_u32 turn;
  pinfo_u8 flags;
  pinfo_u8 reserved[3];
};

/* RECEIVED and RESPONSE of one turn at once, which mean what they mean as two records: one thread
 * read the request in one piece and answered without a break. response.flags has TIMES_VALID, and
 * response.header is the exchange's, with its size and type. Payload: response.captured bytes (front
 * and back are 0), and right behind them, so not aligned, the whole RECEIVED record. */
struct pinfo_exchange {
  struct pinfo_response response;
};

/* struct pinfo_close.flags */
#define PINFO_CLOSE_RESET 1u /* the peer reset the connection */

/* The connection is gone, or the peer has ended its side while a turn was unanswered. */
struct pinfo_close {
  struct pinfo_header header;
  pinfo_u64 connection;
  pinfo_u64 bytes_in;  /* of the turn under way */
  pinfo_u64 bytes_out; /* of it: what of them no record told is lost */
  pinfo_u32 turn;      /* the last turn begun on it; 0 if none */
  pinfo_u8 flags;
  pinfo_u8 reserved[3];
};

/* Longest name of a unix socket that a record carries: sun_path of unix(7). */
#define PINFO_UNIX_PATH_MAX 108

#define PINFO_CALL_ADOPTED 1u /* only a wake-up ties the thread to the request; see SEGMENT */

/* Calls that the server itself made: turns (a request by its answer) on one connection that it
 * opened, one after the other, made while one request was served. Between first_ns and last_ns the
 * calling thread sent nothing to its own clients, so the record lies wholly within a request or
 * wholly outside. */
struct pinfo_call {
  struct pinfo_header header; /* tid: the thread that read the last answer */
  pinfo_u64 connection;       /* of the request served meanwhile; 0: none, or not known which */
  pinfo_u64 first_ns;         /* last byte of the first call's request handed to the kernel */
  pinfo_u64 last_ns;          /* first byte of the last call's answer handed to the server */
  pinfo_u64 waited_ns;        /* from such a last byte to such a first byte, summed over the calls */
  pinfo_u32 turn;             /* of connection */
  pinfo_u32 calls;
  pinfo_u8 peer_address[16];
  pinfo_u16 peer_port;
  pinfo_u8 transport;  /* enum pinfo_transport */
  pinfo_u8 path_bytes; /* payload: the peer's name, where it is a unix socket with one */
  pinfo_u32 flags;     /* PINFO_CALL_... */
};

enum pinfo_sample_kind {
  PINFO_SAMPLE_ON_CPU = 1,  /* duration_ns is the sampling period times weight */
  PINFO_SAMPLE_BLOCKED = 2, /* duration_ns is exact */
};

/* Registers in DWARF's x86-64 numbering (System V psABI, figure 3.36): rax rdx rcx rbx rsi rdi rbp
 * rsp r8..r15, then the instruction pointer as number 16. */
#define PINFO_REGISTER_COUNT 17
#define PINFO_REGISTER_RBP 6
#define PINFO_REGISTER_RSP 7
#define PINFO_REGISTER_RIP 16

/* struct pinfo_sample.flags */
#define PINFO_SAMPLE_IN_SYSCALL 1u /* registers were saved at a system call's entry */
#define PINFO_SAMPLE_TRUNCATED 2u  /* the stack in use is longer than what was copied */
#define PINFO_SAMPLE_IN_KERNEL 4u  /* the thread was in the kernel when sampled */
#define PINFO_SAMPLE_PYTHON_CUT 8u /* more Python frames lie outside of those carried */

/* Registers, the used part of the user stack from the stack pointer upwards, and behind it (so not
 * aligned) the thread's Python frames and then, where they were asked for, 8 bytes each the
 * addresses of the kernel's part of the stack; both innermost first. */
struct pinfo_sample {
  struct pinfo_header header;
  pinfo_u64 connection; /* whose turn the thread handles; 0 if none */
  pinfo_u64 duration_ns;
  pinfo_u64 registers[PINFO_REGISTER_COUNT];
  pinfo_u32 turn;
  pinfo_u32 stack_bytes; /* payload bytes */
  pinfo_u16 weight;      /* periods this sample stands for: 1, plus timer overruns */
  pinfo_u16 kernel_frames; /* at most PINFO_KERNEL_FRAMES_MAX */
  pinfo_u8 kind;         /* enum pinfo_sample_kind */
  pinfo_u8 flags;
  pinfo_u16 python_frames; /* at most PINFO_PYTHON_FRAMES_MAX */
};

/* pinfo_python_frame.instruction: the outermost frame of one call of the native evaluation
 * function, or, without code, a mark behind it. */
#define PINFO_PYTHON_ENTRY 0x80000000u
/* pinfo_python_frame.instruction, without the bit above: the frame has not begun. */
#define PINFO_PYTHON_NOT_STARTED 0x7fffffffu

/* One Python frame of a sample. code and identity together name one code object of a process. */
struct pinfo_python_frame {
  pinfo_u64 code;        /* address of the code object; 0 for a mark */
  pinfo_u32 identity;    /* pinfo_python_identity of python_layout.h; 0 where it cannot be read */
  pinfo_u32 instruction; /* offset in the bytecode, in bytes, and PINFO_PYTHON_ENTRY */
};

/* What a code object of header.pid is, from before the first sample that has it; of exact profiles
 * also what a C function is: file "~" and its name as cProfile has it. Payload: file and qualified name (before 3.11: name) in UTF-8, each followed by a zero byte, then the line table as
 * the interpreter has it (docs/formats.md). header.time_ns is that of the sample or a little
 * before. */
struct pinfo_python_code {
  struct pinfo_header header;
  pinfo_u64 code;
  pinfo_u32 identity;
  pinfo_u32 first_line;
  pinfo_u32 text_bytes;
  pinfo_u32 table_bytes;
  pinfo_u16 version; /* 0x030b for 3.11 */
  pinfo_u16 reserved;
  pinfo_u32 reserved2;
};

enum pinfo_python_state {
  PINFO_PYTHON_WALKED = 0,          /* samples carry its frames */
  PINFO_PYTHON_UNKNOWN_VERSION = 1, /* else: native frames only */
  PINFO_PYTHON_FREE_THREADED = 2,
  PINFO_PYTHON_UNREADABLE = 3, /* its description makes no sense */
  PINFO_PYTHON_FORBIDDEN = 4,  /* the process may not read its own memory by system call */
};

/* The interpreter that the shim has found in its process; once. */
struct pinfo_python {
  struct pinfo_header header;
  pinfo_u16 version; /* as in pinfo_python_code; 0 where unknown */
  pinfo_u8 state;    /* enum pinfo_python_state */
  pinfo_u8 reserved;
  pinfo_u32 reserved2;
};

enum pinfo_exact_state {
  PINFO_EXACT_BEGUN = 0,   /* the turn's exact profile has begun: another record follows */
  PINFO_EXACT_SO_FAR = 1,  /* a profile that may be replaced by a later, larger one */
  PINFO_EXACT_WHOLE = 2,   /* the profile; none follows */
  PINFO_EXACT_FOREIGN = 3, /* declined: the application has a profile function of its own */
  PINFO_EXACT_SHARED = 4,  /* given up: its thread turned to another request before it answered */
  PINFO_EXACT_SWITCHED = 5,    /* given up: the thread's calls did not nest (greenlets) */
  PINFO_EXACT_UNAVAILABLE = 6, /* declined: no interpreter or thread that could be profiled */
};

/* An exact profile of the Python calls on one thread between the first byte of a turn that it
 * received and the last byte that it sent, or one part of it: functions, then edges. Their indexes
 * count through all parts; every part of a profile has the same serial and totals. No payload but
 * in states SO_FAR and WHOLE. */
struct pinfo_exact {
  struct pinfo_header header;
  pinfo_u64 connection;
  pinfo_u64 start_ns; /* counting began */
  pinfo_u64 end_ns;   /* of what is counted */
  pinfo_u64 uncounted_calls; /* no room in the tables: in their callers' own time */
  pinfo_u32 turn;
  pinfo_u32 serial; /* of the profile on its thread */
  pinfo_u32 first_function;
  pinfo_u32 functions; /* in this part */
  pinfo_u32 first_edge;
  pinfo_u32 edges;         /* in this part */
  pinfo_u32 all_functions; /* of the whole profile */
  pinfo_u32 all_edges;
  pinfo_u8 state; /* enum pinfo_exact_state */
  pinfo_u8 reserved[7];
};

/* calls: all; primitive_calls: those that did not recur. self_ns: without what it called; total_ns:
 * with it, recursion counted once. code and identity as in pinfo_python_code. */
struct pinfo_exact_function {
  pinfo_u64 code;
  pinfo_u32 identity;
  pinfo_u32 calls;
  pinfo_u32 primitive_calls;
  pinfo_u32 reserved;
  pinfo_u64 self_ns;
  pinfo_u64 total_ns;
};

struct pinfo_exact_edge {
  pinfo_u32 caller; /* indexes of functions */
  pinfo_u32 callee;
  pinfo_u32 calls;
  pinfo_u32 primitive_calls;
  pinfo_u64 self_ns;
  pinfo_u64 total_ns;
};

/* header names the new task; pid == tid for a new process. */
struct pinfo_task {
  struct pinfo_header header;
  pinfo_u32 parent_pid;
  pinfo_u32 parent_tid;
};

struct pinfo_exec {
  struct pinfo_header header;
  pinfo_u32 path_bytes; /* payload: the path executed, no terminating zero */
  pinfo_u32 reserved;
};

/* header names the task that ended. */
struct pinfo_exit {
  struct pinfo_header header;
  pinfo_u32 process_ended; /* 1 when it was the last thread of its process */
  pinfo_u32 status;        /* as wait(2) gives it; 0 where unknown */
};

/* struct pinfo_mapping.flags */
#define PINFO_MAPPING_EXECUTABLE 1u
#define PINFO_MAPPING_RESET 2u /* forget the process's earlier mappings first */

/* One line of /proc/PID/maps. */
struct pinfo_mapping {
  struct pinfo_header header;
  pinfo_u64 start;
  pinfo_u64 end;
  pinfo_u64 file_offset;
  pinfo_u64 inode;
  pinfo_u32 device_major;
  pinfo_u32 device_minor;
  pinfo_u32 path_bytes; /* payload */
  pinfo_u32 flags;
};

/* Who a process is. Payload: exe, comm, cwd and the arguments joined by spaces, each followed by
 * a zero byte; then, where they are known, what runs it ("CPython 3.11.2, glibc 2.36") and the
 * addresses on which it listens, joined by spaces. Sent again when one of them changes. */
struct pinfo_process {
  struct pinfo_header header;
  pinfo_u64 start_ticks; /* /proc/PID/stat field 22, clock ticks since boot */
  pinfo_u32 parent_pid;
  pinfo_u32 uid;
  pinfo_u32 text_bytes;
  pinfo_u32 reserved;
};

/* Bytes where the name says so; ticks of sysconf(_SC_CLK_TCK) converted to nanoseconds. */
struct pinfo_status {
  struct pinfo_header header;
  pinfo_u64 rss_bytes;
  pinfo_u64 peak_rss_bytes;
  pinfo_u64 virtual_bytes;
  pinfo_u64 user_cpu_ns;
  pinfo_u64 system_cpu_ns;
  pinfo_u64 read_bytes;
  pinfo_u64 written_bytes;
  pinfo_u32 threads;
  pinfo_u32 open_fds;
  pinfo_u64 pss_bytes; /* memory truly used: shared pages counted by their share; 0: not read */
};

/* The machine; header.pid is 0. Times since boot, over all CPUs; pressure is PSI's share of time in
 * which some task waited, over 10 s, in basis points (1/100 %). */
struct pinfo_system {
  struct pinfo_header header;
  pinfo_u64 memory_total_bytes;
  pinfo_u64 memory_free_bytes;
  pinfo_u64 memory_available_bytes;
  pinfo_u64 memory_buffers_bytes;
  pinfo_u64 memory_cached_bytes;
  pinfo_u64 swap_total_bytes;
  pinfo_u64 swap_free_bytes;
  pinfo_u64 uptime_ns;
  pinfo_u64 cpu_busy_ns;
  pinfo_u64 cpu_idle_ns;
  pinfo_u32 cpus;
  pinfo_u32 load1_milli;
  pinfo_u32 load5_milli;
  pinfo_u32 load15_milli;
  pinfo_u32 has_pressure; /* the kernel has PSI: the next three are known */
  pinfo_u32 cpu_pressure_bp;
  pinfo_u32 memory_pressure_bp;
  pinfo_u32 io_pressure_bp;
};

/* A function of the kernel, from before the first sample whose stack goes through it. Payload: its name
 * and its module's as in /proc/kallsyms ("[kernel]": none), each followed by a zero byte. */
struct pinfo_kernel_function {
  struct pinfo_header header; /* of that sample, a little earlier */
  pinfo_u64 begin;            /* addresses from here ... */
  pinfo_u64 end;              /* ... up to, not with, this one are the function's */
  pinfo_u32 text_bytes;       /* of the payload */
  pinfo_u32 reserved;
};

/* Where something was lost. Each place is counted on its own and shown by every view. */
enum pinfo_loss_kind {
  PINFO_LOSS_RING_RECEIVED = 0,  /* ring full: a request's first bytes; one a turn */
  PINFO_LOSS_RING_RESPONSE = 1,  /* ring full: a response */
  PINFO_LOSS_RING_SAMPLE = 2,    /* ring full: a stack sample */
  PINFO_LOSS_RING_OTHER = 3,     /* ring full: further bytes of requests, process and connection events */
  PINFO_LOSS_CONNECTION_MAP = 4, /* no room for a connection's state */
  PINFO_LOSS_THREAD_MAP = 5,     /* no room for a thread's state */
  PINFO_LOSS_STACK_READ = 6,     /* a sample without a stack: its memory could not be read */
  PINFO_LOSS_MALFORMED = 7,      /* the collector could not decode a record */
  PINFO_LOSS_DAMAGED_RING = 8,   /* bytes skipped in a damaged ring or recording */
  PINFO_LOSS_PROFILE_RATE = 9,   /* a request not profiled: the profile rate was used up */
  PINFO_LOSS_RING_EXACT = 10,    /* ring full: an exact profile */
  PINFO_LOSS_EXACT_DECLINED = 11, /* a request without the exact profile that was asked for */
  PINFO_LOSS_EXACT_CALLS = 12,    /* calls for which an exact profile had no room */
  PINFO_LOSS_TLS_CALL = 13,      /* a call of a TLS library whose return was not seen */
  PINFO_LOSS_BLOCKED_RATE = 14,   /* a wait without its stack: too many at once, the shortest first */
  PINFO_LOSS_RING_CALL = 15,     /* ring full: calls that servers made */
  PINFO_LOSS_IO_URING = 16,      /* operations by io_uring, whose bytes are not seen */
  PINFO_LOSS_KIND_COUNT = 17,
};

/* Emitted by sources when a counter has grown. count is the increase since the last record. */
struct pinfo_loss {
  struct pinfo_header header;
  pinfo_u64 count;
  pinfo_u32 kind; /* enum pinfo_loss_kind */
  pinfo_u32 reserved;
};

#ifdef __cplusplus
#define PINFO_ASSERT_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type)
#else
#define PINFO_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#endif
PINFO_ASSERT_SIZE(struct pinfo_header, 24);
PINFO_ASSERT_SIZE(struct pinfo_thread_time, 24);
PINFO_ASSERT_SIZE(struct pinfo_received, 120);
PINFO_ASSERT_SIZE(struct pinfo_response, 128);
PINFO_ASSERT_SIZE(struct pinfo_close, 56);
PINFO_ASSERT_SIZE(struct pinfo_call, 88);
PINFO_ASSERT_SIZE(struct pinfo_sample, 192);
PINFO_ASSERT_SIZE(struct pinfo_task, 32);
PINFO_ASSERT_SIZE(struct pinfo_exec, 32);
PINFO_ASSERT_SIZE(struct pinfo_exit, 32);
PINFO_ASSERT_SIZE(struct pinfo_mapping, 72);
PINFO_ASSERT_SIZE(struct pinfo_process, 48);
PINFO_ASSERT_SIZE(struct pinfo_status, 96);
PINFO_ASSERT_SIZE(struct pinfo_system, 136);
PINFO_ASSERT_SIZE(struct pinfo_loss, 40);
PINFO_ASSERT_SIZE(struct pinfo_python_frame, 16);
PINFO_ASSERT_SIZE(struct pinfo_python_code, 56);
PINFO_ASSERT_SIZE(struct pinfo_python, 32);
PINFO_ASSERT_SIZE(struct pinfo_exact, 96);
PINFO_ASSERT_SIZE(struct pinfo_exact_function, 40);
PINFO_ASSERT_SIZE(struct pinfo_exact_edge, 32);
PINFO_ASSERT_SIZE(struct pinfo_segment, 80);
PINFO_ASSERT_SIZE(struct pinfo_exchange, 128);
PINFO_ASSERT_SIZE(struct pinfo_kernel_function, 48);

#endif /* PINFO_BPF_WIRE_H */
