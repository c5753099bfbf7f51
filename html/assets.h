// The report's script and styles as html/build.mjs bundled them at build time. ASCII.
#pragma once

#include <string_view>

namespace pinfo::html {

std::string_view ReportScript();
std::string_view ReportStyles();

}  // namespace pinfo::html
