#include "html/page.h"

#include <fmt/format.h>

#include "html/escape.h"

namespace pinfo::html {
namespace {

constexpr const char* kPageTemplate = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'nonce-{nonce}'; connect-src {connect}; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{title} · pinfo</title>
<link rel="stylesheet" href="assets/report.css" nonce="{nonce}">
{scripts}</head>
<body data-page="{kind}">
<a class="skip" href="#main">Skip to content</a>
<header>
<p class="brand">pinfo</p>
<nav aria-label="Report"><ul>
{navigation}</ul></nav>
</header>
<main id="main">
<h1>{title}</h1>
<noscript><p>This report needs JavaScript. Its data is in the folder data, as text.</p></noscript>
</main>
</body>
</html>
)";

struct Entry {
  std::string_view kind;
  std::string_view file;
  std::string_view name;
};

constexpr Entry kNavigation[] = {
    {"overview", "index.html", "Overview"},
    {"requests", "requests.html", "Requests"},
    {"sites", "sites.html", "Sites"},
    {"routes", "routes.html", "Routes"},
    {"processes", "processes.html", "Processes"},
    {"monitors", "monitors.html", "Monitors"},
    {"metrics", "metrics.html", "Metrics"},
};

std::string ScriptElement(std::string_view name, std::string_view nonce) {
  return fmt::format("<script src=\"{}\" nonce=\"{}\" defer></script>\n", EscapeHtml(name), nonce);
}

// The page that a page of one request or route belongs to in the navigation.
std::string_view Section(std::string_view kind) {
  return kind == "request" ? "requests" : kind == "route" ? "routes" : kind;
}

}  // namespace

std::string RenderPage(const Page& page, std::string_view nonce) {
  std::string scripts = ScriptElement("data/report.js", nonce);
  for (const std::string& script : page.scripts) {
    scripts += ScriptElement(script, nonce);
  }
  scripts += ScriptElement("assets/report.js", nonce);
  std::string navigation;
  for (const Entry& entry : kNavigation) {
    if ((entry.kind == "monitors" && !page.monitors) ||
        (entry.kind == "metrics" && !page.metrics)) {
      continue;
    }
    const char* current = entry.kind == page.kind            ? " aria-current=\"page\""
                          : entry.kind == Section(page.kind) ? " aria-current=\"true\""
                                                             : "";
    navigation +=
        fmt::format("<li><a href=\"{}\"{}>{}</a></li>\n", entry.file, current, entry.name);
  }
  return fmt::format(fmt::runtime(kPageTemplate), fmt::arg("nonce", nonce),
                     fmt::arg("connect", page.live ? "'self'" : "'none'"),
                     fmt::arg("title", EscapeHtml(page.title)), fmt::arg("scripts", scripts),
                     fmt::arg("kind", EscapeHtml(page.kind)), fmt::arg("navigation", navigation));
}

}  // namespace pinfo::html
