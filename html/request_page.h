// The page of one profiled request, and the files beside it: ID.js (its data), ID.dot, ID.svg and,
// where it is still there, a copy of its stats file.
#pragma once

#include <string_view>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "html/output_directory.h"

namespace pinfo::html {

// A drawing that fails (Graphviz may refuse a graph) or a stats file that is gone is said on the
// page; a file that cannot be written is an error.
Status WriteRequestPage(Reader& reader, const RequestRow& row, bool show_values,
                        const OutputDirectory& directory, std::string_view nonce);

}  // namespace pinfo::html
