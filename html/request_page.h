// What the page of one profiled request shows, and the files it offers: the stats file (the one
// that was written when the request was served where it is still there, which may have exact
// counts), pprof, and the timeline as a Chrome trace. The page makes DOT and SVG itself.
#pragma once

#include <string>

#include "collector/base/result.h"
#include "collector/store/reader.h"

namespace pinfo::html {

// requests/ID.js. A stats file that is gone is made anew from the samples. Reads nothing else than
// that file: any thread may call it.
Result<std::string> RequestPageScript(const RequestRow& row, const RequestDetail& detail,
                                      bool show_values);

}  // namespace pinfo::html
