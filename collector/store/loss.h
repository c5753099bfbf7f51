// What was lost, by kind (enum pinfo_loss_kind in bpf/wire.h), and what each kind is called, for
// every view. Without the wire contract itself: a new kind concerns who counts it and who names it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pinfo {

// Indexed by kind; those behind LossKinds() are 0.
using LossCounts = std::array<int64_t, 64>;

// How many kinds there are: PINFO_LOSS_KIND_COUNT.
size_t LossKinds();

// For people, beside the count: "stack samples lost, the ring was full".
const char* LossName(size_t kind);

// For programs: "ring_sample".
const char* LossKey(size_t kind);

// Whether it is missing from what was asked for. What --profile-rate left without a profile was the
// user's choice: it is no loss, and shown on its own (NotProfiled).
bool IsLoss(size_t kind);

int64_t NotProfiled(const LossCounts& lost);

}  // namespace pinfo
