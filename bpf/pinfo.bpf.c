// SPDX-License-Identifier: (MIT OR GPL-2.0)
/*
 * pinfo's kernel side. Each program is a thin wrapper that finds the state of its thread and
 * connection and calls the shared handler. Only tp_btf and perf_event programs: kernels that refuse
 * kprobes, fentry and lsm run it all, and tracefs need not be mounted.
 *
 * Socket strategy (6.3+):  sock_recv_length, sock_send_length, inet_sock_set_state
 * Syscall strategy:        sys_exit, inet_sock_set_state_table
 * Where asked for:         select_by_name, select_by_cgroup
 * Both:                    sched_switch, sched_wakeup, task_newtask, sched_process_exec,
 *                          sched_process_exit, sample, and those of tls.h (uprobes)
 */
#include "connection.h"
#include "descriptor.h"
#include "kernel_compat.h"
#include "sample.h"
#include "select.h"
#include "tls.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* ---- socket strategy ---- */

static __always_inline struct connection *socket_connection(struct sock *sk, pinfo_u64 now,
                                                            bool sends) {
  struct connection *connection = bpf_sk_storage_get(&sockets, sk, 0, 0);

  if (!connection) {
    connection = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!connection) {
      count_loss(PINFO_LOSS_CONNECTION_MAP);
      return NULL;
    }
  }
  if (connection->role == ROLE_UNKNOWN)
    connection_begin(connection, sk, now, sends);
  return connection->role != ROLE_OTHER ? connection : NULL;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags) {
  struct byte_source source = {};
  struct connection *connection;
  struct thread_state *thread;
  pinfo_u64 now;

  if (ret < 0 || (flags & KERNEL_MSG_ASIDE))
    return 0;
  thread = current_thread();
  if (!thread)
    return 0;
  now = bpf_ktime_get_ns();
  connection = socket_connection(sk, now, false);
  if (!connection || connection->role == ROLE_CLIENT) {
    source.regs = current_registers();
    tls_note_client(thread, &source, ret);
    if (connection && ret > 0)
      outgoing_received(connection, thread, sk, now);
    return 0;
  }
  source.regs = transfer_registers(sk);
  if (ret > 0 && !tls_hides(connection, thread, &source, now, ret))
    on_received(connection, thread, &source, now, ret);
  else if (ret == 0 && connection->endpoint.transport == PINFO_TRANSPORT_UNIX)
    on_socket_closed(connection, NULL, now, false); /* no state tracepoint tells of a unix socket's end */
  return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags) {
  struct byte_source source = {};
  struct connection *connection;
  struct thread_state *thread;
  pinfo_u64 now;

  if (ret <= 0)
    return 0;
  thread = current_thread();
  if (!thread)
    return 0;
  now = bpf_ktime_get_ns();
  connection = socket_connection(sk, now, true);
  if (!connection || connection->role == ROLE_CLIENT) {
    source.regs = current_registers();
    tls_note_client(thread, &source, ret);
    if (connection)
      outgoing_sent(connection, thread, now);
    return 0;
  }
  source.regs = transfer_registers(sk);
  if (!tls_hides(connection, thread, &source, now, ret))
    on_sent(connection, thread, &source, now, ret);
  return 0;
}

static __always_inline void learn_listen_port(struct sock *sk) {
  const pinfo_u32 port = BPF_CORE_READ(sk, __sk_common.skc_num);
  const pinfo_u8 one = 1;

  adopt_listener(port);
  if (is_followed(bpf_get_current_pid_tgid() >> 32))
    bpf_map_update_elem(&listen_ports, &port, &one, BPF_ANY);
}

/* connect() of the running thread, in whose system call the state changes. */
static __always_inline void on_connect(struct sock *sk) {
  struct thread_state *thread = current_thread();
  struct connection *connection;

  if (!thread)
    return;
  connection = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!connection) {
    count_loss(PINFO_LOSS_CONNECTION_MAP);
    return;
  }
  connection_begin(connection, sk, bpf_ktime_get_ns(), true);
  connection->role = ROLE_CLIENT; /* whatever port it happens to have */
  outgoing_opened(connection, thread);
}

static __always_inline void on_tcp_state(struct connection *connection, struct sock *sk,
                                         int next, pinfo_u64 now) {
  struct thread_state *thread = NULL;

  if (connection->role != ROLE_SERVER)
    return;
  /* close() and shutdown() enter these two states in the closing thread; CLOSE comes in softirq,
   * where the running thread has nothing to do with the connection. */
  if (next == KERNEL_TCP_FIN_WAIT1 || next == KERNEL_TCP_LAST_ACK)
    thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
  on_socket_closed(connection, thread, now, BPF_CORE_READ(sk, sk_err) == KERNEL_ECONNRESET);
}

static __always_inline bool is_end_state(int state) {
  return state == KERNEL_TCP_FIN_WAIT1 || state == KERNEL_TCP_LAST_ACK ||
         state == KERNEL_TCP_CLOSE;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, struct sock *sk, int old, int next) {
  struct connection *connection;
  pinfo_u64 now;

  if (next == KERNEL_TCP_LISTEN) {
    learn_listen_port(sk);
    return 0;
  }
  if (next == KERNEL_TCP_SYN_SENT) {
    on_connect(sk);
    return 0;
  }
  if (old == KERNEL_TCP_SYN_RECV && next == KERNEL_TCP_ESTABLISHED) {
    if (!is_listen_port(BPF_CORE_READ(sk, __sk_common.skc_num)))
      return 0;
    now = bpf_ktime_get_ns();
    connection = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (connection)
      connection->turn.established_ns = now;
    else
      count_loss(PINFO_LOSS_CONNECTION_MAP);
    return 0;
  }
  if (!is_end_state(next))
    return 0;
  connection = bpf_sk_storage_get(&sockets, sk, 0, 0);
  if (connection)
    on_tcp_state(connection, sk, next, bpf_ktime_get_ns());
  return 0;
}

/* ---- syscall strategy ---- */

enum io_direction { IO_NONE, IO_RECEIVE, IO_SEND, IO_ACCEPT, IO_CONNECT, IO_WAIT };

static __always_inline struct connection *table_connection(struct sock *sk, pinfo_u64 inode,
                                                           pinfo_u64 now,
                                                           enum io_direction direction) {
  static const struct connection empty; /* .rodata: too large for the stack beside the rest */
  const bool fresh = direction == IO_ACCEPT || direction == IO_CONNECT;
  const pinfo_u64 key = (pinfo_u64)sk;
  const bool is_unix = BPF_CORE_READ(sk, __sk_common.skc_family) == KERNEL_AF_UNIX;
  struct connection *connection;

  if (BPF_CORE_READ(sk, sk_type) != KERNEL_SOCK_STREAM)
    return NULL; /* nothing would ever take its state back */
  connection = is_unix ? bpf_map_lookup_elem(&unix_table, &key)
                       : bpf_map_lookup_elem(&socket_table, &key);
  if (connection && connection->role == ROLE_UNKNOWN) {
    /* It has waited in the accept queue: only when it was established is known of it. */
    connection_begin(connection, sk, now, false);
    connection->inode = inode;
    return connection->role != ROLE_OTHER ? connection : NULL;
  }
  /* No tracepoint tells of a unix socket's end: its address may be another's by now. */
  if (!connection || connection->inode != inode || fresh) {
    if (is_unix) {
      bpf_map_update_elem(&unix_table, &key, &empty, BPF_ANY);
      connection = bpf_map_lookup_elem(&unix_table, &key);
    } else {
      bpf_map_update_elem(&socket_table, &key, &empty, BPF_ANY);
      connection = bpf_map_lookup_elem(&socket_table, &key);
    }
    if (!connection) {
      count_loss(PINFO_LOSS_CONNECTION_MAP);
      return NULL;
    }
    connection_begin(connection, sk, now, direction == IO_SEND);
    connection->inode = inode;
    if (direction == IO_CONNECT)
      connection->role = ROLE_CLIENT;
    else if (direction == IO_ACCEPT)
      connection->seen_from_start = 1; /* how long it was queued is not known */
  }
  return connection->role != ROLE_OTHER ? connection : NULL;
}

static __always_inline enum io_direction io_direction(long syscall) {
  switch (syscall) {
    case NR_read:
    case NR_readv:
    case NR_recvfrom:
    case NR_recvmsg:
    case NR_recvmmsg:
    case NR_splice: /* or IO_SEND, where its first descriptor is no socket */
      return IO_RECEIVE;
    case NR_write:
    case NR_writev:
    case NR_sendto:
    case NR_sendmsg:
    case NR_sendmmsg:
    case NR_sendfile:
      return IO_SEND;
    case NR_accept:
    case NR_accept4:
      return IO_ACCEPT;
    case NR_connect:
      return IO_CONNECT;
    case NR_epoll_wait:
    case NR_epoll_pwait:
    case NR_epoll_pwait2:
    case NR_poll:
    case NR_ppoll:
    case NR_io_uring_enter:
      return IO_WAIT;
    default:
      return IO_NONE;
  }
}

static __always_inline bool is_aside(const struct pt_regs *regs, long syscall) {
  return ((syscall == NR_recvfrom || syscall == NR_recvmmsg) &&
          (ARCH_ARG4(regs) & KERNEL_MSG_ASIDE)) ||
         (syscall == NR_recvmsg && (ARCH_ARG3(regs) & KERNEL_MSG_ASIDE));
}

/* The bytes that a call moved: its result, or for several messages, the sum of theirs. */
static __always_inline long bytes_moved(const struct pt_regs *regs, long syscall, long ret) {
  enum { kMessageBytes = 64, kLengthAt = 56 }; /* struct mmsghdr of a 64-bit process */
  pinfo_u32 length;
  long sum = 0;

  if (syscall != NR_recvmmsg && syscall != NR_sendmmsg)
    return ret;
  for (int i = 0; i < 64 && i < ret; i++) {
    if (bpf_probe_read_user(&length, sizeof(length),
                            (void *)(ARCH_ARG2(regs) + i * kMessageBytes + kLengthAt)))
      break;
    sum += length;
  }
  return sum;
}

static __always_inline void on_transfer(struct connection *connection, struct thread_state *thread,
                                        struct sock *sk, const struct byte_source *source,
                                        enum io_direction direction, pinfo_u64 now, long ret) {
  if (direction == IO_CONNECT) {
    outgoing_opened(connection, thread);
  } else if (direction == IO_RECEIVE) {
    if (ret > 0 && is_aside(source->regs, ARCH_SYSCALL(source->regs)))
      return;
    if (connection->role == ROLE_CLIENT) {
      if (ret > 0)
        outgoing_received(connection, thread, sk, now);
    } else if (ret > 0) {
      if (!tls_hides(connection, thread, source, now, ret))
        on_received(connection, thread, source, now, ret);
    } else if (connection->endpoint.transport == PINFO_TRANSPORT_UNIX) {
      on_socket_closed(connection, NULL, now, false);
    }
  } else if (direction == IO_SEND && ret > 0) {
    if (connection->role == ROLE_CLIENT)
      outgoing_sent(connection, thread, now);
    else if (!tls_hides(connection, thread, source, now, ret))
      on_sent(connection, thread, source, now, ret);
  }
}

/* The exit alone: the saved registers still hold the call's arguments. */
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret) {
  const long syscall = ARCH_SYSCALL(regs);
  enum io_direction direction = io_direction(syscall);
  struct byte_source source = {.regs = regs};
  struct connection *connection;
  struct thread_state *thread;
  struct sock *sk;
  pinfo_u64 inode = 0;
  pinfo_u64 now;

  if (direction == IO_NONE || (ret < 0 && !(direction == IO_CONNECT && ret == -KERNEL_EINPROGRESS)))
    return 0;
  thread = current_thread();
  if (!thread)
    return 0;
  if (direction == IO_WAIT) {
    if (syscall == NR_io_uring_enter)
      count_loss(PINFO_LOSS_IO_URING);
    if (waits_for_events(regs))
      thread->waited_for_events = 1;
    return 0;
  }
  now = bpf_ktime_get_ns();
  sk = socket_of_fd(bpf_get_current_task_btf(),
                    direction == IO_ACCEPT ? (pinfo_u32)ret : (pinfo_u32)ARCH_ARG1(regs), &inode);
  if (!sk && syscall == NR_splice) {
    direction = IO_SEND;
    sk = socket_of_fd(bpf_get_current_task_btf(), (pinfo_u32)ARCH_ARG3(regs), &inode);
  }
  if (!sk)
    return 0;
  ret = bytes_moved(regs, syscall, ret);
  connection = table_connection(sk, inode, now, direction);
  if ((!connection || connection->role == ROLE_CLIENT) && ret > 0 && direction != IO_ACCEPT)
    tls_note_client(thread, &source, ret);
  if (connection)
    on_transfer(connection, thread, sk, &source, direction, now, ret);
  return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state_table, struct sock *sk, int old, int next) {
  static const struct connection empty;
  const pinfo_u64 key = (pinfo_u64)sk;
  struct connection *connection;

  if (next == KERNEL_TCP_LISTEN) {
    learn_listen_port(sk);
    return 0;
  }
  if (old == KERNEL_TCP_SYN_RECV && next == KERNEL_TCP_ESTABLISHED) {
    if (!is_listen_port(BPF_CORE_READ(sk, __sk_common.skc_num)))
      return 0;
    bpf_map_update_elem(&socket_table, &key, &empty, BPF_ANY);
    connection = bpf_map_lookup_elem(&socket_table, &key);
    if (connection)
      connection->turn.established_ns = bpf_ktime_get_ns();
    else
      count_loss(PINFO_LOSS_CONNECTION_MAP);
    return 0;
  }
  if (!is_end_state(next))
    return 0;
  connection = bpf_map_lookup_elem(&socket_table, &key);
  if (!connection)
    return 0;
  on_tcp_state(connection, sk, next, bpf_ktime_get_ns());
  if (next == KERNEL_TCP_CLOSE)
    bpf_map_delete_elem(&socket_table, &key);
  return 0;
}

/* ---- threads and processes ---- */

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next) {
  struct thread_state *thread;
  pinfo_u64 now = 0;

  thread = bpf_task_storage_get(&threads, prev, 0, 0);
  if (thread) {
    now = bpf_ktime_get_ns();
    if (preempt || task_state(prev) == 0) {
      thread_enter(thread, now, THREAD_RUNNABLE);
    } else {
      thread_enter(thread, now, THREAD_BLOCKED);
      if (waits_for_events((const struct pt_regs *)bpf_task_pt_regs(prev)))
        thread->waited_for_events = 1;
    }
    thread_flush(thread);
  }
  thread = bpf_task_storage_get(&threads, next, 0, 0);
  if (thread)
    thread_enter(thread, now ? now : bpf_ktime_get_ns(), THREAD_RUNNING);
  return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task) {
  struct thread_state *thread = bpf_task_storage_get(&threads, task, 0, 0);

  if (thread && thread->run_state == THREAD_BLOCKED)
    thread_enter(thread, bpf_ktime_get_ns(), THREAD_RUNNABLE);
  return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(task_newtask, struct task_struct *task, unsigned long clone_flags) {
  const pinfo_u64 parent = bpf_get_current_pid_tgid();
  const pinfo_u32 pid = task->tgid;
  const pinfo_u32 parent_pid = parent >> 32;
  struct thread_state *thread;
  struct pinfo_task *record;
  const pinfo_u8 *flags;

  if (!is_followed(parent_pid))
    return 0;
  if (pid != parent >> 32) {
    if (!knob_follow_children)
      return 0;
    flags = bpf_map_lookup_elem(&followed, &parent_pid);
    if (!flags)
      return 0;
    if (bpf_map_update_elem(&followed, &pid, flags, BPF_ANY)) {
      count_loss(PINFO_LOSS_THREAD_MAP);
      return 0;
    }
    python_inherit(parent >> 32, pid);
  }
  thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (thread) {
    thread->since_ns = bpf_ktime_get_ns();
    thread->run_state = THREAD_RUNNABLE;
  } else {
    count_loss(PINFO_LOSS_THREAD_MAP);
  }
  record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    count_loss(PINFO_LOSS_RING_OTHER);
    return 0;
  }
  fill_header(&record->header, PINFO_RECORD_TASK, sizeof(*record), bpf_ktime_get_ns());
  record->header.pid = pid;
  record->header.tid = task->pid;
  record->parent_pid = parent >> 32;
  record->parent_tid = (pinfo_u32)parent;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
  return 0;
}

#define EXEC_PATH_MAX 256

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid,
             struct linux_binprm *binprm) {
  const pinfo_u32 pid = task->tgid;
  const pinfo_u8 flags = FOLLOWED;
  struct pinfo_exec *record;
  long length;

  if (!is_followed(pid))
    return 0;
  bpf_map_update_elem(&followed, &pid, &flags, BPF_EXIST); /* its libraries are gone */
  python_forget(pid);
  record = bpf_ringbuf_reserve(&ring, sizeof(*record) + EXEC_PATH_MAX, 0);
  if (!record) {
    count_loss(PINFO_LOSS_RING_OTHER);
    return 0;
  }
  length = bpf_probe_read_kernel_str(record + 1, EXEC_PATH_MAX, BPF_CORE_READ(binprm, filename));
  record->path_bytes = length > 0 ? length - 1 : 0; /* without the terminating zero */
  record->reserved = 0;
  fill_header(&record->header, PINFO_RECORD_EXEC, sizeof(*record) + record->path_bytes,
              bpf_ktime_get_ns());
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task) {
  struct thread_state *thread = bpf_task_storage_get(&threads, task, 0, 0);
  const pinfo_u32 pid = task->tgid;
  struct pinfo_exit *record;
  bool ended;

  if (thread) {
    calls_flush(thread);
    thread_flush(thread);
  }
  if (!is_followed(pid))
    return 0;
  ended = BPF_CORE_READ(task, signal, live.counter) == 0;
  if (ended) {
    bpf_map_delete_elem(&followed, &pid);
    python_forget(pid);
  }
  record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    count_loss(PINFO_LOSS_RING_OTHER);
    return 0;
  }
  fill_header(&record->header, PINFO_RECORD_EXIT, sizeof(*record), bpf_ktime_get_ns());
  record->header.pid = pid;
  record->header.tid = task->pid;
  record->process_ended = ended;
  record->status = task->exit_code;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
  return 0;
}

/* ---- sampling ---- */

SEC("perf_event")
int sample(struct perf_event_context *context) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct thread_state *thread;
  bool in_kernel;
  pinfo_u64 now;

  if (task->pid == 0)
    return 0;
  thread = current_thread();
  if (!thread)
    return 0;
  now = bpf_ktime_get_ns();
  thread_flush(thread);
  in_kernel = ARCH_IS_KERNEL_IP(context->ip);
  send_sample(thread, current_registers(), in_kernel, now, PINFO_SAMPLE_ON_CPU,
              knob_sample_period_ns);
  return 0;
}
