// What each kind of loss (enum pinfo_loss_kind in bpf/wire.h) is called, for every view.
#pragma once

#include "bpf/wire.h"

namespace pinfo {

// For people, beside the count: "stack samples lost, the ring was full".
const char* LossName(pinfo_loss_kind kind);

// Whether it is missing from what was asked for. What --profile-rate left without a profile was the
// user's choice: it is shown on its own.
constexpr bool IsLoss(pinfo_loss_kind kind) { return kind != PINFO_LOSS_PROFILE_RATE; }

// For programs: "ring_sample".
const char* LossKey(pinfo_loss_kind kind);

}  // namespace pinfo
