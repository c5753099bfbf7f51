// The pages' scripts and styles as html/build.mjs bundled them at build time, by their names in a
// report. ASCII.
#pragma once

#include <span>
#include <string_view>

namespace pinfo::html {

struct Asset {
  std::string_view name;  // "assets/report.js"
  std::string_view bytes;
};

// report.js and report.css, which every page has, and graphviz.js, Graphviz's WebAssembly build,
// which a page loads when it draws a call graph.
std::span<const Asset> Assets();

}  // namespace pinfo::html
