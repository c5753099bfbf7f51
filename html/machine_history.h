// What the followed processes and the machines used over time, as the overview shows it.
#pragma once

#include <nlohmann/json.hpp>

#include "collector/base/result.h"
#include "collector/store/reader.h"

namespace pinfo::html {

// The interface MachineHistory of html/src/data.ts. filter: of it only the times count.
Result<nlohmann::json> MachineHistoryJson(Reader& reader, const SummaryFilter& filter);

}  // namespace pinfo::html
