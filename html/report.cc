#include "html/report.h"

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "html/assets.h"
#include "html/data_script.h"
#include "html/output_directory.h"
#include "html/page.h"
#include "html/request_page.h"
#include "html/request_rows.h"
#include "html/summaries.h"

namespace pinfo::html {
namespace {

// Fresh for each report: what a page of it may run and style itself with is what the report
// brought.
std::string MakeNonce() {
  std::random_device random;
  std::string nonce;
  for (int i = 0; i < 4; ++i) {
    nonce += fmt::format("{:08x}", random());
  }
  return nonce;
}

RequestFilter BaseFilter(const ReportOptions& options) {
  RequestFilter filter;
  filter.site = options.site;
  filter.route = options.route;
  filter.since_wall_ns = options.since_wall_ns;
  filter.order = RequestOrder::kSlowest;
  return filter;
}

struct Counts {
  int64_t rows = 0;
  int64_t rows_left = 0;
  int64_t pages_left = 0;
};

// The requests that get a page.
Result<std::vector<RequestRow>> SlowestProfiled(Reader& reader, const ReportOptions& options,
                                                Counts* counts) {
  RequestFilter filter = BaseFilter(options);
  filter.profiled = true;
  std::vector<RequestRow> rows;
  Status status = reader.ForEachRequest(filter, [&](const RequestRow& row) {
    if (static_cast<int64_t>(rows.size()) < options.profiles) {
      rows.push_back(row);
    } else {
      ++counts->pages_left;
    }
    return true;
  });
  if (!status) {
    return tl::unexpected(status.error());
  }
  return rows;
}

Status WriteRequestList(Reader& reader, const ReportOptions& options,
                        const OutputDirectory& directory, const std::vector<RequestRow>& pages,
                        Counts* counts) {
  Result<StreamedFile> file = StreamedFile::Create(directory.Path("data/requests.js"));
  if (!file) {
    return tl::unexpected(file.error());
  }
  RequestRowsWriter writer(*file, pages, options.show_values);
  Status written = writer.Begin();
  Status read = reader.ForEachRequest(BaseFilter(options), [&](const RequestRow& row) {
    if (counts->rows >= options.requests) {
      ++counts->rows_left;
      return true;
    }
    if (written) {
      written = writer.Add(row);
    }
    ++counts->rows;
    return written.has_value();
  });
  if (!read) {
    return read;
  }
  if (!written) {
    return written;
  }
  if (Status status = writer.End(); !status) {
    return status;
  }
  return file->Commit();
}

nlohmann::json ReportInfo(const ReportOptions& options, const Counts& counts, size_t pages) {
  return {
      {"version", PINFO_VERSION},
      {"written_us", Microseconds(options.written_wall_ns)},
      {"database", options.database},
      {"site", OrNull(options.site)},
      {"route", OrNull(options.route)},
      {"since_us", options.since_wall_ns ? nlohmann::json(Microseconds(*options.since_wall_ns))
                                         : nlohmann::json(nullptr)},
      {"values_shown", options.show_values},
      {"rows", counts.rows},
      {"rows_left", counts.rows_left},
      {"pages", pages},
      {"pages_left", counts.pages_left},
  };
}

Status WriteSummaries(Reader& reader, const ReportOptions& options,
                      const OutputDirectory& directory) {
  const std::array<std::pair<const char*, Result<nlohmann::json>>, 3> summaries = {{
      {"overview", OverviewData(reader, options)},
      {"routes", RoutesData(reader, options)},
      {"processes", ProcessesData(reader)},
  }};
  for (const auto& [name, summary] : summaries) {
    if (!summary) {
      return tl::unexpected(summary.error());
    }
    const std::string file = "data/" + std::string(name) + ".js";
    if (Status status = directory.Write(file, DataScript(name, *summary)); !status) {
      return status;
    }
  }
  return {};
}

Status WritePages(const OutputDirectory& directory, const std::string& nonce) {
  const std::array<Page, 4> pages = {{
      {.kind = "requests", .title = "Requests", .scripts = {"data/requests.js"}},
      {.kind = "routes", .title = "Routes", .scripts = {"data/routes.js"}},
      {.kind = "processes", .title = "Processes", .scripts = {"data/processes.js"}},
      {.kind = "overview",
       .title = "Overview",
       .scripts = {"data/overview.js", "data/routes.js", "data/processes.js"}},
  }};
  for (const Page& page : pages) {
    const std::string name = page.kind == "overview" ? "index.html" : page.kind + ".html";
    if (Status status = directory.Write(name, RenderPage(page, nonce)); !status) {
      return status;
    }
  }
  return {};
}

// Everything but the pages that lead to it.
Status WriteContent(Reader& reader, const ReportOptions& options, const OutputDirectory& directory,
                    const std::string& nonce) {
  Counts counts;
  Result<std::vector<RequestRow>> pages = SlowestProfiled(reader, options, &counts);
  if (!pages) {
    return tl::unexpected(pages.error());
  }
  for (const RequestRow& row : *pages) {
    if (Status status = WriteRequestPage(reader, row, options.show_values, directory, nonce);
        !status) {
      return status;
    }
  }
  if (Status status = WriteRequestList(reader, options, directory, *pages, &counts); !status) {
    return status;
  }
  if (Status status = WriteSummaries(reader, options, directory); !status) {
    return status;
  }
  if (Status status = directory.Write("assets/report.js", ReportScript()); !status) {
    return status;
  }
  if (Status status = directory.Write("assets/report.css", ReportStyles()); !status) {
    return status;
  }
  return directory.Write("data/report.js",
                         FirstDataScript("report", ReportInfo(options, counts, pages->size())));
}

}  // namespace

Result<std::string> WriteReport(Reader& reader, const ReportOptions& options) {
  Result<OutputDirectory> directory = OutputDirectory::Open(options.directory);
  if (!directory) {
    return tl::unexpected(directory.error());
  }
  const std::string nonce = MakeNonce();
  if (Status status = WriteContent(reader, options, *directory, nonce); !status) {
    return tl::unexpected(status.error());
  }
  if (Status status = WritePages(*directory, nonce); !status) {
    return tl::unexpected(status.error());
  }
  return directory->Path("index.html");
}

}  // namespace pinfo::html
