/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What a socket's change of state tells: a new listener, the end of a connection. */
#ifndef PINFO_BPF_TCP_STATE_H
#define PINFO_BPF_TCP_STATE_H

#include "select.h"
#include "tls.h"

static __always_inline void learn_listen_port(struct sock *sk) {
  const pinfo_u32 port = BPF_CORE_READ(sk, __sk_common.skc_num);
  const pinfo_u8 one = 1;

  adopt_listener(port);
  if (is_followed(bpf_get_current_pid_tgid() >> 32))
    bpf_map_update_elem(&listen_ports, &port, &one, BPF_ANY);
}

static __always_inline void on_tcp_state(struct connection *connection, struct sock *sk,
                                         int next, pinfo_u64 now) {
  struct thread_state *thread = NULL;

  if (connection->role != ROLE_SERVER)
    return;
  /* close() and shutdown() enter these two states in the closing thread; CLOSE comes in softirq,
   * where the running thread has nothing to do with the connection. */
  if (next == KERNEL_TCP_FIN_WAIT1 || next == KERNEL_TCP_LAST_ACK)
    thread = known_thread(bpf_get_current_task_btf());
  if (thread)
    thread_busy(thread);
  on_socket_closed(connection, thread, now, BPF_CORE_READ(sk, sk_err) == KERNEL_ECONNRESET);
  if (thread)
    thread_idle(thread);
}

/* No state tracepoint tells of a unix socket's end, but a read that gives nothing. What the thread
 * holds comes before: it may be the request that is still to be answered. */
static __always_inline void on_unix_end(struct connection *connection, struct thread_state *thread,
                                        pinfo_u64 now) {
  thread_flush(thread);
  on_socket_closed(connection, NULL, now, false);
}

static __always_inline bool is_end_state(int state) {
  return state == KERNEL_TCP_FIN_WAIT1 || state == KERNEL_TCP_LAST_ACK ||
         state == KERNEL_TCP_CLOSE;
}

#endif /* PINFO_BPF_TCP_STATE_H */
