#include "html/report.h"

#include <string>
#include <vector>

#include "html/content.h"
#include "html/output_directory.h"
#include "html/route_page.h"

namespace pinfo::html {
namespace {

Status WriteScript(const OutputDirectory& directory, const std::string& name,
                   const Result<std::string>& script) {
  return script ? directory.Write(name, *script) : Status(tl::unexpected(script.error()));
}

Status WriteRequestScripts(Content& content, const OutputDirectory& directory) {
  const Result<std::vector<RequestRow>> rows = content.RequestsWithPages();
  if (!rows) {
    return tl::unexpected(rows.error());
  }
  for (const RequestRow& row : *rows) {
    const std::string name = "requests/" + std::to_string(row.id.value) + ".js";
    if (Status status = WriteScript(directory, name, content.RequestScript(row)); !status) {
      return status;
    }
  }
  return {};
}

Status WriteRouteScripts(Content& content, const OutputDirectory& directory) {
  const Result<std::vector<RouteSummary>> routes = content.RoutesWithPages();
  if (!routes) {
    return tl::unexpected(routes.error());
  }
  for (const RouteSummary& route : *routes) {
    const std::string name = "routes/" + RouteKey(route) + ".js";
    if (Status status = WriteScript(directory, name, content.RouteScript(route)); !status) {
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
  for (const char* name : {"data/overview.js", "data/sites.js", "data/routes.js",
                           "data/processes.js", "data/report.js"}) {
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
Status WriteFixed(const Content& content, const OutputDirectory& directory) {
  std::vector<std::string> names = Content::FixedNames();
  std::erase(names, "index.html");
  names.emplace_back("index.html");
  for (const std::string& name : names) {
    if (Status status = directory.Write(name, content.Fixed(name).value_or("")); !status) {
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
  using Step = Status (*)(Content&, const OutputDirectory&);
  for (const Step step : {Step(WriteRequestScripts), Step(WriteRouteScripts),
                          Step(WriteRequestList), Step(WriteData)}) {
    if (Status status = step(content, *directory); !status) {
      return tl::unexpected(status.error());
    }
  }
  if (Status status = WriteFixed(content, *directory); !status) {
    return tl::unexpected(status.error());
  }
  return directory->Path("index.html");
}

}  // namespace pinfo::html
