// How long processes lived, as far as was seen.
#pragma once

#include "collector/store/reader.h"
#include "collector/views/living.h"

namespace pinfo {

// One that is gone, but whose end nobody saw, lived as long as it was seen.
Life LifeOf(const ProcessSummary& summary, bool lives);

}  // namespace pinfo
