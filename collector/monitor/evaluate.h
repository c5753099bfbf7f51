// From what a monitor looks at to a level, and from levels over time to the one that counts. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "collector/config/configuration.h"
#include "collector/monitor/inputs.h"
#include "collector/store/monitor_store.h"

namespace pinfo {

// What was found at one moment.
struct Finding {
  Level level = Level::kUnknown;
  std::optional<double> value;  // in the monitor's unit
  std::string text;             // for people, on one line
  bool no_value = false;        // there is none, without anything being wrong
  bool not_yet = false;         // its query or command has not been run yet
};

// Looks at what the monitor is about. An error (no database, a query that fails) is kUnknown with
// its reason; no value is the level that the monitor declares for it.
Finding Evaluate(const MonitorSettings& monitor, MonitorInputs& inputs);

// The monitor's row after this finding. before: its row until now, or nullptr where it is new. A
// worse level counts once it has lasted for_ns, a better one at once. *changed: whether the level
// is another one.
MonitorRow Advance(const MonitorSettings& monitor, const MonitorRow* before, const Finding& finding,
                   int64_t now_wall_ns, bool* changed);

// "312 ms", "1.50 GiB", "4.2%", "17 logins".
std::string FormatValue(double value, const std::string& unit);

}  // namespace pinfo
