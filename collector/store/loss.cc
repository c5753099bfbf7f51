#include "collector/store/loss.h"

namespace pinfo {

const char* LossName(pinfo_loss_kind kind) {
  switch (kind) {
    case PINFO_LOSS_RING_RECEIVED:
      return "request beginnings lost, the ring was full";
    case PINFO_LOSS_RING_RESPONSE:
      return "responses lost, the ring was full";
    case PINFO_LOSS_RING_SAMPLE:
      return "stack samples lost, the ring was full";
    case PINFO_LOSS_RING_OTHER:
      return "process and connection events lost, the ring was full";
    case PINFO_LOSS_CONNECTION_MAP:
      return "connections not timed, no room for their state";
    case PINFO_LOSS_THREAD_MAP:
      return "threads not timed, no room for their state";
    case PINFO_LOSS_STACK_READ:
      return "stack samples without a stack, its memory could not be read";
    case PINFO_LOSS_MALFORMED:
      return "records that could not be decoded";
    case PINFO_LOSS_DAMAGED_RING:
      return "damaged rings or recordings";
    case PINFO_LOSS_PROFILE_RATE:
      return "requests not profiled, the profile rate was used up";
    case PINFO_LOSS_KIND_COUNT:
      break;
  }
  return "unknown losses";
}

}  // namespace pinfo
