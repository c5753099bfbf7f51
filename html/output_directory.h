// The folder a report is written to.
//
//   *.html                        pages
//   data/*.js                     what they show
//   requests/ID.js routes/KEY.js  one profiled request, one route each
//   assets/*                      code and styles
//   .pinfo-report                         marks the folder as ours to write over
//
// Every file appears whole or not at all. Errors name the file.
#pragma once

#include <string>
#include <string_view>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"

namespace pinfo::html {

class OutputDirectory {
 public:
  // Creates the folder, or takes over an earlier report's and removes its requests and routes,
  // which later ones of the same id must not be mistaken for. Any other folder with something in it
  // is refused.
  static Result<OutputDirectory> Open(const std::string& path);

  [[nodiscard]] std::string Path(std::string_view name) const;
  [[nodiscard]] Status Write(std::string_view name, std::string_view bytes) const;

 private:
  explicit OutputDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

// A file written piece by piece that takes its name only when it is whole.
class StreamedFile {
 public:
  static Result<StreamedFile> Create(const std::string& path);
  StreamedFile(StreamedFile&&) = default;
  StreamedFile& operator=(StreamedFile&&) = delete;
  ~StreamedFile();  // removes what was not committed

  Status Append(std::string_view bytes);
  Status Commit();

 private:
  StreamedFile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  Status Flush();
  [[nodiscard]] std::string PartialPath() const;

  std::string path_;
  UniqueFd file_;  // empty once committed or moved from
  std::string buffer_;
};

}  // namespace pinfo::html
