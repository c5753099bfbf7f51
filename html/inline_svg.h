// A drawing of Graphviz as part of an HTML page. Its labels are names out of other people's
// programs, so nothing is taken on trust: only the elements and attributes a drawing needs may
// occur.
#pragma once

#include <string>
#include <string_view>

#include "collector/base/result.h"

namespace pinfo::html {

// The <svg> element, without prolog, comments and ids (which would clash with the page's). Fails if
// there is anything in it that is no part of a drawing.
Result<std::string> InlineSvg(std::string_view document);

}  // namespace pinfo::html
