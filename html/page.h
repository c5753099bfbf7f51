// The frame of every page: head, navigation and a main part that the script fills from the data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pinfo::html {

struct Page {
  std::string kind;  // <body data-page>, which html/src/report.ts dispatches on
  std::string title;
  // Beside data/report.js; names relative to the report's folder.
  std::vector<std::string> scripts = {};
  bool live = false;      // served: it asks its server for newer data
  bool monitors = false;  // the report has a page of them, as of
  bool metrics = false;
};

// nonce: letters and digits. The page may load scripts and styles that carry it and nothing else,
// whether it is opened from disk ('self' does not reliably cover file://) or served.
std::string RenderPage(const Page& page, std::string_view nonce);

}  // namespace pinfo::html
