#include "collector/emit/graphviz.h"

#include <memory>

#include <fmt/format.h>
#include <graphviz/gvc.h>

namespace pinfo {
namespace {

// Graphviz's handler takes no argument of its own, so what it says goes through here.
std::string& Messages() {
  static std::string messages;
  return messages;
}

int KeepMessage(char* text) {
  Messages() += text;
  return 0;
}

// Messages go to us while it lives: by default they would go to the terminal. Warnings are dropped.
class MessageCapture {
 public:
  MessageCapture() : level_(agseterr(AGERR)), handler_(agseterrf(KeepMessage)) {
    Messages().clear();
  }
  MessageCapture(const MessageCapture&) = delete;
  MessageCapture& operator=(const MessageCapture&) = delete;
  ~MessageCapture() {
    agseterrf(handler_);
    agseterr(level_);
  }

  static std::string OneLine() {
    std::string line = Messages();
    while (!line.empty() && line.back() == '\n') {
      line.pop_back();
    }
    for (char& c : line) {
      c = c == '\n' ? ' ' : c;
    }
    return line.empty() ? "no reason given" : line;
  }

 private:
  agerrlevel_t level_;
  agusererrf handler_;
};

// One context for the life of the process, never freed: Graphviz 2.42.2's pango plug-in remembers
// the last font by a pointer into the context, and reads it on the next graph.
GVC_t* Context() {
  static GVC_t* const context = gvContext();
  return context;
}

struct CloseGraph {
  void operator()(Agraph_t* graph) const { agclose(graph); }
};
struct FreeRendered {
  void operator()(char* data) const { gvFreeRenderData(data); }
};

class Layout {
 public:
  Layout(GVC_t* context, Agraph_t* graph)
      : context_(context), graph_(graph), done_(gvLayout(context, graph, "dot") == 0) {}
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  ~Layout() {
    if (done_) {
      gvFreeLayout(context_, graph_);
    }
  }
  [[nodiscard]] bool done() const { return done_; }

 private:
  GVC_t* context_;
  Agraph_t* graph_;
  bool done_;
};

const char* FormatName(GraphFormat format) {
  switch (format) {
    case GraphFormat::kSvg:
      return "svg";
    case GraphFormat::kPng:
      return "png";
  }
  return "svg";
}

}  // namespace

Result<std::string> RenderDot(const std::string& dot, GraphFormat format) {
  if (dot.find('\0') != std::string::npos) {
    return Fail("cannot draw the graph: its text has a NUL in it");
  }
  const MessageCapture capture;
  GVC_t* const context = Context();
  if (context == nullptr) {
    return Fail("cannot start Graphviz");
  }
  const std::unique_ptr<Agraph_t, CloseGraph> graph(agmemread(dot.c_str()));
  if (graph == nullptr) {
    return Fail(fmt::format("cannot draw the graph: it is not DOT ({})", capture.OneLine()));
  }
  const Layout layout(context, graph.get());
  if (!layout.done()) {
    return Fail(fmt::format("cannot lay the graph out ({})", capture.OneLine()));
  }
  char* data = nullptr;
  unsigned int size = 0;
  const int failed = gvRenderData(context, graph.get(), FormatName(format), &data, &size);
  const std::unique_ptr<char, FreeRendered> rendered(data);
  if (failed != 0 || rendered == nullptr) {
    return Fail(
        fmt::format("cannot draw the graph as {} ({})", FormatName(format), capture.OneLine()));
  }
  return std::string(rendered.get(), size);
}

}  // namespace pinfo
