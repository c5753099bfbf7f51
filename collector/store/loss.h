// What each kind of loss (enum pinfo_loss_kind in bpf/wire.h) is called, for every view.
#pragma once

#include "bpf/wire.h"

namespace pinfo {

// For people, beside the count: "stack samples lost, the ring was full".
const char* LossName(pinfo_loss_kind kind);

// For programs: "ring_sample".
const char* LossKey(pinfo_loss_kind kind);

}  // namespace pinfo
