// What each kind of loss is called, for every view.
#pragma once

#include "bpf/wire.h"

namespace pinfo {

// A phrase that a number follows: "requests whose beginning found the ring full: 12".
const char* LossName(pinfo_loss_kind kind);

}  // namespace pinfo
