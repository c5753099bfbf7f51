/* SPDX-License-Identifier: MIT */
/*
 * Descriptor -> connection, server-side or opened by this process. Each descriptor is judged once,
 * the first time it is used after it was opened; from then on a look-up is two loads. Connections
 * are pooled, never unmapped: a thread that holds one while another closes it reads valid memory,
 * and tells by the generation, or the turn's tag, that it is over. What it decides at the very
 * moment of the close may still be a wrong figure.
 *
 * Server-side are: accepted sockets; and stream sockets that came from elsewhere (inherited, or
 * handed over in a message) whose local port is one that is listened on, or whose local unix
 * address has a name. Sockets made by socket() here are clients until they listen; stream sockets
 * that connect() are connections too, with the outgoing flag set.
 *
 * Not seen: descriptors that stdio or a raw system call uses.
 */
#ifndef PINFO_PRELOAD_FD_TABLE_H
#define PINFO_PRELOAD_FD_TABLE_H

#include "preload/shared_turn.h"
#include "preload/thread.h"

enum pinfo_call_phase {
  PINFO_CALL_IDLE = 0,
  PINFO_CALL_OPENED = 1, /* connected for the request noted; nothing sent yet */
  PINFO_CALL_ASKED = 2,
  PINFO_CALL_ANSWERED = 3,
};

struct pinfo_connection {
  struct pinfo_shared_turn turn;
  /* Of what is here: counted up when its last descriptor is closed. All below is zeroed for the
   * next connection. */
  pinfo_u32 generation; /* atomic */

  struct pinfo_connection* next_free;
  struct pinfo_thread* beginner;    /* of the turn under way, while it is not answered; atomic */
  struct pinfo_thread* responder;   /* who holds the pending response; may be out of date */
  struct pinfo_thread* exact_owner; /* of --exact: began the turn that is not answered yet */
  pinfo_u32 beginner_tid;           /* tells whether the beginner's slot is still its own */
  pinfo_u32 references;             /* descriptors */
  pinfo_u32 call_opener;            /* thread that opened it, while its call phase is OPENED */
  pinfo_u32 call_opened_at;         /* that thread's event_waits then */
  int in_use;
  pinfo_u8 described; /* the addresses below are filled in */
  pinfo_u8 transport;
  pinfo_u8 reset;       /* the peer reset it */
  pinfo_u8 tls;         /* PINFO_TLS_* of tls.h */
  pinfo_u8 write_ended; /* shutdown for writing: what still comes in is discarded by the server */
  pinfo_u16 local_port;
  pinfo_u16 peer_port;
  pinfo_u8 local_address[16];
  pinfo_u8 peer_address[16];
  /* This process opened it: no turns, but calls. Set once, before the descriptor leads here. */
  pinfo_u8 outgoing;
  pinfo_u8 call_phase;    /* enum pinfo_call_phase */
  pinfo_u32 call_turn;    /* of call_request */
  pinfo_u64 call_request; /* connection of the request the call is made for; 0: none */
  pinfo_u64 call_sent_ns; /* the last byte sent */
  pinfo_u64 call_id;      /* of this connection; not reused in the process */
};

/* Values of a descriptor's entry that are not connections. */
#define PINFO_FD_UNKNOWN ((struct pinfo_connection*)0)
#define PINFO_FD_OTHER ((struct pinfo_connection*)1)
#define PINFO_FD_LISTENING ((struct pinfo_connection*)2)

#define PINFO_FDS_A_CHUNK 1024
#define PINFO_FD_CHUNKS 1024
extern struct pinfo_connection** pinfo_fd_chunks[PINFO_FD_CHUNKS];

struct pinfo_connection* pinfo_fd_judge(int fd);

static inline struct pinfo_connection* pinfo_fd_entry(int fd) {
  if ((unsigned)fd >= PINFO_FDS_A_CHUNK * PINFO_FD_CHUNKS) return PINFO_FD_OTHER;
  struct pinfo_connection** chunk =
      __atomic_load_n(&pinfo_fd_chunks[fd / PINFO_FDS_A_CHUNK], __ATOMIC_ACQUIRE);
  return chunk == NULL ? PINFO_FD_UNKNOWN
                       : __atomic_load_n(&chunk[fd % PINFO_FDS_A_CHUNK], __ATOMIC_ACQUIRE);
}

/* The connection behind fd, or NULL where it is none. */
static inline struct pinfo_connection* pinfo_connection_of(int fd) {
  struct pinfo_connection* entry = pinfo_fd_entry(fd);
  if (entry == PINFO_FD_UNKNOWN) entry = pinfo_fd_judge(fd);
  return (unsigned long)entry > (unsigned long)PINFO_FD_LISTENING ? entry : NULL;
}

static inline pinfo_u32 pinfo_connection_generation(const struct pinfo_connection* connection) {
  return __atomic_load_n(&connection->generation, __ATOMIC_ACQUIRE);
}

/* One that no descriptor leads to, to be released by whoever made it. NULL: no room. */
struct pinfo_connection* pinfo_connection_without_fd(void);
void pinfo_connection_release(struct pinfo_connection* connection);

void pinfo_fd_accepted(int fd);
/* fd is a connection opened here, nothing known of it yet; NULL where there is no room for it. */
struct pinfo_connection* pinfo_fd_outgoing(int fd);
void pinfo_fd_is(int fd, struct pinfo_connection* kind); /* UNKNOWN, OTHER or LISTENING */
void pinfo_fd_listens(int fd);
void pinfo_fd_duplicated(int from, int to);
/* fd is about to be closed. Emits the connection's end if this was its last descriptor. */
void pinfo_fd_closing(int fd);
void pinfo_fd_closing_range(unsigned first, unsigned last);
void pinfo_fd_after_fork(void);
/* Looks for listening sockets that this process was started with. Returns whether there are any. */
int pinfo_fd_find_listening(void);
/* Fills in the addresses once. */
void pinfo_connection_describe(struct pinfo_connection* connection, int fd);

#endif /* PINFO_PRELOAD_FD_TABLE_H */
