#include "html/output_directory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fcntl.h>

#include "collector/emit/file_io.h"

namespace pinfo::html {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarker = ".pinfo-report";
constexpr size_t kBufferBytes = size_t{64} << 10;

tl::unexpected<Error> FailFile(const std::string& what, const std::string& path,
                               const std::error_code& code) {
  return Fail("cannot " + what + " " + path + ": " + code.message());
}

// Also those that earlier versions of pinfo wrote.
bool IsRequestFile(const fs::path& path) {
  constexpr std::array<std::string_view, 5> kExtensions = {".html", ".js", ".dot", ".svg",
                                                           ".stats"};
  const std::string stem = path.stem().string();
  return !stem.empty() && stem.find_first_not_of("0123456789abcdef") == std::string::npos &&
         std::ranges::find(kExtensions, path.extension().string()) != kExtensions.end();
}

Status RemoveRequestFiles(const fs::path& directory) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (!IsRequestFile(it->path())) {
      continue;
    }
    if (fs::remove(it->path(), error); error) {
      return FailFile("remove", it->path().string(), error);
    }
  }
  if (error) {
    return FailFile("read", directory.string(), error);
  }
  return {};
}

}  // namespace

Result<OutputDirectory> OutputDirectory::Open(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return FailFile("create the directory", path, error);
  }
  const bool empty = fs::is_empty(path, error);
  if (error) {
    return FailFile("read", path, error);
  }
  OutputDirectory directory(path);
  if (!empty && !fs::exists(directory.Path(kMarker), error)) {
    return Fail(path + " is not empty and holds no earlier pinfo report: name another directory");
  }
  if (Status status = directory.Write(kMarker, "A report written by pinfo.\n"); !status) {
    return tl::unexpected(status.error());
  }
  for (const char* part : {"assets", "data", "requests", "routes"}) {
    fs::create_directory(directory.Path(part), error);
    if (error) {
      return FailFile("create the directory", directory.Path(part), error);
    }
  }
  for (const char* part : {"requests", "routes"}) {
    if (Status status = RemoveRequestFiles(directory.Path(part)); !status) {
      return tl::unexpected(status.error());
    }
  }
  return directory;
}

std::string OutputDirectory::Path(std::string_view name) const {
  return (fs::path(path_) / name).string();
}

Status OutputDirectory::Write(std::string_view name, std::string_view bytes) const {
  return WriteFileAtomically(Path(name), bytes);
}

Result<StreamedFile> StreamedFile::Create(const std::string& path) {
  const std::string partial = path + ".partial";
  std::remove(partial.c_str());
  // O_EXCL: never through a link somebody put there.
  UniqueFd file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file) {
    return FailErrno("cannot create " + partial);
  }
  return StreamedFile(path, std::move(file));
}

StreamedFile::~StreamedFile() {
  if (file_) {
    std::remove(PartialPath().c_str());
  }
}

std::string StreamedFile::PartialPath() const { return path_ + ".partial"; }

Status StreamedFile::Append(std::string_view bytes) {
  buffer_ += bytes;
  return buffer_.size() < kBufferBytes ? Status() : Flush();
}

Status StreamedFile::Flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return FailErrno("cannot write " + PartialPath());
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  buffer_.clear();
  return {};
}

Status StreamedFile::Commit() {
  if (Status status = Flush(); !status) {
    return status;
  }
  if (std::rename(PartialPath().c_str(), path_.c_str()) != 0) {
    return FailErrno("cannot create " + path_);
  }
  file_.Reset();
  return {};
}

}  // namespace pinfo::html
