#include "collector/store/loss.h"

#include "bpf/wire.h"

namespace pinfo {
namespace {

struct Names {
  const char* key;
  const char* name;
};

Names NamesOf(pinfo_loss_kind kind) {
  switch (kind) {
    case PINFO_LOSS_RING_RECEIVED:
      return {"ring_received", "request beginnings lost, the ring was full"};
    case PINFO_LOSS_RING_RESPONSE:
      return {"ring_response", "responses lost, the ring was full"};
    case PINFO_LOSS_RING_SAMPLE:
      return {"ring_sample", "stack samples lost, the ring was full"};
    case PINFO_LOSS_RING_OTHER:
      return {"ring_other", "process and connection events, or further bytes of requests, lost, the ring was full"};
    case PINFO_LOSS_CONNECTION_MAP:
      return {"connection_map", "connections not timed, no room for their state"};
    case PINFO_LOSS_THREAD_MAP:
      return {"thread_map", "threads not timed, no room for their state"};
    case PINFO_LOSS_STACK_READ:
      return {"stack_read", "stack samples without a stack, its memory could not be read"};
    case PINFO_LOSS_MALFORMED:
      return {"malformed", "records dropped, they could not be decoded"};
    case PINFO_LOSS_DAMAGED_RING:
      return {"damaged_ring", "bytes skipped in damaged rings or recordings"};
    case PINFO_LOSS_PROFILE_RATE:
      return {"profile_rate", "requests not profiled, the profile rate was used up"};
    case PINFO_LOSS_RING_EXACT:
      return {"ring_exact", "parts of exact profiles lost, the ring was full"};
    case PINFO_LOSS_EXACT_DECLINED:
      return {"exact_declined", "requests without the exact profile asked for"};
    case PINFO_LOSS_EXACT_CALLS:
      return {"exact_calls", "calls not counted, no room in their exact profile"};
    case PINFO_LOSS_TLS_CALL:
      return {"tls_call", "reads and writes over TLS whose end was not seen"};
    case PINFO_LOSS_BLOCKED_RATE:
      return {"blocked_rate", "waits without a stack, there were too many at once"};
    case PINFO_LOSS_RING_CALL:
      return {"ring_call", "calls to other servers lost, the ring was full"};
    case PINFO_LOSS_IO_URING:
      return {"io_uring", "operations by io_uring, whose bytes were not seen"};
    case PINFO_LOSS_KIND_COUNT:
      break;
  }
  return {"unknown", "losses of a kind this pinfo does not know"};
}

}  // namespace

static_assert(PINFO_LOSS_KIND_COUNT <= std::tuple_size_v<LossCounts>);

size_t LossKinds() { return PINFO_LOSS_KIND_COUNT; }

const char* LossName(size_t kind) { return NamesOf(static_cast<pinfo_loss_kind>(kind)).name; }

const char* LossKey(size_t kind) { return NamesOf(static_cast<pinfo_loss_kind>(kind)).key; }

bool IsLoss(size_t kind) { return kind != PINFO_LOSS_PROFILE_RATE; }

int64_t NotProfiled(const LossCounts& lost) { return lost[PINFO_LOSS_PROFILE_RATE]; }

}  // namespace pinfo
