// SPDX-License-Identifier: (MIT OR GPL-2.0)
/*
 * pinfo's kernel side. Each program is a thin wrapper that finds the state of its thread and
 * connection and calls the shared handler. Only tp_btf and perf_event programs: kernels that refuse
 * kprobes, fentry and lsm run it all, and tracefs need not be mounted.
 *
 * Socket strategy (6.3+):  sock_recv_length, sock_send_length, inet_sock_set_state
 * Syscall strategy:        sys_exit, inet_sock_set_state_table (syscalls.h)
 * Where asked for:         select_by_name, select_by_cgroup
 * Both:                    sched_switch, sched_wakeup, sched_waking, task_newtask,
 *                          sched_process_exec, sched_process_exit, sample, and those of tls.h
 *                          (uprobes)
 */
#include "client.h"
#include "descriptor.h"
#include "kernel_compat.h"
#include "offcpu.h"
#include "response.h"
#include "sample.h"
#include "select.h"
#include "syscalls.h"
#include "tcp_state.h"
#include "tls.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* ---- socket strategy ---- */

static __always_inline struct connection *socket_connection(struct sock *sk,
                                                            pinfo_u64 now, bool sends) {
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
  return connection;
}

static __always_inline void on_socket_received(struct sock *sk, struct thread_state *thread,
                                               int ret) {
  const pinfo_u64 now = bpf_ktime_get_ns();
  struct connection *connection = socket_connection(sk, now, false);
  struct byte_source source = {};

  if (!connection)
    return;
  if (connection->role != ROLE_SERVER) {
    source.regs = current_registers();
    on_client_received(connection, thread, sk, &source, now, ret);
    return;
  }
  source.regs = transfer_registers(sk);
  if (ret > 0 && !tls_hides(connection, thread, &source, now, ret))
    on_received(connection, thread, &source, now, ret);
  else if (ret == 0 && connection->endpoint.transport == PINFO_TRANSPORT_UNIX)
    on_unix_end(connection, thread, now);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags) {
  struct thread_state *thread;

  if (ret < 0 || (flags & KERNEL_MSG_ASIDE))
    return 0;
  thread = current_thread();
  if (!thread)
    return 0;
  thread_busy(thread);
  on_socket_received(sk, thread, ret);
  thread_idle(thread);
  return 0;
}

static __always_inline void on_socket_sent(struct sock *sk, struct thread_state *thread, int ret) {
  const pinfo_u64 now = bpf_ktime_get_ns();
  struct connection *connection = socket_connection(sk, now, true);
  struct byte_source source = {};

  if (!connection)
    return;
  if (connection->role != ROLE_SERVER) {
    source.regs = current_registers();
    on_client_sent(connection, thread, &source, now, ret);
    return;
  }
  source.regs = transfer_registers(sk);
  if (!tls_hides(connection, thread, &source, now, ret))
    on_sent(connection, thread, &source, now, ret);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags) {
  struct thread_state *thread;

  if (ret <= 0)
    return 0;
  thread = current_thread();
  if (!thread)
    return 0;
  thread_busy(thread);
  on_socket_sent(sk, thread, ret);
  thread_idle(thread);
  return 0;
}

/* connect() of the running thread, in whose system call the state changes. */
static __always_inline void on_connect(struct sock *sk) {
  struct thread_state *thread = current_thread();
  struct connection *connection;
  pinfo_u64 now;

  if (!thread)
    return;
  connection = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!connection) {
    count_loss(PINFO_LOSS_CONNECTION_MAP);
    return;
  }
  now = bpf_ktime_get_ns();
  connection_begin(connection, sk, now, true);
  connection->role = ROLE_CLIENT; /* whatever port it happens to have */
  outgoing_opened(connection, thread, now);
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

/* ---- threads and processes ---- */

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next) {
  struct thread_state *thread;
  pinfo_u64 now = 0;

  thread = known_thread(prev);
  if (thread) {
    const bool blocks = !preempt && task_state(prev) != 0;

    now = bpf_ktime_get_ns();
    thread_enter(thread, now, blocks ? THREAD_BLOCKED : THREAD_RUNNABLE);
    thread_flush_if_idle(thread);
    if (blocks) {
      segment_blocks(thread, current_registers());
      if (knob_off_cpu_min_ns && wait_is_the_turns(thread))
        capture_blocked(ctx, thread);
    }
  }
  thread = known_thread(next);
  if (thread) {
    if (!now)
      now = bpf_ktime_get_ns();
    if (thread->offer)
      accept_offer(thread, now);
    thread_enter(thread, now, THREAD_RUNNING);
    segment_runs(thread);
    if (thread->blocked_slot)
      send_blocked(thread, now);
  }
  return 0;
}

/* Unlike sched_wakeup this one runs in the thread that wakes. */
SEC("tp_btf/sched_waking")
int BPF_PROG(sched_waking, struct task_struct *task) {
  struct task_struct *current = bpf_get_current_task_btf();
  struct thread_state *thread = known_thread(current);
  struct thread_state *woken;

  if (!thread || !thread->connection || task->tgid != current->tgid ||
      !call_hands_over(current_registers()))
    return 0;
  woken = known_thread(task);
  if (woken)
    offer_turn(thread, woken);
  return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task) {
  struct thread_state *thread = known_thread(task);

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
    hint_followed(pid);
    if (bpf_map_update_elem(&followed, &pid, flags, BPF_ANY)) {
      count_loss(PINFO_LOSS_THREAD_MAP);
      return 0;
    }
    python_inherit(parent >> 32, pid);
  }
  thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (thread) {
    thread_is(thread, task);
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
  struct thread_state *thread;
  struct pinfo_exec *record;
  long length;

  if (!is_followed(pid))
    return 0;
  thread = known_thread(task);
  if (thread)
    thread_is(thread, task);
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
  struct thread_state *thread = known_thread(task);
  const pinfo_u32 pid = task->tgid;
  struct pinfo_exit *record;
  bool ended;

  if (thread) {
    struct pinfo_thread_time spent;
    const pinfo_u64 now = bpf_ktime_get_ns();

    thread_busy(thread);
    thread_flush(thread);
    calls_flush(thread);
    thread_spent(thread, now, &spent);
    put_aside(thread, now, &spent);
    thread_idle(thread);
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
  thread_flush_if_idle(thread);
  in_kernel = ARCH_IS_KERNEL_IP(context->ip);
  send_sample(context, thread, current_registers(), in_kernel, now, PINFO_SAMPLE_ON_CPU,
              knob_sample_period_ns);
  return 0;
}
