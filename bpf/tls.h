/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Requests over TLS, in plaintext: probes on libssl's functions that read and write.
 *
 * There is no return probe, which would put an address of its own on the target's stack: a probe at
 * the function's entry notes its arguments in the thread's state, and probes on the function's own
 * `ret` instructions take the note and the result; or on instructions near them that the kernel need
 * not single-step, which the loader finds (collector/tls/function_probes.h). The stack pointer, made
 * the same at both, tells this call's return from any other's.
 *
 * An SSL object has a connection of its own, the *session*, with the same state machine and records
 * as a socket. A socket that the calling thread reads or writes within the call, with TLS records on
 * it, lends the session its addresses and its end, and is silent itself. An object that is fed
 * through memory (asyncio, node) stays without addresses: which socket its bytes came by is not
 * provable, and is not guessed.
 */
#ifndef PINFO_BPF_TLS_H
#define PINFO_BPF_TLS_H

#include "response.h"
#include "tls_function.h"

struct tls_key {
  pinfo_u64 ssl;
  pinfo_u32 pid; /* thread group */
  pinfo_u32 reserved;
};

/* Sessions. Deleted by SSL_free, and by the loader when their process has ended. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 131072);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct tls_key);
  __type(value, struct connection);
} tls_sessions SEC(".maps");

static const struct connection tls_no_session;

/* ---- the socket's side ---- */

/* A TLS record's header: content type 20 to 23, version 3.0 to 3.4 (RFC 8446, 5.1). */
static __always_inline bool looks_like_tls(const struct byte_source *source, pinfo_u64 n) {
  const struct user_buffer buffer = source_buffer(source, n);
  pinfo_u8 head[3];

  if (buffer.length < sizeof(head) ||
      bpf_probe_read_user(head, sizeof(head), (void *)buffer.address))
    return false;
  return head[0] >= 20 && head[0] <= 23 && head[1] == 3 && head[2] <= 4;
}

static __always_inline struct connection *tls_session(pinfo_u64 ssl, bool create) {
  struct tls_key key = {.ssl = ssl, .pid = bpf_get_current_pid_tgid() >> 32};
  struct connection *session = bpf_map_lookup_elem(&tls_sessions, &key);

  if (session || !create)
    return session;
  bpf_map_update_elem(&tls_sessions, &key, &tls_no_session, BPF_NOEXIST);
  session = bpf_map_lookup_elem(&tls_sessions, &key);
  if (!session) {
    count_loss(PINFO_LOSS_CONNECTION_MAP);
    return NULL;
  }
  session->turn.connection = new_connection_id(bpf_ktime_get_ns());
  session->tls = TLS_PLAINTEXT;
  return session;
}

/* The calling thread moves TLS records over the connection's socket within a call on ssl. */
static __always_inline void tls_tie(struct connection *connection, struct thread_state *thread,
                                    pinfo_u64 now) {
  const pinfo_u64 ssl = thread->tls.ssl;
  struct connection *session = tls_session(ssl, true);

  if (!session)
    return;
  if (session->tls_tied && session->tls_tied != connection->turn.connection) {
    /* The object's memory was freed unseen and is another's. */
    on_closed(session, thread, now, false);
    __builtin_memset(&session->turn, 0, sizeof(session->turn));
    session->turn.connection = new_connection_id(now);
    session->closed = 0;
  }
  session->endpoint = connection->endpoint;
  session->role = ROLE_SERVER;
  session->tls_from_start |=
      connection->turn.established_ns != 0 || connection->seen_from_start;
  session->tls_tied = connection->turn.connection;
  connection->tls = TLS_TIED;
  connection->tls_tied = ssl;
  connection->tls_pid = bpf_get_current_pid_tgid() >> 32;
}

static __always_inline bool process_has_tls(void) {
  const pinfo_u32 pid = bpf_get_current_pid_tgid() >> 32;
  const pinfo_u8 *flags = bpf_map_lookup_elem(&followed, &pid);

  return flags && (*flags & FOLLOWED_TLS);
}

/* n bytes went over a server's socket. True where they are TLS records whose plaintext is seen. */
static __always_inline bool tls_hides(struct connection *connection, struct thread_state *thread,
                                      const struct byte_source *source, pinfo_u64 now,
                                      pinfo_u64 n) {
  const bool old = !connection->turn.established_ns && !connection->seen_from_start;

  if (connection->tls == TLS_NOT_KNOWN) {
    if (n >= 3)
      connection->tls = looks_like_tls(source, n) ? TLS_STREAM : TLS_NONE;
  } else if (connection->tls == TLS_NONE &&
             (thread->tls.ssl || (old && connection->turn.phase != PINFO_TURN_READING))) {
    /* TLS that began later (STARTTLS), or a record under way as pinfo came. */
    if (looks_like_tls(source, n))
      connection->tls = TLS_STREAM;
  }
  if (!knob_tls)
    return false;
  if (thread->tls.ssl) {
    if (connection->tls == TLS_STREAM ||
        (connection->tls == TLS_TIED && connection->tls_tied != thread->tls.ssl))
      tls_tie(connection, thread, now);
    return connection->tls == TLS_TIED || connection->tls == TLS_STREAM ||
           (old && !connection->turn.number);
  }
  return connection->tls == TLS_TIED || (connection->tls == TLS_STREAM && process_has_tls());
}

/* The same for a socket that is not a server's: the object is a client's. */
static __always_inline void tls_note_client(struct thread_state *thread,
                                            const struct byte_source *source, pinfo_u64 n) {
  struct connection *session;

  if (!knob_tls || !thread->tls.ssl)
    return;
  session = tls_session(thread->tls.ssl, true);
  if (session && session->role == ROLE_UNKNOWN && looks_like_tls(source, n))
    session->role = ROLE_OTHER;
}

/* The socket has ended, and with it the session tied to it. */
static __always_inline void on_socket_closed(struct connection *connection,
                                             struct thread_state *thread, pinfo_u64 now,
                                             bool reset) {
  if (knob_tls && connection->tls == TLS_TIED) {
    struct tls_key key = {.ssl = connection->tls_tied, .pid = connection->tls_pid};
    struct connection *session = bpf_map_lookup_elem(&tls_sessions, &key);

    if (session && session->tls_tied == connection->turn.connection)
      on_closed(session, thread, now, reset);
  }
  on_closed(connection, thread, now, reset);
}

/* ---- the library's side ---- */

/* Bytes that the call moved; 0: none, or it failed. */
static __always_inline pinfo_u64 tls_bytes(const struct tls_call *call, pinfo_u64 result) {
  const int status = (int)result;
  pinfo_u64 n = 0;

  switch (call->function) {
    case PINFO_TLS_READ:
    case PINFO_TLS_WRITE:
      n = status > 0 ? status : 0;
      break;
    case PINFO_TLS_SENDFILE:
      n = (long)result > 0 ? result : 0;
      break;
    default:
      if (status != 1 || bpf_probe_read_user(&n, sizeof(n), (void *)call->done))
        return 0;
      break;
  }
  return n <= call->length ? n : 0;
}

/* An object that was made before pinfo came and moves its bytes through memory does not tell whose
 * it is. A server reads first, and an HTTP request begins with capitals and is no response. */
static __always_inline bool tls_reads_request(const struct tls_call *call, pinfo_u64 n) {
  pinfo_u8 head[4] = {};

  if (n < sizeof(head) || bpf_probe_read_user(head, sizeof(head), (void *)call->buffer))
    return false;
  for (int i = 0; i < 3; i++)
    if (head[i] < 'A' || head[i] > 'Z')
      return false;
  return !(head[0] == 'H' && head[1] == 'T' && head[2] == 'T' && head[3] == 'P');
}

static __always_inline bool tls_is_read(pinfo_u32 function) {
  return function <= PINFO_TLS_READ_EARLY;
}

/* The stack pointer at the entry of the function that the probe is in. */
static __always_inline pinfo_u64 tls_entry_sp(struct user_probe_context *context, pinfo_u64 cookie) {
  return context->sp + (cookie >> PINFO_TLS_COOKIE_STACK_SHIFT);
}

SEC("uprobe")
int tls_enter(struct user_probe_context *context) {
  const pinfo_u64 cookie = bpf_get_attach_cookie(context);
  /* Read here, once: the verifier wants each at a constant offset. */
  const pinfo_u64 sp = tls_entry_sp(context, cookie);
  const pinfo_u64 argument4 = ARCH_FUNCTION_ARG4(context);
  const pinfo_u64 argument5 = ARCH_FUNCTION_ARG5(context);
  struct thread_state *thread = current_thread();
  struct tls_call *call;

  if (!thread)
    return 0;
  call = &thread->tls;
  /* Calls nest (SSL_read_early_data calls SSL_read_ex): the innermost moves the bytes. A call that
   * was noted further down the stack is over. */
  if (call->ssl && call->sp < sp)
    count_loss(PINFO_LOSS_TLS_CALL);
  call->ssl = ARCH_ARG1(context);
  call->buffer = ARCH_ARG2(context);
  call->length = ARCH_ARG3(context);
  call->done = argument4;
  call->function = cookie & PINFO_TLS_COOKIE_FUNCTION;
  if (call->function == PINFO_TLS_WRITE_EX2)
    call->done = argument5;
  if (call->function == PINFO_TLS_SENDFILE) {
    call->buffer = 0;
    call->length = argument4;
  }
  call->sp = sp;
  return 0;
}

SEC("uprobe")
int tls_return(struct user_probe_context *context) {
  struct thread_state *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
  struct byte_source source = {};
  struct connection *session;
  struct tls_call call;
  pinfo_u64 n, now;

  if (!thread || !thread->tls.ssl ||
      thread->tls.sp != tls_entry_sp(context, bpf_get_attach_cookie(context)))
    return 0;
  call = thread->tls;
  thread->tls.ssl = 0;
  n = tls_bytes(&call, context->ax);
  if (!n)
    return 0;
  session = tls_session(call.ssl, true);
  if (!session)
    return 0;
  if (session->role == ROLE_UNKNOWN && tls_is_read(call.function) && tls_reads_request(&call, n))
    session->role = ROLE_SERVER;
  if (session->role != ROLE_SERVER || session->closed)
    return 0;
  now = bpf_ktime_get_ns();
  source.buffer.address = call.buffer;
  source.buffer.length = call.buffer ? n : 0;
  source.buffer.total = source.buffer.length;
  thread_busy(thread);
  if (tls_is_read(call.function))
    on_received(session, thread, &source, now, n);
  else if (session->turn.number || !session->tls_from_start)
    on_sent(session, thread, &source, now, n);
  thread_idle(thread);
  return 0;
}

SEC("uprobe")
int tls_state(struct user_probe_context *context) {
  const bool server = (bpf_get_attach_cookie(context) & PINFO_TLS_COOKIE_FUNCTION) == PINFO_TLS_ACCEPT;
  struct connection *session;
  bool is_new;

  if (!is_followed(bpf_get_current_pid_tgid() >> 32))
    return 0;
  is_new = !tls_session(ARCH_ARG1(context), false);
  session = tls_session(ARCH_ARG1(context), true);
  if (!session)
    return 0;
  session->role = server ? ROLE_SERVER : ROLE_OTHER;
  session->tls_from_start |= is_new;
  return 0;
}

SEC("uprobe")
int tls_free(struct user_probe_context *context) {
  struct thread_state *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
  struct tls_key key = {.ssl = ARCH_ARG1(context), .pid = bpf_get_current_pid_tgid() >> 32};
  struct connection *session;

  if (!is_followed(key.pid))
    return 0;
  session = bpf_map_lookup_elem(&tls_sessions, &key);
  if (!session)
    return 0;
  if (thread)
    thread_busy(thread);
  on_closed(session, thread, bpf_ktime_get_ns(), false);
  if (thread)
    thread_idle(thread);
  bpf_map_delete_elem(&tls_sessions, &key);
  return 0;
}

#endif /* PINFO_BPF_TLS_H */
