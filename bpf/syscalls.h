/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The syscall strategy, for kernels without the socket tracepoints: the exit of the system calls that
 * move bytes. Connections are keyed by the socket's address, found through the descriptor table, so
 * that dup'ed and inherited descriptors are one connection.
 */
#ifndef PINFO_BPF_SYSCALLS_H
#define PINFO_BPF_SYSCALLS_H

#include "client.h"
#include "descriptor.h"
#include "response.h"
#include "tcp_state.h"

enum io_direction { IO_NONE, IO_RECEIVE, IO_SEND, IO_ACCEPT, IO_CONNECT, IO_URING };

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
    return connection;
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
  return connection;
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
    case NR_io_uring_enter:
      return IO_URING;
    default:
      return IO_NONE;
  }
}

static __always_inline bool is_aside(const struct pt_regs *regs, long syscall) {
  return ((syscall == NR_recvfrom || syscall == NR_recvmmsg) &&
          (ARCH_ARG4(regs) & KERNEL_MSG_ASIDE)) ||
         (syscall == NR_recvmsg && (ARCH_ARG3(regs) & KERNEL_MSG_ASIDE));
}

/* struct mmsghdr of a 64-bit process: its size, and where the length of the message is in it. */
#define MESSAGE_BYTES 64
#define MESSAGE_LENGTH_AT 56
#define MAX_MESSAGES 64

/* The bytes in `count` messages. Not static: such a function is verified once and by itself. */
__noinline long message_bytes(pinfo_u64 messages, long count) {
  pinfo_u32 length;
  long sum = 0;
  pinfo_u32 i;

  for (i = 0; i < MAX_MESSAGES && i < count; i++) {
    if (bpf_probe_read_user(&length, sizeof(length),
                            (void *)(messages + i * MESSAGE_BYTES + MESSAGE_LENGTH_AT)))
      break;
    sum += length;
  }
  return sum;
}

static __always_inline void on_transfer(struct connection *connection, struct thread_state *thread,
                                        struct sock *sk, const struct byte_source *source,
                                        enum io_direction direction, pinfo_u64 now, long ret) {
  if (direction == IO_CONNECT) {
    outgoing_opened(connection, thread, now);
  } else if (direction == IO_RECEIVE) {
    if (ret > 0 && is_aside(source->regs, ARCH_SYSCALL(source->regs)))
      return;
    if (connection->role != ROLE_SERVER) {
      on_client_received(connection, thread, sk, source, now, ret);
    } else if (ret > 0) {
      if (!tls_hides(connection, thread, source, now, ret))
        on_received(connection, thread, source, now, ret);
    } else if (connection->endpoint.transport == PINFO_TRANSPORT_UNIX) {
      on_unix_end(connection, thread, now);
    }
  } else if (direction == IO_SEND && ret > 0) {
    if (connection->role != ROLE_SERVER)
      on_client_sent(connection, thread, source, now, ret);
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
  if (direction == IO_URING) {
    count_loss(PINFO_LOSS_IO_URING); /* what it moved is not seen */
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
  if (syscall == NR_recvmmsg || syscall == NR_sendmmsg)
    ret = message_bytes(ARCH_ARG2(regs), ret);
  connection = table_connection(sk, inode, now, direction);
  if (connection) {
    thread_busy(thread);
    on_transfer(connection, thread, sk, &source, direction, now, ret);
    thread_idle(thread);
  }
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

#endif /* PINFO_BPF_SYSCALLS_H */
