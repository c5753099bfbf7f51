// What the page of one profiled request shows, and the files it offers: the stats file (the one
// that was written when the request was served where it is still there, which may have exact
// counts), pprof, and the timeline as a Chrome trace. The page makes DOT and SVG itself.
#pragma once

#include <string>

#include "collector/base/result.h"
#include "collector/store/reader.h"

namespace pinfo::html {

// requests/ID.js. A stats file that is gone is made anew from the samples.
Result<std::string> RequestPageScript(Reader& reader, const RequestRow& row, bool show_values);

}  // namespace pinfo::html
