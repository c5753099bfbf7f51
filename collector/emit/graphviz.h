// DOT to pictures, through Graphviz. The one place that knows its library.
//
// NOT thread-safe, not even with different graphs: Graphviz keeps its parser and its error handler
// in globals. One thread of a process may use it. Layout takes time that grows fast with the number
// of nodes: prune first (GraphSelectionOptions).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "collector/base/result.h"

namespace pinfo {

enum class GraphFormat : uint8_t { kSvg, kPng };

// The whole picture as bytes. Text that is no DOT fails with Graphviz's own message.
Result<std::string> RenderDot(const std::string& dot, GraphFormat format);

}  // namespace pinfo
