// The script within every flame graph: collector/emit/flame_graph.js.
#pragma once

namespace pinfo {

extern const char* const kFlameGraphScript;

}  // namespace pinfo
