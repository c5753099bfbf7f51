#include "html/report.h"

#include <string>
#include <utility>
#include <vector>

#include "html/content.h"
#include "html/output_directory.h"
#include "html/render_pool.h"
#include "html/route_page.h"

namespace pinfo::html {
namespace {

Status WriteScript(const OutputDirectory& directory, const std::string& name,
                   const Result<std::string>& script) {
  return script ? directory.Write(name, *script) : Status(tl::unexpected(script.error()));
}

// Reads a page's values here and renders them on one of the pool's threads.
template <typename Load>
Status WritePage(RenderPool& pool, const OutputDirectory& directory, const std::string& name,
                 Load load) {
  Result<RenderPool::Render> render = load();
  if (!render) {
    return tl::unexpected(render.error());
  }
  return pool.Add([&directory, name, render = std::move(*render)] {
    return WriteScript(directory, name, render());
  });
}

Status WriteRequestScripts(Content& content, const OutputDirectory& directory, RenderPool& pool) {
  return content.ForEachRequestWithPage([&](const RequestRow& row) {
    return WritePage(pool, directory, "requests/" + std::to_string(row.id.value) + ".js",
                     [&] { return content.RequestPage(row); });
  });
}

Status WriteRouteScripts(Content& content, const OutputDirectory& directory, RenderPool& pool) {
  const Result<std::vector<RouteSummary>> routes = content.RoutesWithPages();
  if (!routes) {
    return tl::unexpected(routes.error());
  }
  for (const RouteSummary& route : *routes) {
    Status status = WritePage(pool, directory, "routes/" + RouteKey(route) + ".js",
                              [&] { return content.RoutePage(route); });
    if (!status) {
      return status;
    }
  }
  return {};
}

Status WriteRequestList(Content& content, const OutputDirectory& directory) {
  Result<StreamedFile> file = StreamedFile::Create(directory.Path("data/requests.js"));
  if (!file) {
    return tl::unexpected(file.error());
  }
  const Status status =
      content.WriteRequests([&file](std::string_view piece) { return file->Append(piece); });
  return status ? file->Commit() : status;
}

// data/report.js counts what was written before it.
Status WriteData(Content& content, const OutputDirectory& directory) {
  for (const char* name :
       {"data/overview.js", "data/sites.js", "data/routes.js", "data/processes.js",
        "data/monitors.js", "data/metrics.js", "data/report.js"}) {
    const Result<std::optional<std::string>> script = content.Data(name);
    if (!script) {
      return tl::unexpected(script.error());
    }
    if (Status status = directory.Write(name, script->value_or("")); !status) {
      return status;
    }
  }
  return {};
}

// The index last: a report without it is unfinished.
Status WriteFixed(Content& content, const OutputDirectory& directory) {
  std::vector<std::string> names = Content::FixedNames();
  std::erase(names, "index.html");
  names.emplace_back("index.html");
  for (const std::string& name : names) {
    const Result<std::optional<std::string>> file = content.Fixed(name);
    if (!file) {
      return tl::unexpected(file.error());
    }
    if (Status status = directory.Write(name, file->value_or("")); !status) {
      return status;
    }
  }
  return {};
}

}  // namespace

Result<std::string> WriteReport(Reader& reader, const ReportOptions& options) {
  Result<OutputDirectory> directory = OutputDirectory::Open(options.directory);
  if (!directory) {
    return tl::unexpected(directory.error());
  }
  Content content(reader, options, MakeNonce());
  {
    RenderPool pool;
    Status status = WriteRouteScripts(content, *directory, pool);
    if (status) {
      status = WriteRequestScripts(content, *directory, pool);
    }
    if (status) {
      status = WriteRequestList(content, *directory);
    }
    if (status) {
      status = pool.Finish();
    }
    if (status) {
      status = WriteData(content, *directory);
    }
    if (!status) {
      return tl::unexpected(status.error());
    }
  }
  if (Status status = WriteFixed(content, *directory); !status) {
    return tl::unexpected(status.error());
  }
  return directory->Path("index.html");
}

}  // namespace pinfo::html
